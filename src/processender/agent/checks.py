"""
Health checks: each is called at its times on a thread of its own, and what it says is believed after a few times.

Theory of operation. The main thread keeps the times by alarms and takes the answers. One look at a time: while one has
not come back, which counts as a failure when its time is up, no other is begun, so a check that hangs for ever costs
one thread. An answer that belongs to an earlier life of the command, or to a look whose time was up, is not heard.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ..core.care import LIVE, READY, STARTUP, Check, Pulse
from ..core.outcome import describe
from ..engine.brief import BriefContext
from ..engine.clock import SystemClock
from .alarms import Alarms
from .health import Health


class Checks:
    """All checks of one command. Main thread only."""

    def __init__(
        self,
        checks: Sequence[Check],
        health: Health,
        alarms: Alarms,
        ready: Callable[[], object],
        ailing: Callable[[Check, str], object],
    ) -> None:
        """
        Take what is checked; nothing is called yet.

        Args:

            checks: The checks.

            health: What the probes say.

            alarms: Who calls the main thread.

            ready: Is called once in each life, when all that is not about being alive has succeeded.

            ailing: Is told each time that a check comes to be believed to have failed, and why.
        """
        self._checks = tuple(checks)
        self._health = health
        self._alarms = alarms
        self._ready = ready
        self._ailing = ailing
        self._series: list[_Series] = []
        self._told = False
        self.decides = any(check.kind != LIVE for check in checks)
        """Whether the command is ready only when a check says so."""

    def begin(self) -> None:
        """Begin with a new life of the command."""
        self._told = False
        self._series = [_Series(check, self._alarms, self._said) for check in self._checks]
        self._publish()
        held_back = any(each.check.kind == STARTUP for each in self._series)
        for each in self._series:
            if each.check.kind == STARTUP or not held_back:
                each.begin()

    def end(self) -> None:
        """Let nothing be called any more; what was said last is forgotten."""
        for each in self._series:
            each.end()
        self._series = []

    def _said(self, series: _Series, before: Pulse, why: str) -> None:
        good = series.pulse.good
        if good == before.good:
            return
        if series.check.kind == STARTUP and good:
            # It has done its part.
            series.end()
            if not any(each.check.kind == STARTUP and not each.pulse.good for each in self._series):
                for each in self._series:
                    if each.check.kind != STARTUP:
                        each.begin()
        self._publish()
        decisive = [each for each in self._series if each.check.kind != LIVE]
        if decisive and not self._told and all(each.pulse.good for each in decisive):
            self._told = True
            self._ready()
        if not good:
            self._ailing(series.check, why)

    def _publish(self) -> None:
        """Let the probes say what is believed now."""
        health, series = self._health, self._series
        awaited = STARTUP if any(each.check.kind == STARTUP for each in series) else READY
        if not health.started or not self._told:
            waits = [each for each in series if each.check.kind == awaited]
            health.started = all(each.pulse.good for each in waits)
        health.unready = tuple(e.check.name for e in series if e.check.kind == READY and not e.pulse.good)
        health.dead = tuple(e.check.name for e in series if e.check.kind == LIVE and e.pulse.good is False)


class _Series:
    """The looks of one check during one life of the command."""

    def __init__(self, check: Check, alarms: Alarms, said: Callable[[_Series, Pulse, str], object]) -> None:
        self.check = check
        self.pulse = Pulse()
        self._alarms = alarms
        self._said = said
        self._alarm = 0
        self._ended = False
        self._look: Look | None = None

    def begin(self) -> None:
        if not self._ended:
            self._next()

    def end(self) -> None:
        self._ended = True
        self._alarms.cancel(self._alarm)
        if self._look is not None:
            self._look.ctx.cancel()

    def _next(self) -> None:
        limit = self.check.timeout
        if self._look is not None and self._look.busy:
            # It did not even come back after it was cancelled.
            self._take("it does not come back")
            return
        look = self._look = Look(self.check, self._alarms, self._answer)
        look.begin()
        self._alarm = self._alarms.after(limit, lambda: self._late(look))

    def _late(self, look: Look) -> None:
        look.ctx.cancel()
        self._take(f"it took longer than {self.check.timeout:g} s")

    def _answer(self, look: Look, why: str) -> None:
        if look.ctx.cancelled or look is not self._look:
            return
        self._alarms.cancel(self._alarm)
        self._take(why)

    def _take(self, why: str) -> None:
        """Take what a look has said, an empty text for all is well, and let the next follow."""
        if self._ended:
            return
        before, self.pulse = self.pulse, self.check.threshold.after(self.pulse, good=not why)
        self._alarm = self._alarms.after(self.check.every, self._next)
        self._said(self, before, why)


class Look:
    """One call of a check."""

    def __init__(self, check: Check, alarms: Alarms, answer: Callable[[Look, str], object]) -> None:
        """Take what is called, and what is told on the main thread why it has failed, an empty text if it has not."""
        clock = SystemClock()
        name, now = f"check.{check.name}", clock.now()
        self.ctx = BriefContext(now + check.timeout, clock, handler=name, cause="check", key=f"{name}/{now:.6f}")
        """What the check sees."""
        self._check = check
        self._alarms = alarms
        self._answer = answer
        self._thread = threading.Thread(target=self._work, name="processender-check", daemon=True)

    @property
    def busy(self) -> bool:
        """Whether it has not come back."""
        return self._thread.is_alive()

    def begin(self) -> None:
        """Begin; where no thread can be started that is its answer."""
        try:
            self._thread.start()
        except RuntimeError as error:
            why = describe(error)
            self._alarms.soon(lambda: self._answer(self, why))

    def _work(self) -> None:
        why = ""
        try:
            self._check.call(self.ctx)
        except Exception as error:  # what it raises is its answer
            why = describe(error)
        self._alarms.soon(lambda: self._answer(self, why))
