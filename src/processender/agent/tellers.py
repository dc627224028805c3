"""Who else is told of what happens, beside whoever reads the agent's standard error: journald, and the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.events import Event
from ..demand import load
from ..errors import HandlerError
from ..hints import Any
from ..ports import Observer


class Missing:
    """An observer in the place of one that cannot be: it raises why, once."""

    def __init__(self, why: HandlerError) -> None:
        """Take *why* there is none."""
        self._why: HandlerError | None = why

    def observe(self, event: Event) -> None:
        """Raise at the first event, so that it is said like all that an observer cannot do."""
        del event
        why, self._why = self._why, None
        if why is not None:
            raise why


def make_tellers(kinds: Sequence[str], service: str) -> list[Observer]:
    """Return who tells of the *service* to each of *kinds*; all that they need is loaded."""
    return [_make(kind, service) for kind in dict.fromkeys(kinds)]


def _make(kind: str, service: str) -> Any:
    try:
        if kind == "kubernetes":
            return load("integrations.kubernetes").events()
        return load("integrations.journald").JournaldObserver(service)
    except HandlerError as error:
        return Missing(error)
