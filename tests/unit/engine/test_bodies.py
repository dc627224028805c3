"""The application's own code as a handler."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from processender.engine.bodies import Place, ServerBody, TaskBody, ThreadBody
from processender.engine.context import Context
from processender.engine.dependencies import Dependencies
from processender.testing.clock import VirtualClock


def context() -> Context:
    """Return the context of the handler."""
    clock = VirtualClock()
    return Context(
        handler="body", cause="SIGTERM", run="r", attempt=1, until=10.0, clock=clock,
        dependencies=Dependencies(clock), is_async=False,
    )  # fmt: skip


def test_a_body_that_has_left_is_done() -> None:
    """Nobody waits."""
    body = ThreadBody()
    body.leave()
    body(context())

    assert body.gone


def test_a_body_is_waited_for() -> None:
    """Until it leaves."""
    body, done = ThreadBody(), threading.Event()
    thread = threading.Thread(target=lambda: (body(context()), done.set()))
    thread.start()
    early = done.is_set()
    body.leave()
    thread.join(10.0)

    assert (False, True) == (early, done.is_set())


def test_a_body_that_does_not_leave_is_named() -> None:
    """With what to do about it."""
    body, ctx = ThreadBody(), context()
    ctx.cancel()
    with pytest.raises(TimeoutError, match=r"the body has not left; let its loop look at ender\.stopping"):
        body(ctx)


def test_the_stack_of_a_body_is_that_of_its_thread() -> None:
    """Not that of who waits for it."""
    assert "test_the_stack_of_a_body_is_that_of_its_thread" in ThreadBody().stack()


def test_every_server_of_a_process_is_asked_also_one_that_comes_late() -> None:
    """What goes before is done first; the body has left when the last one has."""
    asked: list[str] = []
    body = ServerBody(lambda: asked.append("before"))
    one, two, late = (Place(lambda name=name: asked.append(name)) for name in ("one", "two", "late"))
    firsts = [body.take_in(one), body.take_in(two), body.take_in(Place(None))]
    thread = threading.Thread(target=lambda: body(context()))
    thread.start()
    while len(asked) < 3:
        pass
    body.take_in(late)
    left = [body.let_out(each) for each in (one, late, two)]
    body.leave()
    thread.join(10.0)

    assert [True, False, False] == firsts
    assert ["before", "one", "two", "late"] == asked
    assert [(False, False)] * 3 == left


@pytest.mark.parametrize("bad", ["raises", "exits", "blocks"])
def test_a_server_that_cannot_be_asked_keeps_no_other_from_being_asked(bad: str) -> None:
    """And it is waited for as the others are."""
    free, asked, done = threading.Event(), threading.Event(), threading.Event()

    def stop() -> None:
        if bad == "blocks":
            free.wait(10.0)
        raise (SystemExit if bad == "exits" else ValueError)(bad)

    body = ServerBody()
    places = [Place(stop), Place(asked.set)]
    for each in places:
        body.take_in(each)
    thread = threading.Thread(target=lambda: (body(context()), done.set()))
    thread.start()
    found = asked.wait(10.0), done.is_set()
    for each in places:
        body.let_out(each)
    body.leave()
    thread.join(10.0)
    free.set()

    assert ((True, False), True) == (found, done.is_set())


def test_a_late_server_that_cannot_be_asked_is_not_taken_in() -> None:
    """Nobody would ever wait for its end."""
    body = ServerBody()
    body.leave()
    body(context())
    body._asks = True

    def stop() -> None:
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        body.take_in(Place(stop))

    assert body.first is None


def test_the_last_server_of_a_thread_is_not_the_last_of_the_process() -> None:
    """Its thread may have to stay for handlers."""
    body, one, other = ServerBody(), Place(None), Place(None)
    body.take_in(one)
    thread = threading.Thread(target=body.take_in, args=(other,))
    thread.start()
    thread.join(10.0)

    assert [(False, True), (True, True)] == [body.let_out(one), body.let_out(other)]


async def cancelled_body(during: Any = None) -> tuple[TaskBody, bool, type[BaseException] | None]:
    """End a body that awaits for ever; return it, whether it absorbs what ended it, and the kind of that."""
    kinds: list[tuple[bool, type[BaseException] | None]] = []
    bodies: list[TaskBody] = []
    entered = asyncio.Event()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        body = TaskBody(task)
        bodies.append(body)
        kind: type[BaseException] | None = None
        try:
            entered.set()
            await asyncio.get_running_loop().create_future()
        except BaseException as error:
            kind = type(error)
            if during is not None:
                kind = during
        kinds.append((body.absorb(kind), kind))
        body.leave()

    task = asyncio.create_task(main())
    await entered.wait()
    await bodies[0]()
    await task
    return bodies[0], *kinds[0]


def test_a_body_is_cancelled_and_its_cancellation_is_absorbed() -> None:
    """What we caused stays inside."""
    body, absorbed, kind = asyncio.run(cancelled_body())

    assert (True, True, asyncio.CancelledError) == (body.gone, absorbed, kind)


def test_another_exception_leaves_the_block() -> None:
    """A bug in the clean-up of the body is not hidden by our cancellation."""
    _, absorbed, _ = asyncio.run(cancelled_body(ValueError))

    assert not absorbed


def test_a_cancellation_that_we_did_not_cause_is_not_absorbed() -> None:
    """It belongs to somebody else."""

    async def main() -> bool:
        task = asyncio.current_task()
        assert task is not None
        return TaskBody(task).absorb(asyncio.CancelledError)

    assert not asyncio.run(main())
