"""Where a thread or a task stands, as text for a person."""

from __future__ import annotations

import asyncio
import threading
from types import CoroutineType
from typing import Any

import pytest

from processender.engine.stacks import await_chain, thread_stack


class Parked:
    """A thread that stands still in a place with a name."""

    def __init__(self) -> None:
        """Not yet."""
        self.there = threading.Event()
        self.go = threading.Event()
        self.thread = threading.Thread(target=self.wait_for_the_bus)

    def wait_for_the_bus(self) -> None:
        """Stand still."""
        self.there.set()
        self.go.wait(10.0)

    def __enter__(self) -> str:
        """Park and return the stack."""
        self.thread.start()
        self.there.wait(10.0)
        return thread_stack(self.thread.ident or 0)

    def __exit__(self, *_: object) -> None:
        """Go."""
        self.go.set()
        self.thread.join()


def test_the_stack_names_where_a_thread_stands() -> None:
    """With the class of its method."""
    with Parked() as stack:
        pass

    assert "in Parked.wait_for_the_bus" in stack


def test_the_innermost_call_is_last() -> None:
    """As in a traceback."""
    with Parked() as stack:
        pass
    lines = stack.splitlines()
    ours = next(number for number, line in enumerate(lines) if "wait_for_the_bus" in line)

    assert ours < len(lines) - 1 and "threading.py" in lines[-1]


def test_what_every_thread_begins_with_is_left_out() -> None:
    """A reader learns nothing from `_bootstrap`."""
    with Parked() as stack:
        pass

    assert "wait_for_the_bus" in stack.splitlines()[0]


def test_a_thread_that_has_ended_has_no_stack() -> None:
    """The text is empty."""
    assert "" == thread_stack(0)


async def inner(future: asyncio.Future[None]) -> None:
    """Await the future."""
    await future


async def outer(future: asyncio.Future[None]) -> None:
    """Await the inner one."""
    await inner(future)


def chain_of(made: CoroutineType[Any, Any, None]) -> list[str]:
    """Return the await chain of a coroutine after its first step."""
    made.send(None)
    lines = await_chain(made).splitlines()
    made.close()
    return lines


@pytest.fixture
def future() -> Any:
    """Return a future that nobody fulfils."""
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


def test_the_await_chain_names_each_coroutine(future: asyncio.Future[None]) -> None:
    """The innermost last, and what it awaits behind it."""
    one, two, last = chain_of(outer(future))  # type: ignore[arg-type]

    assert (True, True, True) == (one.endswith("in outer"), two.endswith("in inner"), "Future" in last)


def test_a_coroutine_that_has_ended_awaits_nothing() -> None:
    """There is no frame any more."""

    async def nothing() -> None:
        """Return."""

    made = nothing()
    with pytest.raises(StopIteration):
        made.send(None)

    assert "awaiting <coroutine" in await_chain(made)


def test_a_deep_chain_is_cut() -> None:
    """A report is read by a person."""

    async def deep(left: int) -> None:
        if left:
            await deep(left - 1)
        else:
            await asyncio.tasks.sleep(0)

    assert 40 == len(chain_of(deep(100)))  # type: ignore[arg-type]
