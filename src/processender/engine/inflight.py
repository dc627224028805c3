"""Work in progress, counted by the application, which the end waits for, can name, and breaks off when it must."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from ..core.events import Event, Trouble, Waiting, WorkCut
from ..core.outcome import describe
from ..ports import Clock
from .context import Context

SAY_S = 1.0
MOMENTS, MOMENT_S = 25, 0.01
"""How long what was cut at once may take to end before a server is asked to stop: so often so many seconds."""
LIMITS = {"websocket": 0.0, "events": 0.0}
"""The kinds of work that never end by themselves, and so are broken off as soon as work is to end, seconds."""
LAST_S = 1.0
"""How long what is broken off because the time is over still has, to close and to roll back: seconds at most, and"""
LAST_SHARE = 0.25
"""which part of the whole time."""
GIVE_UP_S = 0.1
"""How long it is waited for when nobody is to wait any more."""


class Token:
    """One piece of work: a context manager, sync and async, or `begin()` and `end()`; it may be entered once."""

    __slots__ = ("_home", "_live", "cut", "kind", "was_cut", "what")

    def __init__(
        self, home: InFlight, what: object, kind: str = "work", cut: Callable[[], object] | None = None
    ) -> None:
        """Take what the work is, in words or as something whose text says it, and what breaks it off."""
        self._home = home
        self._live = home.live
        self.what = what
        self.kind = kind
        self.cut = cut
        self.was_cut = False

    def begin(self) -> None:
        """Count the work. It takes no lock, and may be called by a signal handler."""
        self._live[id(self)] = self

    def end(self) -> None:
        """Count the work no longer."""
        self._live.pop(id(self), None)
        if self._home.waiting:
            self._home.ended()

    def __enter__(self) -> None:
        """Begin the work."""
        self.begin()

    def __exit__(self, *_: object) -> None:
        """End the work."""
        self.end()

    async def __aenter__(self) -> None:
        """Begin the work."""
        self.begin()

    async def __aexit__(self, *_: object) -> None:
        """End the work."""
        self.end()


class InFlight:
    """
    The work in progress of an Ender. Safe for threads.

    A piece of work costs two changes of a dictionary, each of which the interpreter does in one step. Who waits says so
    before looking at the dictionary, and who ends looks there after leaving it, so neither misses the other.
    """

    def __init__(self, clock: Clock, tell: Callable[[Event], object], limits: Mapping[str, float]) -> None:
        """Say through *tell* what is waited for; work of a kind may take what *limits* says, seconds, or `LIMITS`."""
        self._clock = clock
        self._tell = tell
        self._limits = {**LIMITS, **limits}
        self._changed = threading.Condition(threading.Lock())
        self.live: dict[int, Token] = {}
        """What is in progress."""
        self.waiting = False
        """Whether somebody waits for its end."""
        self._cutting = 0

    def reset(self) -> None:
        """Forget everything, in a fork child: the work and the lock are the parent's."""
        self._changed = threading.Condition(threading.Lock())
        self.live.clear()
        self.waiting = False
        self._cutting = 0

    def ended(self) -> None:
        """Let who waits look again, if nothing is in progress any more."""
        if not self.live:
            with self._changed:
                self._changed.notify_all()

    def labels(self) -> list[str]:
        """Return what is in progress, in words, the oldest first."""
        return _words(self.live.copy().values())

    def wait(self, ctx: Context) -> None:
        """
        Wait until nothing is in progress; work that begins meanwhile counts too. It is a handler in `quiesce`.

        What has had the time of its kind is broken off, and when the time of the handler is over all that is left.
        """
        self.waiting = True
        ctx.on_cancel(self._wake)
        began = said = self._clock.now()
        cut: list[Token] = []
        while live := tuple(self.live.copy().values()):
            if ctx.cancelled:
                self._give_up(live)
            now = self._clock.now()
            left, passed = ctx.remaining(), now - began
            last = min(LAST_S, (passed + left) * LAST_SHARE)
            if left <= last:
                cut += self._cut(live, "the time is over")
            pause = self._cut_due(live, passed)
            if now >= said:
                self._tell(Waiting(now, tuple(_words(live))))
                said = now + SAY_S
            if left > last:
                pause = min(pause, left - last)
            with self._changed:
                self._changed.wait_for(lambda: not self.live or ctx.cancelled, min(pause, SAY_S))
        if cut:
            raise TimeoutError(f"cut: {', '.join(_words(cut)[:10])}")

    def _cut_due(self, live: Iterable[Token], passed: float) -> float:
        """Break off what has had its time; return the seconds until the next has."""
        coming = [limit for limit in self._limits.values() if limit > passed]
        for kind, limit in self._limits.items():
            due = [token for token in live if token.kind == kind and not token.was_cut and limit <= passed]
            self._cut(due, f"{limit:g} s are over")
        return min(coming, default=passed + SAY_S) - passed

    def cut_at_once(self) -> None:
        """
        Break off what never ends by itself, before anybody else does who would tell its client less.

        Return when it has ended, or has had a moment to do so; another thread may have been at it already.
        """
        self._cut_due(tuple(self.live.copy().values()), 0.0)
        for _ in range(MOMENTS):
            with self._changed:
                if self._changed.wait_for(self._all_cut_has_ended, MOMENT_S):
                    return

    def _all_cut_has_ended(self) -> bool:
        return not self._cutting and not any(token.was_cut for token in self.live.copy().values())

    def _give_up(self, live: Iterable[Token]) -> None:
        self._cut(live, "the time is over")
        with self._changed:
            self._changed.wait_for(lambda: not self.live, GIVE_UP_S)
        left = self.labels()
        text = f"still in flight: {', '.join(left[:10])}" if left else f"cut: {', '.join(_words(live)[:10])}"
        raise TimeoutError(text)

    def _cut(self, tokens: Iterable[Token], reason: str) -> list[Token]:
        with self._changed:
            cuttable = [token for token in tokens if token.cut is not None and not token.was_cut]
            for token in cuttable:
                token.was_cut = True
            self._cutting += 1
        if cuttable:
            self._tell(WorkCut(self._clock.now(), tuple(_words(cuttable)), reason))
        for token in cuttable:
            assert token.cut is not None  # they were chosen above
            try:
                token.cut()
            except Exception as error:  # foreign code; it is reported, and the others are cut all the same
                text = f"{token.what} cannot be broken off: {describe(error)}"
                self._tell(Trouble(self._clock.now(), "cut-failed", text))
        with self._changed:
            self._cutting -= 1
            self._changed.notify_all()
        return cuttable

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _words(tokens: Iterable[Token]) -> list[str]:
    return [str(token.what) for token in tokens]
