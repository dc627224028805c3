"""Exporters in real programs: what a collector gets, what it costs an exit when it is not there, and what comes later."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processender.testing.collector import Collector, Unanswered, read
from processender.testing.processes import Program
from tests.integration.library_programs import LIMIT_S, PREAMBLE, finish
from tests.waits import until

SERVICE = (
    PREAMBLE
    + """
from processender.integrations import otlp
from processender.core.events import RunEnded, Trouble

class Watch:
    def observe(self, event):
        if isinstance(event, RunEnded):
            say('over')
        if isinstance(event, Trouble):
            say('trouble', event.text)

times = iter([Transient('not yet'), None])

def flush():
    error = next(times)
    if error:
        raise error

with Ender('orders', grace=float(sys.argv[2]), version='1.2', observers=[Watch()],
           exporters=[otlp.exporter(sys.argv[1], timeout=600)]) as ender:
    ender.add(Handler('flush', flush, phase='flush', retry=Retry(attempts=3, initial=0.01)))
    ender.add(lambda: say('closed'), name='close', phase='close', needs=['flush'])
    if 'hold' in sys.argv:
        ender.add(lambda: (say('holding'), time.sleep(3600)), name='hold', phase='close')
    say('ready')
    ender.stopping.wait()
"""
)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run a collector."""
    with Collector() as found:
        yield found


def service(url: str, state: Path, *more: str, grace: float = 4.0) -> Program:
    """Return the service, which exports to *url* and keeps its state in a directory that outlasts it."""
    return Program(SERVICE, url, str(grace), *more, env={"PROCESSENDER_STATE": str(state)})


def ended(program: Program) -> None:
    """Let *program* end well."""
    program.wait_for("ready", LIMIT_S)
    program.signal("TERM")
    assert 0 == finish(program).code


def waiting(state: Path) -> list[dict[str, Any]]:
    """Return the accounts that wait in the outbox."""
    return [json.loads(path.read_text()) for path in sorted(state.glob("orders/outbox/otlp/*.json"))]


def reports(state: Path) -> list[dict[str, Any]]:
    """Return all reports, as their runs began."""
    found = [json.loads(path.read_text()) for path in state.glob("orders/reports/*.json") if path.name != "last.json"]
    return sorted(found, key=lambda each: each["started"])


def test_a_shutdown_is_one_trace(collector: Collector, tmp_path: Path) -> None:
    """A span for each phase, handler and attempt, each below its own, and the root linked to the notice."""
    with service(collector.url, tmp_path) as program:
        ended(program)

    (spans,) = collector.traces().values()
    by_id = {each.span_id: each for each in spans}
    tree = {each.name: by_id[each.parent_span_id].name for each in spans if each.parent_span_id}
    (root,) = [each for each in spans if not each.parent_span_id]
    (notice,) = [each for each in spans if each.name == "notice"]
    said = read(root.attributes)

    assert ("shutdown", "SIGTERM", "clean") == (
        root.name, said["processender.run.cause"], said["processender.run.verdict"],
    )  # fmt: skip
    assert {"phase flush": "shutdown", "handler flush": "phase flush"}.items() <= tree.items()
    assert [notice.span_id] == [link.span_id for link in root.links]
    attempts = [each for each in spans if each.name == "attempt" and by_id[each.parent_span_id].name == "handler flush"]
    assert [2, 0] == [each.status.code for each in attempts]
    assert "Transient: not yet" == attempts[0].status.message
    assert all(root.start_time_unix_nano <= each.start_time_unix_nano for each in attempts)
    assert {"service.name": "orders", "service.version": "1.2"}.items() <= collector.resources[0].items()


def test_its_records_and_metrics_are_received_as_well(collector: Collector, tmp_path: Path) -> None:
    """The records have the trace's id; what the run counts comes as a delta."""
    with service(collector.url, tmp_path) as program:
        ended(program)

    names = [each.event_name for each in collector.records]
    (trace,) = collector.traces()
    found = {each.name: each for each in collector.metrics}

    assert ["processender.notice.heard", "processender.run.started"] == names[:2]
    assert "processender.run.ended" in names
    assert {trace} == {each.trace_id.hex() for each in collector.records}
    (completed,) = found["processender.shutdowns_completed"].sum.data_points
    assert {"service": "orders", "cause": "SIGTERM", "verdict": "clean"} == read(completed.attributes)
    assert 1.0 == completed.as_double
    assert 1 == found["processender.shutdown_duration"].histogram.data_points[0].count


def refusing() -> str:
    """Return an address at which nobody is."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("how", ["refuses", "connect", "deaf", "silent", "stalls"])
def test_a_collector_that_is_not_there_delays_no_exit(collector: Collector, tmp_path: Path, how: str) -> None:
    """Nobody listens, no connection comes about, nobody reads, no answer comes or ends: the reserve bounds it."""
    with Unanswered() as unanswered, socket.create_server(("127.0.0.1", 0)) as deaf:
        urls = {"refuses": refusing(), "connect": unanswered.url}
        url = {**urls, "deaf": f"http://127.0.0.1:{deaf.getsockname()[1]}"}.get(how, collector.url)
        if how == "silent":
            collector.fail("silent")
        collector.stall(how == "stalls")
        with service(url, tmp_path) as program:
            program.wait_for("ready", LIMIT_S)
            program.signal("TERM")
            program.wait_for("over", LIMIT_S)
            over = time.monotonic()
            end = finish(program)
            took = time.monotonic() - over

    (report,) = reports(tmp_path)
    assert (0, "clean") == (end.code, report["verdict"])
    assert took < 10  # the exporter itself would wait for half a minute
    assert [report] == waiting(tmp_path)


def test_what_could_not_be_delivered_comes_with_the_next_start(collector: Collector, tmp_path: Path) -> None:
    """All of it, with the ids that it would have had; and nothing waits any more."""
    for _ in range(2):
        with service(refusing(), tmp_path) as program:
            ended(program)
        assert "it waits in the outbox" in program.output
    with service(collector.url, tmp_path) as program:
        program.wait_for("ready", LIMIT_S)

        assert collector.await_(lambda found: len(found.requests["logs"]) == 2)
        until(lambda: not waiting(tmp_path))
        ended(program)

    runs = [read(each.attributes)["processender.run.id"] for each in collector.spans if not each.parent_span_id]
    assert {each["id"] for each in reports(tmp_path)} == set(runs)
    assert len(runs) == len(set(runs))
    assert 3 == len(collector.traces())
    assert not waiting(tmp_path)


def test_a_run_that_was_killed_is_told_by_the_next_start(collector: Collector, tmp_path: Path) -> None:
    """SIGKILL in the middle of the run: its provisional account is sent, as an error, and only when it is dead."""
    with service(collector.url, tmp_path, "hold") as program:
        program.wait_for("ready", LIMIT_S)
        program.signal("TERM")
        program.wait_for("holding", LIMIT_S)
        with service(collector.url, tmp_path) as beside:
            ended(beside)
            assert 1 == len(collector.traces()), "the run is on, and its account is nobody else's"
        program.signal("KILL")
        program.wait()
        (killed,) = [each["id"] for each in waiting(tmp_path)]
    with service(collector.url, tmp_path) as program:
        ended(program)

    roots = {read(each.attributes)["processender.run.id"]: each for each in collector.spans if not each.parent_span_id}
    assert 3 == len(roots)
    assert "nothing was heard of it again" == roots[killed].status.message
    assert read(roots[killed].attributes)["processender.run.provisional"]
    assert not waiting(tmp_path)


def test_what_a_collector_will_never_take_is_put_aside(collector: Collector, tmp_path: Path) -> None:
    """A refusal, and success in part, are said, and sent no more; what is overloaded is asked again later."""
    collector.fail(400)
    with service(collector.url, tmp_path) as program:
        ended(program)
    assert "will not take it: 400" in program.output
    collector.partial(2, "spans are too old")
    with service(collector.url, tmp_path) as program:
        ended(program)
    assert "taken it in part only: traces: 2 rejected: spans are too old" in program.output
    collector.fail(429)
    with service(collector.url, tmp_path) as program:
        ended(program)

    first, second, third = (each["id"] for each in reports(tmp_path))
    assert {first, second} == {path.stem for path in tmp_path.glob("orders/outbox/otlp/refused/*")}
    assert [third] == [each["id"] for each in waiting(tmp_path)]


def test_where_nothing_can_be_kept_it_is_sent_all_the_same(collector: Collector, tmp_path: Path) -> None:
    """And that nothing is kept is said; the run is not harmed."""
    (tmp_path / "orders").mkdir(mode=0o700)
    (tmp_path / "orders" / "outbox").write_text("in the way")
    with service(collector.url, tmp_path) as program:
        ended(program)

    assert "cannot keep what is not delivered" in program.output
    assert ["clean"] == [each["verdict"] for each in reports(tmp_path)]
    assert 1 == len(collector.traces())


def test_a_crash_is_told_by_the_next_start(collector: Collector, tmp_path: Path) -> None:
    """Its trace comes when the recovery is over, which is in it; and it comes once."""
    source = PREAMBLE + (
        "from processender.integrations import otlp\n"
        "ender = Ender('orders', recover='on-start', exporters=[otlp.exporter(sys.argv[1])])\n"
        "with ender:\n"
        "    owed = ender.obligation('file', key=sys.argv[2], root=os.path.dirname(sys.argv[2]))\n"
        "    owed.acquire()\n"
        "    say('ready')\n"
        "    ender.stopping.wait()\n"
    )
    told: dict[str, Any] = {"env": {"PROCESSENDER_STATE": str(tmp_path)}}
    with Program(source, collector.url, str(tmp_path / "thing"), **told) as program:
        program.wait_for("ready", LIMIT_S)
        program.signal("KILL")
        program.wait()
    with Program(source, collector.url, str(tmp_path / "other"), **told) as program:
        program.wait_for("ready", LIMIT_S)

        assert collector.await_(lambda found: any(each.name == "crash" for each in found.spans))
        ended(program)

    crashes = [each for each in collector.spans if each.name == "crash"]
    beneath = {each.name for each in collector.spans if each.parent_span_id == crashes[0].span_id}
    assert ["killed"] == [read(each.attributes)["processender.crash.cause"] for each in crashes]
    assert {"handler recovery"} == beneath
