"""The agent and its command's beginning: what cannot be started, what is handed on, and the exit code."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.integration.agents import SLEEPER, agent, outcomes, python, stops_with

DUMP = "import os,signal; print(os.environ.get('PROCESSENDER_GRACE'), os.environ.get('NOTIFY_SOCKET') == '/x')"


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the reports of these agents where nobody looks for them."""
    monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "private"))


class TestWhatCannotBeStarted:
    @pytest.mark.parametrize(
        ("command", "code", "said"),
        [
            (["no-such-program"], 127, "cannot start 'no-such-program': it is not in PATH"),
            (["/no/such/program"], 127, "cannot start '/no/such/program': there is no such file; check the path"),
            (["/etc/passwd/x"], 127, "there is no such file; check the path"),
            ([""], 127, "the name of the command is empty"),
            (["/etc/passwd"], 126, "cannot start '/etc/passwd': it is not executable; chmod +x /etc/passwd"),
            (["/etc"], 126, "cannot start '/etc': it is a directory"),
        ],
    )
    def test_the_code_is_that_of_a_shell(self, command: list[str], code: int, said: str) -> None:
        """And the message names the thing, the reason and the next step."""
        with agent([], command) as program:
            assert code == program.wait()
            assert said in program.output

    def test_a_script_without_a_first_line_is_no_program(self, tmp_path: Path) -> None:
        """Nobody guesses its interpreter."""
        script = tmp_path / "script"
        script.write_text("echo hello\n")
        script.chmod(0o755)
        with agent([], [str(script)]) as program:
            assert 126 == program.wait()
            assert "give it a first line such as #!/bin/sh" in program.output

    def test_a_missing_interpreter_is_named_as_that(self, tmp_path: Path) -> None:
        """`No such file` about a file that is there has cost many an hour."""
        script = tmp_path / "script"
        script.write_text("#!/no/such/interpreter\n")
        script.chmod(0o755)
        with agent([], [str(script)]) as program:
            assert 126 == program.wait()
            assert "its interpreter is missing" in program.output

    def test_what_is_in_path_and_not_executable_is_126(self, tmp_path: Path) -> None:
        """As a shell says."""
        (tmp_path / "tool").write_text("#!/bin/sh\n")
        with agent([], ["tool"], PATH=str(tmp_path)) as program:
            assert 126 == program.wait()
            assert f"chmod +x {tmp_path}/tool" in program.output

    def test_a_file_that_is_being_written_is_126(self, tmp_path: Path) -> None:
        """What else the system says stands in the message."""
        tool = tmp_path / "tool"
        shutil.copy("/bin/true", tool)
        with tool.open("ab"), agent([], [str(tool)]) as program:
            assert 126 == program.wait()
            assert "Text file busy" in program.output

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--grace", "5"], "--grace: '5' has no unit; give a unit: '5s'"),
            (["--drain-delay", "40s"], "drain_delay, 40s, is not shorter than grace, 30s"),
            (["--probe-listen", "x"], "--probe-listen: 'x' names no port"),
            (["--probe-listen", "203.0.113.1:80"], "cannot listen on '203.0.113.1:80' for probes"),
            (["-c", "/no/such.toml"], "/no/such.toml: cannot be read: No such file or directory"),
            (["--grase", "5s"], "there is no option '--grase'; did you mean '--grace'?"),
            (["--exit", "x"], "--exit: invalid choice: 'x'; choose from code, reraise;"),
            (["--preset", "postgress"], "unicorn; did you mean 'postgres'?"),
            (["--restart", "on-fail"], "choose from never, on-failure, always; did you mean 'on-failure'?"),
            (["--parent-death", "TREM"], "--parent-death: there is no signal 'TREM'; did you mean 'TERM'?"),
            (["--on-signal", "FOO:stop"], "there is no signal 'FOO'; write it like TERM, SIGTERM, 15 or RTMIN+3"),
        ],
    )
    def test_a_mistake_starts_nothing(self, tmp_path: Path, options: list[str], said: str) -> None:
        """The code is 125."""
        mark = tmp_path / "mark"
        with agent(options, ["touch", str(mark)]) as program:
            assert 125 == program.wait()
            assert said in program.output
        assert not mark.exists()

    def test_every_mistake_in_a_file_is_told_and_nothing_is_started(self, tmp_path: Path) -> None:
        """Each with its line."""
        file, mark = tmp_path / "pe.toml", tmp_path / "mark"
        file.write_text("grace = 3\n[handlers.a]\nrun = []\nneeds = ['b']\n")
        with agent(["-c", str(file)], ["touch", str(mark)]) as program:
            assert 125 == program.wait()
            assert "cannot start: 3 mistakes in the configuration" in program.output
            assert [f"{file}:{n}: " in program.output for n in (1, 3, 4)] == [True] * 3
        assert not mark.exists()

    def test_no_command_is_a_mistake(self) -> None:
        """With an example of how to give one."""
        with agent(["--grace", "5s"], []) as program:
            assert 125 == program.wait()
            assert "put one behind the --" in program.output


class TestExitCode:
    @pytest.mark.parametrize("code", [0, 1, 7, 75, 125, 126, 127, 137, 255])
    def test_it_is_that_of_the_command(self, code: int) -> None:
        """Whatever it means."""
        with agent([], ["sh", "-c", f"exit {code}"]) as program:
            assert code == program.wait()

    @pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV", "USR1", "PIPE"])
    def test_death_by_a_signal_is_128_and_its_number(self, name: str) -> None:
        """As a shell says it; an OOM kill is never a success."""
        with agent([], ["sh", "-c", f"ulimit -c 0; kill -{name} $$"]) as program:
            assert 128 + signal.Signals[f"SIG{name}"] == program.wait()

    @pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV"])
    def test_reraise_dies_of_the_same_signal(self, name: str) -> None:
        """For who looks at the status rather than the code."""
        with agent(["--exit", "reraise"], ["sh", "-c", f"ulimit -c 0; kill -{name} $$"]) as program:
            assert -signal.Signals[f"SIG{name}"] == program.wait()

    @pytest.mark.parametrize(
        ("script", "code"),
        [("exit 3", 0), ("exit 4", 4), ("kill -TERM $$", 0), ("kill -KILL $$", 137), ("exit 0", 0)],
    )
    def test_codes_that_are_expected_are_0(self, tmp_path: Path, script: str, code: int) -> None:
        """And no crash; others stay what they are."""
        options = ["--expect-exit", "3", "--expect-exit", "143"]
        with agent(options, ["sh", "-c", script], PROCESSENDER_STATE=str(tmp_path)) as program:
            assert code == program.wait(60.0)
        assert bool(code) == bool(list(tmp_path.glob("*/crashes/*.json")))

    def test_an_end_that_was_asked_for_can_be_0(self) -> None:
        """As for platforms that take 143 for a failure."""
        with agent(["--expect-exit", "143"], SLEEPER) as program:
            assert 0 == stops_with(program)
            assert 0 == program.report()["exit"]

    @pytest.mark.parametrize("word", ["x", "-1", "256"])
    def test_an_expected_code_that_none_can_have_is_a_mistake(self, word: str) -> None:
        """Told before anything starts."""
        with agent(["--expect-exit", word], SLEEPER) as program:
            assert 125 == program.wait()
            assert "--expect-exit" in program.output

    def test_what_ends_at_once_is_not_missed(self) -> None:
        """However fast it is."""
        codes = []
        for _ in range(5):
            with agent([], ["sh", "-c", "exit 9"]) as program:
                codes.append(program.wait())

        assert [9] * 5 == codes

    def test_the_report_knows_it(self) -> None:
        """And the cause is that the command has ended."""
        with agent([], ["sh", "-c", "exit 3"]) as program:
            program.wait()
            report = program.report()

        assert ("exit", 3, "clean", "sh") == (report["cause"], report["exit"], report["verdict"], report["service"])

    def test_strict_tells_an_unclean_shutdown(self, tmp_path: Path) -> None:
        """0 becomes 70 when a handler failed; another code stays."""
        file = tmp_path / "pe.toml"
        file.write_text('[handlers.a]\nrun = ["false"]\n')
        codes = []
        for options, code in (([], 0), (["--strict"], 0), (["--strict"], 4)):
            with agent(["-c", str(file), *options], ["sh", "-c", f"exit {code}"]) as program:
                codes.append((program.wait(), program.report()["exit"]))

        assert [(0, 0), (70, 70), (4, 4)] == codes

    def test_strict_leaves_a_clean_shutdown_alone(self) -> None:
        """It is about what was unclean."""
        with agent(["--strict"], ["true"]) as program:
            assert 0 == program.wait()


class TestWhatIsHandedOn:
    def test_the_command_is_told_its_budget(self) -> None:
        """Its own, with a unit: grace less the reserve, the delay, and what it takes to kill."""
        with agent(["--grace", "20s", "--drain-delay", "4s"], python(DUMP), NOTIFY_SOCKET="/x") as program:
            program.wait()
            budget, notified = program.output.split()

        assert "False" == notified
        assert budget.endswith("s")
        assert 12 < float(budget.removesuffix("s")) < 14

    def test_the_budget_leaves_room_for_what_must_follow(self, tmp_path: Path) -> None:
        """A `must` handler with 8 s is 8 s less for the command."""
        file = tmp_path / "pe.toml"
        file.write_text('grace = "20s"\n[handlers.a]\nrun = ["true"]\nimportance = "must"\ntimeout = "8s"\n')
        with agent(["-c", str(file)], python(DUMP)) as program:
            program.wait()
            budget = float(program.output.split()[0].removesuffix("s"))

        assert 8 < budget < 10

    def test_an_outer_budget_is_the_grace(self) -> None:
        """An agent inside an agent has what the outer one left it."""
        with agent([], python(DUMP), PROCESSENDER_GRACE="10s") as program:
            program.wait()
            budget = float(program.output.split()[0].removesuffix("s"))

        assert 7 < budget < 9

    @pytest.mark.parametrize("name", ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"])
    def test_the_agents_own_sockets_and_timers_are_kept_back(self, name: str) -> None:
        """The command would speak in the agent's name."""
        with agent([], ["sh", "-c", f'echo "<${{{name}-unset}}>"'], **{name: "1"}) as program:
            program.wait()
            assert "<1>" not in program.output

    def test_arguments_arrive_as_they_are(self) -> None:
        """Also a `--` of the command's own."""
        with agent([], ["printf", "<%s>", "--", "$(id)", "a b", "--grace"]) as program:
            program.wait()
            assert "<$(id)><a b><--grace>" in program.output

    def test_a_command_without_the_mark_is_taken_too(self) -> None:
        """As `env` and `nice` do."""
        argv = [sys.executable, "-m", "processender", "run", "--grace", "5s", "sh", "-c", "echo $0 $1", "--", "x"]
        done = subprocess.run(argv, cwd="/", capture_output=True, text=True, check=False)

        assert "-- x\n" == done.stdout

    def test_the_standard_streams_are_those_of_the_agent(self) -> None:
        """Input too."""
        argv = [sys.executable, "-m", "processender", "run", "--", "sh", "-c", "cat; echo err >&2"]
        done = subprocess.run(argv, cwd="/", input="in", capture_output=True, text=True, check=False)

        assert ("in", "err\n") == (done.stdout, done.stderr)

    def test_it_has_a_session_of_its_own_and_ordinary_signals(self) -> None:
        """Nothing that Python or the agent did to signals reaches it."""
        look = "grep -E 'Sig(Blk|Ign)' /proc/self/status; [ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo own: 1"
        with agent([], ["sh", "-c", look]) as program:
            program.wait()
            said = {key: int(text, 16) for key, text in (line.split(":") for line in program.output.splitlines())}

        # 32 and 33 are signals of the C library's own, which its posix_spawn ignores.
        assert {"SigBlk": 0, "SigIgn": 0, "own": 1} == said | {"SigIgn": said["SigIgn"] & 0x7FFFFFFF}

    def test_a_signal_that_was_ignored_stays_ignored(self) -> None:
        """Whoever started us with nohup wants it so."""
        argv = [sys.executable, "-m", "processender", "run", "--", "grep", "SigIgn", "/proc/self/status"]
        done = subprocess.run(["nohup", *argv], cwd="/", capture_output=True, text=True, check=False)

        assert int(done.stdout.split()[1], 16) & 1 << signal.SIGHUP - 1

    def test_no_descriptor_of_the_agent_leaks(self) -> None:
        """The command has three, and the one that it lists them with."""
        with agent(["--probe-listen", "127.0.0.1:0"], ["ls", "/proc/self/fd"]) as program:
            program.wait()
            assert ["0", "1", "2", "3"] == program.output.split()


class TestDisabled:
    def test_the_command_takes_our_place(self) -> None:
        """As if we had never been there: the same process, and no report."""
        with agent([], ["sh", "-c", "echo $$; exec sleep 60"], PROCESSENDER_DISABLE="1") as program:
            program.wait_for("\n")
            own = int(program.output)
            program.signal("TERM")

            assert program.pid == own
            assert -signal.SIGTERM == program.wait()
            assert [] == list(program.state.iterdir())

    def test_a_missing_command_is_still_127(self) -> None:
        """Nobody else says it."""
        with agent([], ["no-such-program"], PROCESSENDER_DISABLE="1") as program:
            assert 127 == program.wait()

    def test_pipes_break_as_usual(self) -> None:
        """Python ignores SIGPIPE for itself, not for others."""
        with agent([], ["grep", "SigIgn", "/proc/self/status"], PROCESSENDER_DISABLE="1") as program:
            program.wait()
            ignored = int(program.output.split()[1], 16)
            assert 0 == ignored & 1 << (signal.SIGPIPE - 1)


def test_every_handler_ran() -> None:
    """The agent's own three, after a TERM."""
    with agent(["--drain-delay", "10ms"], SLEEPER) as program:
        assert 143 == stops_with(program)
        assert {"readiness": "done", "drain-delay": "done", "command": "done"} == outcomes(program)


LOADED = """
import os, sys
import processender.agent.runner as runner
begin, told = runner.Agent._begin, []
def begun(self):
    begin(self); told.append(set(sys.modules))
    import processender.agent.engine as engine, threading, time
    def await_books():
        while not hasattr(sys.modules.get('processender.telemetry.totals'), 'take'):
            time.sleep(0.01)
        open(os.environ['READY'], 'w').close()
    threading.Thread(target=await_books, daemon=True).start()
    hear = engine.Engine.hear
    def heard(self, what):
        told.append(set(sys.modules)); hear(self, what)
    engine.Engine.hear = heard
def left(ending, *, reraise):
    os.write(1, ('loaded: ' + ' '.join(sorted(told[0])) + '\\nlate: ' + ' '.join(sorted(set(sys.modules) - told[-1]))).encode())
    os._exit(ending.code)
runner.Agent._begin = begun
import processender.cli.run as run
run.leave = left
from processender.cli.main import main
main(sys.argv[1:])
"""


class TestWhatIsLoaded:
    def look(self, *options: str) -> tuple[set[str], set[str]]:
        """Return what an agent has loaded before its command started, and what it has loaded at the end."""
        code = f"import sys; sys.path[:] = {sys.path!r}\n{LOADED}"
        argv = [
            sys.executable,
            "-S",
            "-c",
            code,
            "run",
            *options,
            "--",
            "sh",
            "-c",
            "until [ -e $READY ]; do sleep 0.05; done; kill -TERM $PPID; sleep 9",
        ]
        with tempfile.TemporaryDirectory() as place:
            told = {**os.environ, "READY": f"{place}/ready"}
            said = subprocess.run(argv, cwd="/", env=told, capture_output=True, text=True, check=False).stdout
        loaded, late = said.removeprefix("loaded: ").split("\nlate: ")
        return set(loaded.split()), set(late.split())

    def test_it_is_little(self) -> None:
        """None of what makes other agents large."""
        loaded, _ = self.look()
        heavy = {"argparse", "asyncio", "contextlib", "dataclasses", "http.server", "inspect", "logging", "msgspec"}
        heavy |= {"socket", "ssl", "subprocess", "tomllib", "typing"}
        heavy |= {"processender.platforms", "processender.core.platforms", "processender.agent.profiles"}

        assert "processender.agent.runner" in loaded
        assert set() == loaded & heavy

    def test_what_chooses_is_not_loaded_where_all_fits(self) -> None:
        """Neither at the start nor at the end."""
        choosing = {"deciding", "durations", "estimates", "portfolio", "schedule", "selection", "surprise"}
        names = {f"processender.core.{name}" for name in choosing} | {"processender.engine.adapting"}
        loaded, late = self.look()

        assert set() == (loaded | late) & names

    def test_nothing_is_loaded_at_the_end(self, tmp_path: Path) -> None:
        """When memory, disk or files may be gone: commands, requests, time-outs and all."""
        file = tmp_path / "pe.toml"
        file.write_text(
            'grace = "3s"\n[handlers.a]\nrun = ["sh", "-c", "exit 75"]\nretry = { attempts = 2 }\n'
            '[handlers.b]\nhttp = { url = "http://localhost:9/" }\n[handlers.c]\nrun = ["/no/such"]\n'
            '[handlers.d]\nrun = ["sleep", "9"]\ntimeout = "200ms"\n[handlers.e]\nhttp = { url = "https://127.0.0.1:9/" }\n'
        )

        assert set() == self.look("--probe-listen", "127.0.0.1:0", "-c", str(file))[1]


def test_what_will_not_fit_is_said_at_start(tmp_path: Path) -> None:
    """Not only when it is too late."""
    config = tmp_path / "processender.toml"
    config.write_text('[handlers.slow]\nrun = ["true"]\nimportance = "must"\nexpected = "50s"\n', encoding="utf-8")
    with agent(["-c", str(config), "--grace", "20s"], SLEEPER) as program:
        said = program.wait_for("processender plan", 30)

    assert "slow" in said
