"""Spans and log records of accounts: one trace for each, always the same, whatever the account holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.accounts.figures import figures
from processender.accounts.plain import is_crash
from processender.accounts.records import records
from processender.accounts.spans import Span, spans, trace_id, where
from processender.integrations.otlp import messages
from processender.integrations.otlp.metrics import metrics

RUN: dict[str, Any] = {
    "schema": 1,
    "id": "6b0ac370-7f6cb0e8505d",
    "service": "orders",
    "version": "1.4.2",
    "instance": "pod-1",
    "host": "node-a",
    "deployment": "blue",
    "zone": "b",
    "node": "node-a",
    "cause": "SIGTERM",
    "notices": [
        {"cause": "spot", "origin": "aws", "action": "advise", "at": 990.0, "deadline": 1110.0, "sender": ""},
        {"cause": "SIGTERM", "origin": "signals", "action": "stop", "at": 1000.0, "deadline": None, "sender": "kubelet"},
    ],
    "window": {"length_s": 30.0, "work_s": 27.0, "reserve_s": 2.0, "kind": "told"},
    "verdict": "degraded",
    "exit": 0,
    "started": 1000.0,
    "ended": 1004.0,
    "seconds": 4.0,
    "handlers": [
        {"name": "leave", "phase": "drain", "importance": "must", "needs": [], "outcome": "done", "attempts": 1,
         "started_s": 0.0, "ended_s": 1.0, "reason": "", "error": ""},
        {"name": "flush", "phase": "flush", "importance": "should", "needs": [], "outcome": "failed", "attempts": 2,
         "started_s": 1.0, "ended_s": 3.0, "reason": "", "error": "OSError: no route"},
        {"name": "close", "phase": "close", "importance": "should", "needs": ["flush"], "outcome": "skipped",
         "attempts": 0, "started_s": None, "ended_s": 3.0, "reason": "needs flush", "error": ""},
    ],
    "retries": [{"handler": "flush", "error": "Transient: busy", "at_s": 1.5, "attempt": 1, "again_s": 2.0}],
    "stuck": [{"handler": "flush", "reason": "its time is up", "at_s": 2.9, "stack": ["  in send", "  in recv"]}],
    "cut": [{"what": "GET /feed", "reason": "its time is over", "at_s": 0.9}],
    "troubles": [{"code": "observer-failed", "text": "an observer"}],
    "in_flight_at_start": 3,
    "command": None,
    "environment": {"pid": 4711},
}  # fmt: skip
CRASH: dict[str, Any] = {
    "schema": 1,
    "id": "018bcfe5687-a1b2c3",
    "service": "orders",
    "cause": "signal",
    "signal": "SIGSEGV",
    "at": 2000.0,
    "pid": 4711,
    "exit": 139,
    "restarts": 2,
    "stacks": "in main",
    "obligations": [{"id": "1", "kind": "vm", "key": "a", "ref": "", "job": ""}],
    "handlers": [
        {"name": "recovery", "outcome": "done", "error": "", "started_s": 0.1, "ended_s": 0.4},
        {"name": "page", "outcome": "failed", "error": "exit code 1", "started_s": 0.0, "ended_s": 0.2},
    ],
}


def named(account: dict[str, Any]) -> dict[str, Span]:
    """Return the spans of *account* by name; of several of one name the last."""
    return {each.name: each for each in spans(account)}


def test_a_run_is_a_tree() -> None:
    """Phases below the run, handlers below their phase, attempts below their handler; what never began below the run."""
    found = named(RUN)
    root = found["shutdown"]

    assert b"" == root.parent
    assert (1000.0, 1004.0) == (root.start, root.end)
    assert root.id == found["phase flush"].parent == found["handler close"].parent == found["notice"].parent
    assert found["phase flush"].id == found["handler flush"].parent
    attempts = [each for each in spans(RUN) if each.parent == found["handler flush"].id]
    assert [(1001.0, 1001.5, "Transient: busy"), (1002.0, 1003.0, "OSError: no route")] == [
        (each.start, each.end, each.error) for each in attempts
    ]
    assert 16 == len(root.trace)
    assert {8} == {len(each.id) for each in spans(RUN)}
    assert len(spans(RUN)) == len({each.id for each in spans(RUN)})


def test_it_is_linked_to_what_the_sources_said() -> None:
    """Each notice is a span from when it was heard until the run began."""
    root = named(RUN)["shutdown"]
    notices = [each for each in spans(RUN) if each.name == "notice"]

    assert [each.id for each in notices] == [link.span for link in root.links]
    assert (990.0, 1000.0) == (notices[0].start, notices[0].end)
    assert 120.0 == notices[0].attributes["processender.notice.remaining"]
    assert ["processender.handler.stuck", "processender.inflight.cut"] == [each.name for each in root.events]


def test_what_went_wrong_is_an_error() -> None:
    """The run says which handlers; a handler that was skipped is none, and neither is a run that was taken back."""
    found = named(RUN)

    assert "degraded: flush: failed, close: skipped" == found["shutdown"].error
    assert "OSError: no route" == found["handler flush"].error
    assert found["handler close"].error is None
    assert found["handler leave"].error is None
    assert spans({**RUN, "verdict": "cancelled"})[0].error is None


def test_a_run_that_never_ended_is_an_error() -> None:
    """Nobody has heard of it again."""
    (root, *_) = spans({**RUN, "ended": None, "seconds": None, "verdict": "forced", "handlers": []})

    assert "nothing was heard of it again" == root.error
    assert True is root.attributes["processender.run.provisional"]


def test_a_crash_is_a_trace_with_what_followed_it() -> None:
    """From when it was noticed to when its recovery was over."""
    found = named(CRASH)
    crash = found["crash"]

    assert (2000.0, 2000.4, "signal") == (crash.start, crash.end, crash.error)
    assert crash.id == found["handler recovery"].parent == found["handler page"].parent
    assert "exit code 1" == found["handler page"].error
    assert 1 == crash.attributes["processender.obligation.open"]


def test_ids_are_those_of_the_account() -> None:
    """Whoever makes the spans again has the same; another run has others."""
    other = {**RUN, "id": "6b0ac371-000000000000"}

    assert [each.id for each in spans(RUN)] == [each.id for each in spans(dict(RUN))]
    assert trace_id(RUN) != trace_id(other)
    assert not {each.id for each in spans(RUN)} & {each.id for each in spans(other)}


def test_the_resource_says_where() -> None:
    """In the words of OpenTelemetry; what is not known is not said."""
    assert {
        "service.name": "orders", "service.version": "1.4.2", "service.instance.id": "pod-1", "deployment.name": "blue",
        "cloud.availability_zone": "b", "host.name": "node-a", "k8s.node.name": "node-a", "process.pid": 4711,
    } == where(RUN)  # fmt: skip
    assert {"service.name": "orders", "process.pid": 4711} == where(CRASH)
    assert {"service.name": "unknown_service"} == where({})


def test_records_come_in_time_and_in_the_trace() -> None:
    """The grave ones are warnings; the last tells how it ended."""
    found = records(RUN)

    assert sorted(each.at for each in found) == [each.at for each in found]
    assert {trace_id(RUN)} == {each.trace for each in found}
    assert "ended degraded after 4.00 s" == found[-1].text
    by_text = {each.text: each.severity_text for each in found}
    assert ("INFO", "WARN") == (by_text["leave: done after 1.00 s"], by_text["close: skipped (needs flush)"])


@pytest.mark.parametrize("account", [{**RUN, "ended": None, "seconds": None}, CRASH])
def test_a_death_is_an_error_in_the_records(account: dict[str, Any]) -> None:
    """Of a run in its end, or of a process that crashed."""
    assert "ERROR" in {each.severity_text for each in records(account)}


def test_a_crash_is_told_from_a_run() -> None:
    """By what stands in it."""
    assert [False, True] == [is_crash(each) for each in (RUN, CRASH)]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*RUN, "name", "at_s"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def otlp_of(account: dict[str, Any]) -> bytes:
    """Return all that is sent of *account*."""
    found = figures(account)
    sent = messages.traces(where(account), spans(account)) + messages.logs(where(account), records(account))
    return sent + metrics(where(account), found, account)


@given(st.dictionaries(st.sampled_from(sorted({*RUN, *CRASH})), JUNK, max_size=8), st.sampled_from([RUN, CRASH, {}]))
def test_a_damaged_account_still_is_a_trace(junk: dict[str, Any], account: dict[str, Any]) -> None:
    """Nothing of it is trusted."""
    damaged = {**account, **junk}

    assert 1 == len([each for each in spans(damaged) if not each.parent])
    assert records(damaged)
    assert otlp_of(damaged)
