"""Drain, resume, stop: of a running agent, asked by its command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, outcomes
from tests.integration.servers import free_port
from tests.integration.test_agent_probes import ask as probe

LIMIT_S = 30.0


def steer(program: Program, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask the agent *program* by the command line."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSENDER_")}
    return subprocess.run(
        [sys.executable, "-m", "processender", words[0], "--agent", str(program.pid), *words[1:]],
        capture_output=True, text=True, check=False, timeout=60, env=inherited,
    )  # fmt: skip


def status(program: Program) -> dict[str, Any]:
    """Return how the agent says that it is."""
    found: dict[str, Any] = json.loads(steer(program, "status", "--json").stdout)
    return found


def wait_until(true: Callable[[], bool]) -> None:
    """Wait until something is true; a test that waits in vain fails by what it looks at next."""
    deadline = time.monotonic() + LIMIT_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)


def reports(program: Program) -> list[dict[str, Any]]:
    """Return all reports, the oldest first."""
    paths = sorted(p for p in program.state.glob("*/reports/*.json") if p.name != "last.json")
    return sorted((json.loads(p.read_text()) for p in paths), key=lambda each: float(each["started"]))


def test_a_drain_leaves_traffic_and_waits_there() -> None:
    """The command goes on, for longer than any grace."""
    port = free_port()
    with agent(["--probe-listen", f"127.0.0.1:{port}", "--grace", "1s"], SLEEPER) as program:
        program.wait_for("ready")
        steer(program, "drain")
        program.wait_for("drained")
        time.sleep(1.5)
        found = status(program)

        assert ("drained", False, True) == (found["state"], found["ready"], found["command"]["running"])
        assert (200, 503) == (probe(port, "/livez"), probe(port, "/readyz"))


def test_a_drain_can_be_taken_back() -> None:
    """Readiness is true again, and a report says `cancelled`."""
    port = free_port()
    with agent(["--probe-listen", f"127.0.0.1:{port}"], SLEEPER) as program:
        program.wait_for("ready")
        steer(program, "drain")
        program.wait_for("drained")
        done = steer(program, "resume")
        program.wait_for("ended cancelled")

        assert (0, "running") == (done.returncode, status(program)["state"])
        assert 200 == probe(port, "/readyz")
        assert ["cancelled"] == [each["verdict"] for each in reports(program)]
        assert {"readiness": "done", "resume readiness": "done"}.items() <= outcomes(program).items()


def test_after_a_resume_the_end_is_as_ever() -> None:
    """It has a run and a report of its own."""
    with agent([], SLEEPER) as program:
        program.wait_for("ready")
        for word, said in (("drain", "drained"), ("resume", "ended cancelled")):
            steer(program, word)
            program.wait_for(said)
        program.signal("TERM")
        code = program.wait()
        found = reports(program)

        assert (143, ["cancelled", "clean"]) == (code, [each["verdict"] for each in found])
        assert ["SIGTERM"] == [each["cause"] for each in found[1]["notices"]]
        assert found[1] == program.report()


@pytest.mark.parametrize("by", ["stop", "TERM"])
def test_the_end_goes_on_from_a_drain(by: str) -> None:
    """What has drained is not done again, and the window begins with the stop."""
    with agent(["--drain-delay", "200ms", "--grace", "5s"], SLEEPER) as program:
        program.wait_for("ready")
        steer(program, "drain")
        program.wait_for("drained")
        if by == "stop":
            steer(program, "stop")
        else:
            program.signal("TERM")
        code = program.wait()
        report = program.report()

        assert (143, "clean", 5.0) == (code, report["verdict"], report["window"]["length_s"])
        assert {"stop": "stop", "TERM": "SIGTERM"}[by] == report["cause"]
        assert ["drain", "stop"] == [each["action"] for each in report["notices"]]
        assert [1, 1, 1] == [each["attempts"] for each in report["handlers"]]


def test_an_end_can_be_taken_back_while_it_drains() -> None:
    """The command was not asked to end yet."""
    with agent(["--drain-delay", "20s"], SLEEPER) as program:
        program.wait_for("ready")
        program.signal("TERM")
        program.wait_for("ending because of")
        done = steer(program, "resume")
        program.wait_for("ended cancelled")

        assert (0, "running", True) == (
            done.returncode, status(program)["state"], status(program)["command"]["running"],
        )  # fmt: skip
        assert [] == program.report()["stuck"]


def test_an_end_that_has_gone_further_is_not_taken_back(tmp_path: Path) -> None:
    """It goes on, and whoever asks is told."""
    file = tmp_path / "pe.toml"
    file.write_text('[handlers.slow]\nphase = "flush"\nrun = ["sleep", "2"]\n')
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        program.signal("TERM")
        program.wait_for("command: done")
        done = steer(program, "resume")
        code = program.wait()

        assert (1, True) == (done.returncode, "gone beyond the drain" in done.stderr)
        assert (143, "clean") == (code, program.report()["verdict"])


def test_what_was_not_drained_cannot_be_resumed() -> None:
    """1, and why."""
    with agent([], SLEEPER) as program:
        program.wait_for("ready")
        done = steer(program, "resume")

        assert (1, True) == (done.returncode, "nothing is drained" in done.stderr)


def test_a_command_that_ends_while_it_is_drained_ends_the_agent() -> None:
    """As always."""
    with agent(
        [],
        ["sh", "-c", "echo ready; read -r x < /dev/tcp 2>/dev/null; trap 'exit 3' USR1; while :; do sleep 0.05; done"],
    ) as program:
        program.wait_for("ready")
        steer(program, "drain")
        program.wait_for("drained")
        steer(program, "signal", "USR1")
        code = program.wait()

        assert (3, "clean") == (code, program.report()["verdict"])


def test_a_lean_agent_drains_too() -> None:
    """It loads what it needs when somebody asks."""
    with agent(["--lean"], SLEEPER) as program:
        program.wait_for("ready")
        before = status(program)["state"]
        steer(program, "drain")
        program.wait_for("drained")
        steer(program, "resume")
        program.wait_for("ended cancelled")
        steer(program, "stop")

        assert ("running", 143) == (before, program.wait())


def test_who_asked_stands_in_the_report() -> None:
    """Process and user, as the kernel tells them."""
    with agent([], SLEEPER) as program:
        program.wait_for("ready")
        steer(program, "drain")
        program.wait_for("drained")
        steer(program, "stop", "--reason", "node is repaired")
        program.wait()
        notices = program.report()["notices"]

        assert ["drain", "node is repaired"] == [each["cause"] for each in notices]
        assert all(each["sender"].endswith(f" of user {os.getuid()}") for each in notices)
        assert all(each["sender"].startswith("process ") for each in notices)


def test_the_sender_of_a_signal_stands_in_the_report() -> None:
    """It is this very process."""
    with agent([], SLEEPER) as program:
        program.wait_for("ready")
        program.signal("TERM")
        program.wait()

        assert f"process {os.getpid()} of user {os.getuid()}" == program.report()["notices"][0]["sender"]


def test_a_stop_within_a_time_has_this_window() -> None:
    """The deadline is told, so it counts."""
    with agent(["--grace", "30s"], SLEEPER) as program:
        program.wait_for("ready")
        steer(program, "stop", "--within", "7s")
        program.wait()

        assert 7.0 == pytest.approx(program.report()["window"]["length_s"], abs=0.5)
