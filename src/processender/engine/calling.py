"""How a call to the outside is made and waited for; loaded where there are handlers that may make one."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import Permanent
from ..hints import Any, Protocol, TypeVar
from .callables import is_async

T = TypeVar("T")


class Home(Protocol):
    """Where the breakers are."""

    def enter(self, dependency: str) -> Any:
        """Return the breaker of *dependency*, which lets the call through; raise `CircuitOpenError` if it does not."""

    def leave(self, breaker: Any, *, ok: bool) -> None:
        """Tell *breaker* how the call ended."""


def call(home: Home, dependency: str, function: Callable[[], T], limit: float) -> T:
    """Call the sync *function* on a thread of its own, for one of *home*'s; wait at most *limit* seconds for it."""
    breaker = home.enter(dependency)
    ok = False
    try:
        result = _on_thread(function, limit, dependency)
        ok = True
        _refuse_coroutine(result, dependency)
    except Permanent:
        ok = True  # it answered
        raise
    finally:
        home.leave(breaker, ok=ok)
    return result


async def call_async(home: Home, dependency: str, function: Callable[[], Any], limit: float) -> Any:
    """Await *function*, or call it on a thread if it is sync, for one of *home*'s; wait at most *limit* seconds."""
    import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

    breaker = home.enter(dependency)
    ok = False
    try:
        async with asyncio.timeout(limit):
            if is_async(function):
                result = await function()
            else:
                result = await _from_thread(function)
                if asyncio.iscoroutine(result):
                    # A lambda around a coroutine function looks sync until it is called.
                    result = await result
        ok = True
    except (Permanent, asyncio.CancelledError):
        ok = True  # it answered, or nobody waits for its answer any more
        raise
    finally:
        home.leave(breaker, ok=ok)
    return result


def _refuse_coroutine(result: object, dependency: str) -> None:
    close = getattr(result, "close", None)
    if hasattr(result, "__await__") and close is not None:
        close()
        raise TypeError(f"cannot call {dependency!r}: the function is async and the handler is not; make it async, too")


class _Call:
    """One call on a thread of its own; a daemon, so that it holds up no exit."""

    def __init__(self, function: Callable[[], Any], on_end: Callable[[], object]) -> None:
        self.function = function
        self.on_end = on_end
        self.result: Any = None
        self.error: BaseException | None = None

    def start(self, name: str) -> None:
        threading.Thread(target=self.run, name=name, daemon=True).start()

    def run(self) -> None:
        try:
            self.result = self.function()
        except BaseException as error:  # it is raised where the call was made
            self.error = error
        self.on_end()

    def outcome(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


def _on_thread(function: Callable[[], T], limit: float, dependency: str) -> T:
    ended = threading.Event()
    call = _Call(function, ended.set)
    try:
        call.start(f"processender-call-{dependency}")
    except RuntimeError:
        # Python 3.12 starts no thread while the interpreter ends, and a system may have none left. Then the call has
        # the time of its handler, which is better than none.
        call.run()
    if not ended.wait(limit):
        raise TimeoutError(f"{dependency!r} did not answer within {limit:.2f} s")
    result: T = call.outcome()
    return result


async def _from_thread(function: Callable[[], Any]) -> Any:
    import asyncio  # noqa: PLC0415 - see above

    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def tell() -> None:
        if not ended.done():
            ended.set_result(None)

    def end() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell)

    call = _Call(function, end)
    call.start("processender-call")
    await ended
    return call.outcome()
