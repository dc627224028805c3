"""The command `rehearse` on real programs: scripts, faults and bad days."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.bugs import found, rehearse
from processender.cli.rehearse import main
from processender.rehearsal.matrix import HOPELESS
from processender.testing.processes import Program
from tests.waits import until

ENDER = """
import os, sys
from processender import Ender
work = os.environ["REHEARSAL_WORK"]
ender = Ender("orders", grace=2.0, observers=())


@ender.handler(importance="must")
def flush(ctx):
    with open(os.path.join(work, "flushed"), "w") as file:
        file.write("all")


with ender:
    print("ready", flush=True)
    ender.stopping.wait()
"""
TELLS = """
import os, socket
from processender import Ender
host, _, port = os.environ["DATABASE"].partition(":")
connection = socket.create_connection((host, int(port)), 5)
ender = Ender("orders", grace=15.0, observers=())


@ender.handler(importance="must", timeout=2.0)
def tell():
    connection.settimeout(0.5)
    connection.sendall(b"bye")
    if connection.recv(3) != b"bye":
        raise ConnectionError("no answer")


with ender:
    print("ready", flush=True)
    ender.stopping.wait()
"""
PATIENT = (
    "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
    "print('ready', flush=True); signal.sigwait([signal.SIGTERM]); print('bye', flush=True)"
)
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True)\nwhile True: signal.pause()"
FORKS = "import os, signal\nif os.fork(): os._exit(0)\nsignal.pause()"


def echo(server: socket.socket) -> None:
    """Answer each connection with what it says, until the server is shut."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection: socket.socket) -> None:
    """Say what is said, until nothing is."""
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(100):
            connection.sendall(data)


def table(source: str, **more: object) -> dict[str, object]:
    """Return what is said of the program *source*."""
    return {"command": [sys.executable, "-c", source], "ready": "ready", "lead": "0s"} | more


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    argv = [sys.executable, "-m", "processender", "rehearse", *words]
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=60, check=False, env=os.environ)


class TestScripts:
    def test_a_plain_program_that_ends_at_term_is_good(self) -> None:
        """It needs to know nothing of the Ender; three seeds are three runs."""
        verdict = rehearse(table(PATIENT), seeds=3)

        assert verdict.passed, found(verdict)
        assert [1, 2, 3] == [each.seed for each in verdict.tried]

    def test_the_end_may_come_as_a_notice(self, tmp_path: Path) -> None:
        """A step may write the file that a source looks at, run a program, or send a request."""
        source = ENDER.replace(
            'print("ready"',
            "from processender.integrations.files import listener\n"
            '    ender.listen(listener.listen(os.path.join(work, "leave"), every=0.02))\n    print("ready"',
        )
        end = [{"run": [sys.executable, "-c", "pass"]}, {"write": "{work}/leave", "text": "", "at": "0s..50ms"}]
        verdict = rehearse(table(source, end=end))

        assert verdict.passed, found(verdict)
        assert "the file leave" == verdict.tried[0].evidence.accounts[0]["cause"]

    def test_the_deadline_may_be_cut(self) -> None:
        """A scenario may kill sooner than the program was promised."""
        slow = {"faults": ["flush slow 5s"]}
        verdict = rehearse(table(ENDER, scenarios={"cut": {**slow, "window": "300ms"}}))

        assert ["within-window"] == [f.assertion for f in verdict.tried[0].findings if f.assertion != "must-done"]

    def test_a_platform_ends_it_with_its_own_signals(self) -> None:
        """Heroku sends a second TERM a second later; who is gone by then never sees it."""
        verdict = rehearse(table(ENDER, platform="heroku"))

        assert verdict.passed, found(verdict)
        assert 30.0 == verdict.tried[0].evidence.window


class TestFaults:
    @pytest.mark.parametrize("fault", ["kill at run-started", "flush killed", "kill at handler-ended flush"])
    def test_a_program_that_was_killed_is_started_again(self, fault: str) -> None:
        """What the second life leaves is judged."""
        verdict = rehearse(table(ENDER, scenarios={"killed": {"faults": [fault]}}))

        assert verdict.passed, found(verdict)
        assert 1 == len(verdict.tried[0].evidence.accounts)

    def test_a_kill_that_does_not_come_true_is_told(self) -> None:
        """Its event never happens."""
        verdict = rehearse(table(ENDER, scenarios={"killed": {"faults": ["kill at escalated"]}}))

        assert ["fault"] == [each.assertion for each in verdict.tried[0].findings]

    def test_a_full_disk_is_felt_by_every_write(self) -> None:
        """The handler fails, and the program still ends in time, with its own code."""
        verdict = rehearse(
            table(ENDER, scenarios={"full": {"faults": ["disk full"], "assert": ["exit-code", "within-window"]}})
        )

        assert verdict.passed, found(verdict)
        assert () == verdict.tried[0].evidence.accounts

    def test_nobody_is_told_of_a_fault_that_happens_to_nobody(self) -> None:
        """A mistyped name does not pass."""
        verdict = rehearse(table(ENDER, scenarios={"odd": {"faults": ["flussh hangs"]}}))

        assert "did you mean 'flush'" in found(verdict)


class TestBadDays:
    def test_a_program_that_is_not_there_never_starts(self) -> None:
        """It is tried once, not with every seed."""
        verdict = rehearse({"command": ["/nonexistent/server"]}, seeds=50)

        assert {"starts"} == {each.assertion for tried in verdict.tried for each in tried.findings}
        assert verdict.left_out >= 48

    def test_a_program_that_ends_at_once_never_starts(self) -> None:
        """Its code and its last words are told."""
        verdict = rehearse(table("print('no licence'); raise SystemExit(4)"))

        assert "ended with 4 before it was ready" in found(verdict)
        assert "no licence" in found(verdict)

    def test_a_program_that_is_never_ready_never_starts(self) -> None:
        """It is waited for as long as it is said, and ended."""
        verdict = rehearse(table(PATIENT, ready="never said", start_within="300ms"))

        assert "was not ready within 0.3 s" in found(verdict)
        assert "did not write 'never said'; give start_within more" in found(verdict)

    def test_a_program_that_forks_away_never_starts(self) -> None:
        """It is told from one that has crashed, and nothing of it is left."""
        verdict = rehearse(table(FORKS))

        assert "1 processes of it go on; start it in the foreground" in found(verdict)

    def test_a_program_that_never_ends_is_not_waited_for_with_every_seed(self) -> None:
        """After a few windows that it has used up the rest of its scenario is left out."""
        verdict = rehearse(table(DEAF), seeds=30, window=0.3)

        assert {"within-window"} == {each.assertion for tried in verdict.tried for each in tried.findings}
        assert HOPELESS <= len(verdict.tried) <= HOPELESS + 1

    @pytest.mark.parametrize("name", ["INT", "TERM"])
    def test_who_is_interrupted_leaves_nothing_running(self, name: str, tmp_path: Path) -> None:
        """The program that is deaf, and would have a minute, is killed at once."""
        source = f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()) + '\\n')\n{DEAF}"
        words = ["--ready", "ready", "--window", "60s", "--seeds", "1", "--", sys.executable, "-c", source]
        argv = [sys.executable, "-m", "processender", "rehearse", *words]
        with Program(argv, cwd=str(tmp_path)) as program:
            until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
            program.signal(name)
            code = program.wait(20.0)
            pid = int((tmp_path / "pid").read_text())

            assert 130 == code, program.output
            assert not Path(f"/proc/{pid}").exists()
            assert "interrupted" in program.output


class TestNetwork:
    def test_a_network_that_fails_is_felt_by_the_handler_behind_it(self) -> None:
        """What is late comes; what is reset, swallowed or half open does not."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=echo, args=(server,), daemon=True).start()
            lines = ("latency=20ms", "reset", "black-hole", "half-open")
            verdict = rehearse(
                table(
                    TELLS,
                    env={"DATABASE": "{db}"},
                    upstreams={"db": f"127.0.0.1:{server.getsockname()[1]}"},
                    scenarios={line: {"faults": [f"db {line}"]} for line in lines},
                )
            )
            server.shutdown(socket.SHUT_RDWR)

        assert {"latency=20ms": True, "reset": False, "black-hole": False, "half-open": False} == {
            each.scenario: each.passed for each in verdict.tried
        }
        assert {"must-done"} == {each.assertion for tried in verdict.tried for each in tried.findings}


class TestCommand:
    def test_a_good_end_leaves_with_0_and_writes_junit(self, tmp_path: Path) -> None:
        """The table is read from the file of an agent, which is put before the command where it says more."""
        lines = ["grace = '3s'", "[handlers.flush]", "run = ['true']", "importance = 'must'"]
        lines += [
            "[rehearsal]",
            "seeds = 2",
            "ready = 'ready'",
            f"command = {json.dumps([sys.executable, '-c', PATIENT])}",
        ]
        (tmp_path / "processender.toml").write_text("\n".join(lines), encoding="utf-8")
        ran = run("--junit", "verdict.xml", "--order", "command,flush", cwd=tmp_path)
        root = ET.fromstring((tmp_path / "verdict.xml").read_text(encoding="utf-8"))

        assert 0 == ran.returncode, ran.stdout + ran.stderr
        assert "PASSED: 2 of 2 runs good" in ran.stdout
        assert 2 == len(root.findall("testsuite/testcase"))

    def test_a_bad_end_leaves_with_1_and_says_how_to_see_it_again(self, tmp_path: Path) -> None:
        """For one seed, with the same words."""
        words = ["--ready", "ready", "--seeds", "2", "--", sys.executable, "-c", PATIENT + "; raise SystemExit(5)"]
        ran = run("--json", *words, cwd=tmp_path)
        again = run(*words, cwd=tmp_path)
        data = json.loads(ran.stdout)

        assert (1, 1) == (ran.returncode, again.returncode)
        assert {"exit-code": 2} == data["failed"]
        assert "again: processender rehearse --ready ready --scenario plain --seed 1 -- " in again.stdout

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            ((), "there is no command to rehearse"),
            (("--fault", "flush falls", "--", "true"), "cannot understand the fault 'flush falls'"),
            (("--assert", "ordre", "--", "true"), "order"),
            (("--scenario", "other", "--", "true"), "there is no scenario 'other'"),
            (("--assert", "idempotent", "--", "true"), "nobody knows what the state is"),
            (("--window", "soon", "--", "true"), "--window: rehearsal.window: "),
            (
                ("--scenario", "plain", "--fault", "disk full", "--", "true"),
                "with --fault there is one scenario, 'faults'",
            ),
            (("--url", "https://127.0.0.1:{port}/", "--", "true"), "write it with http"),
            (("--url", "127.0.0.1:8080", "--", "true"), "write it with http"),
            (("--url", "http://127.0.0.1:{port}/a b", "--", "true"), "write it with http"),
            (("--fault", "flush fails 0", "--", "true"), "is not how often"),
            (("--fault", "flush hangs 2s", "--", "true"), "takes nothing behind it"),
            (("nothing.toml",), "cannot be read"),
        ],
    )
    def test_a_mistake_leaves_with_2_and_says_it(
        self, words: tuple[str, ...], why: str, tmp_path: Path, monkeypatch: Any, capsys: Any
    ) -> None:
        """Nothing is started."""
        monkeypatch.chdir(tmp_path)

        assert 2 == main(words)
        assert why in capsys.readouterr().err

    def test_a_mistake_in_the_file_is_told_with_its_line(self, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
        """As those of an agent are."""
        (tmp_path / "processender.toml").write_text("[rehearsal]\nseed = 3\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)

        assert 2 == main([])
        told = capsys.readouterr().err
        assert "processender.toml:2: rehearsal.seed: there is no such key; did you mean 'seeds'?" in told
