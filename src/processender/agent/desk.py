"""What can be asked for on the agent's socket: who does it, and on which thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial

from ..core.graph import nearest
from ..errors import ObligationError, ProcessEnderError
from ..hints import Any
from .joined import Joined
from .line import Caller, Reply
from .steering import Steering
from .tracking import VERBS as TRACKED

_Deed = Callable[[dict[str, Any], str], dict[str, Any]]


class Desk:
    """
    Hands each request to who does it.

    What steers the agent is done by its main thread; what is tracked by a thread of its own, which may wait for a disk.
    """

    def __init__(self, steering: Steering, make_tracker: Callable[[], Any], joined: Joined) -> None:
        """
        Take who does what.

        Args:

            steering: Steers the agent.

            make_tracker: Makes what tracks, on the main thread, when something is tracked first.

            joined: The applications that have joined the agent.
        """
        self._steering = steering
        self._make_tracker = make_tracker
        self._joined = joined
        self._queue: queue.SimpleQueue[tuple[dict[str, Any], Reply]] = queue.SimpleQueue()
        self._tracker: Any = None
        self._deeds: dict[str, _Deed] = {
            "status": lambda request, _sender: steering.watched() if request.get("run") else steering.status(),
            "stop": lambda request, sender: steering.stop(sender, request.get("reason", ""), request.get("within")),
            "drain": lambda _request, sender: steering.drain(sender),
            "resume": lambda _request, sender: steering.resume(sender),
            "reload": lambda _request, sender: steering.reload(sender),
            "restart": lambda _request, sender: steering.restart(sender),
            "signal": lambda request, sender: steering.signal(request.get("signal"), sender),
        }

    def take(self, request: dict[str, Any], caller: Caller, reply: Reply) -> None:
        """Begin what *request* asks for; *reply* what came of it. Raise `ProcessEnderError` for what nobody knows."""
        verb = request.get("do")
        if not isinstance(verb, str):
            verb = repr(verb)
        if verb in TRACKED:
            if self._tracker is None:
                self._steering.soon(lambda: self._track(request, reply))
            else:
                self._queue.put((request, reply))
        elif verb in self._deeds:
            deed, sender = self._deeds[verb], caller.sender
            self._steering.soon(lambda: reply(_outcome(lambda: deed(request, sender))))
        elif verb in {"join", "report", "heard", "course"}:
            reply(_outcome(lambda: self._joined.take(request, caller)))
        else:
            known = (*self._deeds, *TRACKED, "join")
            raise ObligationError(
                f"cannot do {request.get('do')!r}{nearest(verb, known)}; there are {', '.join(known)}"
            )

    def lost(self, caller: Caller) -> None:
        """Take note that an application that had joined has gone."""
        self._joined.lost(caller)

    def _track(self, request: dict[str, Any], reply: Reply) -> None:
        """Track from now on; on the main thread, which alone may arm the engine."""
        if self._tracker is None:
            self._tracker = self._make_tracker()
            threading.Thread(target=self._work, name="processender-tracker", daemon=True).start()
        self._queue.put((request, reply))

    def _work(self) -> None:
        while True:
            request, reply = self._queue.get()
            reply(_outcome(partial(self._tracker.answer, request)))


def _outcome(deed: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what came of *deed*, or why it could not be done."""
    try:
        return deed()
    except ProcessEnderError as error:
        return {"error": str(error)}
    except Exception as error:  # whatever is asked for, the agent goes on
        return {"error": f"cannot do it: {error!r}; this is a bug of processender"}
