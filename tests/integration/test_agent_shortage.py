"""A system that denies the agent what it needs: room on standard error, a signal, a thread, a descriptor."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, python, stops_with
from tests.integration.test_agent_control import STATUS, Caller, place

LIMIT_S = 60.0
BOTH = pytest.mark.parametrize("options", [[], ["--lean"]])
RUN = [sys.executable, "-m", "processender", "run"]
ROOM = 512 << 20
ASKABLE = ["sh", "-c", 'echo "at $PROCESSENDER_CONTROL ready"; exec sleep 600']


def shell(script: str, options: list[str], command: list[str]) -> Program:
    """Return an agent that the shell starts, as `"$@"`, after or with what *script* says."""
    return Program(["sh", "-c", script, "sh", *RUN, *options, "--", *command], cwd="/")


def without_threads(options: list[str], command: list[str]) -> Program:
    """Return an agent whose threads would have huge stacks, so that room for them can be denied."""
    return shell('ulimit -s 1000000; exec "$@"', options, command)


def deny_threads(program: Program) -> None:
    """Let the agent have room for everything but another thread."""
    size = int(Path(f"/proc/{program.pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(program.pid, resource.RLIMIT_AS, (size + ROOM, resource.RLIM_INFINITY))


def taken(program: Program) -> set[int]:
    """Return the descriptors that the agent has."""
    return {int(each) for each in os.listdir(f"/proc/{program.pid}/fd")}


def deny_descriptors(program: Program) -> tuple[int, int]:
    """Let the agent have no further descriptor; return the limits that it had."""
    before, now = set(), taken(program)
    while before != now:
        # As it begins, its threads look into some files.
        time.sleep(0.3)
        before, now = now, taken(program)
    limits = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (min(set(range(999)) - now), limits[1]))
    return limits


def asked(path: str) -> dict[str, Any]:
    """Return the status that the agent at *path* tells; nothing when it hangs up."""
    caller = Caller(path)
    try:
        return caller.ask(STATUS)
    except ConnectionError:
        return {}
    finally:
        caller.close()


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """Return a pipe with a name that nobody reads and that takes no byte more, for as long as this process lives."""
    path = tmp_path / "full"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    for size in (4096, 1):
        try:
            while True:
                os.write(descriptor, b"x" * size)
        except BlockingIOError:
            continue
    return path


class TestStandardError:
    @BOTH
    @pytest.mark.parametrize("code", [0, 4])
    def test_a_full_disk_does_not_change_the_code(self, options: list[str], code: int) -> None:
        """Although the account of a crash cannot be told."""
        with shell('exec "$@" 2>/dev/full', options, ["sh", "-c", f"exit {code}"]) as program:
            assert code == program.wait(LIMIT_S)

    def test_a_full_disk_does_not_keep_a_command_from_its_next_life(self) -> None:
        """That it is started again cannot be told, and it is."""
        with shell('exec "$@" 2>/dev/full', ["--restart", "always"], ["sh", "-c", "echo life; sleep 0.1"]) as program:
            program.wait_for("life\nlife\n", LIMIT_S)
            program.signal("TERM")

            assert program.wait(LIMIT_S) in {0, 143}

    @BOTH
    def test_a_full_pipe_does_not_change_the_code(self, options: list[str], full: Path) -> None:
        """The main thread waits for no reader."""
        with shell(f'exec "$@" 2>{full}', options, ["sh", "-c", "exit 4"]) as program:
            assert 4 == program.wait(LIMIT_S)

    @BOTH
    def test_a_full_pipe_does_not_hold_up_the_end(self, options: list[str], full: Path) -> None:
        """A signal is heard while nothing can be told of the restarts."""
        life = ["sh", "-c", "echo life; sleep 0.1; exit 3"]
        with shell(f'exec "$@" 2>{full}', ["--restart", "always", "--grace", "5s", *options], life) as program:
            program.wait_for("life\nlife\n", LIMIT_S)
            program.signal("TERM")

            assert program.wait(LIMIT_S) in {3, 143}


class TestSignals:
    @BOTH
    def test_a_command_that_may_not_be_signalled_keeps_its_code(self, options: list[str]) -> None:
        """It runs as another user, and the agent has no right to signal it: that is told, once."""
        deny = 'exec setpriv --bounding-set=-kill --inh-caps=-kill "$@"'
        other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c"]
        script = "echo ready $$; i=0; while [ $i -lt 40 ]; do i=$((i+1)); sleep 0.1; done; exit 7"
        with shell(deny, options, [*other, script]) as program:
            pid = program.wait_for("ready ", LIMIT_S).partition("ready ")[2].split()[0]
            program.signal("USR1")
            program.wait_for("cannot signal", LIMIT_S)
            program.signal("USR2")

            assert 7 == program.wait(LIMIT_S)
            assert 1 == program.output.count(f"cannot signal process {pid} of user 65534: not permitted")


class TestThreads:
    def test_a_lean_agent_without_a_thread_ends_its_command_all_the_same(self) -> None:
        """Its main thread asks the command to end; no handler runs, and that is told."""
        command = python(
            "import os, signal, time\n"
            "signal.signal(signal.SIGTERM, lambda *_: os._exit(9))\n"
            "os.write(1, b'ready\\n')\n"
            "time.sleep(600)"
        )
        with without_threads(["--lean", "--grace", "20s"], command) as program:
            program.wait_for("ready", LIMIT_S)
            deny_threads(program)
            program.signal("TERM")

            assert 9 == program.wait(LIMIT_S)
            assert "cannot end by the plan: can't start new thread; the command gets SIGTERM" in program.output
            assert "the account is in" not in program.output

    def test_a_lean_agent_without_a_thread_kills_who_does_not_end(self) -> None:
        """When the grace is over."""
        deaf = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]
        with without_threads(["--lean", "--grace", "1s"], deaf) as program:
            program.wait_for("ready", LIMIT_S)
            deny_threads(program)
            program.signal("TERM")

            assert 137 == program.wait(LIMIT_S)

    def test_a_lean_agent_without_a_thread_keeps_the_code(self) -> None:
        """Of a command that ends by itself."""
        with without_threads(["--lean"], ["sh", "-c", "echo ready; sleep 1; exit 6"]) as program:
            program.wait_for("ready", LIMIT_S)
            deny_threads(program)

            assert 6 == program.wait(LIMIT_S)

    def test_a_reload_that_has_no_thread_changes_nothing(self, tmp_path: Path) -> None:
        """The command of a lean agent goes on."""
        config = tmp_path / "processender.toml"
        config.write_text('grace = "5s"\n')
        with without_threads(["--lean", "-c", str(config)], SLEEPER) as program:
            program.wait_for("ready", LIMIT_S)
            deny_threads(program)
            program.signal("HUP")
            program.wait_for("cannot begin what is asked for", LIMIT_S)
            resource.prlimit(program.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

            assert 143 == stops_with(program)
            assert "ended clean" in program.output

    @BOTH
    def test_who_asks_is_hung_up_on_and_the_next_is_answered(self, options: list[str]) -> None:
        """There was no thread to answer, and then there is."""
        with without_threads(options, ASKABLE) as program:
            path = place(program)
            deny_threads(program)

            assert not asked(path)
            resource.prlimit(program.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            while not (answer := asked(path)):
                # It may just have been hanging up on all who wait.
                time.sleep(0.01)

            assert "running" == answer["state"]


class TestDescriptors:
    @BOTH
    def test_who_asks_is_hung_up_on_and_the_next_is_answered(self, options: list[str]) -> None:
        """There was no descriptor to answer, and then there is."""
        with agent(options, ASKABLE) as program:
            path = place(program)
            limits = deny_descriptors(program)

            assert not asked(path)
            resource.prlimit(program.pid, resource.RLIMIT_NOFILE, limits)
            while not (answer := asked(path)):
                # It may just have been hanging up on all who wait.
                time.sleep(0.01)

            assert "running" == answer["state"]

    def test_a_switchboard_that_had_none_listens_again(self) -> None:
        """Although nobody else is there to wake it."""
        with agent([], ASKABLE) as program:
            path = place(program)
            first = Caller(path)
            first.ask(STATUS)
            count = len(taken(program))
            first.close()
            while len(taken(program)) == count:
                time.sleep(0.01)
            limits = deny_descriptors(program)
            second = Caller(path)
            # It tries to take the caller at once, and again after a tenth of a second.
            time.sleep(0.5)
            resource.prlimit(program.pid, resource.RLIMIT_NOFILE, limits)

            assert "running" == second.ask(STATUS)["state"]
            second.close()


class TestWhatIsTakenAway:
    def test_the_socket_of_the_heartbeat_may_be_removed(self, tmp_path: Path) -> None:
        """The code is that of the command."""
        config = tmp_path / "processender.toml"
        config.write_text('[heartbeat]\nsocket = true\nwithin = "60s"\n')
        with agent(["-c", str(config)], ["sh", "-c", 'rm "$PROCESSENDER_HEARTBEAT"; exit 7']) as program:
            assert 7 == program.wait(LIMIT_S)
            assert "cannot" not in program.output

    @BOTH
    def test_word_of_urgent_data_that_is_not_for_the_agent_is_no_end(self, options: list[str]) -> None:
        """A command may name its parent as the owner of its socket."""
        source = (
            "import fcntl, os, socket\n"
            "made = socket.create_server(('127.0.0.1', 0))\n"
            "one = socket.create_connection(made.getsockname())\n"
            "other, _ = made.accept()\n"
            "fcntl.fcntl(other, fcntl.F_SETOWN, os.getppid())\n"
            "one.send(b'!', socket.MSG_OOB)\n"
            "os.write(1, b'ready\\n')\n"
            "import signal; signal.pause()"
        )
        with agent(options, python(source)) as program:
            program.wait_for("ready", LIMIT_S)

            assert 143 == stops_with(program)
            assert "Traceback" not in program.output
