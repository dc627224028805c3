"""
Listening by looking: the one loop of all sources that must ask, again and again, whether the end is coming.

Theory of operation. One thread for each source, which never delays a start and never holds up an exit. Each look has
its own pace; a look that fails is made again at the same pace and then ever more rarely, so that a machine without the
service pays next to nothing. What went wrong is told once for each kind, not at each look. What a look shows goes
through `core.sighting`, which knows what is news. A platform's deadline is measured by the platform's own clock where
the answer has one, since ours may be an hour off.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from .core.handler import Handler
from .core.labels import printable
from .core.record import Record
from .core.sighting import Sighting, Sightings
from .core.spans import LONGEST_S
from .core.texts import listed
from .errors import Permanent, ProcessEnderError, SourceError, Transient
from .exchange import HTTPStatusError
from .glance import Glance, Unclear
from .ports import Ears

LIMIT_S = 2.0
"""How long a look waits for an answer, unless it says otherwise."""
EARLY = 0.2
"""Which part of its pace a look may come early, where the thread is awake anyway: waking costs most of it."""
SLOWEST_S = 60.0
"""How rarely it is looked, at most, where looking fails."""
SAID = 1000
"""How much of an error is told, letters: it may quote an endpoint."""
JITTER = 0.1
"""Which part of a pause chance may take off, so that a thousand machines do not ask at once."""


class Look(Record):
    """One thing that is looked at, again and again."""

    name: str
    """What it is called, in troubles and in the report."""
    see: Callable[[Glance], Sequence[Sighting]]
    """Looks once and returns what stands; it may raise."""
    every: float
    """The pace, seconds from the end of a look to the next."""
    limit: float = LIMIT_S
    """The longest that one look may take, seconds."""
    slowest: float | None = None
    """How rarely it is looked, at most, where looking fails, seconds; None stands for a minute."""

    def check(self) -> None:
        """Raise `SourceError` for a pace that is none."""
        if not self.every > 0:
            raise SourceError("cannot look without a pause: `every` must be above 0")


class _Watched:
    """One look, and what has become of it."""

    def __init__(self, look: Look, origin: str) -> None:
        self.look = look
        self.sightings = Sightings(origin)
        self.due = 0.0
        self.failures = 0

    def pause(self, chance: float) -> float:
        """Return the seconds to the next look."""
        pause = self.look.every * 2.0 ** min(max(0, self.failures - 1), 16)
        slowest = SLOWEST_S if self.look.slowest is None else self.look.slowest
        return max(self.look.every, min(pause, slowest)) * (1 - JITTER * chance)


def _due(watched: _Watched) -> float:
    return watched.due


class Polled:
    """A `Source` that looks."""

    def __init__(
        self, name: str, looks: Sequence[Look], *, hint: str = "", handlers: Sequence[Handler] = (),
        close: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """
        Describe it; nothing is asked before `start`.

        Args:

            name: What it is called.

            looks: What is looked at, one after the other, on one thread.

            hint: What to do where nobody answers, for the trouble.

            handlers: What answers the platform when the end has come.

            close: Is called, on the source's own thread, when it has stopped.
        """
        self.name = name
        self.handlers = tuple(handlers)
        """What answers the platform when the end has come."""
        self.last: dict[str, str] = {}
        """What each look has seen last, in words, for the report."""
        self._looks = tuple(looks)
        self._hint = hint
        self._close = close
        self._over = threading.Event()
        self._glance: Glance | None = None
        self._thread: threading.Thread | None = None
        self._complained: set[tuple[str, str]] = set()

    def start(self, ears: Ears) -> None:
        """Begin to look, on a thread."""
        self._over = over = threading.Event()
        self._complained = set()
        watched = [_Watched(look, self.name) for look in self._looks]
        name = f"processender-{self.name}"
        told = (ears, watched, over, self._thread)
        thread = threading.Thread(target=self._run, args=told, name=name, daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        glance = self._glance
        if glance is not None:
            glance.cancel()

    def _run(
        self, ears: Ears, watched: Sequence[_Watched], over: threading.Event, before: threading.Thread | None
    ) -> None:
        if before is not None:
            # What it still has to close may be what this one is about to open.
            before.join(SLOWEST_S)
        clock = ears.clock
        while watched and not over.is_set():
            for each in sorted(watched, key=_due):
                if each.due <= clock.now() + EARLY * each.look.every and not over.is_set():
                    pause = self._see(each, ears, over)
                    each.due = clock.now() + (each.pause(clock.chance()) if pause is None else pause)
            over.wait(min(max(0.0, min(each.due for each in watched) - clock.now()), LONGEST_S))
        self._close()

    def _see(self, watched: _Watched, ears: Ears, over: threading.Event) -> float | None:
        """Look once; return the seconds to the next look, where this one knows better than the pace."""
        look = watched.look

        def complain(error: BaseException) -> None:
            self._complain(look.name, error, ears, over)

        self._glance = glance = Glance(ears, look.limit, complain)
        if over.is_set():
            return None
        try:
            seen = look.see(glance)
            notices = watched.sightings.compare(seen, ears.clock.now(), glance.wall(), whole=glance.whole)
            self.last[look.name] = listed(printable(each.cause) for each in seen) or "nothing"
        except Exception as error:  # an endpoint may do anything, and must not end the listening
            watched.failures += 1
            self.last[look.name] = f"{type(error).__name__}"
            complain(error)
            return None
        watched.failures = 0
        for text in watched.sightings.stale:
            complain(_Stale(text))
        for notice in notices:
            if not over.is_set():
                ears.notify(notice)
        return glance.pause

    def _complain(self, look: str, error: BaseException, ears: Ears, over: threading.Event) -> None:
        """Tell of each kind of failure once."""
        code, advice = _kind_of(error)
        # An address where nobody answers, or all are refused, is one trouble, whatever is looked at there.
        known = (code, "" if code in _OF_ALL else str(getattr(error, "status", look)))
        if known in self._complained or over.is_set():
            return
        self._complained.add(known)
        hint = self._hint if code in _OF_ALL and self._hint else advice
        said = printable(str(error), SAID)
        ears.trouble(code, f"cannot hear of the end from {self.name} ({look}): {said}; {hint}")


class _Stale(ProcessEnderError):
    code = "source-stale"


_OF_ALL = frozenset({"source-away", "source-slow"})
_KINDS: tuple[tuple[type[BaseException], str, str], ...] = (
    (_Stale, "source-stale", "it is taken for none"),
    (Unclear, "source-unclear", "it is looked at again, and nothing is done about it"),
    (HTTPStatusError, "source-refused", "it is asked again, ever more rarely"),
    (TimeoutError, "source-slow", "it is asked again, ever more rarely"),
    (Transient, "source-away", "it is asked again, ever more rarely"),
    (Permanent, "source-refused", "it is asked again, ever more rarely"),
    (ProcessEnderError, "source-refused", "it is looked at again, ever more rarely"),
)


def _kind_of(error: BaseException) -> tuple[str, str]:
    for kind, code, advice in _KINDS:
        if isinstance(error, kind):
            return code, advice
    return "source-bug", f"a bug ({type(error).__name__}); please report it"


class _Once:
    """Ears that are told once that nobody answers, however many listen there."""

    def __init__(self, ears: Ears) -> None:
        self.clock = ears.clock
        self.notify = ears.notify
        self._ears = ears
        self._told: set[str] = set()

    def trouble(self, code: str, text: str) -> None:
        if code not in self._told:
            self._ears.trouble(code, text)
        if code in _OF_ALL:
            self._told.add(code)


class Together:
    """Several sources that are one: each listens on a thread of its own, under one name."""

    def __init__(self, name: str, sources: Sequence[Polled]) -> None:
        """Take the *sources*."""
        self.name = name
        self.handlers: tuple[Handler, ...] = tuple(handler for each in sources for handler in each.handlers)
        """What answers the platform when the end has come."""
        self._sources = tuple(sources)

    @property
    def last(self) -> dict[str, str]:
        """What each look has seen last, in words."""
        return {name: text for each in self._sources for name, text in dict(each.last).items()}

    def start(self, ears: Ears) -> None:
        """Begin."""
        once = _Once(ears)
        for each in self._sources:
            each.start(once)

    def stop(self) -> None:
        """Stop."""
        for each in self._sources:
            each.stop()
