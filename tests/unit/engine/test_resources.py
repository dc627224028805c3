"""Things with set-up and tear-down in one place."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

from processender.engine.context import Context
from processender.engine.dependencies import Dependencies
from processender.engine.resources import Resource, from_async_context_manager, from_context_manager
from processender.errors import StateError
from processender.testing.clock import VirtualClock


def context(cause: str = "SIGTERM") -> Context:
    """Return the context of the tear-down."""
    clock = VirtualClock()
    return Context(
        handler="pool", cause=cause, run="r", attempt=1, until=10.0, clock=clock,
        dependencies=Dependencies(clock), is_async=False,
    )  # fmt: skip


def resource(make: Callable[[], Any]) -> Resource[Any]:
    """Return the resource of a generator function."""
    return Resource("pool", make, {})


class Diary:
    """A generator that notes what happens to it, and on which thread."""

    def __init__(self) -> None:
        """Begin empty."""
        self.lines: list[str] = []
        self.threads: list[int] = []

    def generate(self) -> Generator[str, str, None]:
        """Yield the thing."""
        self.threads.append(threading.get_ident())
        cause = yield "the pool"
        self.lines.append(cause)
        self.threads.append(threading.get_ident())


def test_the_value_is_what_was_yielded() -> None:
    """Once it is set up."""
    pool = resource(Diary().generate)
    pool.set_up()

    assert "the pool" == pool.value


def test_there_is_no_value_before_the_set_up() -> None:
    """The error says what to do."""
    with pytest.raises(StateError, match="the resource 'pool' is not set up; enter its Ender first"):
        _ = resource(Diary().generate).value


def test_the_yield_gives_the_cause() -> None:
    """So that the tear-down may depend on it."""
    diary = Diary()
    resource(diary.generate).set_up()(context("SIGINT"))

    assert ["SIGINT"] == diary.lines


def test_set_up_and_tear_down_are_on_one_thread() -> None:
    """Handles that are bound to a thread hold across the `yield`."""
    diary = Diary()
    resource(diary.generate).set_up()(context())

    assert diary.threads[0] == diary.threads[1] != threading.get_ident()


def test_a_set_up_that_raises_is_raised() -> None:
    """Where it was asked for."""

    def bad() -> Iterator[None]:
        raise OSError("no pool")
        yield

    with pytest.raises(OSError, match="no pool"):
        resource(bad).set_up()


def test_a_tear_down_that_raises_is_raised() -> None:
    """It is the failure of the handler."""

    def bad() -> Iterator[None]:
        yield
        raise OSError("still in use")

    with pytest.raises(OSError, match="still in use"):
        resource(bad).set_up()(context())


def test_a_second_yield_is_an_error() -> None:
    """Everything behind the first one is tear-down."""

    def twice() -> Iterator[None]:
        yield
        yield

    with pytest.raises(StateError, match="yielded twice"):
        resource(twice).set_up()(context())


def test_what_does_not_yield_is_no_resource() -> None:
    """Said at registration."""
    with pytest.raises(StateError, match="cannot make a resource of 'pool': it must `yield` once"):
        resource(lambda: None)


def test_a_tear_down_that_hangs_gives_way() -> None:
    """The thread that waits for it is free again."""
    block, entered, ctx = threading.Event(), threading.Event(), context()

    def stuck() -> Iterator[None]:
        yield
        entered.set()
        block.wait(10.0)

    keeper = resource(stuck).set_up()
    threading.Thread(target=lambda: (entered.wait(10.0), ctx.cancel())).start()
    with pytest.raises(TimeoutError, match="its time was up"):
        keeper(ctx)
    block.set()


def test_the_stack_is_that_of_the_generator() -> None:
    """Not that of who waits for it."""
    block, entered, ctx = threading.Event(), threading.Event(), context()

    def stuck() -> Iterator[None]:
        yield
        entered.set()
        block.wait(10.0)

    keeper = resource(stuck).set_up()
    thread = threading.Thread(target=keeper, args=(ctx,))
    thread.start()
    entered.wait(10.0)
    stack = keeper.stack()
    block.set()
    thread.join()

    assert "<locals>.stuck" in stack


def test_a_context_manager_is_a_resource() -> None:
    """Its value is what `__enter__` returns, its exit the tear-down."""
    left: list[str] = []

    @contextlib.contextmanager
    def pool() -> Iterator[str]:
        yield "the pool"
        left.append("closed")

    made = resource(from_context_manager(pool()))
    made.set_up()(context())

    assert ("the pool", ["closed"]) == (made.value, left)


def drive(make: Callable[[], Any]) -> tuple[Any, list[Any]]:
    """Set an async resource up and tear it down; return its value and the tasks that drove it."""
    tasks: list[Any] = []

    async def main() -> Any:
        made = resource(make)
        keeper = await made.set_up_async()
        tasks.append(asyncio.current_task())
        await keeper(context("SIGINT"))
        return made.value

    return asyncio.run(main()), tasks


def test_an_async_generator_is_told_the_cause() -> None:
    """As a sync one is."""
    causes = []

    async def pool() -> AsyncIterator[str]:
        causes.append((yield "the pool"))

    assert ("the pool", ["SIGINT"]) == (drive(pool)[0], causes)


def test_an_async_generator_is_driven_by_one_task_of_its_own() -> None:
    """Cancel scopes and context variables hold across the `yield`."""
    own = []

    async def pool() -> AsyncIterator[None]:
        own.append(asyncio.current_task())
        yield
        own.append(asyncio.current_task())

    _, (main,) = drive(pool)

    assert own[0] is own[1] is not main


def test_an_async_set_up_that_raises_is_raised() -> None:
    """Where it was asked for."""

    async def bad() -> AsyncIterator[None]:
        raise OSError("no pool")
        yield

    with pytest.raises(OSError, match="no pool"):
        drive(bad)


def test_an_async_tear_down_that_raises_is_raised() -> None:
    """It is the failure of the handler."""

    async def bad() -> AsyncIterator[None]:
        yield
        raise OSError("still in use")

    with pytest.raises(OSError, match="still in use"):
        drive(bad)


def test_a_second_async_yield_is_an_error() -> None:
    """Everything behind the first one is tear-down."""

    async def twice() -> AsyncIterator[None]:
        yield
        yield

    with pytest.raises(StateError, match="the resource 'pool' yielded twice"):
        drive(twice)


def test_an_async_context_manager_is_a_resource() -> None:
    """Its value is what `__aenter__` returns."""

    @contextlib.asynccontextmanager
    async def pool() -> AsyncIterator[str]:
        yield "the pool"

    assert "the pool" == drive(from_async_context_manager(pool()))[0]
