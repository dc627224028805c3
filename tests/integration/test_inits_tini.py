"""The program under the name of tini: what holds for the original holds for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.inits import COUNTER, LIMIT_S, OURS, Terminal, original, run, until, witness, witness_pid

PATIENT = "trap 'exit 9' INT TERM; echo ready; while :; do sleep 0.02; done"


@pytest.fixture(params=["ours", "docker-init", "original"])
def tini(request: pytest.FixtureRequest, one_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the path of the program."""
    if request.param == "original":
        return original("tini")
    monkeypatch.setenv("PATH", f"{one_file}:{os.environ['PATH']}")
    return str(one_file / ("tini" if request.param == "ours" else request.param))


class TestExitCodes:
    @pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 128, 143, 255])
    def test_the_code_of_the_program_is_passed_on(self, tini: str, code: int) -> None:
        """A program that exits by itself says how."""
        assert code == run(tini, "--", "sh", "-c", f"exit {code}").returncode

    @pytest.mark.parametrize("number", [1, 2, 3, 6, 9, 11, 15, 34, 64])
    def test_a_death_by_signal_is_128_and_its_number(self, tini: str, number: int) -> None:
        """As in a shell."""
        program = f"import os; os.kill(os.getpid(), {number})"

        assert (
            128 + number
            == run(
                tini, "--", sys.executable, "-IS", "-c", f"import signal; signal.signal(2, signal.SIG_DFL); {program}"
            ).returncode
        )

    @pytest.mark.parametrize(
        ("codes", "ended", "left"), [((143,), 143, 0), ((3, 7), 7, 0), ((3, 7), 8, 8), ((0,), 0, 0)]
    )
    def test_codes_can_be_made_0(self, tini: str, codes: tuple[int, ...], ended: int, left: int) -> None:
        """Each -e names one, and others stay."""
        flags = [word for code in codes for word in ("-e", str(code))]

        assert left == run(tini, *flags, "--", "sh", "-c", f"exit {ended}").returncode

    def test_a_death_can_be_made_0(self, tini: str) -> None:
        """128 and the number is a code like others."""
        assert 0 == run(tini, "-e", "143", "--", "sh", "-c", "kill -TERM $$").returncode

    @pytest.mark.parametrize(("program", "code", "why"), [
        ("no-such-program", 127, "No such file or directory"),
        ("/no/such/program", 127, "No such file or directory"),
        ("/etc", 126, "Permission denied"),
        ("", 127, "No such file or directory"),
    ])  # fmt: skip
    def test_what_cannot_be_executed_is_told(self, tini: str, program: str, code: int, why: str) -> None:
        """The codes are those of a shell."""
        ended = run(tini, "--", program)

        assert code == ended.returncode
        assert f"exec {program} failed: {why}" in ended.stderr

    def test_a_script_without_a_first_line_is_run_by_sh(self, tini: str, tmp_path: Path) -> None:
        """As execvp does."""
        script = tmp_path / "script"
        script.write_text("exit $1\n")
        script.chmod(0o755)

        assert 5 == run(tini, "--", str(script), "5").returncode


class TestWords:
    def test_its_version_is_told(self, tini: str) -> None:
        """What asks docker-init for it looks for these words."""
        told = run(tini, "--version")

        assert (0, "") == (told.returncode, told.stderr)
        assert told.stdout.startswith("tini version 0.19.0")

    @pytest.mark.parametrize(
        "letter",
        [
            "-s",
            "-w",
            "-g",
            "-v",
            "-p SIGNAL",
            "-e EXIT_CODE",
            "-l",
            "TINI_SUBREAPER",
            "TINI_VERBOSITY",
            "TINI_KILL_PROCESS_GROUP",
        ],
    )
    def test_help_names_every_flag(self, tini: str, letter: str) -> None:
        """The help goes to standard output."""
        told = run(tini, "-h")

        assert 0 == told.returncode
        assert f"  {letter}:" in told.stdout

    def test_without_a_program_the_help_goes_to_standard_error(self, tini: str) -> None:
        """And the code is 1."""
        told = run(tini)

        assert (1, "") == (told.returncode, told.stdout)
        assert "supervision of a valid init process" in told.stderr

    def test_its_license_is_told(self, tini: str) -> None:
        """On standard output."""
        told = run(tini, "-l")

        assert 0 == told.returncode
        assert "icense" in told.stdout

    @pytest.mark.parametrize(("words", "said"), [
        (("-z", "--", "true"), "tini: invalid option -- 'z'"),
        (("sh", "-c", "true"), "tini: invalid option -- 'c'"),
        (("--version", "true"), "tini: invalid option -- '-'"),
        (("-p",), "tini: option requires an argument -- 'p'"),
        (("-p", "TERM", "--", "true"), "Not a valid option for -p: TERM"),
        (("-p", "SIGNONE", "--", "true"), "Not a valid option for -p: SIGNONE"),
        (("-e", "256", "--", "true"), "Not a valid option for -e: 256"),
        (("-e", "x", "--", "true"), "Not a valid option for -e: x"),
    ])  # fmt: skip
    def test_a_mistake_is_told(self, tini: str, words: tuple[str, ...], said: str) -> None:
        """Nothing is started, and the code is 1."""
        told = run(tini, *words)

        assert 1 == told.returncode
        assert said.replace("tini:", f"{Path(tini).name}:") in told.stderr.replace(f"{tini}:", f"{Path(tini).name}:")

    def test_flags_may_stand_behind_the_program(self, tini: str) -> None:
        """The arguments begin at the two dashes, unless POSIXLY_CORRECT makes the first word the program."""
        assert 0 == run(tini, "sh", "-e7", "--", "-c", "exit 7").returncode
        assert 7 == run(tini, "sh", "-c", "exit 7", POSIXLY_CORRECT="1").returncode

    def test_joined_flags_are_read(self, tini: str) -> None:
        """A value may follow its letter at once."""
        assert 0 == run(tini, "-sgwe7", "--", "sh", "-c", "exit 7").returncode

    def test_two_times_two_dashes_are_one_too_many(self, tini: str) -> None:
        """The second is the name of a program."""
        assert 127 == run(tini, "--", "--", "true").returncode

    @pytest.mark.parametrize(("flags", "environ", "told"), [
        (["-s"], "", []),
        (["-sv"], "", ["[INFO  tini"]),
        (["-svv"], "", ["[INFO  tini", "[DEBUG tini", "Received SIGCHLD"]),
        (["-svvv"], "", ["[INFO  tini", "[DEBUG tini", "[TRACE tini"]),
        (["-s"], "3", ["[INFO  tini", "[DEBUG tini", "Received SIGCHLD"]),
        (["-svvv"], "1", []),
        (["-svvv"], "none", []),
    ])  # fmt: skip
    def test_verbosity_is_counted(self, tini: str, flags: list[str], environ: str, told: list[str]) -> None:
        """The variable weighs more than the flags, and all of it goes to standard output."""
        ended = run(tini, *flags, "--", "true", **({"TINI_VERBOSITY": environ} if environ else {}))

        assert "" == ended.stderr
        assert [text for text in ("[INFO  tini", "[DEBUG tini", "[TRACE tini") if text in ended.stdout] == [
            t for t in told if t.startswith("[")
        ]
        assert all(text in ended.stdout for text in told)


class TestReaping:
    ORPHANS = "for i in 1 2 3; do (sleep 0.05 &) ; done; sleep 0.5"

    @pytest.mark.parametrize(("flags", "environ"), [(["-s"], {}), ([], {"TINI_SUBREAPER": ""})])
    def test_orphans_are_reaped(self, tini: str, flags: list[str], environ: dict[str, str]) -> None:
        """As a subreaper, by flag or variable, it gets them and warns of each where that is asked for."""
        quiet = run(tini, *flags, "--", "sh", "-c", self.ORPHANS, **environ)
        warned = run(tini, *flags, "-w", "--", "sh", "-c", self.ORPHANS, **environ)

        assert "" == quiet.stderr
        assert 3 == warned.stderr.count("Reaped zombie process with pid=")

    def test_who_cannot_reap_warns(self, tini: str) -> None:
        """Neither PID 1 nor a subreaper is given orphans."""
        assert "zombie reaping won't work" in run(tini, "--", "true").stderr
        assert "" == run(tini, "--", "true", TINI_VERBOSITY="0").stderr

    def test_pid_1_reaps(self, tini: str) -> None:
        """It is not told to, and warns of nothing."""
        ended = run("unshare", "--pid", "--fork", tini, "-w", "--", "sh", "-c", self.ORPHANS)

        assert 3 == ended.stderr.count("Reaped zombie process with pid=")
        assert "won't work" not in ended.stderr

    def test_a_subreaper_that_was_made_one_does_not_warn(self, tini: str) -> None:
        """The kernel keeps the mark over an exec, and it is looked at."""
        program = (
            f"import ctypes,os; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv({tini!r}, [{tini!r}, '--', 'true'])"
        )

        assert "" == run(sys.executable, "-IS", "-c", program).stderr

    def test_no_zombie_is_there_while_the_program_runs(self, tini: str) -> None:
        """Each is reaped as it ends."""
        script = "(sleep 0.01 &); (sleep 0.02 &); sleep 0.4; ps -o stat= --ppid $PPID | grep -c Z"

        assert "0\n" == run(tini, "-s", "--", "sh", "-c", script).stdout


class TestSignals:
    def test_every_signal_is_forwarded(self, tini: str) -> None:
        """Real-time ones too; those that mean a fault of the init itself and two of the terminal are not."""
        alone = {4, 5, 6, 7, 8, 11, 31, 21, 22, 9, 17, 19}
        with Program([tini, "-s", "--", *witness()]) as program:
            witness_pid(program)
            for number in sorted(signal.valid_signals() - alone):
                program.signal(number)

                assert program.wait_for(f"<{int(number)}>\n", LIMIT_S)

    def test_queued_signals_keep_their_number(self, tini: str) -> None:
        """A real-time signal that is sent a hundred times comes a hundred times."""
        with Program([tini, "-s", "--", sys.executable, "-IS", "-c", COUNTER]) as program:
            witness_pid(program)
            for _ in range(1000):
                program.signal(40)
            program.signal(64)

            assert program.wait_for("counted 1000\n", LIMIT_S)

    def test_two_of_the_terminal_are_ignored(self, tini: str) -> None:
        """TTIN and TTOU reach neither the init nor its program."""
        with Program([tini, "-s", "--", *witness()]) as program:
            witness_pid(program)
            program.signal("TTIN")
            program.signal("TTOU")
            program.signal("USR1")

            assert "<21>" not in program.wait_for("<10>", LIMIT_S)
            assert "<22>" not in program.output

    @pytest.mark.parametrize(("flags", "environ"), [(["-g"], {}), ([], {"TINI_KILL_PROCESS_GROUP": ""})])
    def test_the_group_can_have_them(self, tini: str, flags: list[str], environ: dict[str, str]) -> None:
        """With -g, or the variable, what the program has started gets the signal too."""
        # The shell goes on when it is told, and waits a second time: only the end of what it has started ends it.
        child = f"{sys.executable} -IS -c 'import os, time; os.write(1, b\"ready\"); time.sleep(100)'"
        script = f"trap : USR1; {child} & wait; wait; echo over"
        with Program([tini, "-s", *flags, "--", "bash", "-c", script], env=environ) as program:
            program.wait_for("ready", LIMIT_S)
            program.signal("USR1")

            assert "over" in program.wait_for("over", LIMIT_S)

    def test_without_it_only_the_program_has_them(self, tini: str) -> None:
        """What the program has started goes on."""
        with Program([tini, "-s", "--", "sh", "-c", "sleep 100 & echo pid $!; wait"]) as program:
            left = int(program.wait_for("\n", LIMIT_S).split()[1])
            program.signal("TERM")

            assert 143 == program.wait(LIMIT_S)
            assert until("SR", left)

    @pytest.mark.parametrize("number", [4, 6, 8, 11, 31])
    def test_a_fault_is_its_own(self, tini: str, number: int) -> None:
        """A signal that means a fault of the init ends the init."""
        with Program([tini, "-s", "--", *witness()]) as program:
            witness_pid(program)
            program.signal(number)

            assert -number == program.wait(LIMIT_S)

    def test_what_was_blocked_or_ignored_stays_so(self, tini: str) -> None:
        """The program begins with the mask and the ignored signals of whoever started the init."""
        program = (
            "import os,signal\n"
            "for n in (signal.SIGTTOU, signal.SIGINT, signal.SIGUSR1): signal.signal(n, signal.SIG_IGN)\n"
            "signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTTIN, signal.SIGTERM, 40})\n"
            f"os.execv({tini!r}, [{tini!r}, '-s', '--', 'cat', '/proc/self/status'])"
        )
        lines = run(sys.executable, "-IS", "-c", program).stdout.splitlines()
        masks = {line[:6]: int(line.split()[1], 16) & OURS for line in lines if line.startswith(("SigBlk", "SigIgn"))}

        assert 1 << 20 | 1 << 14 | 1 << 39 == masks["SigBlk"]
        assert 1 << 21 | 1 << 1 | 1 << 9 == masks["SigIgn"] & ~(1 << 12 | 1 << 24)

    def test_the_death_of_the_parent_can_be_told(self, tini: str) -> None:
        """With -p the init gets a signal, and forwards it as any other."""
        parent = f"import os,subprocess,sys,signal; subprocess.Popen([{tini!r}, '-s', '-p', 'SIGUSR2', '--', *{witness()!r}]); signal.pause()"
        with Program([sys.executable, "-IS", "-c", parent]) as program:
            witness_pid(program)
            program.signal("KILL")

            assert program.wait_for("<12>", LIMIT_S)


class TestTheTerminal:
    def test_the_program_is_in_the_foreground_of_it(self, tini: str) -> None:
        """It leads a group of its own, which can read."""
        with Terminal(
            [tini, "-s", "--", "sh", "-c", "ps -o pid=,pgid=,tpgid= $$; read line; echo got $line"]
        ) as terminal:
            terminal.type("words\n")
            told = terminal.wait_for("got words").split()

            assert told[0] == told[1] == told[2]
            assert 0 == terminal.wait()

    def test_a_shell_has_its_job_control(self, tini: str) -> None:
        """No warning, and `m` among its flags."""
        with Terminal([tini, "-s", "--", "bash", "--norc", "-i"], PS1="") as terminal:
            terminal.type("echo flags [$-]; exit 3\n")

            assert "m" in terminal.wait_for("]\n").rpartition("[")[2]
            assert 3 == terminal.wait()
            assert "no job control" not in terminal.output

    def test_a_key_reaches_the_program_once(self, tini: str) -> None:
        """Ctrl-C is for the foreground, in which the init is not."""
        with Terminal([tini, "-s", "--", *witness()]) as terminal:
            terminal.wait_for("ready")
            terminal.type("\x03")
            terminal.wait_for("<2>")
            terminal.signal(signal.SIGUSR1)

            assert 1 == terminal.wait_for("<10>").count("<2>")

    def test_inits_can_be_nested(self, tini: str) -> None:
        """The last program is in the foreground."""
        with Terminal([tini, "-s", "--", tini, "-s", "--", "sh", "-c", "read line; echo got $line"]) as terminal:
            terminal.type("words\n")

            assert terminal.wait_for("got words")
            assert 0 == terminal.wait()

    def test_pipes_are_handed_on(self, tini: str) -> None:
        """Standard input needs to be no terminal."""
        ended = subprocess.run(
            [tini, "-s", "--", "sh"], input=b"echo $((6 * 7)); exit 4", capture_output=True, timeout=60, check=False
        )

        assert (4, b"42\n") == (ended.returncode, ended.stdout)
