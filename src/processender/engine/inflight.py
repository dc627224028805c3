"""Work in progress, counted by the application, which the end waits for, can name, and breaks off when it must."""

from __future__ import annotations

import threading
from _thread import get_ident
from collections.abc import Callable, Iterable, Mapping

from ..core.events import Event, HandlerStuck, Trouble, Waiting, WorkCut
from ..core.labels import Several, in_line, label, labels
from ..core.limits import last_part
from ..core.outcome import describe
from ..hints import Any
from ..ports import Clock
from .context import Context
from .each import call_each
from .stacks import await_chain, thread_stack

SAY_S = 1.0
SHOWN = 20
"""Of how much work is shown where it stands."""
LOOK_SHARE = 0.1
"""Which part of the last part of the time it waits before it looks for more to break off."""
MOMENTS, MOMENT_S = 25, 0.01
"""How long what was cut at once may take to end before a server is asked to stop: so often so many seconds."""
LIMITS = {"websocket": 0.0, "events": 0.0}
"""The kinds of work that never end by themselves, and so are broken off as soon as work is to end, seconds."""
GIVE_UP_S = 0.1
"""How long what is cut only when nobody is to wait any more is waited for."""


class Token:
    """One piece of work: a context manager, sync and async, or `begin()` and `end()`; it may be entered once."""

    __slots__ = ("_home", "_live", "cut", "kind", "task", "thread", "was_cut", "what")

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
        self.task: Any = None
        """The task that it is the work of, if it was entered in one."""
        self.thread = 0
        """The thread on which it has begun, where it stands if it is stuck."""

    def begin(self) -> None:
        """Count the work. It takes no lock, and may be called by a signal handler."""
        self.thread = get_ident()
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
        import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

        self.task = asyncio.current_task()
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
        """Return what is in progress, in words, the oldest first; behind very many, how many more there are."""
        named = Several()
        shown, more = labels(_whats(self.live.copy().values()))
        named.add(*shown, more=more)
        return named.shown(str)

    def stack(self) -> str:
        """Return where the work stands that is in progress, the oldest first; what stands at one place is told once."""
        places: dict[str, list[str]] = {}
        for token in list(self.live.copy().values())[:SHOWN]:
            places.setdefault(_where(token), []).append(label(token.what))
        return "\n".join(f"{', '.join(whats)}:\n{where}" for where, whats in places.items() if where)

    def __call__(self, ctx: Context) -> None:
        """
        Wait until nothing is in progress; work that begins meanwhile counts too. It is a handler in `quiesce`.

        What has had the time of its kind is broken off, and all that is left at the beginning of the last part of the
        time. When half of that is over, whatever was broken off and has not ended is given up: its server is to leave.
        """
        self.waiting = True
        ctx.on_cancel(self._wake)
        began = said = self._clock.now()
        cut: list[Token] = []
        shown = False
        while live := tuple(self.live.copy().values()):
            if ctx.cancelled:
                self._give_up(live)
            now = self._clock.now()
            left, passed = ctx.remaining(), now - began
            last = last_part(passed + left)
            if left <= last:
                # What is cut may leave the thread behind on which it is stuck: it is looked for before.
                where, shown = "" if shown else self.stack(), True
                cut += (now_cut := self._cut(live, "the time is over"))
                if where:
                    self._tell(HandlerStuck(now, ctx.handler, "the time for work in flight is over", where))
                if left <= last / 2 and not now_cut and all(token.was_cut for token in live):
                    break
            pause = self._cut_due(live, passed)
            if now >= said:
                self._tell(Waiting(now, *labels(_whats(live))))
                said = now + SAY_S
            # What is cut may begin other work, such as closing, which is cut as well.
            pause = min(pause, left - last if left > last else last * LOOK_SHARE)
            with self._changed:
                self._changed.wait_for(lambda: not self.live or ctx.cancelled, min(pause, SAY_S))
        if live:
            raise TimeoutError(f"still in flight: {_line(live)}")
        if cut:
            raise TimeoutError(f"cut: {_line(cut)}")

    def _cut_due(self, live: Iterable[Token], passed: float) -> float:
        """Break off what has had its time; return the seconds until the next has."""
        coming = [limit for limit in self._limits.values() if limit > passed]
        for kind, limit in self._limits.items():
            due = [token for token in live if token.kind == kind and not token.was_cut and limit <= passed]
            self._cut(due, f"the limit of {kind}, {limit:g} s, is over")
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
        if self._cut(live, "the time is over"):
            with self._changed:
                self._changed.wait_for(lambda: not self.live, GIVE_UP_S)
        left = tuple(self.live.copy().values())
        raise TimeoutError(f"still in flight: {_line(left)}" if left else f"cut: {_line(live)}")

    def _cut(self, tokens: Iterable[Token], reason: str) -> list[Token]:
        with self._changed:
            cuttable = [token for token in tokens if token.cut is not None and not token.was_cut]
            for token in cuttable:
                token.was_cut = True
            self._cutting += 1
        if cuttable:
            shown, more = labels(_whats(cuttable))
            self._tell(WorkCut(self._clock.now(), shown, reason, more))

        def failed(number: int, error: str) -> None:
            text = f"{label(cuttable[number].what)} cannot be broken off: {error}"
            self._tell(Trouble(self._clock.now(), "cut-failed", text))

        call_each([token.cut for token in cuttable if token.cut is not None], failed)
        with self._changed:
            self._cutting -= 1
            self._changed.notify_all()
        return cuttable

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _where(token: Any) -> str:
    """Return the stack of the task of *token*, or else of its thread; empty where neither is known."""
    try:
        task = getattr(token, "task", None) or getattr(token.what, "task", None)
        return await_chain(task.get_coro()) if task is not None else thread_stack(getattr(token, "thread", 0))
    except Exception as error:  # foreign objects; the others are shown all the same
        return f"  no stack: {describe(error)}"


def _whats(tokens: Iterable[Token]) -> list[object]:
    # The text of each is made only if it is shown.
    return [token.what for token in tokens]


def _line(tokens: Iterable[Token]) -> str:
    return in_line(*labels(_whats(tokens)))
