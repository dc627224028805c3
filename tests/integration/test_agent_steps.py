"""The agent and the steps that ask a command to end: signals, commands, requests, standard input, and conditions."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from processender.testing.processes import Program
from tests.integration.agents import agent, outcomes, python, stops_with
from tests.integration.servers import free_port

TELLS = python(
    "import os,signal,sys\n"
    "last = int(sys.argv[1])\n"
    "def heard(number, _):\n"
    "    os.write(1, b'got %s\\n' % signal.Signals(number).name.encode())\n"
    "    if number == last: os._exit(7)\n"
    "for number in (1, 2, 3, 10, 12, 15): signal.signal(number, heard)\n"
    "os.write(1, b'ready\\n')\n"
    "while True: signal.pause()"
)
"""Tells each signal that it gets, and ends with 7 on the one that it is given the number of."""


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the reports of these agents where nobody looks for them."""
    monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "private"))


def steps(tmp_path: Path, *tables: str, grace: str = "120s") -> list[str]:
    """Return the options of an agent whose command is asked to end by *tables*."""
    file = tmp_path / "pe.toml"
    file.write_text(f'grace = "{grace}"\n' + "".join(f"[[command.stop]]\n{table}\n" for table in tables))
    return ["-c", str(file)]


def got(program: Program) -> list[str]:
    """Return the signals that the command told, in their order."""
    return [line.removeprefix("got ") for line in program.output.splitlines() if line.startswith("got ")]


def reason(program: Program) -> str:
    """Return why the command's handler failed."""
    return str(next(each for each in program.report()["handlers"] if each["name"] == "command")["error"])


class Page(BaseHTTPRequestHandler):
    """Answers with the status that its server has at the time, or not at all."""

    server: Site

    def answer(self) -> None:
        """Note the request; hang, or answer."""
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.when_asked()
        if self.server.status == 0:
            self.server.released.wait(30)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Site(ThreadingHTTPServer):
    """A server of one page; status 0 means that it never answers."""

    daemon_threads = True

    def __init__(self, status: int) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), Page)
        self.status = status
        self.asked: list[str] = []
        self.released = threading.Event()
        self.when_asked = lambda: None
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def site(status: int) -> Iterator[Site]:
    """Serve until the block is left."""
    with Site(status) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


class TestSignals:
    def test_one_signal_follows_the_other(self, tmp_path: Path) -> None:
        """Until the command ends, on the last of three here."""
        tables = ('signal = "TERM"\nwait = "100ms"', 'signal = "INT"\nwait = "100ms"', 'signal = "QUIT"')
        with agent(steps(tmp_path, *tables), [*TELLS, "3"]) as program:
            assert 7 == stops_with(program)
            assert ["SIGTERM", "SIGINT", "SIGQUIT"] == got(program)
            assert "done" == outcomes(program)["command"]
            assert "step 2 of 3 to the end of the command: SIGINT" in program.output

    def test_a_step_that_is_not_needed_is_not_taken(self, tmp_path: Path) -> None:
        """The command has ended on the first."""
        with agent(steps(tmp_path, 'signal = "TERM"\nwait = "60s"', 'signal = "QUIT"'), [*TELLS, "15"]) as program:
            assert 7 == stops_with(program)
            assert ["SIGTERM"] == got(program)

    def test_every_step_has_its_turn_in_a_short_window(self, tmp_path: Path) -> None:
        """Waits of minutes are shortened, and the kill comes in time, although nothing is heard."""
        tables = ('signal = "TERM"\nwait = "2m"', 'signal = "INT"\nwait = "1m"', 'signal = "QUIT"\nwait = "1m"')
        with agent(steps(tmp_path, *tables, grace="5s"), [*TELLS, "64"]) as program:
            assert 137 == stops_with(program)
            assert ["SIGTERM", "SIGINT", "SIGQUIT"] == got(program)
            assert "did not end in" in reason(program)

    def test_kill_can_be_a_step(self, tmp_path: Path) -> None:
        """Then the window is not waited for, and nothing has failed."""
        tables = ('signal = "TERM"\nwait = "50ms"', 'signal = "KILL"')
        with agent(steps(tmp_path, *tables, grace="60s"), [*TELLS, "64"]) as program:
            assert 137 == stops_with(program)
            assert "done" == outcomes(program)["command"]

    def test_hurry_ends_the_steps(self, tmp_path: Path) -> None:
        """A second Ctrl-C kills, whichever step it is."""
        options = steps(tmp_path, 'signal = "TERM"\nwait = "30s"', 'signal = "QUIT"', grace="60s")
        with agent(options, [*TELLS, "64"]) as program:
            program.wait_for("ready")
            program.signal("INT")
            program.wait_for("got SIGTERM")
            time.sleep(0.6)
            program.signal("INT")

            assert 137 == program.wait()
            assert "asked to hurry" in reason(program)

    @pytest.mark.parametrize("options", [[], ["--lean"]])
    def test_a_flag_names_a_preset(self, options: list[str]) -> None:
        """And the steps of the program of that name are taken, by a lean agent too."""
        with agent([*options, "--preset", "postgres", "--grace", "6s"], [*TELLS, "3"]) as program:
            assert 7 == stops_with(program)
            assert ["SIGINT", "SIGQUIT"] == got(program)


class TestRewrites:
    def test_what_is_sent_is_rewritten(self, tmp_path: Path) -> None:
        """As every other signal to the command."""
        options = steps(tmp_path, 'signal = "HUP"\nwait = "200ms"', 'signal = "TERM"')
        with agent([*options, "--rewrite", "TERM:USR1", "--rewrite", "HUP:0"], [*TELLS, "10"]) as program:
            assert 7 == stops_with(program)
            assert ["SIGUSR1"] == got(program)


class TestCommands:
    def test_a_command_ends_it(self, tmp_path: Path) -> None:
        """It is told the number of the one that is to end."""
        table = 'run = ["sh", "-c", "kill -USR1 $PROCESSENDER_PID"]'
        with agent(steps(tmp_path, table), [*TELLS, "10"]) as program:
            assert 7 == stops_with(program)
            assert ["SIGUSR1"] == got(program)

    def test_what_it_is_told_is_no_configuration(self, tmp_path: Path) -> None:
        """A command of ours can be a step."""
        ours = f"{sys.executable} -m processender plan && kill -USR1 $PROCESSENDER_PID"
        with agent(steps(tmp_path, f'run = ["sh", "-c", "{ours}"]'), [*TELLS, "10"]) as program:
            assert 7 == stops_with(program)
            assert ["SIGUSR1"] == got(program)

    def test_one_that_hangs_gives_way_to_a_hurry(self, tmp_path: Path) -> None:
        """A second Ctrl-C kills the command, and what hangs is not waited for."""
        mark = tmp_path / "mark"
        table = f'run = ["sh", "-c", "echo $$ > {mark}; kill -USR1 $PROCESSENDER_PID; exec sleep 600"]'
        with agent(steps(tmp_path, table), [*TELLS, "64"]) as program:
            program.wait_for("ready")
            program.signal("INT")
            program.wait_for("got SIGUSR1")
            time.sleep(0.6)
            program.signal("INT")

            assert 137 == program.wait()
            assert not Path(f"/proc/{int(mark.read_text())}").exists()

    def test_one_that_fails_is_told_and_the_next_step_comes_at_once(self, tmp_path: Path) -> None:
        """Nobody was asked, so there is nothing to wait for."""
        tables = ('run = ["sh", "-c", "echo no such unit; exit 3"]\nwait = "60s"', 'signal = "USR1"')
        with agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
            assert 7 == stops_with(program)
            assert "sh: 'sh' ended with code 3: no such unit; next: SIGUSR1" in program.output

    @pytest.mark.parametrize("argv", ['["false"]', '["/no/such/program"]'])
    def test_when_the_last_one_fails_term_takes_its_place(self, tmp_path: Path, argv: str) -> None:
        """Nothing is killed that was never asked."""
        with agent(steps(tmp_path, f"run = {argv}"), [*TELLS, "15"]) as program:
            assert 7 == stops_with(program)
            assert ["SIGTERM"] == got(program)
            assert "TERM is sent instead" in program.output

    def test_one_that_hangs_has_the_time_of_its_step(self, tmp_path: Path) -> None:
        """It is killed with what it started, and the next step comes."""
        mark = tmp_path / "mark"
        hangs = f"trap '' TERM; echo $$ > {mark}; while :; do sleep 0.02; done"
        tables = (f'run = ["sh", "-c", "{hangs}"]\nwait = "300ms"', 'signal = "USR1"')
        with agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
            assert 7 == stops_with(program)
            assert "sh: it did not end in its time; next: SIGUSR1" in program.output
            assert not Path(f"/proc/{int(mark.read_text())}").exists()

    def test_when_the_last_one_hangs_term_still_comes_before_the_kill(self, tmp_path: Path) -> None:
        """A part of the window is kept for it."""
        with agent(steps(tmp_path, 'run = ["sleep", "60"]', grace="10s"), [*TELLS, "15"]) as program:
            assert 7 == stops_with(program)
            assert ["SIGTERM"] == got(program)

    def test_one_that_has_more_to_do_when_the_command_is_gone_may_do_it(self, tmp_path: Path) -> None:
        """It ends in the time of its step."""
        mark = tmp_path / "mark"
        table = f'run = ["sh", "-c", "kill -USR1 $PROCESSENDER_PID; sleep 0.3; echo tidy > {mark}"]'
        with agent(steps(tmp_path, table), [*TELLS, "10"]) as program:
            assert 7 == stops_with(program)
            assert "tidy\n" == mark.read_text()


class TestRequests:
    def test_a_request_ends_it(self, tmp_path: Path) -> None:
        """The server is the command, as with an admin page."""
        source = (
            "import http.server, os\n"
            "class Page(http.server.BaseHTTPRequestHandler):\n"
            "    def do_POST(self):\n"
            "        self.send_response(202); self.end_headers(); self.wfile.flush(); os._exit(5)\n"
            "server = http.server.HTTPServer(('127.0.0.1', 0), Page)\n"
            "print('port', server.server_port, 'ready', flush=True); server.serve_forever()"
        )
        port = free_port()
        source = source.replace("'127.0.0.1', 0", f"'127.0.0.1', {port}")
        with agent(steps(tmp_path, f'http = {{ url = "http://127.0.0.1:{port}/quit" }}'), python(source)) as program:
            assert 5 == stops_with(program)

    def test_one_that_hangs_gives_way_to_the_next_step(self, tmp_path: Path) -> None:
        """When its time is over."""
        with site(0) as server:
            tables = (f'http = {{ url = "{server.url}/quit" }}\nwait = "300ms"', 'signal = "USR1"')
            with agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
                assert 7 == stops_with(program)
                assert ["POST /quit"] == server.asked
                assert "next: SIGUSR1" in program.output

    def test_one_that_is_refused_gives_way_at_once(self, tmp_path: Path) -> None:
        """With what was answered."""
        with site(403) as server:
            tables = (f'http = {{ url = "{server.url}/quit", method = "PUT" }}\nwait = "60s"', 'signal = "USR1"')
            with agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
                assert 7 == stops_with(program)
                assert "was answered with 403" in program.output


class TestConditions:
    def test_the_next_step_comes_when_a_page_says_so(self, tmp_path: Path) -> None:
        """Two looks were too early."""
        with site(503) as server:

            def count() -> None:
                server.status = 200 if len(server.asked) > 2 else 503

            server.when_asked = count
            look = f'until_http = {{ url = "{server.url}/drained" }}'
            tables = (f'signal = "USR2"\nwait = "60s"\n{look}', 'signal = "USR1"')
            with agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
                assert 7 == stops_with(program)
                assert ["SIGUSR2", "SIGUSR1"] == got(program)
                assert ["GET /drained"] * 3 == server.asked[:3]

    def test_a_page_that_never_answers_is_not_waited_for_longer_than_the_step(self, tmp_path: Path) -> None:
        """And it is told why."""
        with site(0) as server:
            look = f'until_http = {{ url = "{server.url}/drained" }}'
            tables = (f'signal = "USR2"\nwait = "300ms"\n{look}', 'signal = "USR1"')
            with agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
                assert 7 == stops_with(program)
                # Either its own time-out is told or that it has none yet; the two end at one instant.
                assert f"GET {server.url}/drained" in program.output
                assert "it was waited for long enough" in program.output

    def test_the_next_step_comes_when_nobody_is_connected(self, tmp_path: Path) -> None:
        """A client that stays is waited for, and no longer than until it leaves."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as client:
                accepted, _ = server.accept()
                tables = (f'signal = "USR2"\nwait = "60s"\nuntil_closed = "127.0.0.1:{port}"', 'signal = "USR1"')
                with agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
                    program.wait_for("ready")
                    program.signal("TERM")
                    program.wait_for("got SIGUSR2")
                    time.sleep(0.3)
                    before = got(program)
                    client.close()
                    accepted.close()

                    assert 7 == program.wait()
                    assert ["SIGUSR2"] == before

    def test_a_port_that_never_closes_is_told(self, tmp_path: Path) -> None:
        """With how many hold it."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)):
                accepted, _ = server.accept()
                tables = (f'signal = "USR2"\nwait = "2s"\nuntil_closed = "{port}"', 'signal = "USR1"')
                with accepted, agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
                    assert 7 == stops_with(program)
                    assert f"SIGUSR2: 1 connections to {port} are still there" in program.output

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to take /proc away")
    def test_without_proc_nobody_can_tell_who_is_connected(self, tmp_path: Path) -> None:
        """The step has its time, and why is told."""
        tables = ('signal = "USR2"\nwait = "300ms"\nuntil_closed = "80"', 'signal = "USR1"')
        run = [sys.executable, "-m", "processender", "run", *steps(tmp_path, *tables), "--", *TELLS, "10"]
        argv = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh", *run]
        with Program(argv, cwd="/") as program:
            assert 7 == stops_with(program)
            assert "cannot tell which connections there are: /proc cannot be read" in program.output

    def test_the_next_step_comes_when_a_file_is_gone(self, tmp_path: Path) -> None:
        """Such as a pid file, or a lock."""
        lock = tmp_path / "lock"
        lock.touch()
        tables = (f'signal = "USR2"\nwait = "60s"\nuntil_gone = "{lock}"', 'signal = "USR1"')
        with agent(steps(tmp_path, *tables), [*TELLS, "10"]) as program:
            program.wait_for("ready")
            program.signal("TERM")
            program.wait_for("got SIGUSR2")
            os.unlink(lock)

            assert 7 == program.wait()


class TestStandardInput:
    """The command is asked by the end of its input; the tests give the agent an input of its own."""

    @contextmanager
    def started(self, tmp_path: Path, command: list[str], *more: str) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
        """Start an agent whose command is asked to end by closing its input; give it and its input; leave nothing."""
        first = "close_stdin = true" + ('\nwait = "200ms"' if more else "")
        argv = [sys.executable, "-m", "processender", "run", *steps(tmp_path, first, *more), "--", *command]
        with subprocess.Popen(argv, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                yield process, process.stdin
            finally:
                process.terminate()

    def test_its_end_ends_the_command(self, tmp_path: Path) -> None:
        """With the null device as the agent's own input nothing is said, and nothing ends before its time."""
        source = "echo ready; cat; echo over; exit 6"
        with agent(steps(tmp_path, "close_stdin = true"), ["sh", "-c", source]) as program:
            program.wait_for("ready")
            time.sleep(0.2)
            before = program.output
            program.signal("TERM")

            assert 6 == program.wait()
            assert ("ready\n", True) == (before, "over" in program.output)
            assert "done" == outcomes(program)["command"]

    def test_what_is_said_to_the_agent_is_said_to_the_command(self, tmp_path: Path) -> None:
        """Before the end, and only before."""
        with self.started(tmp_path, ["sh", "-c", "cat; exit 6"]) as (process, stdin):
            assert process.stdout is not None
            stdin.write(b"hello\n")
            stdin.flush()
            heard = process.stdout.readline()
            process.send_signal(signal.SIGTERM)

            assert (b"hello\n", 6) == (heard, process.wait(20))

    def test_the_end_of_the_agents_input_is_passed_on(self, tmp_path: Path) -> None:
        """All of it came before: a megabyte, through a pipe that holds 64 KiB."""
        text = b"x" * 999_999 + b"\n"
        with self.started(tmp_path, ["sh", "-c", "wc -c; exit 6"]) as (process, _):
            out, _ = process.communicate(text, 20)

            assert (6, 1_000_000) == (process.returncode, int(out))

    def test_a_closed_input_is_no_end(self, tmp_path: Path) -> None:
        """The agent was started without any: nobody says anything, and the command goes on until it is asked."""
        options = " ".join(steps(tmp_path, "close_stdin = true"))
        shell = f"exec {sys.executable} -m processender run {options} -- sh -c 'echo ready; cat; exit 6' <&-"
        with Program(["sh", "-c", shell], cwd="/") as program:
            assert 6 == stops_with(program)

    def test_one_who_has_found_the_end_already_is_asked_by_the_next_step(self, tmp_path: Path) -> None:
        """Closing what is closed changes nothing, and fails nothing."""
        with self.started(tmp_path, [*TELLS, "10"], 'signal = "USR1"') as (process, stdin):
            assert process.stdout is not None
            process.stdout.readline()
            stdin.close()
            process.send_signal(signal.SIGTERM)

            assert 7 == process.wait(20)
            assert b"got SIGUSR1\n" == process.stdout.read()

    def test_closing_waits_for_nobody_who_does_not_read(self, tmp_path: Path) -> None:
        """The pipe is full, and more is to come; the command ends on TERM as the next step."""
        with self.started(tmp_path, [*TELLS, "15"], 'signal = "TERM"') as (process, stdin):
            assert process.stdout is not None
            process.stdout.readline()
            os.set_blocking(stdin.fileno(), False)
            with pytest.raises(BlockingIOError):
                for _ in range(1000):
                    os.write(stdin.fileno(), b"x" * 65536)
            process.send_signal(signal.SIGTERM)

            assert 7 == process.wait(20)

    def test_a_command_that_does_not_care_is_killed_in_time(self, tmp_path: Path) -> None:
        """As ever."""
        with agent(steps(tmp_path, "close_stdin = true", grace="4s"), [*TELLS, "64"]) as program:
            assert 137 == stops_with(program)
            assert "did not end in" in reason(program)
