"""The agent and its command's end: who is asked, who is waited for, who is killed, and what still runs."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import DEAF, SLEEPER, agent, kill, lives, outcomes, python, stops_with

DAEMON = """
import os, signal, sys, time
out, hold, leaves = sys.argv[1], float(sys.argv[2]), len(sys.argv) > 3
heard, tell = os.pipe()
def note(text):
    with open(out, 'a') as file: file.write(text + '\\n')
def term(*_):
    time.sleep(hold); note('cleaned'); os._exit(0)
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    signal.signal(signal.SIGTERM, term)
    note(str(os.getpid())); os.write(1, b'ready\\n'); os.write(tell, b'!')
    while True: signal.pause()
os.read(heard, 1)
if leaves: os._exit(0)
signal.pause()
"""
"""Forks twice into a session of its own; the daemon takes some time to clean up on TERM. Its parent may stay."""


def first_pid(file: Path) -> int:
    """Return the number that a process has noted."""
    return int(file.read_text().split()[0])


def daemon(out: Path, hold: float, *, leaves: bool) -> list[str]:
    """Return a command that makes a daemon, and leaves at once or stays."""
    command = [*python(DAEMON), str(out), str(hold)]
    return [*command, "leaves"] if leaves else command


class TestLadder:
    def test_term_ends_it_and_its_code_is_passed_on(self) -> None:
        """143 is 128 and 15."""
        with agent([], SLEEPER) as program:
            assert 143 == stops_with(program)

    def test_a_command_that_ends_well_on_term_ends_well(self) -> None:
        """What it makes of TERM is its own affair."""
        source = (
            "import signal,sys; signal.signal(15, lambda *_: sys.exit(0)); print('ready', flush=True); signal.pause()"
        )
        with agent([], python(source)) as program:
            assert 0 == stops_with(program)
            assert "clean" == program.report()["verdict"]

    @pytest.mark.parametrize("name", ["INT", "QUIT", "USR1"])
    def test_the_stop_signal_can_be_another(self, name: str) -> None:
        """Some programs know INT or QUIT only."""
        source = f"trap 'exit 33' {name}; echo ready; while :; do sleep 0.02; done"
        with agent([], ["sh", "-c", source], PROCESSENDER_COMMAND__STOP_SIGNAL=name) as program:
            assert 33 == stops_with(program)

    @pytest.mark.alone
    def test_a_command_deaf_to_term_is_killed_in_time(self) -> None:
        """And its report says so, with the code of the kill."""
        with agent(["--grace", "1s"], DEAF) as program:
            program.wait_for("ready")
            program.signal("TERM")
            began = time.monotonic()

            assert 137 == program.wait()
            assert time.monotonic() - began < 1.0
            assert "failed" == outcomes(program)["command"]
            took, waited = re.findall(
                r"command: failed after ([\d.]+) s \(.* did not end in ([\d.]+) s", program.output
            )[0]

            assert float(waited) <= float(took)
            assert "did not end in" in next(h for h in program.report()["handlers"] if h["name"] == "command")["error"]

    def test_a_deaf_command_does_not_starve_what_must_follow(self, tmp_path: Path) -> None:
        """The kill comes early enough for the `must` handlers behind it."""
        file, mark = tmp_path / "pe.toml", tmp_path / "mark"
        file.write_text(
            'grace = "2s"\n[handlers.save]\nrun = ["sh", "-c", "sleep 0.4; echo saved > "]\n'.replace("> ", f"> {mark}")
            + 'importance = "must"\nphase = "commit"\ntimeout = "1s"\n'
        )
        with agent(["-c", str(file)], DEAF) as program:
            assert 137 == stops_with(program)
            assert "done" == outcomes(program)["save"]
        assert "saved\n" == mark.read_text()

    def test_a_stopped_command_is_woken_to_end(self) -> None:
        """Who is stopped hears nothing."""
        source = (
            "import signal,sys; signal.signal(15, lambda *_: sys.exit(5)); print('ready', flush=True); signal.pause()"
        )
        with agent(["--grace", "10s"], python(source)) as program:
            program.wait_for("ready")
            for member in tree_of(program):
                signal.pidfd_send_signal(member, signal.SIGSTOP)
            program.signal("TERM")

            assert 5 == program.wait(5)

    def test_its_end_before_the_plan_reaches_it_ends_the_delay(self) -> None:
        """Nobody is left who could serve."""
        source = "import signal,sys,time; print('ready', flush=True); time.sleep(0.3); sys.exit(6)"
        with agent(["--grace", "40s", "--drain-delay", "20s"], python(source)) as program:
            assert 6 == stops_with(program)
            assert "done" == outcomes(program)["drain-delay"]
            assert "clean" == program.report()["verdict"]

    def test_the_delay_passes_before_it_is_asked(self) -> None:
        """It serves in the meantime."""
        source = (
            "import signal,sys; signal.signal(15, lambda *_: sys.exit(0)); print('ready', flush=True); signal.pause()"
        )
        with agent(["--drain-delay", "300ms"], python(source)) as program:
            program.wait_for("ready")
            began = time.monotonic()
            program.signal("TERM")
            program.wait()

            assert 0.3 <= time.monotonic() - began

    def test_nothing_is_slept_when_all_is_gone(self) -> None:
        """The grace is a limit, not a duration."""
        with agent(["--grace", "60s"], SLEEPER) as program:
            program.wait_for("ready")
            began = time.monotonic()
            program.signal("TERM")
            program.wait()

            assert time.monotonic() - began < 20


def tree_of(program: Program) -> list[int]:
    """Return a handle on each child of the agent."""
    import os

    children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    return [os.pidfd_open(int(pid)) for pid in children]


class TestTree:
    def test_a_helper_is_waited_for_after_the_command_is_gone(self, tmp_path: Path) -> None:
        """The fault that most container inits share: the helper is killed in the middle of its clean-up."""
        out = tmp_path / "out"
        helper = f"trap 'sleep 0.4; echo cleaned >> {out}; exit' TERM; echo $$ > {out}; echo ready; while :; do sleep 0.02; done"
        with agent([], ["sh", "-c", 'sh -c "$0" & exec sleep 60', helper]) as program:
            assert 143 == stops_with(program)
            assert "cleaned" == out.read_text().split()[1]
            assert "clean" == program.report()["verdict"]

    @pytest.mark.parametrize("leaves", [True, False])
    def test_a_daemon_in_its_own_session_is_waited_for(self, tmp_path: Path, leaves: bool) -> None:
        """Whether its parent is still there or not."""
        out = tmp_path / "out"
        with agent(["--grace", "8s"], daemon(out, 0.3, leaves=leaves)) as program:
            if not leaves:
                program.wait_for("ready")
                program.signal("TERM")
            program.wait()

            assert "cleaned" == out.read_text().split()[1]
            assert not lives(first_pid(out))

    def test_the_code_is_that_of_the_command_not_of_what_it_left(self, tmp_path: Path) -> None:
        """The daemon ends with 0, its parent ended with 0 long before."""
        with agent(["--grace", "8s"], daemon(tmp_path / "out", 0.0, leaves=True)) as program:
            assert 0 == program.wait()
            assert "exit" == program.report()["cause"]

    def test_a_deaf_daemon_is_killed_and_named(self, tmp_path: Path) -> None:
        """In the time of the command."""
        out = tmp_path / "out"
        with agent(["--grace", "1s"], daemon(out, 30.0, leaves=True)) as program:
            assert 0 == program.wait()
            error = next(h for h in program.report()["handlers"] if h["name"] == "command")["error"]

            assert f"{first_pid(out)} 'python" in error
            assert not lives(first_pid(out))

    def test_what_a_clean_up_starts_is_not_asked_to_end(self, tmp_path: Path) -> None:
        """It was started because of the end: an upload, say, through a shell."""
        out = tmp_path / "out"
        clean_up = f'sh -c "sleep 0.3 && echo uploaded > {out}; :"; exit'
        helper = f"trap '{clean_up}' TERM; echo ready; while :; do sleep 0.02; done"
        with agent([], ["sh", "-c", 'sh -c "$0" & exec sleep 60', helper]) as program:
            assert 143 == stops_with(program)
            assert "uploaded\n" == out.read_text()

    def test_orphans_are_reaped_while_the_command_runs(self) -> None:
        """No zombie is left in a container for the length of its life."""
        source = (
            "import os, time\n"
            "for _ in range(50):\n"
            "    if os.fork() == 0:\n"
            "        if os.fork() == 0: os._exit(0)\n"
            "        time.sleep(0.001); os._exit(0)\n"
            "    os.wait()\n"
            "print('ready', flush=True)\n"
            "time.sleep(60)"
        )
        with agent([], python(source)) as program:
            program.wait_for("ready")
            for _ in range(2000):
                states = [state_of(pid) for pid in children_of(program.pid)]
                if len(states) == 1 and "Z" not in states:
                    break
                time.sleep(0.01)

            assert (1, False) == (len(states), "Z" in states)
            assert 143 == stops_with(program)

    def test_a_handlers_own_processes_are_not_the_commands(self, tmp_path: Path) -> None:
        """A clean-up in an earlier phase is not asked to end with the command."""
        file, mark = tmp_path / "pe.toml", tmp_path / "mark"
        file.write_text(
            f'[handlers.upload]\nphase = "quiesce"\nrun = ["sh", "-c", "sleep 0.5; echo uploaded > {mark}"]\n'
        )
        with agent(["-c", str(file)], SLEEPER) as program:
            stops_with(program)
            assert "done" == outcomes(program)["upload"]
        assert "uploaded\n" == mark.read_text()

    def test_a_command_that_forks_as_it_ends_is_not_lost(self, tmp_path: Path) -> None:
        """Each link of the chain forks the next one and ends."""
        out = tmp_path / "out"
        source = (
            "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            f"out = open({str(out)!r}, 'a')\nfor n in range(40):\n    if os.fork(): os._exit(0)\n"
            "    os.setsid()\nout.write(str(os.getpid())); out.flush(); os.write(1, b'ready\\n'); time.sleep(60)"
        )
        with agent(["--grace", "1s"], python(source)) as program:
            assert 0 == program.wait()
            assert "ready" in program.output
            assert not lives(int(out.read_text()))

    def test_a_stranger_is_left_alone(self) -> None:
        """A child from before the agent took this process over."""
        import os
        import sys

        shell = f"sleep 60 & echo $! ready; exec {sys.executable} -m processender run -- sh -c 'exit 3'"
        with Program(["sh", "-c", shell], cwd="/") as program:
            assert 3 == program.wait()
            stranger = int(program.output.split()[0])
            lived = lives(stranger)
            kill(stranger)

        assert lived
        assert os.getpid() != stranger


def children_of(pid: int) -> list[int]:
    """Return the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def state_of(pid: int) -> str:
    """Return the state letter of a process, empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


class TestHandlers:
    def test_they_run_in_their_phases_after_the_command(self, tmp_path: Path) -> None:
        """Flush, commit, close."""
        file, out = tmp_path / "pe.toml", tmp_path / "out"
        tables = "".join(
            f'[handlers.{name}]\nphase = "{phase}"\nrun = ["sh", "-c", "echo {name} >> {out}"]\n'
            for name, phase in (("c", "close"), ("f", "flush"), ("d", "drain"), ("m", "commit"))
        )
        file.write_text(tables)
        command = ["sh", "-c", f"trap 'echo command >> {out}; exit' TERM; echo ready; while :; do sleep 0.02; done"]
        with agent(["-c", str(file)], command) as program:
            stops_with(program)

        assert ["d", "command", "f", "m", "c"] == out.read_text().split()

    def test_what_needs_a_failed_one_is_skipped(self, tmp_path: Path) -> None:
        """Offsets are never committed after a failed flush."""
        file = tmp_path / "pe.toml"
        file.write_text(
            '[handlers.flush]\nphase = "flush"\nrun = ["false"]\n'
            '[handlers.commit]\nphase = "commit"\nrun = ["true"]\nneeds = ["flush"]\n'
        )
        with agent(["-c", str(file)], SLEEPER) as program:
            assert 143 == stops_with(program)
            assert ("failed", "skipped") == (outcomes(program)["flush"], outcomes(program)["commit"])
            assert "needs flush" == program.report()["skipped"]["commit"]

    def test_a_step_is_repeated_with_the_same_key(self, tmp_path: Path) -> None:
        """Until it succeeds."""
        file, out = tmp_path / "pe.toml", tmp_path / "out"
        script = f"echo $PROCESSENDER_ATTEMPT $PROCESSENDER_IDEMPOTENCY_KEY >> {out}; [ $PROCESSENDER_ATTEMPT = 3 ] || exit 75"
        file.write_text(
            f'[handlers.a]\nrun = ["sh", "-c", "{script}"]\nretry = {{ attempts = 5, initial = "10ms", maximum = "20ms" }}\n'
        )
        with agent(["-c", str(file)], SLEEPER) as program:
            stops_with(program)
            assert "done" == outcomes(program)["a"]
        attempts, keys = zip(*(line.split() for line in out.read_text().splitlines()), strict=True)

        assert ("1", "2", "3") == attempts
        assert 1 == len(set(keys))

    def test_one_that_hangs_is_killed_and_the_others_go_on(self, tmp_path: Path) -> None:
        """In its own time."""
        file = tmp_path / "pe.toml"
        file.write_text(
            '[handlers.hang]\nphase = "flush"\nrun = ["sleep", "60"]\ntimeout = "300ms"\n'
            '[handlers.next]\nphase = "commit"\nrun = ["true"]\n'
        )
        with agent(["-c", str(file)], SLEEPER) as program:
            stops_with(program)
            assert ("timed_out", "done") == (outcomes(program)["hang"], outcomes(program)["next"])
            assert "degraded" == program.report()["verdict"]


class TestLastMoment:
    def test_what_is_left_is_killed_at_the_hard_deadline(self, tmp_path: Path) -> None:
        """Although a handler does not come back: this one has put itself out of reach of its own group."""
        file, out = tmp_path / "pe.toml", tmp_path / "out"
        file.write_text(
            'grace = "1500ms"\n[handlers.daemon]\nphase = "flush"\n'
            f'run = ["sh", "-c", "setsid sleep 61 & echo $! > {out}; sleep 62"]\n'
        )
        with agent(["-c", str(file)], SLEEPER) as program:
            began = time.monotonic()
            stops_with(program)

            assert time.monotonic() - began < 3

    @pytest.mark.parametrize(
        "broken",
        [
            "import processender.engine.coordinator as m; m.Coordinator._advance = lambda self, reports: None",
            "import processender.agent.watch as m; m.RunEnded = m.NoticeHeard",
        ],
        ids=["the run does not advance", "its end is not seen"],
    )
    @pytest.mark.alone
    def test_a_run_that_never_ends_ends_in_time(self, broken: str) -> None:
        """Whatever is wrong with the engine: the guard ends it, and the command with it."""
        code = (
            f"import sys\n{broken}\nfrom processender.cli.main import main\n"
            "sys.exit(main(['run', '--grace', '1s', '--', *sys.argv[1:]]))"
        )
        with Program(code, "sh", "-c", "trap '' TERM; echo $$ ready; while :; do sleep 0.02; done", cwd="/") as program:
            pid = int(program.wait_for("ready").split()[0])
            began = time.monotonic()
            program.signal("TERM")

            assert 137 == program.wait()
            assert time.monotonic() - began < 1.0
            assert not lives(pid)
