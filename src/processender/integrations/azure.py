"""
Azure: hears of Scheduled Events, by which a virtual machine is frozen, rebooted, moved, preempted or deleted.

Hears: the events that name this machine; each comes with the time before which nothing happens: at least 15 min for
`Freeze` and `Reboot`, 10 for `Redeploy`, 5 to 15 for `Terminate`, and 30 s for `Preempt`. An event that vanishes before
it has begun was called off, and what it has begun here is taken back.

Leaves: approving an event (`StartRequests`), which holds for every machine that it names: one of them must be chosen to
do that, and none is. Without it the platform goes on at `NotBefore`.

Versions: the API 2020-07-01.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.notice import Action
from ..core.sighting import MOST, Sighting
from ..glance import Glance, Later, Unclear, data_of, found, instant, text_of
from ..hints import Any, Literal
from ..listening import Look, Polled

__all__ = ["listen"]
ADDRESS = "http://169.254.169.254"
"""Where every machine finds the service."""
FIRST_S = 130.0
"""How long the first answer may take: the service is only then set up for the machine, within two minutes."""
STEP_S = 5.0
"""How long each further one may take."""
HINT = "is this a virtual machine of Azure?"
_HEADERS = {"Metadata": "true"}
_ENDS = {"Reboot": Action.STOP_BY, "Redeploy": Action.STOP_BY, "Terminate": Action.STOP_BY, "Preempt": Action.STOP}


class Events:
    """The Scheduled Events of one machine."""

    def __init__(self, base: str, machine: str, freeze: Action) -> None:
        """Take where the service is, what the *machine* is called, if that is known, and what `Freeze` means."""
        self._events = Later("GET", f"{base}/metadata/scheduledevents?api-version=2020-07-01", _HEADERS)
        where = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"
        self._name = Later("GET", base + where, _HEADERS)
        self._machine = machine
        self._freeze = freeze
        self._answered = False
        self._begun: dict[str, Sighting] = {}

    def look(self, glance: Glance) -> Sequence[Sighting]:
        """Return what is planned for this machine."""
        if not self._machine:
            answer = found(self._name(), glance.ask(self._name(), timeout=STEP_S))
            self._machine = "" if answer is None else text_of(answer)
            if not self._machine:
                raise Unclear("it does not say what this machine is called; give `machine`")
        answer = found(self._events(), glance.ask(self._events(), timeout=STEP_S if self._answered else FIRST_S))
        self._answered = True
        told = {} if answer is None else data_of(answer)
        events = told.get("Events") if isinstance(told, dict) else None
        if not isinstance(events, list):
            raise Unclear(f"{str(told)[:80]!r} is no document of events")
        seen = [each for each in (self._event(glance, event) for event in events) if each is not None]
        # What has begun cannot be called off; only the end of a freeze is seen by who was frozen.
        shown = {each.key for each in seen}
        return [*seen, *(each for key, each in self._begun.items() if key not in shown)]

    def _event(self, glance: Glance, event: Any) -> Sighting | None:
        try:
            if self._machine not in event["Resources"]:
                return None
            key, kind, status = str(event["EventId"]), str(event["EventType"]), str(event["EventStatus"])
            action = self._freeze if kind == "Freeze" else _ENDS[kind]
            if status == "Started":
                # `NotBefore` is empty now.
                began = Action.STOP if action is Action.STOP_BY else action
                seen = Sighting(key, kind, began, can_cancel=True, about=key)
                if kind != "Freeze" and (key in self._begun or len(self._begun) < MOST):
                    self._begun[key] = seen
                return seen
            begins = instant(event["NotBefore"])
        except (Unclear, KeyError, TypeError, AttributeError) as error:
            glance.unclear(f"it announces {str(event)[:80]!r}, which cannot be understood ({error!r})")
            return None
        if status != "Scheduled":
            glance.unclear(f"the event {key} has the status {status!r}, which is not known")
            return None
        return Sighting(key, kind, action, deadline=begins, can_cancel=True, moves=True, about=key)


def listen(
    *,
    name: str = "azure",
    machine: str = "",
    freeze: Literal["advise", "drain"] = "advise",
    every: float = 1.0,
    endpoint: str = "",
) -> Polled:
    """
    Return the source that reads Scheduled Events; nothing is asked before it is started, and nothing is approved.

    Args:

        name: What it is called in notices and troubles.

        machine: The name of this machine in `Resources`, such as `web_3` in a scale set; by default the metadata tells.

        freeze: What a `Freeze` of some seconds means; after `drain`, traffic comes back when it is over.

        every: How often it looks, seconds; Azure recommends once a second.

        endpoint: Where the service is, instead of where it always is.
    """
    events = Events((endpoint or ADDRESS).rstrip("/"), machine, Action(freeze))
    return Polled(name, [Look("events", events.look, every, FIRST_S)], hint=HINT)
