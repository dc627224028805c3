"""The bytes of OTLP, as the library of OpenTelemetry reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from processender.accounts.figures import figures
from processender.accounts.kinds import KINDS
from processender.accounts.records import records
from processender.accounts.spans import spans, where
from processender.errors import HandlerError, ReleaserError
from processender.exchange import Answer
from processender.integrations import otlp, pushgateway
from processender.integrations.http.cloudevents import encode_account
from processender.integrations.otlp import messages, wire
from processender.integrations.otlp.exporter import rejected
from processender.integrations.otlp.metrics import metrics, name_of
from processender.testing.collector import read
from tests.unit.accounts.test_spans import CRASH, RUN

VALUES = st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=40)


@given(st.dictionaries(st.text(min_size=1, max_size=20), VALUES | st.lists(VALUES, max_size=4), max_size=5))
def test_attributes_come_as_they_are(attributes: dict[str, Any]) -> None:
    """Texts of any sign, numbers of 64 bits, and lists of them."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(messages.traces(attributes, ()))
    found = read(request.resource_spans[0].resource.attributes)

    assert attributes == found
    assert {key: type(value) for key, value in attributes.items()} == {key: type(found[key]) for key in found}


@pytest.mark.parametrize("value", ["a\ud800b", 10**30, -(10**30), None, 1e300, ""])
def test_what_cannot_be_said_is_said_as_well_as_it_can(value: object) -> None:
    """A half sign, and a number of more than 64 bits: an account is hostile input."""
    AnyValue().ParseFromString(wire.value(value))


@pytest.mark.parametrize("account", [RUN, CRASH, {**RUN, "ended": None}], ids=["run", "crash", "killed"])
def test_spans_come_as_they_are(account: dict[str, Any]) -> None:
    """With their ids, times, links and errors."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(messages.traces(where(account), spans(account)))
    (scope,) = request.resource_spans[0].scope_spans
    made = spans(account)

    assert "processender" == scope.scope.name
    for ours, theirs in zip(made, scope.spans, strict=True):
        assert (ours.trace, ours.id, ours.parent) == (theirs.trace_id, theirs.span_id, theirs.parent_span_id)
        assert ours.name == theirs.name
        assert (ours.start, ours.end) == (theirs.start_time_unix_nano / 1e9, theirs.end_time_unix_nano / 1e9)
        assert ((0, "") if ours.error is None else (2, ours.error)) == (theirs.status.code, theirs.status.message)
        assert [(each.trace, each.span) for each in ours.links] == [
            (each.trace_id, each.span_id) for each in theirs.links
        ]
        assert [each.name for each in ours.events] == [each.name for each in theirs.events]
        assert {*ours.attributes} == {*read(theirs.attributes)}


def test_records_come_as_they_are() -> None:
    """With the name of the event, and the span in which it happened."""
    request = ExportLogsServiceRequest()
    request.ParseFromString(messages.logs(where(RUN), records(RUN)))
    found = request.resource_logs[0].scope_logs[0].log_records

    for ours, theirs in zip(records(RUN), found, strict=True):
        assert (ours.name, ours.text) == (theirs.event_name, theirs.body.string_value)
        assert (ours.severity, ours.trace, ours.span) == (theirs.severity_number, theirs.trace_id, theirs.span_id)


def test_figures_are_deltas_of_one_run() -> None:
    """Counters and histograms from its begin to its end; the buckets are those of the table."""
    request = ExportMetricsServiceRequest()
    request.ParseFromString(metrics(where(RUN), figures(RUN), RUN))
    found = {each.name: each for each in request.resource_metrics[0].scope_metrics[0].metrics}
    duration = found["processender.shutdown_duration"].histogram
    (point,) = duration.data_points

    assert {name_of(KINDS[each.name]) for each in figures(RUN)} == set(found)
    assert (1, "s") == (duration.aggregation_temporality, found["processender.shutdown_duration"].unit)
    assert (1, 4.0, 4.0) == (point.count, point.sum, point.max)
    assert KINDS["processender_shutdown_duration_seconds"].buckets == tuple(point.explicit_bounds)
    assert [5.0] == [bound for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False) if count]
    assert (1000.0, 1004.0) == (point.start_time_unix_nano / 1e9, point.time_unix_nano / 1e9)
    outcomes = {read(each.attributes)["outcome"] for each in found["processender.handler_outcomes"].sum.data_points}
    assert {"done", "failed", "skipped"} == outcomes
    assert found["processender.handler_outcomes"].sum.is_monotonic


def test_no_two_figures_have_one_name() -> None:
    """What Prometheus calls by its unit is told apart without it."""
    assert len(KINDS) == len({name_of(kind) for kind in KINDS.values()})


def test_success_in_part_is_read() -> None:
    """How much, and why; and an answer that is none of a collector says nothing."""
    answer = ExportTraceServiceResponse()
    assert not rejected(answer.SerializeToString())
    answer.partial_success.error_message = "only a warning"
    assert not rejected(answer.SerializeToString())
    answer.partial_success.rejected_spans = 7

    assert "7 rejected: only a warning" == rejected(answer.SerializeToString())
    assert not rejected(b"<html>")


@given(st.binary(max_size=60))
def test_any_answer_can_be_read(data: bytes) -> None:
    """A proxy may answer anything."""
    rejected(data)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "ftp://there"}, "http or https"),
        ({"signals": ()}, "give some of"),
        ({"signals": "traces"}, "give some of"),
        ({"timeout": 0}, "give seconds"),
        ({"headers": {"a b": {"env": "X", "file": "Y"}}}, "header field"),
    ],
)
def test_a_mistake_is_told_at_once(options: dict[str, Any], says: str) -> None:
    """Not at the end."""
    with pytest.raises((HandlerError, ReleaserError), match=says):
        otlp.exporter(**options)


def test_it_goes_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every exporter of OpenTelemetry does."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")

    assert {"http://collector:4318/v1/traces", "http://collector:4318/v1/metrics", "http://collector:4318/v1/logs"} == {
        *otlp.exporter().addresses
    }


def test_what_a_collector_says_leaks_no_secret_and_steers_no_terminal() -> None:
    """It may quote the token that it was sent."""
    answer = Answer.__new__(Answer)
    answer._secrets = ("t0k3n-t0k3n",)
    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 2
    partial.partial_success.error_message = "for t0k3n-t0k3n:\n\x1b[2J" + 400 * "x"
    said = answer.shown(rejected(partial.SerializeToString()))

    assert said.startswith("2 rejected: for ***: \\x1b[2Jxxx")
    assert said.isprintable()
    assert 300 == len(said)


@pytest.mark.parametrize("at", [1e300, -1e300, float("nan"), 10**400])
def test_an_account_of_no_time_is_an_event_all_the_same(at: float) -> None:
    """Else it would wait for ever, in the way of others."""
    event = json.loads(encode_account({**RUN, "service": "a\ud800", "started": at, "ended": at}))

    assert "/processender/a%3F" == event["source"]


@pytest.mark.parametrize("exporter", [otlp.exporter, pushgateway.exporter])
def test_a_url_to_which_nothing_can_be_added_is_refused(exporter: Any) -> None:
    """All would be posted to another path than that of the server, and a query may be a secret."""
    with pytest.raises(HandlerError, match="leave out what begins with") as error:
        exporter("http://127.0.0.1:1/?key=s3cret")

    assert "s3cret" not in str(error.value)
