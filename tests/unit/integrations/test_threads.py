"""The threads of a sync gRPC server."""

from __future__ import annotations

import threading

from processender.integrations.grpc.threads import Threads


def test_work_that_was_cancelled_costs_no_thread() -> None:
    """A thread that died of it would still be counted, and with the last one the server would stand still."""
    threads, busy, go = Threads(1), threading.Event(), threading.Event()
    first = threads.submit(lambda: busy.set() or go.wait())
    busy.wait()
    cancelled = threads.submit(lambda: "never")
    cancelled.cancel()
    go.set()
    last = threads.submit(lambda: "served")

    assert first.result(10)
    assert cancelled.cancelled()
    assert "served" == last.result(10)


def test_what_a_call_raises_is_its_result_and_its_thread_goes_on() -> None:
    """Whatever it is."""
    threads = Threads(1)
    failed = threads.submit(lambda: 1 / 0)

    assert isinstance(failed.exception(10), ZeroDivisionError)
    assert "served" == threads.submit(lambda: "served").result(10)
