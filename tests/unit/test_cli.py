"""The command line: which command, which options, and what it prints."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from processender.cli import main as door
from processender.cli import output, plan, run

APP = """
from processender import Ender
ender = Ender("shop", grace=10)
ender.add(lambda: None, name="flush", phase="flush", expected=2.0, importance="must")
ender.add(lambda: None, name="close", needs=["flush"], expected=1.0)
broken = Ender("broken")
broken.add(lambda: None, name="one", after=["two"])
broken.add(lambda: None, name="two", after=["one"])
other = 3
class inner: deep = ender
short = Ender("short", grace=2)
short.add(lambda: None, name="audit", phase="close", expected=1.5, importance="may", value=3)
short.add(lambda: None, name="commit", phase="release", expected=1.0, importance="must")
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write an application into the working directory and return its name."""
    name = f"app_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return name


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Return the exit code and what was written to both streams."""
    try:
        code = door.main(argv)
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    written = capsys.readouterr()
    return code, written.out, written.err


class TestDoor:
    @pytest.mark.parametrize("word", ["--help", "-h", "help"])
    def test_help_names_every_command_with_examples(self, capsys: pytest.CaptureFixture[str], word: str) -> None:
        """And leaves with 0."""
        code, out, _ = call(capsys, word)

        assert 0 == code
        assert all(f"  {name} " in out for name in door.COMMANDS)
        assert "processender run -- uvicorn app:app" in out

    def test_nothing_is_help_too_but_a_mistake(self, capsys: pytest.CaptureFixture[str]) -> None:
        """2, as every tool says."""
        code, out, _ = call(capsys)

        assert 2 == code
        assert "usage: " in out

    @pytest.mark.parametrize("word", ["--version", "-V", "version"])
    def test_the_version_is_printed(self, capsys: pytest.CaptureFixture[str], word: str) -> None:
        """With the name in front."""
        code, out, _ = call(capsys, word)

        assert 0 == code
        assert out.startswith("processender 0.")

    @pytest.mark.parametrize(
        ("word", "hint"), [("rum", "did you mean 'run'?"), ("plna", "did you mean 'plan'?"), ("x", "known")]
    )
    def test_an_unknown_command_gets_the_nearest(
        self, capsys: pytest.CaptureFixture[str], word: str, hint: str
    ) -> None:
        """And the way to help."""
        code, _, err = call(capsys, word)

        assert 2 == code
        assert f"there is no command {word!r}" in err
        assert hint in err

    def test_an_unknown_option_is_called_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Not a command."""
        assert "there is no option '--verbose'" in call(capsys, "--verbose")[2]

    @pytest.mark.parametrize("command", sorted(door.COMMANDS))
    def test_every_command_has_help_with_examples(self, capsys: pytest.CaptureFixture[str], command: str) -> None:
        """And says what its exit codes mean."""
        done = subprocess.run(
            [sys.executable, "-m", "processender", command, "--help"], capture_output=True, text=True, check=False
        )

        assert 0 == done.returncode
        assert "examples:" in done.stdout
        assert "exit codes:" in done.stdout


class TestRunOptions:
    @pytest.mark.parametrize(
        ("argv", "command"),
        [
            (["--", "a"], ["a"]),
            (["--", "a", "--", "b"], ["a", "--", "b"]),
            (["--", "--grace", "1s"], ["--grace", "1s"]),
            (["a", "--grace", "1s"], ["a", "--grace", "1s"]),
            (["--grace", "1s", "a", "-c", "x"], ["a", "-c", "x"]),
            (["--grace=1s", "--strict", "--", "a"], ["a"]),
            (["--json", "a", "--", "b"], ["a", "--", "b"]),
        ],
    )
    def test_the_command_begins_behind_the_options(self, argv: list[str], command: list[str]) -> None:
        """At the first mark, or at the first word that is no option."""
        assert command == run._options(argv).command

    def test_options_keep_their_text(self) -> None:
        """What they mean is decided with everything else, so that all mistakes are told at once."""
        options = run._options(["--grace", "5", "--exit=reraise", "--service", "x", "a"])

        assert ("5", "reraise", "x", None) == (options.grace, options.exit, options.service, options.drain_delay)

    def test_no_option_is_the_same_as_the_defaults(self) -> None:
        """The short way has the same result as the long one."""
        short, long = run._options(["--", "a"]), run._options(["a"])
        names = ("config", "grace", "drain_delay", "probe_listen", "service", "exit", "strict", "json", "command")

        assert [getattr(short, name) for name in names] == [getattr(long, name) for name in names]

    @pytest.mark.parametrize("argv", [[], ["--"], ["--grace"], ["--grace", "5s"], ["--no", "a"], ["--gra", "5s", "a"]])
    def test_a_mistake_leaves_with_125(self, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
        """And says where to find help."""
        with pytest.raises(SystemExit) as caught:
            run._options(argv)

        assert 125 == caught.value.code
        assert "see `processender run --help`" in capsys.readouterr().err


class TestPlan:
    def test_an_applications_plan_is_printed(self, capsys: pytest.CaptureFixture[str], app: str) -> None:
        """Order, times, critical path, and the fit."""
        code, out, _ = call(capsys, "plan", "--app", f"{app}:ender")

        assert 0 == code
        assert (
            "shop: 2 handlers, 10s from the notice to the end, 8.00 s of it for handlers, 1.00 s for the report" in out
        )
        assert "critical path: flush > close (3.00 s)" in out
        assert "fits: 5.00 s to spare" in out

    def test_a_short_window_does_not_fit(self, capsys: pytest.CaptureFixture[str], app: str) -> None:
        """1, and who is too late."""
        code, out, _ = call(capsys, "plan", "--app", f"{app}:inner.deep", "--window", "3s")

        assert 1 == code
        assert "does not fit: 'close' is expected to end 3.00 s after the notice; there are 2.40 s" in out

    def test_who_is_given_up_is_named_with_the_reason(self, capsys: pytest.CaptureFixture[str], app: str) -> None:
        """The importance, the value, and what would become of the plan with it."""
        code, out, _ = call(capsys, "plan", "--app", f"{app}:short")

        assert 1 == code
        assert "SKIP audit tier may value 3: with it the plan ends at 2.50 s (+0.90 s)" in out
        assert re.search(r"^ +0\.00 +1\.00 +1\.60 +\d+% +release +commit +must$", out, re.MULTILINE)
        assert not re.search(r"^ .* audit", out, re.MULTILINE)

    def test_json_tells_the_chance_of_each(self, capsys: pytest.CaptureFixture[str], app: str) -> None:
        """And who is given up, or tried with what is left over."""
        _, out, _ = call(capsys, "plan", "--app", f"{app}:short", "--json")
        told = {each["name"]: each for each in json.loads(out)["handlers"]}

        assert 0.5 <= told["commit"]["chance"] <= 1.0
        assert "no room: with it the plan ends at 2.50 s (+0.90 s)" == told["audit"]["skipped"]
        assert not told["commit"]["spare"]

    def test_a_history_that_cannot_be_used_is_said(
        self, capsys: pytest.CaptureFixture[str], app: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """And stays where it is, for the next run to put aside."""
        monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "state"))
        place = tmp_path / "state" / "shop"
        place.mkdir(parents=True)
        (place / "history.tsv").write_text("[]")
        _, out, err = call(capsys, "plan", "--app", f"{app}:ender")

        assert "fits" in out
        assert "history.tsv cannot be used: it is no history" in err
        assert ["history.tsv"] == [each.name for each in place.iterdir()]

    def test_json_has_the_same(self, capsys: pytest.CaptureFixture[str], app: str) -> None:
        """Under stable keys."""
        code, out, _ = call(capsys, "plan", "--app", f"{app}:ender", "--json", "--window", "3s")
        data = json.loads(out)

        assert 1 == code
        assert (1, "shop", False, ["flush", "close"]) == (
            data["schema"],
            data["service"],
            data["fits"],
            data["critical"],
        )
        assert [["flush"], ["close"]] == data["waves"]
        assert ("flush", 0.0, 2.0, False) == tuple(
            data["handlers"][0][key] for key in ("name", "start_s", "end_s", "guessed")
        )
        assert 0.6 == data["misfits"][0]["over_s"]

    def test_a_cycle_is_a_problem_of_the_plan(self, capsys: pytest.CaptureFixture[str], app: str) -> None:
        """Named in full."""
        code, out, _ = call(capsys, "plan", "--app", f"{app}:broken")

        assert 1 == code
        assert "problem: a cycle: " in out

    @pytest.mark.parametrize(
        ("place", "said"),
        [
            ("nothing", "write it like --app shop.service:ender"),
            (":x", "write it like --app shop.service:ender"),
            ("no_such_module:ender", "cannot import 'no_such_module'"),
            ("APP:nobody", "has no 'nobody'; known: broken, ender"),
            ("APP:other", "it is of type int, no Ender"),
        ],
    )
    def test_what_is_no_ender_is_said(
        self, capsys: pytest.CaptureFixture[str], app: str, place: str, said: str
    ) -> None:
        """With the next step."""
        code, _, err = call(capsys, "plan", "--app", place.replace("APP", app))

        assert 2 == code
        assert said in err

    @pytest.mark.parametrize("command", [("plan",), ("recover", "--dry-run"), ("recover",)])
    @pytest.mark.parametrize(
        "body",
        ["with ender:\n    print('runs')", "ender.run(lambda: print('runs'))",
         "import asyncio\nasync def main():\n    async with ender:\n        print('runs')\nasyncio.run(main())"],
    )  # fmt: skip
    def test_an_application_that_would_run_when_it_is_imported_is_refused(
        self, capsys: pytest.CaptureFixture[str], app: str, monkeypatch: pytest.MonkeyPatch,
        command: tuple[str, ...], body: str,
    ) -> None:  # fmt: skip
        """Its body does not run, and the message says where to put it."""
        monkeypatch.setenv("PROCESSENDER_STATE", str(Path.cwd()))
        Path(f"{app}_runs.py").write_text(f"from processender import Ender\nender = Ender('shop')\n{body}\n")
        monkeypatch.delitem(sys.modules, f"{app}_runs", raising=False)
        code, out, err = call(capsys, *command, "--app", f"{app}_runs:ender")

        assert (2, False) == (code, "runs" in out)
        assert 'put what runs it under `if __name__ == "__main__":`' in err

    def test_an_application_that_hears_signals_early_is_only_looked_at(
        self, capsys: pytest.CaptureFixture[str], app: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its `install()` takes nothing up in a process that is not its own."""
        import signal

        monkeypatch.delitem(sys.modules, f"{app}_early", raising=False)
        Path(f"{app}_early.py").write_text("from processender import Ender\nender = Ender('shop').install()\n")
        before = signal.getsignal(signal.SIGTERM)
        code, out, _ = call(capsys, "plan", "--app", f"{app}_early:ender")

        assert (0, True, before) == (code, "shop: 0 handlers" in out, signal.getsignal(signal.SIGTERM))

    def test_an_agents_plan_needs_no_file(self, capsys: pytest.CaptureFixture[str], app: str) -> None:
        """It has three handlers of its own."""
        code, out, _ = call(capsys, "plan", "--json", "--window", "12s")

        assert 0 == code
        assert ["readiness", "drain-delay", "command"] == [each["name"] for each in json.loads(out)["handlers"]]

    def test_an_agents_plan_is_that_of_its_file(self, capsys: pytest.CaptureFixture[str], app: str) -> None:
        """With the grace that stands there."""
        Path("processender.toml").write_text('service = "x"\ngrace = "4s"\n[handlers.a]\nrun = ["true"]\n')
        code, out, _ = call(capsys, "plan", "--json")
        data = json.loads(out)

        assert (0, "x", 4.0) == (code, data["service"], data["window"]["length_s"])
        assert "a" == data["handlers"][-1]["name"]

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (["--window", "5"], "--window: '5' has no unit; give a unit: '5s'"),
            (["--window", "0"], "--window: '0' is too short; it must be more than 0s"),
            (["--window", "3d"], "--window: '3d' has the unknown unit 'd'; write it like"),
            (["--window"], "--window/--grace: there is no value behind it"),
            (["--window", "-1s"], "one that begins with - is written --window=..."),
            (["--app", "a:b", "-c", "x"], "--app and --config name two plans; choose one"),
            (["-c", "/no/such"], "/no/such: cannot be read"),
            (["--nope"], "there is no option '--nope'"),
            (["--windo=5s"], "there is no option '--windo'; did you mean '--window'?"),
        ],
    )
    def test_a_mistake_leaves_with_2(self, capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
        """It is no verdict about a plan."""
        code, _, err = call(capsys, "plan", *argv)

        assert 2 == code
        assert said in err

    def test_a_plan_of_nothing_can_be_printed(self) -> None:
        """An Ender without handlers fits every window."""
        from processender import Ender

        text = plan.as_text("empty", Ender("empty").plan(1.0))

        assert "fits: " in text


class TestOutput:
    def test_a_reader_that_has_gone_is_no_error(self) -> None:
        """`processender plan | head -1`."""
        done = subprocess.run(
            f"{sys.executable} -m processender plan | true",
            shell=True,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )

        assert "" == done.stderr

    def test_a_table_is_as_wide_as_its_widest(self) -> None:
        """Numbers stand to the right."""
        table = output.table([["n", "name"], ["10", "a"], ["5", "long"]], right=frozenset({0}))

        assert "   n  name\n  10  a\n   5  long" == table


SAYS = r"""
import sys
from processender.cli import output
output.say("größe \udcff")
output.say(output.table([["kind", "job"], ["\x1b]0;owned\x07file", "one\ntwo\x9b2J"]]))
output.complain("\x1b[2J")
"""
"""Prints what a record may hold."""


@pytest.mark.parametrize(("encoding", "word"), [("utf-8", "größe"), ("ascii", r"gr\xf6\xdfe")])
def test_nothing_that_is_said_is_lost_and_nothing_commands_the_terminal(encoding: str, word: str) -> None:
    """What cannot be encoded, and what a terminal would obey, is written out."""
    argv, environ = [sys.executable, "-c", SAYS], {"PYTHONIOENCODING": encoding}
    done = subprocess.run(argv, env=environ, capture_output=True, timeout=60, check=True)

    assert [
        rf"{word} \udcff",
        r"  kind                  job",
        r"  \x1b]0;owned\x07file  one\ntwo\x9b2J",
    ] == done.stdout.decode(encoding).splitlines()
    assert b"processender: \\x1b[2J\n" == done.stderr
