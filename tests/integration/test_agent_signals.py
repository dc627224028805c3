"""Signals to the agent: many, early, twice, ignored, blocked, and as PID 1."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import DEAF, SLEEPER, agent, lives, outcomes, python, stops_with

SLOW = python(
    "import os,signal,sys,time\n"
    # Not `print`: the signal may come while the line before it is still being printed.
    "def term(*_): os.write(1, b'asked\\n'); time.sleep(0.6); sys.exit(0)\n"
    "signal.signal(15, term); print('ready', flush=True)\n"
    "while True: signal.pause()"
)
"""A command that takes a while to end."""
QUEUED = {35, 40, 50}
"""Real-time signals, which the kernel queues."""
PLAIN = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH, signal.SIGIO}
"""Signals of which one waits, however often it was sent."""
COUNTS = python(
    "import os, signal\n"
    "everything = signal.valid_signals()\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, everything)\n"
    "os.write(1, b'ready\\n')\n"
    "counts = {}\n"
    # The lowest of those that wait is taken first, so that the highest of all is the last, here and in the agent.
    "while not counts.get(64):\n"
    "    number = int(signal.sigwaitinfo(everything).si_signo)\n"
    "    counts[number] = counts.get(number, 0) + 1\n"
    "os.write(1, b'counted %r\\n' % counts)"
)
"""A command that counts its signals up to number 64."""
PAIR = python(
    "import os, signal\n"
    "both = {signal.SIGUSR1, signal.SIGUSR2}\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, both)\n"
    "child = os.fork()\n"
    "if child:\n"
    "    os.write(1, b'ready\\n')\n"
    "    signal.sigwait([signal.SIGUSR1])\n"
    "    os.kill(child, signal.SIGUSR2)\n"
    "    os.waitpid(child, 0)\n"
    "else:\n"
    "    heard = [signal.sigwait(both)]\n"
    "    while heard[-1] != signal.SIGUSR2:\n"
    "        heard.append(signal.sigwait(both))\n"
    "    os.write(1, b'child: %r\\n' % [each.name for each in heard])"
)
"""A command with a child in its group; when USR1 has come to it, the child tells what it has got up to then."""


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the reports of these agents where nobody looks for them."""
    monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "private"))


class TestNotices:
    @pytest.mark.parametrize("name", ["TERM", "INT", "QUIT", "HUP"])
    def test_four_signals_mean_the_end(self, name: str) -> None:
        """The command gets its stop signal, whichever it was."""
        with agent([], SLEEPER) as program:
            assert 143 == stops_with(program, name)
            assert f"SIG{name}" == program.report()["cause"]

    @pytest.mark.alone
    def test_ten_thousand_terms_are_one(self) -> None:
        """The command is asked once, and ends in its own time."""
        with agent([], SLOW) as program:
            program.wait_for("ready")
            for _ in range(10_000):
                program.signal("TERM")

            assert 0 == program.wait()
            assert 1 == program.output.splitlines().count("asked")
            assert 1 == len(program.report()["notices"])
            assert "clean" == program.report()["verdict"]

    @pytest.mark.alone
    def test_a_second_notice_opens_no_new_window(self) -> None:
        """TERM after HUP has the time that HUP left."""
        with agent(["--grace", "1s"], DEAF) as program:
            program.wait_for("ready")
            began = time.monotonic()
            program.signal("HUP")
            program.wait_for("heard SIGHUP")
            time.sleep(0.4)
            program.signal("TERM")

            assert 137 == program.wait()
            assert time.monotonic() - began < 1.0
            assert ["SIGHUP", "SIGTERM"] == [notice["cause"] for notice in program.report()["notices"]]


class TestForwarding:
    @pytest.mark.parametrize("options", [[], ["--lean"]], ids=["whole", "lean"])
    def test_of_mixed_signals_none_is_lost_that_the_kernel_keeps(self, options: list[str]) -> None:
        """Real-time ones come as often as they were sent, the others at least once."""
        kinds = sorted(QUEUED | PLAIN)
        with agent(options, COUNTS) as program:
            program.wait_for("ready")
            for count in range(250 * len(kinds)):
                program.signal(kinds[count % len(kinds)])
            program.signal(64)
            counted = program.wait_for("counted ", 60.0)
            code = program.wait(60.0)
            counts = ast.literal_eval(counted.partition("counted ")[2].splitlines()[0])

            assert (0, False) == (code, "Traceback" in program.output)
        assert dict.fromkeys(QUEUED, 250) == {number: counts[number] for number in QUEUED}
        assert kinds == sorted(counts.keys() - {64})

    @pytest.mark.parametrize(
        ("options", "told"), [([], ["SIGUSR2"]), (["--kill-group"], ["SIGUSR1", "SIGUSR2"])], ids=["alone", "group"]
    )
    def test_signals_go_to_the_group_where_that_is_asked_for(self, options: list[str], told: list[str]) -> None:
        """To the command alone otherwise."""
        with agent(options, PAIR) as program:
            program.wait_for("ready")
            program.signal("USR1")

            assert 0 == program.wait(60.0)
            assert f"child: {told}" in program.output

    def test_a_command_without_a_group_of_its_own_has_none_to_signal(self) -> None:
        """It would be that of the agent."""
        with agent(["--no-setsid", "--kill-group"], SLEEPER) as program:
            assert 125 == program.wait()
            assert "--kill-group goes with --setsid" in program.output


class TestChildren:
    def test_a_chld_that_somebody_sends_is_forwarded(self) -> None:
        """Those of the kernel tell the agent of its children, and are nobody else's."""
        source = (
            "import signal\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD]); print('ready', flush=True)\n"
            "signal.sigwait([signal.SIGCHLD]); print('heard', flush=True)"
        )
        with agent([], python(source)) as program:
            program.wait_for("ready")
            program.signal("CHLD")

            assert 0 == program.wait(60.0)
            assert "heard" in program.output


class TestInterrupts:
    @pytest.mark.parametrize(("name", "waits"), [("INT", False), ("TERM", True)])
    def test_at_a_terminal_an_int_waits_for_nobody(self, name: str, waits: bool) -> None:
        """A person has pressed Ctrl-C, and no balancer is in front of it."""
        master, slave = os.openpty()
        argv = [sys.executable, "-m", "processender", "run", "--drain-delay", "700ms", "--", *SLEEPER]
        with subprocess.Popen(argv, cwd="/", stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            process.stdout.readline()
            began = time.monotonic()
            process.send_signal(signal.Signals[f"SIG{name}"])
            code = process.wait(10)
            took = time.monotonic() - began
        os.close(master)
        os.close(slave)

        assert (143, waits) == (code, took > 0.6)

    def test_two_ints_in_a_moment_are_one(self) -> None:
        """A key bounces, and a terminal signals a whole group."""
        with agent(["--drain-delay", "400ms"], SLOW) as program:
            program.wait_for("ready")
            program.signal("INT")
            time.sleep(0.01)
            program.signal("INT")

            assert 0 == program.wait()
            assert {"readiness": "done", "drain-delay": "done", "command": "done"} == outcomes(program)

    def test_a_second_int_gives_up_what_is_not_needed(self) -> None:
        """The delay ends at once; the command still has its time."""
        with agent(["--grace", "40s", "--drain-delay", "20s"], SLOW) as program:
            program.wait_for("ready")
            program.signal("INT")
            program.wait_for("heard SIGINT")
            time.sleep(0.6)
            program.signal("INT")

            assert 0 == program.wait()
            assert 1 == program.output.splitlines().count("asked")
            assert "done" == outcomes(program)["command"]

    def test_a_second_int_kills_a_command_that_was_asked_to_end(self) -> None:
        """Who presses Ctrl-C twice wants it gone; the `must` handlers behind it still run."""
        with agent(
            ["--grace", "40s"], ["sh", "-c", "trap '' TERM; echo $$ ready; while :; do sleep 0.02; done"]
        ) as program:
            program.wait_for("ready")
            program.signal("INT")
            program.wait_for("heard SIGINT")
            time.sleep(0.6)
            program.signal("INT")

            assert 137 == program.wait()
            assert "failed" == outcomes(program)["command"]

    def test_a_third_int_ends_everything_now(self, tmp_path: Path) -> None:
        """What still runs goes with the agent, which says 130."""
        file = tmp_path / "processender.toml"
        run = f'run = ["sh", "-c", "echo $$ > {tmp_path}/pid; exec sleep 60"]'
        file.write_text(f'[handlers.flush]\n{run}\nimportance = "must"\n', encoding="utf-8")
        with agent(["--grace", "40s", "-c", str(file)], ["sh", "-c", "echo ready; exec sleep 60"]) as program:
            program.wait_for("ready")
            for _ in range(3):
                program.signal("INT")
                time.sleep(0.55)

            assert 130 == program.wait()
            assert not lives(int((tmp_path / "pid").read_text()))
            report = program.report()
            assert ("forced", 130) == (report["verdict"], report["exit"])


class TestBeginning:
    @pytest.mark.parametrize("delay_ms", [0, 10, 20, 30, 40, 60, 80, 100, 150])
    def test_term_at_any_moment_of_the_start_ends_it(self, tmp_path: Path, delay_ms: int) -> None:
        """And never leaves a command behind."""
        out = tmp_path / "out"
        with agent([], ["sh", "-c", f"echo $$ > {out}; exec sleep 60"]) as program:
            time.sleep(delay_ms / 1000)
            program.signal("TERM")

            assert program.wait() in {143, -signal.SIGTERM}
            assert not out.exists() or not out.read_text() or not lives(int(out.read_text()))

    def test_what_was_heard_before_the_engine_is_handed_over(self, tmp_path: Path) -> None:
        """Loading takes as long as a FIFO that nobody has written to yet."""
        fifo, mark = tmp_path / "pe.toml", tmp_path / "mark"
        os.mkfifo(fifo)
        with agent(["-c", str(fifo)], ["touch", str(mark)]) as program:
            with fifo.open("w") as file:
                # It has opened the FIFO, so it has been hearing signals for a while.
                program.signal("TERM")
                file.write('grace = "5s"\n')

            assert 143 == program.wait()
            assert "SIGTERM" == program.report()["cause"]
        assert not mark.exists()

    def test_signals_that_were_blocked_are_heard(self) -> None:
        """A parent that blocked them is no reason to be deaf; the command gets its mask, as from that parent itself."""
        code = (
            "import os, signal, sys\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM})\n"
            "os.execv(sys.executable, [sys.executable, '-m', 'processender', 'run', '--', *sys.argv[1:]])"
        )
        blocked = "signal.pthread_sigmask(signal.SIG_BLOCK, ())"
        source = f"import signal; print(sorted(map(int, {blocked})), 'ready', flush=True); signal.sigwait([15])"
        with Program(code, *python(source), cwd="/") as program:
            assert 0 == stops_with(program)
            assert program.output.startswith("[14, 15, 17] ready")

    def test_children_that_were_ignored_are_seen(self) -> None:
        """A parent that ignored SIGCHLD is no reason to lose the exit code."""
        code = (
            "import os, signal, sys\n"
            "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
            "os.execv(sys.executable, [sys.executable, '-m', 'processender', 'run', '--', 'sh', '-c', 'exit 7'])"
        )
        with Program(code, cwd="/") as program:
            assert 7 == program.wait()

    def test_a_signal_that_was_ignored_is_not_heard(self) -> None:
        """nohup means it."""
        argv = [sys.executable, "-m", "processender", "run", "--", *SLEEPER]
        with Program(["nohup", *argv], cwd="/") as program:
            program.wait_for("ready")
            program.signal("HUP")
            program.signal("TERM")

            assert 143 == program.wait()
            assert ["SIGTERM"] == [notice["cause"] for notice in program.report()["notices"]]


@pytest.mark.parametrize("options", [[], ["--lean"]])
def test_an_alarm_from_before_is_forwarded(options: list[str]) -> None:
    """It survives an exec, and is for the command, as it would be without the agent."""
    command = python(
        "import os, signal\n"
        "signal.signal(signal.SIGALRM, lambda *_: (os.write(1, b'alarm\\n'), os._exit(7)))\n"
        "os.write(1, b'ready\\n')\nwhile True: signal.pause()"
    )
    argv = [sys.executable, "-m", "processender", "run", *options, "--", *command]
    with Program(f"import os, signal\nsignal.alarm(4)\nos.execv({argv[0]!r}, {argv!r})", cwd="/") as program:
        assert 7 == program.wait()
        assert "alarm\n" in program.output


def test_an_alarm_from_before_does_not_cut_the_end(tmp_path: Path) -> None:
    """Nor is it taken for a last resort while the clean-up is under way."""
    out = tmp_path / "out"
    command = [
        "sh",
        "-c",
        f"trap '' ALRM; trap 'sleep 4.5; echo cleaned > {out}; exit 3' TERM; echo ready; while :; do sleep 0.02; done",
    ]
    argv = [sys.executable, "-m", "processender", "run", "--grace", "20s", "--", *command]
    with Program(f"import os, signal\nsignal.alarm(4)\nos.execv({argv[0]!r}, {argv!r})", cwd="/") as program:
        assert (3, "cleaned\n") == (stops_with(program), out.read_text())


def can_unshare() -> bool:
    """Tell whether a namespace of processes can be made here."""
    argv = ["unshare", "--pid", "--fork", "--mount-proc", "true"]
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_unshare(), reason="needs the right to make a namespace of processes")
class TestFirstProcess:
    """The agent as PID 1 of a namespace of its own, as in a container; `unshare` passes nothing but KILL on."""

    UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")

    def first(self, options: list[str], command: list[str]) -> Program:
        """Return an agent as PID 1."""
        argv = [*self.UNSHARE, sys.executable, "-m", "processender", "run", *options, "--", *command]
        return Program(argv, cwd="/")

    def test_the_code_is_passed_on(self) -> None:
        """PID 1 leaves with the code of the command."""
        with self.first([], ["sh", "-c", "exit 9"]) as program:
            assert 9 == program.wait()

    def test_death_by_a_signal_is_passed_on(self) -> None:
        """Never as a success."""
        with self.first([], ["sh", "-c", "kill -KILL $$"]) as program:
            assert 137 == program.wait()

    def test_reraise_falls_back_to_the_code(self) -> None:
        """The first process does not die of its own signals."""
        with self.first(["--exit", "reraise"], ["sh", "-c", "kill -TERM $$"]) as program:
            assert 143 == program.wait()

    def test_term_is_heard(self) -> None:
        """Although the kernel keeps from PID 1 what it does not handle."""
        with self.first([], ["sh", "-c", "echo ready; sleep 0.2; kill -TERM 1; exec sleep 60"]) as program:
            assert 143 == program.wait()
            assert "SIGTERM" == program.report()["cause"]

    def test_a_sender_from_outside_is_told_as_such(self) -> None:
        """The kernel gives no number for it."""
        with self.first([], ["sh", "-c", "echo ready; exec sleep 60"]) as program:
            program.wait_for("ready")
            first = int(Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()[0])
            os.kill(first, signal.SIGTERM)

            assert 143 == program.wait()
            assert "heard SIGTERM from a process of user 0, outside this pid namespace\n" in program.output

    def test_a_helper_finishes_its_clean_up(self, tmp_path: Path) -> None:
        """The namespace lives until it has."""
        out = tmp_path / "out"
        helper = f"trap 'sleep 0.4; echo cleaned > {out}; exit' TERM; while :; do sleep 0.02; done"
        script = 'setsid sh -c "$0" & sleep 0.2; kill -TERM 1; exec sleep 60'
        with self.first([], ["sh", "-c", script, helper]) as program:
            assert 143 == program.wait()
        assert "cleaned\n" == out.read_text()

    def test_orphans_from_elsewhere_are_reaped(self) -> None:
        """They come to PID 1 whoever made them."""
        script = (
            "for n in 1 2 3 4 5; do (sleep 0.05 &) ; done; sleep 0.3; grep -l '(zombie)' /proc/[0-9]*/status | wc -l"
        )
        with self.first([], ["sh", "-c", script]) as program:
            assert 0 == program.wait()
            assert "0\n" == program.output
