"""
What the words of a UPS mean for who draws its power: pure, so that each of its bad days is a row of a table.

Theory of operation. On battery (`OB`) is news, and no end. The end is a battery that is low as well (`OB LB`), a
shutdown that the primary forces (`FSD`), and a UPS that was on battery when it was last heard of: whoever speaks for it
may have lost its own power. Back on line all but the forced end is taken back. A UPS may flap, so the second return
within some minutes must last before it is believed, and each further one twice as long. `LB` is kept until power
returns, since it flaps as well. A UPS that calibrates itself is on battery because it wants to be: that is nothing.
"""

from __future__ import annotations

from ...core.notice import Action
from ...core.sighting import Sighting
from ...glance import Unclear

KNOWN = frozenset(
    (
        "OL",
        "OB",
        "LB",
        "HB",
        "RB",
        "CHRG",
        "DISCHRG",
        "BYPASS",
        "CAL",
        "OFF",
        "OVER",
        "TRIM",
        "BOOST",
        "ALARM",
        "FSD",
        "WAIT",
    )
)
"""The words of `ups.status`, of which a status has at least one."""
LONGEST_S = 3600.0
"""What a battery that is low cannot have left, seconds: whoever says so has not measured it."""
CALM_S = 300.0
"""How long power must have been believed for the next outage to be no flapping, seconds."""
STEADIEST_S = 600.0
"""The longest that power must be back to be believed, seconds."""


class Power:
    """The state of one UPS, from one look to the next."""

    def __init__(self, battery: Action, forced: float, dead: float, steady: float) -> None:
        """Take what being on *battery* means, and the times of `listen`."""
        self._battery = battery
        self._forced, self._dead, self._steady = forced, dead, steady
        self._is_on_battery = False
        self._is_low = False
        self._heard = 0.0
        self._empty: float | None = None
        self._told: float | None = None
        self._back: float | None = None
        self._flaps = 0
        self._shown: list[Sighting] = []

    def seen(self, status: str, runtime: float | None, now: float, wall: float) -> list[Sighting] | None:
        """
        Return what stands, None if *status* leaves that open; raise `Unclear` for what is no status.

        Args:

            status: The words of `ups.status`.

            runtime: How long the battery lasts, seconds, if that is known.

            now: Seconds on the monotonic clock.

            wall: The time, seconds since 1970.
        """
        words = frozenset(status.split())
        if not words & KNOWN:
            raise Unclear(f"{status[:80]!r} is no status of a UPS")
        self._heard = now
        runtime = runtime if runtime is not None and 0 < runtime <= LONGEST_S else None
        forced = self._forced_by(words, runtime)
        if "OB" in words and "CAL" not in words:
            self._outage(words, runtime, now)
            self._shown = self._on_battery(status, now, wall)
        elif words & {"OL", "CAL"}:
            self._on_line(now)
        elif not forced:
            return None
        return [*self._shown, *forced]

    def lost(self, now: float, wall: float) -> list[Sighting] | None:
        """Return what it means that nothing fresh is known; None where that is nothing."""
        if not self._is_on_battery:
            return None
        if now - self._heard < self._dead:
            return []
        return [self._critical("on battery, and not heard of since", "", now, wall)]

    def _forced_by(self, words: frozenset[str], runtime: float | None) -> list[Sighting]:
        if "FSD" not in words:
            return []
        left = self._forced if runtime is None or "OB" not in words else min(self._forced, runtime)
        return [Sighting("forced", "forced shutdown", within=left, about=" ".join(sorted(words)))]

    def _outage(self, words: frozenset[str], runtime: float | None, now: float) -> None:
        if not self._is_on_battery:
            flaps = self._back is not None and now - self._back < self._needed() + CALM_S
            self._flaps = self._flaps + 1 if flaps else 0
            self._empty = None
        self._is_on_battery, self._back = True, None
        self._is_low |= "LB" in words
        if runtime is not None:
            # A look that could not ask for it forgets nothing.
            self._empty = now + runtime

    def _on_line(self, now: float) -> None:
        if self._is_on_battery:
            self._back = now
        self._is_on_battery = False
        if self._back is None or now - self._back >= self._needed():
            self._is_low, self._told, self._shown = False, None, []

    def _needed(self) -> float:
        """Return how long power must be back to be believed, seconds."""
        return min(self._steady * 2.0 ** (min(self._flaps, 16) - 1), STEADIEST_S) if self._flaps else 0.0

    def _on_battery(self, status: str, now: float, wall: float) -> list[Sighting]:
        deadline = self._deadline(now, wall) if self._battery is Action.STOP else None
        shown = [Sighting("battery", "on battery", self._battery, deadline, can_cancel=True, about=status)]
        return [*shown, self._critical("low battery", status, now, wall)] if self._is_low else shown

    def _critical(self, cause: str, about: str, now: float, wall: float) -> Sighting:
        return Sighting("critical", cause, deadline=self._deadline(now, wall), can_cancel=True, about=about)

    def _deadline(self, now: float, wall: float) -> float | None:
        """Return when the battery is empty, if that is known: an estimate that changes, so only much less is news."""
        told = self._told
        if self._empty is not None and (told is None or self._empty < told - max(1.0, 0.1 * (told - now))):
            self._told = told = self._empty
        return None if told is None or told <= now else wall + told - now
