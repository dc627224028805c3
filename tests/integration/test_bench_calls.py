"""The benchmark of RPCs and websockets, in short: one restart of each replica, with the library."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import processender
from bench import calls


@pytest.fixture(autouse=True)
def _of_this_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the replicas use the package that the tests use."""
    path, own = str(Path(processender.__file__).parent.parent), calls.environment
    monkeypatch.setattr(calls, "environment", lambda state: own(state) | {"PYTHONPATH": path})


def test_no_unary_rpc_is_lost_and_every_stream_has_its_status() -> None:
    """Clients that balance by themselves leave when the health service says so."""
    run = asyncio.run(calls.roll_rpcs("aio", "library", 1))

    assert 0 == run.failed.total(), run.failed
    assert set(run.streams) <= set(calls.PROPER)
    assert run.unary > 0 < run.streams[calls.PROPER[1]]


def test_every_websocket_goes_away_and_finds_another_server() -> None:
    """And what was acknowledged is there at the end."""
    run = asyncio.run(calls.roll_sockets("wsproto", "library", 1))

    assert {"1001"} == set(run.closed)
    assert (0, 0) == (run.lost, run.nowhere)
    assert run.acknowledged > 0
