"""A configuration that is read again while the command runs."""

from __future__ import annotations

import os
import pty
import re
import signal
import sys
from pathlib import Path

import pytest

from processender.agent.reload import FIXED
from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, outcomes
from tests.integration.test_agent_drain import status, steer

BEFORE = 'grace = "20s"\n[handlers.old]\nrun = ["true"]\n'
AFTER = 'grace = "9s"\ndrain_delay = "100ms"\n[handlers.new]\nrun = ["true"]\nphase = "flush"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a configuration."""
    made = tmp_path / "pe.toml"
    made.write_text(BEFORE)
    return made


@pytest.mark.parametrize("by", ["reload", "HUP"])
@pytest.mark.parametrize("lean", [[], ["--lean"]])
def test_a_new_configuration_is_taken_over(file: Path, by: str, lean: list[str]) -> None:
    """Handlers and grace are those of the new one, and the command has noticed nothing."""
    with agent(["-c", str(file), *lean], SLEEPER) as program:
        program.wait_for("ready")
        file.write_text(AFTER)
        if by == "reload":
            done = steer(program, "reload")

            assert (0, "the configuration is taken over\n") == (done.returncode, done.stdout)
        else:
            program.signal("HUP")
        found = status(program)
        program.signal("TERM")
        code = program.wait()

        assert (9.0, 143) == (found["grace_s"], code)
        assert ("done", None) == (outcomes(program)["new"], outcomes(program).get("old"))
        assert 9.0 == program.report()["window"]["length_s"]


def test_a_bad_one_is_refused_with_all_its_mistakes(file: Path) -> None:
    """And the old one stays."""
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        file.write_text('grase = "1s"\n[handlers.a]\nrun = ["true"]\nphase = "flash"\n')
        done = steer(program, "reload")
        program.signal("TERM")
        program.wait()

        assert 1 == done.returncode
        assert "grase" in done.stderr
        assert "there is no phase 'flash'" in done.stderr
        assert ("done", 20.0) == (outcomes(program)["old"], program.report()["window"]["length_s"])
        assert "the configuration was not taken over" in program.output


def test_one_that_is_gone_is_refused(file: Path) -> None:
    """A reload in the middle of an upgrade."""
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        file.unlink()
        program.signal("HUP")
        program.wait_for("cannot be read")

        assert 20.0 == status(program)["grace_s"]


def test_what_cannot_change_is_listed_in_the_docs() -> None:
    """The page names each key that a reload leaves alone, and no other."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "control.md").read_text()
    table = page.partition("| what | keys, and flags that cannot be written into the file |")[2].partition("\n\n")[0]

    assert {key for each in FIXED.values() for key in each.split(" or ")} == set(re.findall(r"`([^`]+)`", table))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('ready = "notify"', "ready"),
        ('[systemd]\nwatchdog = "pass"', "systemd.watchdog"),
        ('[systemd]\nextend_to = "5m"', "systemd.extend_to"),
        ('termination_log = "/nowhere"', "termination_log"),
    ],
)
def test_what_was_taken_up_at_the_start_is_not_changed_in_silence(file: Path, text: str, name: str) -> None:
    """Nobody is to believe that it holds now."""
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        file.write_text(text + "\n")
        steer(program, "reload")
        program.wait_for(f"{name} can change only when the agent is started anew")


@pytest.mark.parametrize("by", ["reload", "HUP"])
@pytest.mark.parametrize("left", [None, '[project]\nname = "x"\n'], ids=["no file", "no table"])
@pytest.mark.parametrize("name", ["processender.toml", "pyproject.toml"])
def test_one_that_was_found_and_is_gone_is_refused(tmp_path: Path, name: str, left: str | None, by: str) -> None:
    """The old one stays, with its clean-up, and with HUP as the word for a reload."""
    made = tmp_path / name
    is_project = name == "pyproject.toml"
    made.write_text(
        BEFORE if not is_project else f"[tool.processender]\n{BEFORE}".replace("[han", "[tool.processender.han")
    )
    with Program([sys.executable, "-m", "processender", "run", "--", *SLEEPER], cwd=str(tmp_path)) as program:
        program.wait_for("ready")
        made.unlink()
        if left is not None and is_project:
            made.write_text(left)
        if by == "reload":
            assert 1 == steer(program, "reload").returncode
        else:
            program.signal("HUP")
            program.wait_for("the configuration was not taken over")
            program.signal("HUP")
        found = status(program)
        program.signal("TERM")
        program.wait()

        assert (20.0, name) == (found["grace_s"], found["config"])
        assert ("done", "SIGTERM") == (outcomes(program)["old"], program.report()["cause"])


def test_what_cannot_change_is_told(file: Path) -> None:
    """The rest is taken over."""
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        file.write_text('service = "another"\ncontrol.listen = ":0"\n' + AFTER)
        done = steer(program, "reload")
        words = "service, control.listen can change only when the agent is started anew"
        program.wait_for(words)

        assert f"the configuration is taken over\nbut {words}\n" == done.stdout
        assert (9.0, "sh") == (status(program)["grace_s"], status(program)["service"])


def test_what_has_not_changed_is_not_told(file: Path) -> None:
    """Hooks, checks and steps are read anew, and are the same."""
    same = (
        '[hooks.pre_stop.a]\nrun = ["true"]\n[checks.b]\nrun = ["true"]\n'
        '[[command.stop]]\nrun = ["true"]\n[heartbeat]\nfile = "/none"\n'
    )
    file.write_text(BEFORE + same)
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        file.write_text(AFTER + same)
        done = steer(program, "reload")
        told = done.stdout
        file.write_text(AFTER + same.replace('["true"]', '["false"]'))
        done = steer(program, "reload")

        assert "the configuration is taken over\n" == told
        assert "but command.stop or command.preset, hooks, checks can change only when" in done.stdout


def test_a_flag_still_counts_more_than_the_file(file: Path) -> None:
    """As at the start."""
    with agent(["-c", str(file), "--grace", "7s"], SLEEPER) as program:
        program.wait_for("ready")
        file.write_text(AFTER)
        steer(program, "reload")

        assert 7.0 == status(program)["grace_s"]


def test_nothing_is_changed_while_the_end_is_under_way(file: Path) -> None:
    """Nor while it is drained."""
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        steer(program, "drain")
        program.wait_for("drained")
        file.write_text(AFTER)
        done = steer(program, "reload")

        assert (1, True) == (done.returncode, "under way" in done.stderr)
        assert 20.0 == status(program)["grace_s"]


def test_without_a_file_hup_is_the_end() -> None:
    """There is nothing to read again."""
    with agent([], SLEEPER) as program:
        program.wait_for("ready")
        program.signal("HUP")
        program.wait()

        assert "SIGHUP" == program.report()["cause"]


def test_hup_can_mean_something_else(file: Path) -> None:
    """Whoever says so has it."""
    command = ["sh", "-c", "trap 'echo hup' HUP; echo ready; while :; do sleep 0.02; done"]
    with agent(["-c", str(file), "--on-signal", "HUP:forward"], command) as program:
        program.wait_for("ready")
        program.signal("HUP")
        program.wait_for("hup")


def test_a_terminal_that_hangs_up_is_the_end(file: Path, tmp_path: Path) -> None:
    """The kernel says so, and no person wants a reload."""
    state = tmp_path / "state"
    pid, terminal = pty.fork()
    if not pid:
        environ = {**os.environ, "PROCESSENDER_STATE": str(state)}
        python = sys.executable
        os.execve(python, [python, "-m", "processender", "run", "-c", str(file), "--", *SLEEPER], environ)
    said = b""
    while b"ready" not in said:
        said += os.read(terminal, 1024)
    os.close(terminal)
    _, how = os.waitpid(pid, 0)

    assert 128 + signal.SIGHUP == os.waitstatus_to_exitcode(how) or 143 == os.waitstatus_to_exitcode(how)
    assert '"SIGHUP"' in next(state.glob("*/reports/last.json")).read_text()
