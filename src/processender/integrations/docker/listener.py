"""
The source that listens to an engine: the stream of its events, and, on podman, the state of the container.

Theory of operation. Two threads under one name. One holds the stream: each of its looks waits for the next event that
says something, so that a notice is as old as the event. The other looks at the state at a pace, since podman 4 neither
announces a stop nor says which signal a `kill` sends; on Docker it sees nothing that the stream does not tell, and
looks hardly ever. Both say `stop`, so that what both hear is one notice. After a break the stream is asked for what has
happened meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from ...core.grace import Grace
from ...core.notice import Action
from ...core.sighting import Sighting
from ...errors import Permanent
from ...glance import SKEW_S, Glance, Unclear
from ...hints import Any
from ...listening import Look, Polled, Together
from .engine import Engine, Stream, whose
from .grace import grace_of, signal_of
from .identity import own_container

HINT = "is its socket mounted, and may this user use it?"
AGAIN_S = 1.0
"""The pause before a stream that has ended is asked for anew."""
RARE_S = 600.0
"""How often the state is looked at where events tell all."""
_KEY = "stop"
_KILL = 9
_ENDED = {"die": "died", "died": "died", "stop": "stopped", "destroy": "removed", "remove": "removed"}
_GONE = {"exited", "dead", "removing", "stopped"}


class Watched:
    """One container, as both threads see it."""

    def __init__(self, engine: Engine, container: str, stop_timeout: float | None, environ: Mapping[str, str]) -> None:
        """Take what `listen` takes; without a *container* it is that in which this process is."""
        self.engine = engine
        self._other = container
        self._given = stop_timeout
        self._environ = environ

    @property
    def id(self) -> str:
        """The id, or the name."""
        return whose(self._other or own_container())

    def grace(self, told: Any) -> Grace:
        """Return how long it has, from what the engine has *told*."""
        found = grace_of(told, {} if self._other else self._environ)
        return found if self._given is None else found.replace(seconds=self._given, known_from="`stop_timeout`")


class Events:
    """The thread that holds the stream."""

    def __init__(self, watched: Watched) -> None:
        """Take the container."""
        self._watched = watched
        self._stream: Stream | None = None
        self._since: float | None = None
        self._ahead = 0.0
        self._id = ""
        self._grace, self._signal = watched.grace(None), signal_of(None)
        self._stands: list[Sighting] = []
        self._process = 0

    def look(self, glance: Glance) -> Sequence[Sighting]:
        """Return what stands as soon as an event has said it; at first, as soon as the stream is there."""
        glance.pause = 0.0
        if self._process != os.getpid():
            # A fork child has inherited the stream, which is its parent's to read and to close.
            self._process, self._stream, self._since, self._stands = os.getpid(), None, None, []
        if self._since is None:
            # What happens while the first connection is made is asked for, too.
            self._since = glance.clock.wall()
        try:
            if self._stream is None:
                self._stream = self._open(glance)
                return self._stands
            while (seen := self._understand(self._stream.line(glance), glance)) is None:
                pass
        except Exception:
            self._close()
            raise
        self._stands = [seen]
        return self._stands

    def close(self) -> None:
        """Give the connection back; called when the source has stopped."""
        self._close()
        self._since, self._stands = None, []

    def _open(self, glance: Glance) -> Stream:
        watched, id_ = self._watched, self._watched.id
        told = watched.engine.inspect(glance, id_)
        self._grace, self._signal = watched.grace(told), signal_of(told)
        self._id = str(told.get("Id") or id_) if isinstance(told, dict) else id_
        ours, theirs = glance.clock.wall(), glance.wall()
        self._ahead = theirs - ours if abs(theirs - ours) > SKEW_S else 0.0
        assert self._since is not None, "it is set by whoever looks"
        return Stream(watched.engine, id_, self._since + self._ahead, glance)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.release()

    def _understand(self, line: bytes, glance: Glance) -> Sighting | None:
        """Return what an event says about the end, None for nothing."""
        # Newer engines may put a sign before each record (RFC 7464).
        line = line.strip(b"\x1e \r\t")
        if not line:
            return None
        try:
            event = json.loads(line)
            action, at, about = str(event["Action"]), float(event["timeNano"]) / 1e9, str(event["Actor"]["ID"])
            attributes = event["Actor"]["Attributes"]
            number, named = str(attributes.get("signal", "")), str(attributes.get("name", ""))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            glance.unclear(f"it tells {line[:80]!r}, which is no event that is known")
            return None
        if self._id not in {about, named} and not about.startswith(self._id):
            # The filter of Docker lets through whatever begins with the same letters.
            return None
        if action == "kill":
            return self._killed(number, at)
        if action == "oom":
            return Sighting("oom", "container out of memory", Action.ADVISE)
        return Sighting(_KEY, f"container {_ENDED[action]}") if action in _ENDED else None

    def _killed(self, number: str, at: float) -> Sighting | None:
        """Return what a signal means; podman does not say which it is, so that nothing can follow from it."""
        if number == str(_KILL):
            return Sighting(_KEY, "container killed")
        if number != str(self._signal):
            return None
        seconds = self._grace.seconds
        deadline = None if not seconds else at - self._ahead + seconds
        return Sighting(_KEY, "container stop", deadline=deadline, kind=self._grace.kind)


class State:
    """The thread that looks at the state."""

    def __init__(self, watched: Watched) -> None:
        """Take the container."""
        self._watched = watched
        self._ran: float | None = None

    def look(self, glance: Glance) -> Sequence[Sighting]:
        """Return what the state says."""
        id_, now = self._watched.id, glance.clock.now()
        told = self._watched.engine.inspect(glance, id_)
        if told is None:
            if self._ran is None:
                raise Permanent(f"the engine knows no container {id_}")
            return [Sighting(_KEY, "container removed")]
        state = told.get("State") if isinstance(told, dict) else None
        status = state.get("Status") if isinstance(state, dict) else None
        if not isinstance(status, str) or not status:
            raise Unclear(f"it says that the state is {str(state)[:80]!r}")
        if status in _GONE and self._ran is not None:
            return [Sighting(_KEY, f"container {status}")]
        if status == "stopping":
            grace = self._watched.grace(told)
            # It may have begun right after the last look.
            passed = now - (now if self._ran is None else self._ran)
            within = None if not grace.seconds else max(0.0, grace.seconds - passed)
            return [Sighting(_KEY, "container stop", within=within, kind=grace.kind)]
        self._ran = now
        if not self._watched.engine.podman:
            glance.pause = RARE_S
        return []


def listen(
    *,
    name: str = "docker",
    container: str = "",
    stop_timeout: float | None = None,
    every: float = 1.0,
    endpoint: str = "",
) -> Together:
    """
    Return the source that listens to the engine; nothing is asked before it is started.

    Args:

        name: What it is called in notices and troubles.

        container: The id or the name of another container, with whose end this one ends, too.

        stop_timeout: How long the container has from its stop signal on, seconds; by default as `ask_grace` says.

        every: How often the state is looked at on podman, seconds.

        endpoint: The path of the engine's socket, or http://HOST:PORT; by default DOCKER_HOST, CONTAINER_HOST, or the
            first that is there of /var/run/docker.sock, /run/podman/podman.sock and that of the user's podman.
    """
    watched = Watched(Engine(endpoint), container, stop_timeout, os.environ)
    events, state = Events(watched), State(watched)
    stream = Polled(name, [Look("events", events.look, AGAIN_S)], hint=HINT, close=events.close)
    return Together(name, [stream, Polled(name, [Look("state", state.look, every)], hint=HINT)])
