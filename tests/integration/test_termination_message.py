"""The line that `kubectl describe pod` shows for a container that has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from processender.core.vocabulary import ATTRIBUTES
from processender.integrations.kubernetes import MOST_BYTES, encode_outcome
from tests.integration.agents import SLEEPER, agent, stops_with

LIMIT_S = 60.0


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the file that a kubelet would have made."""
    path = tmp_path / "termination-log"
    path.touch()
    return path


def line(log: Path) -> dict[str, Any]:
    """Return what stands in the file, which is one short line."""
    data = log.read_bytes()

    assert len(data) <= MOST_BYTES and b"\n" not in data
    found: dict[str, Any] = json.loads(data)

    assert found.keys() <= ATTRIBUTES.keys()
    return found


def test_the_outcome_of_a_run_is_left_by_default(log: Path) -> None:
    """Where the file is there nothing has to be configured."""
    with agent(["--service", "shop"], SLEEPER, PROCESSENDER_TERMINATION_LOG=str(log)) as program:
        stops_with(program)
    told = line(log)

    assert ("shop", "SIGTERM", "clean", 143) == tuple(
        told[key] for key in ("service.name", "processender.run.cause", "processender.run.verdict", "process.exit.code")
    )


def test_a_crash_leaves_its_account(log: Path) -> None:
    """It tells more than the outcome."""
    with agent([], ["sh", "-c", "kill -SEGV $$"], PROCESSENDER_TERMINATION_LOG=str(log)) as program:
        program.wait(LIMIT_S)
    told = line(log)

    assert ("signal", "SIGSEGV", 139) == tuple(
        told[key] for key in ("processender.crash.cause", "processender.crash.signal", "process.exit.code")
    )


def test_a_step_that_failed_is_named(log: Path, tmp_path: Path) -> None:
    """The reader of the pod sees which."""
    config = tmp_path / "c.toml"
    config.write_text('[handlers.flush]\nrun = ["false"]\n')
    with agent(["-c", str(config)], SLEEPER, PROCESSENDER_TERMINATION_LOG=str(log)) as program:
        stops_with(program)

    assert ["flush failed"] == line(log)["processender.run.undone"]


def test_without_the_file_nothing_is_left(tmp_path: Path) -> None:
    """Outside a pod nobody makes one."""
    path = tmp_path / "not-there"
    with agent([], SLEEPER, PROCESSENDER_TERMINATION_LOG=str(path)) as program:
        code = stops_with(program)

    assert (143, False) == (code, path.exists())


def test_an_empty_name_leaves_it_to_others(log: Path) -> None:
    """The command may want to write there itself."""
    with agent([], SLEEPER, PROCESSENDER_TERMINATION_LOG="") as program:
        stops_with(program)

    assert b"" == log.read_bytes()


def test_a_thousand_steps_that_failed_are_still_one_short_line() -> None:
    """As many are named as there is room for."""
    undone = {f"handler-with-a-long-name-{number}": "timed_out" for number in range(1000)}
    data = encode_outcome({"service.name": "shop", "processender.run.verdict": "degraded"}, undone)

    assert len(data) <= MOST_BYTES
    assert json.loads(data)["processender.run.undone"]
