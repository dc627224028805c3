"""The program under the name of dumb-init: what holds for the original holds for it."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.inits import COUNTER, LIMIT_S, OURS, Terminal, original, run, state, until, witness, witness_pid

SESSION = {"DUMB_INIT_SETSID": "1"}
ALONE = {"DUMB_INIT_SETSID": "0"}
PLAIN = sorted({*range(1, 32)} - {9, 17, 19, 20, 21, 22})
SUSPENDING = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
USAGE_OF_RULES = (
    "Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.\n"
    "This option can be specified multiple times.\n"
    "Use --help for full usage.\n"
)


@pytest.fixture(params=["ours", "original"])
def dumb_init(request: pytest.FixtureRequest, one_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the path of the program."""
    if request.param == "original":
        return original("dumb-init")
    monkeypatch.setenv("PATH", f"{one_file}:{os.environ['PATH']}")
    return str(one_file / "dumb-init")


@pytest.fixture(params=["1", "0"])
def debug(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return both settings of the variable that makes it talk."""
    return {"DUMB_INIT_DEBUG": request.param}


@pytest.fixture(params=["1", "0"])
def modes(request: pytest.FixtureRequest, debug: dict[str, str]) -> dict[str, str]:
    """Return every setting of both variables."""
    return {"DUMB_INIT_SETSID": request.param, **debug}


class TestExitCodes:
    @pytest.mark.parametrize("code", [0, 1, 2, 32, 64, 127, 130, 254, 255])
    def test_the_code_of_the_program_is_passed_on(self, dumb_init: str, modes: dict[str, str], code: int) -> None:
        """A program that exits by itself says how."""
        assert code == run(dumb_init, "sh", "-c", f"exit {code}", **modes).returncode

    @pytest.mark.parametrize("number", [2, 3, 9, 15, 34])
    def test_a_death_by_signal_is_128_and_its_number(self, dumb_init: str, modes: dict[str, str], number: int) -> None:
        """As in a shell."""
        assert 128 + number == run(dumb_init, "sh", "-c", f"kill -{number} $$", **modes).returncode

    @pytest.mark.parametrize(
        "words", [("/no/such",), ("--", "/no/such"), ("-c", "/no/such"), ("--single-child", "--", "/no/such")]
    )
    def test_what_cannot_be_executed_is_told(
        self, dumb_init: str, modes: dict[str, str], words: tuple[str, ...]
    ) -> None:
        """With the reason of the system and the code 2."""
        ended = run(dumb_init, *words, **modes)

        assert 2 == ended.returncode
        assert "[dumb-init] /no/such: No such file or directory\n" in ended.stderr


class TestWords:
    def test_without_a_program_its_usage_is_told(self, dumb_init: str, modes: dict[str, str]) -> None:
        """On standard error, and the code is 1."""
        told = run("dumb-init" if dumb_init.startswith("/usr") else dumb_init, **modes)

        assert 1 == told.returncode
        assert "Usage: dumb-init [option] program [args]\nTry dumb-init --help for full usage.\n" == told.stderr

    @pytest.mark.parametrize("flag", ["-h", "--help", "--he"])
    def test_help_names_every_flag(self, dumb_init: str, flag: str) -> None:
        """On standard error, and the code is 0."""
        told = run(dumb_init, flag)

        assert (0, "") == (told.returncode, told.stdout)
        for name in ("-c, --single-child", "-r, --rewrite s:r", "-v, --verbose", "-h, --help", "-V, --version"):
            assert f"   {name}  " in told.stderr

    @pytest.mark.parametrize("flag", ["-V", "--version"])
    def test_its_version_is_told(self, dumb_init: str, flag: str) -> None:
        """On standard error."""
        told = run(dumb_init, flag)

        assert (0, "dumb-init v1.2.5\n") == (told.returncode, told.stderr)

    @pytest.mark.parametrize(("words", "said"), [
        (("--yolo", "true"), "unrecognized option '--yolo'"),
        (("-x", "true"), "invalid option -- 'x'"),
        (("--ver", "true"), "option '--ver' is ambiguous; possibilities: '--verbose' '--version'"),
        (("--help=x",), "option '--help' doesn't allow an argument"),
        (("--rewrite",), "option '--rewrite' requires an argument"),
        (("-r",), "option requires an argument -- 'r'"),
    ])  # fmt: skip
    def test_a_mistake_is_told(self, dumb_init: str, words: tuple[str, ...], said: str) -> None:
        """In one line, and the code is 1."""
        told = run(dumb_init, *words)

        assert 1 == told.returncode
        assert f"dumb-init: {said}\n" == told.stderr.replace(dumb_init, "dumb-init")

    @pytest.mark.parametrize(
        "rule", ["", "herp", "herp:derp", "15", "15::12", "15:derp", "1:32", "0:1", "32:1", "15:12 -r", "15:12 -r 0"]
    )
    def test_a_wrong_rule_is_told(self, dumb_init: str, modes: dict[str, str], rule: str) -> None:
        """Nothing is started; a rule that lacks its value takes the next word for it."""
        words = rule.split(" ") if rule else [""]
        told = run(dumb_init, "-r", *words, "echo", "hi", **modes)

        assert (1, "", USAGE_OF_RULES) == (told.returncode, told.stdout, told.stderr)

    @pytest.mark.parametrize("flag", ["-v", "--verbose", "--verb"])
    def test_verbose_tells_what_happens(self, dumb_init: str, flag: str) -> None:
        """Parent and child talk at the same time."""
        told = run(dumb_init, flag, "echo", "oh,", "hi")

        assert (0, "oh, hi\n") == (told.returncode, told.stdout)
        assert "[dumb-init] setsid complete.\n" in told.stderr
        assert re.search(
            r"\[dumb-init\] Child spawned with PID [0-9]+\.\n(.*\n)*"
            r"\[dumb-init\] Received signal 17\.\n"
            r"\[dumb-init\] A child with PID [0-9]+ exited with exit status 0\.\n"
            r"\[dumb-init\] Forwarded signal 15 to children\.\n"
            r"\[dumb-init\] Child exited with status 0\. Goodbye\.\n$",
            told.stderr,
        )

    @pytest.mark.parametrize("flags", [("-vc",), ("-v", "-c"), ("--verbose", "--single-child"), ("-c", "--verb")])
    def test_a_single_child_makes_fewer_words(self, dumb_init: str, flags: tuple[str, ...]) -> None:
        """Nothing is said of sessions and terminals."""
        told = run(dumb_init, *flags, "true")

        assert re.match(
            r"\[dumb-init\] Child spawned with PID [0-9]+\.\n"
            r"\[dumb-init\] Received signal 17\.\n"
            r"\[dumb-init\] A child with PID [0-9]+ exited with exit status 0\.\n"
            r"\[dumb-init\] Forwarded signal 15 to children\.\n"
            r"\[dumb-init\] Child exited with status 0\. Goodbye\.\n$",
            told.stderr,
        )

    def test_what_stands_behind_the_program_is_its_own(self, dumb_init: str) -> None:
        """The first word that is no flag ends the flags."""
        assert "-v --help\n" == run(dumb_init, "echo", "-v", "--help").stdout

    def test_several_can_be_strung_together(self, dumb_init: str, modes: dict[str, str]) -> None:
        """Each is a program like others to the one before."""
        assert "hi\n" == run(dumb_init, dumb_init, dumb_init, "echo", "hi", **modes).stdout

    def test_only_the_program_stays_in_the_directory(self, dumb_init: str, tmp_path: Path) -> None:
        """What the init was started in can be unmounted."""
        # It leaves the directory when the program has begun.
        wait = "until [ $(readlink /proc/$PPID/cwd) = / ]; do sleep 0.01; done"
        script = f"cd {tmp_path} && {dumb_init} sh -c '{wait}; readlink /proc/$$/cwd'"

        assert f"{tmp_path}\n" == run("sh", "-c", script).stdout


class TestSignals:
    def test_every_signal_is_forwarded(self, dumb_init: str, modes: dict[str, str]) -> None:
        """Also those that mean a fault."""
        with Program([dumb_init, *witness()], env=modes) as program:
            witness_pid(program)
            for number in PLAIN:
                program.signal(number)

                assert program.wait_for(f"<{number}>\n", LIMIT_S)

    def test_queued_signals_keep_their_number(self, dumb_init: str) -> None:
        """A real-time signal that is sent a thousand times comes a thousand times."""
        with Program([dumb_init, sys.executable, "-IS", "-c", COUNTER]) as program:
            witness_pid(program)
            for _ in range(1000):
                program.signal(40)
            program.signal(64)

            assert program.wait_for("counted 1000\n", LIMIT_S)

    @pytest.mark.parametrize(("rules", "sent", "came"), [
        ({}, [15, 3, 18, 2], [15, 3, 18, 2]),
        ({15: 2}, [15, 3, 18, 2], [2, 3, 18, 2]),
        ({15: 2, 2: 15, 3: 3}, [15, 3, 18, 2], [2, 3, 18, 15]),
        ({1: 31, 31: 1}, [1, 31], [31, 1]),
    ])  # fmt: skip
    def test_signals_are_rewritten(
        self, dumb_init: str, modes: dict[str, str], rules: dict[int, int], sent: list[int], came: list[int]
    ) -> None:
        """Each by its own rule, once."""
        flags = [word for old, new in rules.items() for word in ("-r", f"{old}:{new}")]
        with Program([dumb_init, *flags, *witness()], env={**modes, "DUMB_INIT_DEBUG": "0"}) as program:
            witness_pid(program)
            for count, number in enumerate(sent, 1):
                program.signal(number)
                program.wait_for("".join(f"<{each}>\n" for each in came[:count]), LIMIT_S)

            assert program.output.endswith("".join(f"<{each}>\n" for each in came))

    def test_a_signal_that_becomes_0_is_swallowed(self, dumb_init: str, modes: dict[str, str]) -> None:
        """Those that follow are not."""
        with Program([dumb_init, "--rewrite=2:0", "-r", "28:0", "-r15:3", *witness()], env=modes) as program:
            witness_pid(program)
            for number in (2, 28, 15):
                program.signal(number)
            program.wait_for("<3>", LIMIT_S)

            assert not {"<2>", "<28>", "<15>"} & set(re.findall("<[0-9]+>", program.output))

    @pytest.mark.parametrize("environ", [SESSION, {**SESSION, "DUMB_INIT_DEBUG": "1"}])
    def test_a_session_suspends_as_one(self, dumb_init: str, environ: dict[str, str]) -> None:
        """TSTP, TTIN and TTOU stop both, and CONT wakes both."""
        with Program([dumb_init, *witness()], env=environ) as program:
            pid = witness_pid(program)
            for count, number in enumerate(SUSPENDING, 1):
                program.signal(number)

                assert until("T", program.pid, pid)

                program.signal(signal.SIGCONT)

                assert until("RS", program.pid, pid)
                assert program.wait_for("<18>\n", LIMIT_S).count("<18>") <= count

    def test_alone_it_forwards_the_three_and_stops_itself(self, dumb_init: str, debug: dict[str, str]) -> None:
        """What the program makes of them is its own."""
        with Program([dumb_init, *witness()], env={**ALONE, **debug}) as program:
            pid = witness_pid(program)
            for number in SUSPENDING:
                program.signal(number)

                assert program.wait_for(f"<{int(number)}>", LIMIT_S)
                assert until("T", program.pid)
                assert "T" != state(pid)

                program.signal(signal.SIGCONT)

                assert until("RS", program.pid)

    def test_the_rules_for_the_three_can_be_replaced(self, dumb_init: str) -> None:
        """The init suspends itself all the same."""
        with Program([dumb_init, "-r", "20:1", "-r", "21:15", "-r", "22:2", *witness()], env=SESSION) as program:
            witness_pid(program)
            for number, came in ((20, 1), (21, 15), (22, 2)):
                program.signal(number)

                assert program.wait_for(f"<{came}>", LIMIT_S)
                assert until("T", program.pid)

                program.signal(signal.SIGCONT)

                assert until("RS", program.pid)

    def test_nothing_stays_blocked_or_ignored(self, dumb_init: str) -> None:
        """The program begins afresh, whatever its caller had blocked or ignored."""
        program = (
            "import os,signal\n"
            "for n in (signal.SIGTTOU, signal.SIGINT, signal.SIGUSR1): signal.signal(n, signal.SIG_IGN)\n"
            "signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTTIN, signal.SIGTERM})\n"
            f"os.execv({dumb_init!r}, [{dumb_init!r}, 'cat', '/proc/self/status'])"
        )
        lines = run(sys.executable, "-IS", "-c", program).stdout.splitlines()
        masks = [int(line.split()[1], 16) & OURS for line in lines if line.startswith(("SigBlk", "SigIgn"))]

        assert [0, 0] == masks


PIPELINES = "sleep 1000 | cat & sleep 1000 | cat >&2"


class TestTheRest:
    def test_the_session_gets_the_signal_as_one(self, dumb_init: str, debug: dict[str, str]) -> None:
        """Also what a shell has started, which would not hand it on."""
        with Program([dumb_init, "sh", "-c", f"{PIPELINES} & wait"], env={**SESSION, **debug}) as program:
            pids = self.of_session(program.pid, 5)
            program.signal("TERM")

            assert 143 == program.wait(LIMIT_S)
            assert until("-", *pids)

    def test_a_single_child_gets_it_alone(self, dumb_init: str, debug: dict[str, str]) -> None:
        """What it has started goes on."""
        with Program([dumb_init, "sh", "-c", "sleep 100 & echo pid $!; wait"], env={**ALONE, **debug}) as program:
            left = int(program.wait_for("pid ", LIMIT_S).partition("pid ")[2].split()[0])
            program.signal("TERM")

            assert 143 == program.wait(LIMIT_S)
            assert until("SR", left)

    @pytest.mark.parametrize(("environ", "told"), [(SESSION, True), (ALONE, False)])
    def test_what_the_program_leaves_is_told_to_end(
        self, dumb_init: str, environ: dict[str, str], told: bool, tmp_path: Path
    ) -> None:
        """With TERM, where it has a session; without one nobody is told."""
        # The shell leaves when the other is ready.
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        command = "; ".join([f'{{ {sys.executable} -IS -c "$WITNESS" & }}', f"read line < {fifo}"])
        witnessed = witness()[-1].replace("while True", f"open({str(fifo)!r}, 'w').write('x\\n')\nwhile True")
        with Program([dumb_init, "sh", "-c", command], env={**environ, "WITNESS": witnessed}) as program:
            pid = witness_pid(program)

            assert 0 == program.wait(LIMIT_S)

            os.kill(pid, signal.SIGUSR1)
            program.wait_for("<10>", LIMIT_S)

            assert told == ("<15>" in program.output)

    def test_orphans_are_reaped_by_pid_1(self, dumb_init: str) -> None:
        """While the program runs."""
        script = "(sleep 0.01 &); (sleep 0.02 &); sleep 0.4; ps -o stat= --ppid 1 | grep -c Z"

        assert "0\n" == run("unshare", "--pid", "--fork", "--mount-proc", dumb_init, "sh", "-c", script).stdout

    @staticmethod
    def of_session(parent: int, count: int) -> list[int]:
        """Wait until *count* processes descend from *parent* and return them."""
        while True:
            parents = {}
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:
                    continue
            found, waiting = [], [parent]
            while waiting:
                children = [pid for pid, above in parents.items() if above == waiting[0]]
                waiting = waiting[1:] + children
                found += children
            if len(found) >= count:
                return found


class TestTheTerminal:
    def test_the_program_can_read_and_write(self, dumb_init: str) -> None:
        """It has the terminal."""
        with Terminal([dumb_init, "tac"], DUMB_INIT_DEBUG="0") as terminal:
            terminal.type("1\n2\n3\n\x04\x04")

            assert 0 == terminal.wait()
            assert "3\n2\n1\n" == terminal.output

    def test_a_shell_has_its_job_control(self, dumb_init: str, modes: dict[str, str]) -> None:
        """`m` is among its flags."""
        with Terminal([dumb_init, "bash", "-m"], **modes) as terminal:
            terminal.type('echo "flags are: [[$-]]"\nexit 0\n')

            assert 0 == terminal.wait()
            found = re.search(r"flags are: \[\[([a-zA-Z]+)\]\]\n", terminal.output)
            assert found
            assert "m" in found.group(1)

    def test_the_program_leads_the_session_of_the_terminal(self, dumb_init: str) -> None:
        """And the foreground group of it."""
        with Terminal([dumb_init, "sh", "-c", "ps -o pid=,sid=,tpgid= $$; exit 3"]) as terminal:
            assert 3 == terminal.wait()

            pid, session, foreground = terminal.output.split()
            assert pid == session == foreground

    def test_the_signals_of_the_handover_are_not_forwarded(self, dumb_init: str) -> None:
        """The first HUP and CONT come from the kernel because it let go of the terminal; the second are meant."""
        with Terminal([dumb_init, "-v", *witness()]) as terminal:
            terminal.wait_for("ready")
            terminal.wait_for("Ignoring tty hand-off signal 1.")
            terminal.wait_for("Ignoring tty hand-off signal 18.")
            terminal.signal(signal.SIGHUP)

            assert "Forwarded signal 18" not in terminal.wait_for("<1>")
            assert "Forwarded signal 1 to children." in terminal.output

    def test_a_key_reaches_the_program(self, dumb_init: str) -> None:
        """Ctrl-C comes from the terminal, once."""
        with Terminal([dumb_init, *witness()]) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")
            terminal.wait_for("<2>")
            terminal.signal(signal.SIGUSR1)

            assert 1 == terminal.wait_for("<10>").count("<2>")
