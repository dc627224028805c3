"""The application's own code between set-up and end, as a handler: it is asked to leave and waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..hints import TYPE_CHECKING, Any
from .context import Context
from .each import call_each
from .stacks import await_chain, thread_stack

if TYPE_CHECKING:
    import asyncio


class ThreadBody:
    """The body of a `with` block, or a sync `main`: it sees `ender.stopping` and leaves by itself."""

    late = "the body has not left; let its loop look at ender.stopping"

    def __init__(self) -> None:
        """Belong to the thread that makes it."""
        self._thread = threading.get_ident()
        self.gone = False
        """Whether the body has left."""
        self._changed = threading.Event()

    def __call__(self, ctx: Context) -> None:
        """Wait until the body has left."""
        ctx.on_cancel(self._changed.set)
        self._changed.wait()
        if not self.gone:
            raise TimeoutError(self.late)

    def stack(self) -> str:
        """Return where the body stands."""
        return thread_stack(self._thread)

    def leave(self) -> None:
        """Note that the body has left."""
        self.gone = True
        self._changed.set()


class Place:
    """The life of one server: a block that is entered and left."""

    def __init__(self, stop: Callable[[], object] | None) -> None:
        """Take what asks it to *stop*, from any thread, if it must be asked."""
        self.stop = stop
        self.thread = threading.get_ident()
        """The thread on which it is entered."""


class ServerBody(ThreadBody):
    """
    The life of all servers of a process, each of which brings its own loop, or its own main program.

    Servers may be entered inside one another, or beside; each is asked to stop, and the last that leaves ends it.
    """

    late = "the server has not stopped"

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        """Begin without a server; call *before* before any is asked to stop."""
        super().__init__()
        self._before = before
        self.when_late: Callable[[], object] = lambda: None
        """Is called when they have not stopped in time."""
        self._lock = threading.Lock()
        self._places: list[Place] = []
        self._asks = False

    @property
    def first(self) -> Place | None:
        """The one that has been here longest."""
        return next(iter(self._places), None)

    def take_in(self, place: Place) -> bool:
        """Let one more server live here, from the thread that calls this; return whether it is the first."""
        place.thread = threading.get_ident()
        with self._lock:
            self._places.append(place)
            first, asks = len(self._places) == 1, self._asks
        if asks and place.stop is not None:
            try:
                place.stop()
            except BaseException:
                self.let_out(place)
                raise
        return first

    def let_out(self, place: Place) -> tuple[bool, bool]:
        """Note that a server has left; return whether it was the last one, and the last one of its thread."""
        with self._lock:
            self._places.remove(place)
            return not self._places, all(each.thread != place.thread for each in self._places)

    def __call__(self, ctx: Context) -> None:
        """Ask the servers to stop, and wait until they have."""
        if not self.gone:
            self._before()
            with self._lock:
                self._asks, asked = True, [place.stop for place in self._places if place.stop is not None]
            call_each(asked, lambda _number, error: ctx.note(f"a server that was asked to stop has raised {error}"))
        ctx.on_cancel(lambda: None if self.gone else self.when_late())
        super().__call__(ctx)

    def begin_anew(self) -> None:
        """Be as if nobody had been here before the first that is here now."""
        self.gone, self._asks = False, False
        self._changed = threading.Event()

    def stack(self) -> str:
        """Return where the servers stand that are still there."""
        return "\n".join(thread_stack(thread) for thread in {place.thread for place in tuple(self._places)})


class TaskBody:
    """The body of an `async with` block, or an async `main`: its task is cancelled."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        """Take the *task* that runs the body."""
        self.cancelled = False
        """Whether the end has cancelled the body."""
        self._task = task
        self._asked = task.cancelling()
        self.gone = False
        """Whether the body has left."""
        self._left: asyncio.Future[None] = task.get_loop().create_future()

    @classmethod
    def current(cls) -> TaskBody:
        """Return the body of the task that calls this."""
        import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

        task = asyncio.current_task()
        assert task is not None  # `async with` stands in a task
        return cls(task)

    async def __call__(self) -> None:
        """Cancel the body and wait until it has left."""
        if not self.gone:
            self.cancelled = True
            self._task.cancel()
            # Waiting for the body must not be what ends it a second time when the waiting is cut short.
            import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

            await asyncio.shield(self._left)

    def stack(self) -> str:
        """Return where the body stands."""
        return await_chain(self._task.get_coro())

    def leave(self) -> None:
        """Note that the body has left; called on its loop."""
        self.gone = True
        if not self._left.done():
            self._left.set_result(None)

    def absorb(self, kind: type[BaseException] | None) -> bool:
        """Tell whether the exception of this *kind* is the cancellation that the end has caused, and take it back."""
        import asyncio  # noqa: PLC0415 - see above

        if not self.cancelled:
            return False
        # Somebody else, such as `asyncio.timeout`, may have cancelled it too, and waits for the exception.
        alone = self._task.uncancel() <= self._asked
        return alone and kind is not None and issubclass(kind, asyncio.CancelledError)
