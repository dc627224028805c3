"""What shells track: checked, written into a journal, settled; for the agent, and for a process that is named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from ..core.graph import nearest
from ..core.handler import Handler
from ..core.obligation import Standing, State, as_data, retried
from ..engine.clock import SystemClock
from ..errors import JournalError, ObligationError, StateError
from ..hints import Any
from ..keepers import Journal
from ..obligations import Obligations
from ..recovering import open_own
from ..telemetry.state import state_place

HANDLER = "tracked"
VERBS = ("add", "settle", "list", "retry")
_WORDS = ("kind", "key", "releaser", "job")


class Tracker:
    """Does what a shell asks for with what one owner owes. Safe for threads."""

    def __init__(self, home: Obligations, before: Callable[[], object] = lambda: None) -> None:
        """Take where it is owed, and what happens *before* something more is."""
        self.tidy = home.tidy
        """Removes the journal if nothing is owed."""
        self._home = home
        self._before = before
        # Settled and retried by two at once, an obligation would be told twice.
        self._lock = threading.Lock()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what came of *request*; raise `ObligationError` or `JournalError` for what cannot be done."""
        verbs: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "add": self._add, "settle": self._settle, "list": self._list, "retry": self._retry,
        }  # fmt: skip
        verb = request.get("do")
        if not isinstance(verb, str) or verb not in verbs:
            raise ObligationError(f"cannot do {verb!r}{nearest(str(verb), verbs)}; there are {', '.join(verbs)}")
        with self._lock:
            return verbs[verb](request)

    def _add(self, request: Mapping[str, Any]) -> dict[str, Any]:
        kind, key, releaser, job = (_text(request, name) for name in _WORDS)
        args = request.get("args", {})
        if not isinstance(args, dict):
            raise ObligationError("cannot track it: args must be an object; give each as --arg NAME=VALUE")
        held = self._home.make(kind, key, releaser or kind, args, job, _texts(request, "outlives"))
        self._before()
        held.acquire()
        return {"id": held.id}

    def _settle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if not request.get("ids") and not request.get("job"):
            text = "cannot settle what nobody names: that would be all of it"
            raise ObligationError(f"{text}; name ids, or a job; `processender track list` shows them")
        chosen = self._chosen(request)
        for standing in chosen:
            self._home.settled(standing.obligation)
        return {"settled": [standing.obligation.id for standing in chosen]}

    def _retry(self, request: Mapping[str, Any]) -> dict[str, Any]:
        chosen = [each for each in self._chosen(request) if each.state in {State.DEAD, State.FAILED}]
        for each in chosen:
            self._home.journal().append(retried(each))
        return {"retry": [each.obligation.id for each in chosen]}

    def _list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"owed": [as_data(each) for each in self._chosen(request)]}

    def _chosen(self, request: Mapping[str, Any]) -> list[Standing]:
        """Return the standings with the ids, and of the job, that *request* names: all if it names none."""
        job, ids = _text(request, "job"), _texts(request, "ids")
        live = self._home.journal().live()
        known = {each.obligation.id for each in live}
        for id_ in ids:
            if id_ not in known:
                text = f"cannot find {id_!r} among what is owed{nearest(id_, known)}"
                raise ObligationError(f"{text}; `processender track list` shows it all")
        return [each for each in live if (not ids or each.obligation.id in ids) and job in {"", each.obligation.job}]


def tracker_of_agent(
    service: str, environ: Mapping[str, str], add: Callable[[Handler], object], complain: Callable[[str], object]
) -> Tracker:
    """
    Return who keeps, in a journal of this process, what the command's shells track; nothing is opened yet.

    Args:

        service: The name of the service.

        environ: The environment, which may name the place.

        add: Adds a handler to the agent's own.

        complain: Is told what the journal could not take.
    """

    def opener() -> Journal:
        place = state_place(service, environ)
        if not place.path:
            raise JournalError(f"there is no journal: {place.trouble}")
        if place.warning:
            complain(place.warning)
        return open_own(place.path, "refuse", complain)

    home = Obligations(SystemClock(), opener)
    home.complain = complain
    added: list[bool] = []

    def before() -> None:
        if not added:
            try:
                add(Handler(HANDLER, home.release_all, phase="release"))
            except StateError as error:
                text = "cannot track it: the end is under way"
                raise ObligationError(f"{text}; make nothing more that must be released") from error
            added.append(True)

    return Tracker(home, before)


def _text(request: Mapping[str, Any], name: str) -> str:
    found = request.get(name, "")
    if not isinstance(found, str) or len(found) > 4096:
        raise ObligationError(f"cannot take {name}: it must be text of at most 4096 letters; shorten it")
    return found


def _texts(request: Mapping[str, Any], name: str) -> list[str]:
    found = request.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ObligationError(f"cannot take {name}: it must be a list of ids; `processender track add` prints them")
    return found
