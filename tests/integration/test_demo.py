"""The demo on real uvicorn processes: a short rolling restart, and an interrupted one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo.replica import StartError
from demo.results import Result, Scenario, Setting
from demo.rolling import measure

ROOT = Path(__file__).resolve().parent.parent.parent
SHORT = Setting(rate=100, requests=400, propagation=0.3)

pytest.importorskip("uvicorn")


def run(scenario: Scenario, folder: Path) -> Result:
    return asyncio.run(measure(SHORT, scenario, folder, lambda _: None))


@pytest.fixture(scope="module")
def under_the_agent(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One rolling restart with a drain delay longer than the propagation delay."""
    return run(Scenario("agent", "under the agent", drain_delay=1.0), tmp_path_factory.mktemp("agent"))


def test_rolling_restart_under_the_agent_loses_no_request(under_the_agent: Result) -> None:
    """With a drain delay longer than the propagation delay no request fails, though none is repeated."""
    assert {} == under_the_agent.failures
    assert SHORT.requests <= len(under_the_agent.latencies)


def test_every_replica_ends_clean(under_the_agent: Result) -> None:
    """Each replica that was replaced died of the SIGTERM that the agent handed on."""
    assert [128 + signal.SIGTERM] * 4 == under_the_agent.exits
    assert "clean" == under_the_agent.report["verdict"]


def test_report_has_the_time_of_each_step(under_the_agent: Result) -> None:
    """The agent's report tells when readiness failed, how long the delay was, and when the command was ended."""
    steps = {step["name"]: step for step in under_the_agent.report["handlers"]}

    assert ["readiness", "drain-delay", "command"] == sorted(steps, key=lambda name: steps[name]["started_s"])
    assert 1.0 <= steps["command"]["started_s"]


def test_replica_left_the_list_before_it_was_ended(under_the_agent: Result) -> None:
    """The client had sent the last request before the command heard of the end."""
    command = next(step for step in under_the_agent.report["handlers"] if step["name"] == "command")
    ended = under_the_agent.report["started"] + command["started_s"]

    assert under_the_agent.seen["off the client's list"] < ended
    assert under_the_agent.seen["last good answer"] < ended


def test_rolling_restart_without_the_agent_loses_requests(tmp_path: Path) -> None:
    """Plain uvicorn refuses connections before the client can know: the measurement sees it."""
    result = run(Scenario("plain", "plain uvicorn", loses=True), tmp_path)

    assert 0 < result.failures["refused"]


def test_replica_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    """What the process said stands in the error."""
    with pytest.raises(StartError, match="grace"):
        asyncio.run(
            measure(Setting(grace=-1.0), Scenario("bad", "with a bad grace", drain_delay=1.0), tmp_path, lambda _: None)
        )


def test_interrupted_demo_ends_what_it_started(tmp_path: Path) -> None:
    """SIGTERM in the middle of a run: exit code 130, and no replica is left."""
    marker = f"DEMO_TEST={tmp_path.name}-{os.getpid()}"
    name, _, value = marker.partition("=")
    environ = os.environ | {name: value, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-m", "demo"], cwd=ROOT, env=environ, stderr=subprocess.PIPE) as demo:
        while len(marked(marker)) < 3:
            assert demo.poll() is None
        demo.terminate()
        _, said = demo.communicate(timeout=30)

    assert 130 == demo.returncode
    assert b"interrupted" in said
    assert [] == marked(marker)


def marked(marker: str) -> list[str]:
    """Return the ids of the processes that have *marker* in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found
