"""Calls to the outside from inside a handler."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from processender.engine.context import Context
from processender.engine.dependencies import Dependencies
from processender.errors import CircuitOpenError, Permanent
from processender.testing.clock import VirtualClock


class Home:
    """The calls of one Ender, on a clock that stands still."""

    def __init__(self, *, is_async: bool = False) -> None:
        """Have 10 s left."""
        self.clock = VirtualClock()
        self.is_async = is_async
        self.dependencies = Dependencies(self.clock)

    def context(self, until: float = 10.0) -> Context:
        """Return the context of a handler."""
        return Context(
            handler="flush",
            cause="SIGTERM",
            run="run-1",
            attempt=1,
            until=until,
            clock=self.clock,
            dependencies=self.dependencies,
            is_async=self.is_async,
        )

    def fail(self, times: int, dependency: str = "db") -> None:
        """Let calls fail."""
        for _ in range(times):
            with pytest.raises(OSError, match="down"):
                self.context().call(dependency, down)


def down() -> None:
    """Fail."""
    raise OSError("down")


def refused() -> None:
    """Answer with no."""
    raise Permanent("no such order")


async def answer() -> str:
    """Answer, asynchronously."""
    return "answer"


async def silence() -> None:
    """Never answer."""
    await asyncio.get_running_loop().create_future()


def run(made: Any) -> Any:
    """Run a coroutine."""

    async def main() -> Any:
        return await made

    return asyncio.run(main())


def test_a_call_returns_what_its_function_returns() -> None:
    """A sync one, from a sync handler."""
    assert "answer" == Home().context().call("db", lambda: "answer")


def test_a_call_raises_what_its_function_raises() -> None:
    """Where the call was made."""
    with pytest.raises(OSError, match="down"):
        Home().context().call("db", down)


def test_a_call_runs_on_a_thread_of_its_own() -> None:
    """So that its deadline holds although it blocks."""
    assert threading.get_ident() != Home().context().call("db", threading.get_ident)


def test_a_call_has_a_deadline() -> None:
    """The error names the dependency and the time."""
    block = threading.Event()
    with pytest.raises(TimeoutError, match=r"'db' did not answer within 0\.01 s"):
        Home().context().call("db", block.wait, timeout=0.01)
    block.set()


def test_a_deadline_never_goes_beyond_the_time_that_is_left() -> None:
    """Ten minutes are wished for, none is left."""
    block = threading.Event()
    with pytest.raises(TimeoutError, match=r"within 0\.00 s"):
        Home().context(until=0.0).call("db", block.wait, timeout=600.0)
    block.set()


def test_without_a_deadline_of_its_own_a_call_has_the_time_that_is_left() -> None:
    """Nothing may wait for ever."""
    block = threading.Event()
    with pytest.raises(TimeoutError, match=r"within 0\.02 s"):
        Home().context(until=0.02).call("db", block.wait)
    block.set()


def test_a_dependency_that_keeps_failing_is_left_alone() -> None:
    """The error says so, and nothing is called."""
    home = Home()
    home.fail(5)
    with pytest.raises(CircuitOpenError, match="cannot call 'db': it failed 5 times in a row; it is left alone"):
        home.context().call("db", lambda: pytest.fail("it was called"))


def test_all_handlers_share_the_breaker_of_a_dependency() -> None:
    """What one has found out the other knows."""
    home = Home()
    home.fail(3)
    home.fail(2)
    with pytest.raises(CircuitOpenError):
        home.context().call("db", down)


def test_each_dependency_has_a_breaker_of_its_own() -> None:
    """The queue is not to blame for the database."""
    home = Home()
    home.fail(5, "db")

    assert "answer" == home.context().call("queue", lambda: "answer")


def test_after_the_cool_down_a_probe_is_let_through() -> None:
    """And its success closes the breaker."""
    home = Home()
    home.fail(5)
    home.clock.advance(5.0)

    assert ["answer"] * 2 == [home.context().call("db", lambda: "answer") for _ in range(2)]


def test_who_says_no_has_answered() -> None:
    """A permanent failure is no sign of a dependency that is down."""
    home = Home()
    for _ in range(9):
        with pytest.raises(Permanent):
            home.context().call("db", refused)

    assert "answer" == home.context().call("db", lambda: "answer")


def test_a_timeout_counts_as_a_failure() -> None:
    """Silence is the worst answer."""
    home = Home()
    block = threading.Event()
    for _ in range(5):
        with pytest.raises(TimeoutError):
            home.context().call("db", block.wait, timeout=0.0)
    block.set()
    with pytest.raises(CircuitOpenError):
        home.context().call("db", down)


def test_an_async_handler_awaits_its_call() -> None:
    """An async function."""
    assert "answer" == run(Home(is_async=True).context().call("db", answer))


def test_an_async_handler_may_call_a_sync_function() -> None:
    """On a thread of its own."""
    assert threading.get_ident() != run(Home(is_async=True).context().call("db", threading.get_ident))


def test_an_async_call_raises_what_its_function_raises() -> None:
    """Also from a thread."""
    with pytest.raises(OSError, match="down"):
        run(Home(is_async=True).context().call("db", down))


@pytest.mark.parametrize("how", ["async", "sync"])
def test_an_async_call_has_a_deadline(how: str) -> None:
    """Whether its function is async or blocks a thread."""
    block = threading.Event()
    function: Any = silence if how == "async" else block.wait
    with pytest.raises(TimeoutError):
        run(Home(is_async=True).context().call("db", function, timeout=0.01))
    block.set()


def test_a_call_that_nobody_waits_for_any_more_is_no_failure() -> None:
    """The handler was cancelled; that says nothing of the other side."""
    home = Home(is_async=True)

    async def forever() -> None:
        await asyncio.sleep(3600)

    async def cancelled() -> None:
        call = asyncio.ensure_future(home.context().call("db", forever, 10.0))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    async def many() -> bool:
        for _ in range(20):
            await cancelled()

        async def answer() -> bool:
            return True

        return bool(await home.context().call("db", answer, 10.0))

    assert asyncio.run(many())


def test_a_lambda_around_a_coroutine_function_is_awaited() -> None:
    """It looks sync until it is called."""

    async def answer(number: int) -> int:
        return number

    async def main() -> int:
        return await Home(is_async=True).context().call("db", lambda: answer(42), 10.0)

    assert 42 == asyncio.run(main())


def test_an_async_function_in_a_sync_handler_is_refused() -> None:
    """It would never run."""

    async def answer(number: int) -> int:
        return number

    with pytest.raises(TypeError, match="the function is async and the handler is not"):
        Home().context().call("db", lambda: answer(42), 10.0)
