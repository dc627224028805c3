"""Queues and dirty dicts, emptied through a function at the end; what could not be written is kept and told."""

from __future__ import annotations

import asyncio
import queue
from pathlib import Path
from typing import Any

import pytest

from processender import Retry
from processender.integrations.caches import flush_dict, flush_queue
from tests.integration.ends import Report, end, end_async, quiet
from tests.integration.library_programs import run


def full(kind: Any, number: int) -> Any:
    """Return a queue with this many numbers."""
    made = kind()
    for each in range(number):
        made.put(each) if not isinstance(made, asyncio.Queue) else made.put_nowait(each)
    return made


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.SimpleQueue])
@pytest.mark.parametrize(("batch", "calls"), [(None, 5), (2, 3), (100, 1)])
def test_a_queue_is_emptied(kind: Any, batch: int | None, calls: int, tmp_path: Path) -> None:
    """One by one or in batches, and whoever waits for it to be empty may go on."""
    items = full(kind, 5)
    wrote: list[Any] = []
    report = end(tmp_path, flush_queue(items, wrote.append, batch=batch))

    assert "clean" == report.verdict, report.whole["handlers"]
    assert calls == len(wrote)
    assert {0, 1, 2, 3, 4} == (set(wrote) if batch is None else {item for items in wrote for item in items})
    assert ["wrote 5 items of queue"] == report["queue"]["notes"]
    if kind is not queue.SimpleQueue:
        items.join()


@pytest.mark.parametrize("is_async", [True, False])
def test_a_queue_of_asyncio_is_emptied_on_its_loop(is_async: bool, tmp_path: Path) -> None:
    """The function may be async."""
    wrote: list[Any] = []

    async def write(item: Any) -> None:
        await asyncio.sleep(0)
        wrote.append(item)

    async def main() -> Any:
        items = full(asyncio.Queue, 3)
        report = await end_async(tmp_path, flush_queue(items, write if is_async else wrote.append))
        await items.join()
        return report

    assert "clean" == asyncio.run(main()).verdict
    assert [0, 1, 2] == wrote


def test_what_is_put_in_meanwhile_is_written_too(tmp_path: Path) -> None:
    """By the writing itself, for one."""
    items = full(queue.Queue, 1)
    wrote: list[int] = []

    def write(item: int) -> None:
        wrote.append(item)
        if item < 3:
            items.put(item + 1)

    end(tmp_path, flush_queue(items, write))

    assert [0, 1, 2, 3] == wrote


def test_what_could_not_be_written_is_kept_for_another_attempt(tmp_path: Path) -> None:
    """No item is lost or written twice."""
    items = full(queue.Queue, 3)
    wrote: list[int] = []
    failures = [OSError("the database is away")]

    def write(item: int) -> None:
        if item == 1 and failures:
            raise failures.pop()
        wrote.append(item)

    handler = flush_queue(items, write)
    report = end(tmp_path, handler.replace(retry=Retry(attempts=2, initial=0.01)))

    assert "done" == report.outcome("queue")
    # It stands behind what was there.
    assert [0, 2, 1] == wrote
    assert ["wrote 1 item of queue, 2 left", "wrote 3 items of queue"] == report["queue"]["notes"]


def test_what_is_left_in_a_queue_is_counted(tmp_path: Path) -> None:
    """When the time is too short, and when writing fails for good."""
    items = full(queue.Queue, 3)

    with quiet(tmp_path) as ender:

        def write(_item: int) -> None:
            # Time is up during the first.
            while ender.stopping.is_set() and ctx[0].remaining() > 0:
                pass

        ctx: list[Any] = []
        handler = flush_queue(items, write, timeout=0.5)
        call = handler.call
        assert call is not None

        def spying(given: Any) -> None:
            ctx.append(given)
            call(given)

        ender.add(handler.replace(call=spying))
    report = Report(ender)

    assert "its time was too short for 2 items of queue" in report.outcome("queue")
    assert ["wrote 1 item of queue, 2 left"] == report["queue"]["notes"]


def test_a_dirty_dict_is_written_and_emptied(tmp_path: Path) -> None:
    """In one call, and again for what comes in meanwhile."""
    cache = {"a": 1, "b": 2}
    wrote: list[dict[str, int]] = []

    def write(taken: dict[str, int]) -> None:
        wrote.append(taken)
        if len(wrote) == 1:
            cache["c"] = 3

    report = end(tmp_path, flush_dict(cache, write))

    assert [{"a": 1, "b": 2}, {"c": 3}] == wrote
    assert {} == cache
    assert ["wrote 3 entries of cache"] == report["cache"]["notes"]


def test_what_could_not_be_written_goes_back_into_the_dict(tmp_path: Path) -> None:
    """Unless there is something newer."""
    cache = {"a": 1, "b": 2}

    def write(_taken: dict[str, int]) -> None:
        cache["a"] = 10
        raise OSError("the disk is full")

    report = end(tmp_path, flush_dict(cache, write))

    assert "failed OSError: the disk is full" == report.outcome("cache")
    assert {"a": 10, "b": 2} == cache


def test_what_somebody_else_evicts_meanwhile_costs_no_other_entry(tmp_path: Path) -> None:
    """As a cache does whose entries expire."""

    class Expiring(dict[str, int]):
        def __iter__(self) -> Any:
            keys = list(super().__iter__())
            self.pop("b", None)
            return iter(keys)

    cache = Expiring(a=1, b=2, c=3)
    wrote: dict[str, int] = {}
    report = end(tmp_path, flush_dict(cache, wrote.update))

    assert ("clean", {"a": 1, "c": 3}) == (report.verdict, wrote)


def test_what_could_not_be_written_is_in_the_queue_for_whoever_comes_next(tmp_path: Path) -> None:
    """Such as a handler that saves the rest to a file."""
    items = full(queue.Queue, 5)

    def write(_batch: list[int]) -> None:
        raise OSError("the database is away")

    end(tmp_path, flush_queue(items, write, batch=2))

    assert {0, 1, 2, 3, 4} == {items.get_nowait() for _ in range(items.qsize())}


def test_all_of_it_works_at_the_exit_of_the_interpreter() -> None:
    """An Ender that was never entered ends after `concurrent.futures` has closed; nothing here needs it (P20)."""
    source = """
import concurrent.futures, queue
from opentelemetry.sdk.trace import TracerProvider
from processender.integrations.caches import flush_dict, flush_queue
from processender.integrations.executors import finish_executor
from processender.integrations.opentelemetry import close_provider

async def write(item):
    say('wrote', item)

ender = Ender('orders', grace=10).install()
pool = concurrent.futures.ThreadPoolExecutor(1)
items = queue.Queue()
later = asyncio.Queue()
ender.add(flush_queue(items, print, batch=10))
ender.add(flush_queue(later, write, name='later'))
ender.add(flush_dict({'a': 1}, print))
ender.add(finish_executor(pool))
ender.add(close_provider(TracerProvider()))
pool.submit(items.put, 'first').result()
later.put_nowait('second')
say('main is over')
"""
    ended = run(source)

    assert 0 == ended.code, ended.output
    assert {"done"} == set(ended.outcomes.values()), ended.report
    # What others print meanwhile may stand on the same line.
    assert ended.output.index("main is over") < ended.output.index("wrote second")
