"""Work in progress at the end: executors, children, tasks and schedulers, finished or named, and never in the exit's way."""

from __future__ import annotations

import asyncio
import multiprocessing
import queue
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed  # noqa: TID251 - what the room is for
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler

from processender.core.handler import Importance
from processender.errors import HandlerError
from processender.integrations.apscheduler import finish_jobs, stop_scheduling
from processender.integrations.caches import flush_queue
from processender.integrations.executors import finish_executor
from processender.integrations.processes import stop_children
from processender.integrations.tasks import finish_tasks
from tests.integration.ends import Report, end, end_async, quiet
from tests.integration.library_programs import run

LIMIT_S = 30.0


# Executors.


def _spawning() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


@pytest.mark.parametrize(("queued", "ran"), [("finish", 4), ("cancel", 1)])
def test_queued_work_ends_by_its_policy(queued: Any, ran: int, tmp_path: Path) -> None:
    """What runs is finished; what waits is finished or cancelled, and counted."""
    executor = ThreadPoolExecutor(1)
    begun, go = threading.Event(), threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        begun.set()
        go.wait(LIMIT_S)
        done.append(number)

    futures = [executor.submit(work, number) for number in range(4)]
    futures[-1].add_done_callback(lambda _future: go.set())
    begun.wait(LIMIT_S)
    with quiet(tmp_path) as ender:
        ender.add(finish_executor(executor, queued=queued))
        if queued == "finish":
            ender.add(go.set, name="go", phase="drain")
    report = Report(ender)

    assert "clean" == report.verdict, report.whole["handlers"]
    assert ran == len(done)
    assert 4 - ran == sum(future.cancelled() for future in futures)
    assert ([] if queued == "finish" else ["cancelled 3 queued calls"]) == report["executor"]["notes"]


def test_work_in_flight_may_use_the_executor_until_it_ends(tmp_path: Path) -> None:
    """The executor takes work as long as a request is in flight, and refuses it afterwards (P12, P26)."""
    executor = ThreadPoolExecutor(1)
    begun = threading.Event()
    got: list[int] = []

    with quiet(tmp_path) as ender:
        ender.add(finish_executor(executor))

        def request() -> None:
            with ender.inflight("request"):
                begun.set()
                ender.stopping.wait(LIMIT_S)
                got.append(executor.submit(lambda: 42).result(LIMIT_S))

        worker = threading.Thread(target=request)
        worker.start()
        begun.wait(LIMIT_S)
    worker.join(LIMIT_S)

    assert "clean" == Report(ender).verdict
    assert [42] == got
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(print)


@pytest.mark.parametrize("pool", [lambda: ThreadPoolExecutor(1), _spawning], ids=["threads", "processes"])
def test_many_jobs_leave_what_follows_its_time(pool: Any, tmp_path: Path) -> None:
    """The executor takes half of what is left at most, gives up what has not begun, and is not abandoned for that."""
    executor, lines = pool(), queue.Queue[int]()
    futures = [executor.submit(_sleep, 0.1) for _ in range(200)]
    lines.put(1)
    next(iter(as_completed(futures)))
    written: list[int] = []
    report = end(tmp_path, finish_executor(executor), flush_queue(lines, written.append), grace=4.0)
    cancelled = sum(future.cancelled() for future in futures)

    assert report.outcome("executor").startswith("failed LeftBehind: ")
    assert f"there was no time for {cancelled} queued calls of executor, and they were cancelled" in (
        report.outcome("executor")
    )
    assert 0 < cancelled < 200
    assert "done" == report.outcome("queue")
    assert [1] == written


def test_a_stuck_thread_leaves_what_follows_its_time(tmp_path: Path) -> None:
    """It is named, with what was queued behind it; what is queued after the end of the wait never begins."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="import")
    go, lines = threading.Event(), queue.Queue[int]()
    lines.put(1)
    written: list[int] = []
    stuck, behind = executor.submit(go.wait), executor.submit(go.wait)
    report = end(tmp_path, finish_executor(executor), flush_queue(lines, written.append), grace=2.0)
    go.set()

    assert "abandoned" == report.outcome("executor")
    assert report["executor"]["reason"].startswith(
        "left 1 thread of executor running: import_0; there was no time for 1"
    )
    assert "import_0:" in report.whole["stuck"][0]["stack"]
    assert "done" == report.outcome("queue")
    assert [1] == written
    assert (True, True) == (stuck.result(LIMIT_S), behind.cancelled())


def test_what_must_be_written_costs_nobody_else_his_time(tmp_path: Path) -> None:
    """Its usual `timeout`, as long as the window, is no reason to skip what comes before it, and it has its own time."""
    executor, lines = ThreadPoolExecutor(1), queue.Queue[int]()
    lines.put(1)
    written: list[int] = []
    asked = executor.submit(int, "42")
    must = flush_queue(lines, written.append).replace(importance=Importance.MUST)
    report = end(tmp_path, finish_executor(executor), must, grace=10.0)

    assert 42 == asked.result()
    assert {"executor": "done", "queue": "done"} == {name: report.outcome(name) for name in ("executor", "queue")}
    assert [1] == written


STUCK = """
import concurrent.futures
from processender.integrations.caches import flush_queue
from processender.integrations.executors import finish_executor

def stuck_in_a_call():
    say('ready')
    threading.Event().wait()

ender = Ender('orders', grace=20)
pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix='import')
ender.add(finish_executor(pool, timeout=0.3))

@ender.handler(phase='close')
def close_pool():
    say('closed')

with ender:
    pool.submit(stuck_in_a_call)
    ender.stopping.wait()
"""


def test_a_stuck_thread_is_named_and_never_in_the_way_of_the_exit() -> None:
    """`concurrent.futures` would join it for ever; the rest of the plan runs, and the stack tells where it stands (P19)."""
    ended = run(STUCK, "TERM")

    assert 143 == ended.code
    assert {"executor": "abandoned", "close-pool": "done", "body": "done"} == ended.outcomes
    stack = "\n".join(ended.report["stuck"][0]["stack"])
    assert "import_0:" in stack
    assert "in stuck_in_a_call" in stack


def test_a_default_executor_is_named_as_well() -> None:
    """That of `asyncio.to_thread`, which `asyncio.run` would join."""
    source = """
import concurrent.futures
from processender.integrations.caches import flush_queue
from processender.integrations.executors import finish_executor

ender = Ender('orders', grace=20)

def stuck_in_a_call():
    say('ready')
    threading.Event().wait()

async def main():
    pool = concurrent.futures.ThreadPoolExecutor(4)
    asyncio.get_running_loop().set_default_executor(pool)
    ender.add(finish_executor(pool, timeout=0.3))
    async with ender:
        await asyncio.to_thread(stuck_in_a_call)

asyncio.run(main())
"""
    ended = run(source, "TERM")

    assert 143 == ended.code
    assert "abandoned" == ended.outcomes["executor"]


def test_workers_of_a_process_pool_that_do_not_come_back_are_ended(tmp_path: Path) -> None:
    """They are told with what they were doing."""
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    busy = executor.submit(int, "1")
    assert 1 == busy.result(LIMIT_S)
    executor.submit(_sleep, 60.0)
    worker = next(iter(executor._processes.values()))
    report = end(tmp_path, finish_executor(executor, wait=0.1))

    assert f"ended 1 worker of executor that did not come back in _sleep: {worker.name} (pid {worker.pid})" in (
        report.outcome("executor")
    )
    assert not worker.is_alive()


def _sleep(seconds: float) -> None:
    import time

    time.sleep(seconds)


def test_an_idle_process_pool_is_finished(tmp_path: Path) -> None:
    """And one that has never been used."""
    used, unused = (ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) for _ in range(2))
    used.submit(int, "1").result(LIMIT_S)
    report = end(tmp_path, finish_executor(used), finish_executor(unused, name="other"))

    assert "clean" == report.verdict, report.whole["handlers"]


def test_what_is_no_executor_is_refused_at_once() -> None:
    """As is an unknown policy."""
    with pytest.raises(HandlerError, match="no ThreadPoolExecutor"):
        finish_executor(object())
    with pytest.raises(HandlerError, match="neither finish nor cancel"):
        finish_executor(ThreadPoolExecutor(1), queued="forget")  # type: ignore[arg-type]


# Children.


DEAF = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); sys.stdin.read()"


def test_children_end_and_those_that_do_not_are_killed_and_named(tmp_path: Path) -> None:
    """TERM, a time to end, KILL; none is left behind (P22)."""
    good = subprocess.Popen(["sleep", "600"])
    with subprocess.Popen([sys.executable, "-c", DEAF], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None
        assert b"deaf\n" == deaf.stdout.readline()
        report = end(tmp_path, stop_children([good, deaf], wait=1.0))

        assert (-15, -9) == (good.returncode, deaf.returncode)
        assert f"killed 1 process: {sys.executable} (pid {deaf.pid})" in report.outcome("children")


def test_all_children_of_multiprocessing_are_meant_by_default(tmp_path: Path) -> None:
    """Those that are alive at the end."""
    child = multiprocessing.get_context("spawn").Process(target=_sleep, args=(600.0,), name="importer")
    handler = stop_children()
    child.start()
    report = end(tmp_path, handler)

    assert "clean" == report.verdict, report.whole["handlers"]
    assert -15 == child.exitcode
    child.close()


# Tasks.


def test_tasks_are_cancelled_and_awaited_before_what_they_use_is_closed(tmp_path: Path) -> None:
    """Their clean-up runs to its end, cancelled once; what they begin meanwhile is ended as well (P26)."""
    said: list[str] = []

    async def second() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            said.append("second has ended")

    async def first(tasks: set[asyncio.Task[None]]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tasks.add(asyncio.create_task(second()))
            await asyncio.sleep(0.05)
            said.append("first has cleaned up")

    async def main() -> Any:
        tasks: set[asyncio.Task[None]] = set()
        tasks.add(asyncio.create_task(first(tasks), name="poller"))
        await asyncio.sleep(0)
        async with quiet(tmp_path) as ender:
            ender.add(finish_tasks(tasks))
            ender.add(lambda: said.append("closed"), name="pool", phase="close")
        return Report(ender)

    report = asyncio.run(main())

    assert "clean" == report.verdict, report.whole["handlers"]
    assert ["closed", "first has cleaned up", "second has ended"] == sorted(said)
    assert "closed" == said[-1]
    assert report["tasks"]["notes"][0].startswith("cancelled 2 tasks: ")


def test_tasks_may_end_by_themselves(tmp_path: Path) -> None:
    """Within `wait`; and one that fails in its clean-up is told."""

    async def main() -> Any:
        async def good() -> None:
            await asyncio.sleep(0.01)

        async def bad() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("no")

        tasks = {asyncio.create_task(good(), name="good"), asyncio.create_task(bad(), name="bad")}
        return await end_async(tmp_path, finish_tasks(lambda: tasks, wait=0.3))

    notes = asyncio.run(main())["tasks"]["notes"]

    assert [
        "cancelled 1 task: bad (test_tasks_may_end_by_themselves.<locals>.main.<locals>.bad)",
        "bad (test_tasks_may_end_by_themselves.<locals>.main.<locals>.bad) ended with OSError: no",
    ] == notes


SWALLOWS = """
from processender.integrations.tasks import finish_tasks

ender = Ender('orders', grace=20)
tasks = set()

async def never_gives_up():
    say('ready')
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            say('swallowed')

@ender.handler(phase='close')
async def close_pool():
    say('closed')

async def main():
    ender.add(finish_tasks(tasks, timeout=0.3))
    async with ender:
        tasks.add(asyncio.create_task(never_gives_up(), name='greedy'))
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_task_that_swallows_its_cancellation_is_named_and_left() -> None:
    """The rest of the plan runs; `asyncio.run` would wait for it for ever (P8)."""
    ended = run(SWALLOWS, "TERM")

    assert 143 == ended.code
    assert {"tasks": "abandoned", "close-pool": "done", "body": "done"} == ended.outcomes
    stack = "\n".join(ended.report["stuck"][0]["stack"])
    assert "greedy (never_gives_up):" in stack
    assert 1 == ended.lines.count("swallowed")


# APScheduler.


def test_running_jobs_are_finished_and_none_begins(tmp_path: Path) -> None:
    """From the drain on."""
    scheduler = BackgroundScheduler()
    begun, go = threading.Event(), threading.Event()
    done: list[str] = []

    def job() -> None:
        begun.set()
        go.wait(LIMIT_S)
        done.append("job")

    scheduler.start()
    scheduler.add_job(job, id="nightly")
    begun.wait(LIMIT_S)
    with quiet(tmp_path) as ender:
        ender.add(stop_scheduling(scheduler))
        ender.add(finish_jobs(scheduler))

        @ender.handler(phase="drain", after=["apscheduler-pause"])
        def another() -> None:
            scheduler.add_job(lambda: done.append("another"))
            go.set()

    assert "clean" == Report(ender).verdict, ender.report
    assert ["job"] == done
    assert not scheduler.running


def test_a_drain_that_is_taken_back_lets_jobs_begin_again() -> None:
    """The pause is undone."""
    scheduler = BackgroundScheduler()
    scheduler.start()
    handler = stop_scheduling(scheduler)
    assert handler.call is not None
    assert handler.resume is not None
    states = []
    for step in (handler.call, handler.resume):
        step()
        states.append(scheduler.state)
    scheduler.shutdown()

    assert [2, 1] == states
    handler.call()
    handler.resume()


def test_coroutines_of_a_scheduler_are_cancelled_in_time(tmp_path: Path) -> None:
    """And named."""

    async def main() -> Any:
        begun = asyncio.Event()

        async def job() -> None:
            begun.set()
            await asyncio.Event().wait()

        scheduler = AsyncIOScheduler()
        scheduler.start()
        scheduler.add_job(job, id="poll")
        await begun.wait()
        return await end_async(tmp_path, finish_jobs(scheduler, wait=0.1))

    assert "cancelled 1 job: poll" in asyncio.run(main()).outcome("apscheduler-jobs")


def test_a_scheduler_that_was_stopped_before_is_left_alone(tmp_path: Path) -> None:
    """There is nothing to do."""
    scheduler = BackgroundScheduler()

    assert "clean" == end(tmp_path, stop_scheduling(scheduler), finish_jobs(scheduler)).verdict


def test_a_job_that_does_not_end_is_named_and_not_in_the_way_of_the_exit() -> None:
    """Its thread is one of `concurrent.futures`."""
    source = """
from apscheduler.schedulers.background import BackgroundScheduler
from processender.integrations.apscheduler import finish_jobs

def stuck_in_a_job():
    say('ready')
    threading.Event().wait()

ender = Ender('orders', grace=20)
scheduler = BackgroundScheduler()
ender.add(finish_jobs(scheduler, timeout=0.3))
with ender:
    scheduler.start()
    scheduler.add_job(stuck_in_a_job, id='nightly')
    ender.stopping.wait()
"""
    ended = run(source, "TERM")

    assert 143 == ended.code
    assert "abandoned" == ended.outcomes["apscheduler-jobs"]
    stack = "\n".join(ended.report["stuck"][0]["stack"])
    assert "running jobs: nightly" in stack
    assert "in stuck_in_a_job" in stack
