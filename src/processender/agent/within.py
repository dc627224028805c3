"""How long the manager of the unit gives: asked in the background, taken over on the main thread."""

from __future__ import annotations

import threading

from ..core.grace import Grace
from ..core.notice import Action, Notice
from ..errors import ProcessEnderError
from ..integrations.systemd.grace import PATIENT_S, ask_grace, fitting_grace
from .settings import Settings
from .steered import Steered

VARIABLE = "INVOCATION_ID"
"""What every process of a unit of systemd finds in its environment; where it is missing, nobody is asked."""


def fitted(settings: Settings, found: Grace) -> Settings:
    """Return *settings* with the grace that fits into what the manager gives, as it was *found*."""
    if found.seconds is None or settings.extend_to is not None:
        return settings
    grace = fitting_grace(settings.grace, found.seconds, given=settings.grace_given)
    # The delay of a drain was checked against the other one.
    return settings.replace(grace=grace) if grace > settings.drain_delay else settings


class Within:
    """What the manager gives, once that is known. Main thread only, but for the asking."""

    def __init__(self, agent: Steered) -> None:
        """Ask for *agent*, on a thread: a start never waits for it."""
        self._agent = agent
        self._found: Grace | None = None
        try:
            threading.Thread(target=self._ask, name="processender-within", daemon=True).start()
        except RuntimeError:
            # No room for a thread: the grace is what it is.
            return

    def _ask(self) -> None:
        found = ask_grace(self._agent.clock, limit=PATIENT_S)
        if found.seconds is not None:
            self._agent.alarms.soon(lambda: self._take(found))

    def _take(self, found: Grace) -> None:
        self._found = found
        agent = self._agent
        settings = self.fit(agent.settings)
        if settings.grace == agent.settings.grace:
            return
        try:
            agent.take_grace(settings.grace)
        except ProcessEnderError:
            # The end has begun already, in the time that was known then.
            return
        agent.note(Notice(found.known_from, "systemd", agent.clock.now(), Action.ADVISE))

    def fit(self, settings: Settings) -> Settings:
        """Return *settings* with the grace that fits into what the manager gives, as far as that is known."""
        return settings if self._found is None else fitted(settings, self._found)
