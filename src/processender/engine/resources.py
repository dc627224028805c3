"""
Things with set-up and tear-down in one place: a generator that yields the thing once and is told the cause.

Each generator is driven from set-up to tear-down by one thread, or one task, of its own, so that cancel scopes, context
variables and handles bound to a thread hold across the `yield`.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Generator

from ..errors import StateError
from ..hints import AbstractAsyncContextManager, AbstractContextManager, Any, Generic, TypeVar
from .callables import ASYNC_GENERATOR, GENERATOR, has_flag
from .context import Context
from .stacks import await_chain, thread_stack

T = TypeVar("T")

NEVER = "the resource {!r} never yielded; it must `yield` once, between its set-up and its tear-down"
TWICE = "the resource {!r} yielded twice; everything after the first `yield` is its tear-down"


class Resource(Generic[T]):
    """A resource of an Ender; `value` is what its generator yielded."""

    def __init__(self, name: str, make: Callable[[], Any], options: dict[str, Any]) -> None:
        """Take the generator function and the options of the handler that tears it down."""
        self.name = name
        self.after_recovery = bool(options.pop("after_recovery", False))
        """Whether its set-up waits until a recovery at start is over."""
        self.options = options
        self.is_async = has_flag(make, ASYNC_GENERATOR)
        if not self.is_async and not has_flag(make, GENERATOR):
            raise StateError(f"cannot make a resource of {name!r}: it must `yield` once")
        self._make = make
        self._values: list[T] = []

    @property
    def value(self) -> T:
        """What the generator yielded; `StateError` while it is not set up."""
        if not self._values:
            raise StateError(f"the resource {self.name!r} is not set up; enter its Ender first")
        return self._values[0]

    def set_up(self) -> ThreadKeeper:
        """Set it up on a thread of its own and return what tears it down."""
        keeper = ThreadKeeper(self.name, self._make())
        self._values[:] = [keeper.value]
        return keeper

    async def set_up_async(self) -> TaskKeeper:
        """Set it up in a task of its own and return what tears it down."""
        keeper = TaskKeeper(self.name, self._make())
        self._values[:] = [await keeper.start()]
        return keeper


class ThreadKeeper:
    """Drives a generator on a thread; as a handler it tears down."""

    def __init__(self, name: str, generator: Generator[Any, str, None]) -> None:
        """Start the thread and wait until the generator has yielded; raise what its set-up raised."""
        self.value: Any = None
        self._name = name
        self._generator = generator
        self._cause = ""
        self._close = threading.Event()
        self._changed = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._drive, name=f"processender-{name}", daemon=True)
        self._thread.start()
        self._changed.wait()
        if self._error is not None:
            raise self._error
        self._changed.clear()

    def __call__(self, ctx: Context) -> None:
        """Let the generator go on with the cause, and wait for its end."""
        self._cause = ctx.cause
        ctx.on_cancel(self._changed.set)
        self._close.set()
        self._changed.wait()
        if ctx.cancelled:
            raise TimeoutError("its time was up")
        if self._error is not None:
            raise self._error

    def stack(self) -> str:
        """Return where the generator stands."""
        return thread_stack(self._thread.ident or 0)

    def _drive(self) -> None:
        try:
            self.value = self._next()
            self._changed.set()
            self._close.wait()
            self._send()
        except BaseException as error:  # it is raised where the set-up or the tear-down was asked for
            self._error = error
        self._changed.set()

    def _next(self) -> Any:
        try:
            return next(self._generator)
        except StopIteration:
            raise StateError(NEVER.format(self._name)) from None

    def _send(self) -> None:
        try:
            self._generator.send(self._cause)
        except StopIteration:
            return
        self._generator.close()
        raise StateError(TWICE.format(self._name))


class TaskKeeper:
    """Drives an async generator in a task; as a handler it tears down."""

    def __init__(self, name: str, generator: AsyncGenerator[Any, str]) -> None:
        """Nothing runs before `start`."""
        self._name = name
        self._generator = generator
        self._task: Any = None
        self._ready: Any = None
        self._cause: Any = None

    async def start(self) -> Any:
        """Start the task and return what the generator yielded; raise what its set-up raised."""
        import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

        loop = asyncio.get_running_loop()
        self._ready, self._cause = loop.create_future(), loop.create_future()
        self._task = loop.create_task(self._drive(), name=f"processender-{self._name}")
        try:
            await asyncio.wait([self._ready, self._task], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._give_up()
            raise
        if not self._ready.done():
            await self._task
        return self._ready.result()

    async def _give_up(self) -> None:
        """Cut the set-up short; if it has just been ready, tear down at once."""
        import asyncio  # noqa: PLC0415 - see above

        if self._ready.done():
            self._cause.set_result("error")
        else:
            self._task.cancel()
        await asyncio.wait([self._task])

    async def __call__(self, ctx: Context) -> None:
        """Let the generator go on with the cause, and await its end; being cancelled cancels it."""
        if not self._cause.done():
            self._cause.set_result(ctx.cause)
        await self._task

    def stack(self) -> str:
        """Return what the generator awaits."""
        return await_chain(self._generator)

    async def _drive(self) -> None:
        self._ready.set_result(await self._next())
        cause = await self._cause
        try:
            await self._generator.asend(cause)
        except StopAsyncIteration:
            return
        await self._generator.aclose()
        raise StateError(TWICE.format(self._name))

    async def _next(self) -> Any:
        try:
            return await anext(self._generator)
        except StopAsyncIteration:
            raise StateError(NEVER.format(self._name)) from None


def from_context_manager(manager: AbstractContextManager[T]) -> Callable[[], Generator[T, str, None]]:
    """Return *manager* as the generator of a resource."""

    def generate() -> Generator[T, str, None]:
        with manager as value:
            yield value

    return generate


def from_async_context_manager(manager: AbstractAsyncContextManager[T]) -> Callable[[], AsyncGenerator[T, str]]:
    """Return *manager* as the generator of an async resource."""

    async def generate() -> AsyncGenerator[T, str]:
        async with manager as value:
            yield value

    return generate
