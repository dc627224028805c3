"""Job control: an agent and its command at a terminal, in one session or in two."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import agent, python, wait_until
from tests.integration.inits import LIMIT_S, Terminal, until, witness, witness_pid

RUN = [sys.executable, "-m", "processender", "run"]
WHO = "ps -o pid=,sid=,pgid=,tpgid= $$; read line; echo got $line"


def blocks(pid: int, number: int) -> bool:
    """Tell whether the process *pid* blocks a signal."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return any(int(line.split()[1], 16) >> (number - 1) & 1 for line in lines if line.startswith("SigBlk:"))


class TestOneSession:
    def test_is_what_a_terminal_gets(self) -> None:
        """A command at the agent's own terminal stays in its session and its group, and can read."""
        with Terminal([*RUN, "--", "sh", "-c", WHO]) as terminal:
            terminal.type("words\n")
            _, session, group, foreground = terminal.wait_for("got words").split()[:4]

            assert str(terminal.pid) == session == group == foreground
            assert 0 == terminal.wait()

    def test_gives_a_shell_its_job_control(self) -> None:
        """`-i` shells take the foreground for what they start."""
        with Terminal([*RUN, "--", "bash", "--norc", "-i"], PS1="") as terminal:
            terminal.type("echo flags [$-]; exit 3\n")

            assert "m" in terminal.wait_for("]\n").rpartition("[")[2]
            assert 3 == terminal.wait()
            assert "no job control" not in terminal.output

    def test_a_key_that_forwards_is_not_sent_again(self) -> None:
        """The command has Ctrl-C from the terminal already."""
        with Terminal([*RUN, "--on-signal", "INT:forward", "--", *witness()]) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")
            terminal.wait_for("<2>")
            terminal.signal(signal.SIGUSR1)

            assert 1 == terminal.wait_for("<10>").count("<2>")

    def test_a_signal_of_somebody_is_forwarded(self) -> None:
        """Only what the kernel has sent to the whole group is left out."""
        with Terminal([*RUN, "--on-signal", "INT:forward", "--", *witness()]) as terminal:
            terminal.wait_for("ready")
            terminal.signal(signal.SIGINT)

            assert terminal.wait_for("<2>")

    def test_a_key_that_stops_asks_the_command_once(self) -> None:
        """The stop signal does not come on top of Ctrl-C, on which many end at once."""
        source = (
            "import signal,os,time\n"
            "heard = []\n"
            "for n in (2, 15): signal.signal(n, lambda n, _: heard.append(n))\n"
            "os.write(1, b'ready\\n')\n"
            "while not heard: time.sleep(0.01)\n"
            "time.sleep(0.5); print('heard', heard)"
        )
        with Terminal([*RUN, "--", *python(source)]) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")

            assert 0 == terminal.wait()
            assert "heard [2]" in terminal.output

    def test_a_key_that_is_being_handled_counts_as_heard(self) -> None:
        """As long as a handler runs, and behind a wait for the signal, the signal is blocked; it is not lost."""
        source = (
            "import os,signal,time\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, (2, 15))\n"
            "print(f'<{os.getpid()}>', flush=True)\n"
            "signal.sigwait((2,))\n"
            "time.sleep(0.5); print('more', [int(n) for n in signal.sigpending()])"
        )
        with Terminal([*RUN, "--", *python(source)]) as terminal:
            pid = int(terminal.wait_for(">").rpartition("<")[2].partition(">")[0])
            # While it waits for the signal the kernel does not count it as blocked.
            wait_until(lambda: not blocks(pid, signal.SIGINT))
            terminal.type("\x03")

            assert 0 == terminal.wait()
            assert "more []" in terminal.output

    def test_after_such_a_key_other_signals_are_still_forwarded(self) -> None:
        """Only the stop signal is left out, whatever comes before it."""
        options = ["--grace", "60s", "--drain-delay", "30s"]
        with Terminal([*RUN, *options, "--", *witness()]) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")
            terminal.wait_for("heard SIGINT")
            terminal.signal(signal.SIGUSR1)
            terminal.wait_for("<10>")
            terminal.signal(signal.SIGUSR2)

            assert terminal.wait_for("<12>")

    def test_who_does_not_hear_the_key_is_asked_at_once(self) -> None:
        """A command that ignores INT gets the stop signal."""
        source = "import signal,os\nsignal.signal(2, signal.SIG_IGN)\nos.write(1, b'ready\\n')\nsignal.pause()"
        with Terminal([*RUN, "--grace", "60s", "--", *python(source)]) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")

            assert 143 == terminal.wait()

    def test_who_does_not_end_on_the_key_is_asked_after_a_while(self) -> None:
        """A third of the grace, or five seconds."""
        source = (
            "import signal,os\nsignal.signal(2, lambda *_: None)\nos.write(1, b'ready\\n')\nwhile True: signal.pause()"
        )
        with Terminal([*RUN, "--grace", "3s", "--", *python(source)]) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")

            assert 143 == terminal.wait()

    def test_a_job_is_suspended_and_goes_on(self) -> None:
        """Under a shell, Ctrl-Z stops agent and command, and `fg` wakes both."""
        # Its line editor would lose what is typed while it makes the terminal its own.
        with Terminal(["bash", "--norc", "--noediting", "-i"], PS1=r"jobs:\j ") as terminal:
            terminal.type(f"{sys.executable} -m processender run -- sh -c 'echo \"<$$>\"; read line; echo got $line'\n")
            command = int(terminal.wait_for(">").rpartition("<")[2].partition(">")[0])
            terminal.type("\x1a")
            # The shell knows of the agent alone; a command that reads until it is stopped takes a byte from the shell.
            assert until("T", command)
            # Only with its prompt the shell reads on; what is typed before that may be lost.
            terminal.wait_for("jobs:1 ")
            terminal.type("fg\n")
            terminal.type("words\n")

            assert terminal.wait_for("got words")


class TestTwoSessions:
    def test_the_second_gets_the_terminal(self) -> None:
        """With --setsid the command leads the session whose terminal it is."""
        with Terminal([*RUN, "--setsid", "--", "sh", "-c", WHO]) as terminal:
            terminal.type("words\n")
            pid, session, group, foreground = terminal.wait_for("got words").split()[:4]

            assert pid == session == group == foreground
            assert 0 == terminal.wait()

    def test_the_handover_ends_nobody(self) -> None:
        """The HUP and CONT by which the kernel takes the terminal from the agent mean nothing."""
        with Terminal([*RUN, "--setsid", "--", *witness()]) as terminal:
            terminal.wait_for("ready")
            terminal.signal(signal.SIGUSR1)

            assert not {"<1>", "<18>"} & set(terminal.wait_for("<10>").split())

    def test_its_keys_are_for_the_command(self) -> None:
        """Ctrl-C comes once, from the terminal."""
        with Terminal([*RUN, "--setsid", "--", *witness()]) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")
            terminal.wait_for("<2>")
            terminal.signal(signal.SIGUSR1)

            assert 1 == terminal.wait_for("<10>").count("<2>")

    def test_what_cannot_be_executed_is_told(self) -> None:
        """As without a terminal."""
        with Terminal([*RUN, "--setsid", "--", "/etc"]) as terminal:
            assert 126 == terminal.wait()
            assert "cannot start '/etc'" in terminal.output

    @pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU])
    def test_they_suspend_together(self, number: int) -> None:
        """The command is stopped with STOP, because nothing else stops an orphaned group."""
        with agent([], witness()) as program:
            pid = witness_pid(program)
            program.signal(number)

            assert until("T", program.pid, pid)

            program.signal(signal.SIGCONT)

            assert until("RS", program.pid, pid)
            assert program.wait_for("<18>", LIMIT_S)

    def test_what_the_command_has_started_is_suspended_too(self) -> None:
        """The whole group is one job."""
        with agent([], ["sh", "-c", "sleep 100 & echo pid $!; wait"]) as program:
            pid = int(program.wait_for("\n", LIMIT_S).split()[1])
            program.signal("TSTP")

            assert until("T", program.pid, pid)

            program.signal("CONT")

            assert until("RS", program.pid, pid)

    def test_a_rule_replaces_the_stop(self) -> None:
        """The agent suspends itself all the same."""
        with agent(["--rewrite", "TSTP:USR1"], witness()) as program:
            witness_pid(program)
            program.signal("TSTP")

            assert program.wait_for("<10>", LIMIT_S)
            assert until("T", program.pid)

            program.signal("CONT")


class TestTheParent:
    def test_its_death_can_stop_the_agent(self) -> None:
        """The signal of --parent-death means what it means from anybody."""
        words = [
            *RUN,
            "--parent-death",
            "TERM",
            "--",
            "sh",
            "-c",
            "trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.02; done",
        ]
        with Program(
            [sys.executable, "-IS", "-c", f"import subprocess,signal; subprocess.Popen({words!r}); signal.pause()"],
            cwd="/",
        ) as program:
            program.wait_for("ready")
            program.signal("KILL")

            assert program.wait_for("asked", LIMIT_S)

    def test_a_signal_that_is_none_is_a_mistake(self) -> None:
        """Nothing is started."""
        with agent(["--parent-death", "NONE"], ["true"]) as program:
            assert 125 == program.wait()
            assert "--parent-death: there is no signal 'NONE'" in program.output


class TestVerbosity:
    def test_quiet_tells_only_what_goes_wrong(self) -> None:
        """A stop that is clean is not told of."""
        with agent(["-q"], ["sh", "-c", "echo ready; exec sleep 60"]) as program:
            program.wait_for("ready")
            program.signal("TERM")

            assert 143 == program.wait()
            assert "ready\n" == program.output

    def test_verbose_tells_of_every_attempt(self) -> None:
        """Also of a command that ends by itself."""
        with agent(["--verbose"], ["true"]) as program:
            assert 0 == program.wait()
            assert "command: attempt 1" in program.output
