"""What an application holds of what it owes: one thing, or all things of one job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from os import PathLike
from types import TracebackType

from .core.obligation import Obligation
from .errors import ObligationError
from .hints import Any, Protocol, Self

RELEASE_S = 30.0
"""How long a releaser may take when a block is left while the process lives on."""


class Home(Protocol):
    """Where obligations are written down and released."""

    def begin(self, obligation: Obligation) -> None:
        """Write down that it is going to be acquired."""

    def acquired(self, obligation: Obligation, ref: str, args: Mapping[str, Any]) -> Obligation:
        """Write down its real id and more arguments; return what is owed now."""

    def settled(self, obligation: Obligation) -> None:
        """Write down that it is gone."""

    def release(self, obligation: Obligation) -> None:
        """Release it now."""

    def on_thread(self, function: Callable[[], object]) -> Awaitable[object]:
        """Call *function* beside the event loop."""


class Held:
    """One thing that this process owes: a context manager, or `acquire()` and later `settle()` or `release()`."""

    def __init__(self, home: Home, obligation: Obligation) -> None:
        """Only `ender.obligation` makes one."""
        self._home = home
        self._begun = False
        self.obligation = obligation
        """What is owed."""

    @property
    def id(self) -> str:
        """Its id; hand it to the system as tag or idempotency key, so that the thing can be found after a crash."""
        return self.obligation.id

    def acquire(self) -> Self:
        """Write down, before the thing exists, that it must be released; raise `JournalError` if that is refused."""
        self._home.begin(self.obligation)
        self._begun = True
        return self

    def acquired(self, ref: str = "", **args: Any) -> None:
        """Write down that the thing exists, under its real id *ref*, with *args* that were not known before."""
        if not self._begun:
            text = f"cannot say that {self.obligation.label} is there: a crash before this would have left it for ever"
            raise ObligationError(f"{text}; acquire() it first, before you make it")
        self.obligation = self._home.acquired(self.obligation, ref, args)

    def settle(self) -> None:
        """Say that the thing is gone; its releaser is not called. May be called again."""
        self._home.settled(self.obligation)

    def release(self) -> None:
        """Call the releaser now; what it raises is raised, and the thing stays owed."""
        self._home.release(self.obligation)

    def __enter__(self) -> Self:
        """Acquire."""
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release, unless it was settled; an error of the block is not covered up by one of the releaser."""
        try:
            self.release()
        except Exception as failed:
            if error is None:
                raise
            error.add_note(f"and cannot release {self.obligation.label}: {failed}; the journal keeps it")

    async def __aenter__(self) -> Self:
        """Acquire, on a thread."""
        await self._home.on_thread(self.acquire)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release, on a thread, unless it was settled."""
        await self._home.on_thread(lambda: self.__exit__(kind, error, trace))


class Scope:
    """The obligations of one job: leaving the block releases its own, newest first, and nobody else's."""

    def __init__(self, job: str, make: Callable[..., Held]) -> None:
        """Only `ender.scope` makes one."""
        self._make = make
        self._held: list[Held] = []
        self.job = job
        """The name of the job."""

    def obligation(
        self, kind: str, *, key: str | PathLike[str], releaser: str = "",
        outlives: Held | str | Sequence[Held | str] = (), **args: Any,
    ) -> Held:  # fmt: skip
        """Return an obligation of this job; see `Ender.obligation`."""
        if "job" in args:
            text = f"cannot owe {kind} {key!r} for the job {args['job']!r}: the scope is that of the job {self.job!r}"
            raise ObligationError(f"{text}; leave job= out, or open another scope")
        held = self._make(kind, key=key, releaser=releaser, outlives=outlives, job=self.job, **args)
        self._held.append(held)
        return held

    def release(self) -> None:
        """Release what the job still owes, newest first; go on after a failure and raise all of them at the end."""
        failed: list[Exception] = []
        while self._held:
            try:
                self._next().release()
            except Exception as error:  # the others must not suffer for it; all are raised below
                failed.append(error)
        if failed:
            raise ExceptionGroup(f"cannot release all that the job {self.job!r} owes; the journal keeps it", failed)

    def _next(self) -> Held:
        """Take the newest that none of the others must be gone before."""
        for at in range(len(self._held) - 1, -1, -1):
            others = {each.id for each in self._held if each is not self._held[at]}
            if others.isdisjoint(self._held[at].obligation.outlives):
                return self._held.pop(at)
        return self._held.pop()

    def __enter__(self) -> Self:
        """Begin the job."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release what the job still owes; an error of the block is not covered up."""
        try:
            self.release()
        except ExceptionGroup as failed:
            if error is None:
                raise
            error.add_note(f"{failed}: {'; '.join(map(str, failed.exceptions))}")
