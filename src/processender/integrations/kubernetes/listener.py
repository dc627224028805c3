"""
The source that watches the own pod.

Theory of operation. Each look is one step: the list of the pods of this name, which tells how it stands; the beginning
of a watch from there on; then one line of the watch after the other, each waited for. The server ends a watch after
some minutes, and the next begins where it ended; a version that is not kept any more (410), or a line that cannot be
understood, leads back to the list. A look that fails is made again after `EVERY_S`, then ever more rarely. Certificate
and token are read anew for each request, since both are replaced in a running pod.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence

from ...core.notice import Action
from ...core.sighting import Sighting
from ...errors import SourceError, Transient
from ...glance import Glance, Later, Unclear
from ...hints import Any, Literal
from ...listening import JITTER, Look, Polled
from .api import ACCOUNT, in_cluster
from .pod import grace_of, removed, sightings_of, uid_of
from .reading import PATIENCE_S, UID, Reader, own_name, version_of
from .stream import Stream

EVERY_S = 1.0
"""The pause after what went wrong, and the shortest time that a watch should last."""
LONGEST_S = 3600.0
"""The longest that a server is asked to hold a watch."""
HINT = "may this pod reach the API of its cluster?"
_ELSEWHERE = "no container of a cluster"


class Watch(threading.local):
    """
    The watch of one pod, from one thread.

    Each thread that listens begins anew: the connection of another one, or of the parent of a fork, is not its own.
    """

    def __init__(self, reader: Reader, uid: str, disruption: Action, held: float, last: dict[str, str]) -> None:
        """Take the *reader*, who the pod is, what an announced deletion means, and where what was seen is told."""
        self._reader = reader
        self._uid = uid
        self._disruption = disruption
        self._held = held
        self._last = last
        self._met = False
        self._version = ""
        self._stream: Stream | None = None
        self._begun = 0.0
        self._silent = 0
        self._expired = False
        self._seen: list[Sighting] = []
        self._repeat = False

    def see(self, glance: Glance) -> Sequence[Sighting]:
        """Go one step, and return what stands then."""
        glance.pause = 0.0
        if self._repeat:
            # What is called off must be missing twice.
            self._repeat = False
            return self._seen
        before = len(self._seen)
        try:
            self._step(glance)
        except Exception as error:
            self.close()
            if isinstance(error, Unclear):
                self._version = ""
            raise
        self._repeat = len(self._seen) < before
        return self._seen

    def close(self) -> None:
        """Watch no more."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _step(self, glance: Glance) -> None:
        if not self._version:
            pod, self._version = self._reader.find(glance)
            self._take(pod, glance)
        elif self._stream is None:
            clock = glance.clock
            # A thousand pods that have begun together do not begin anew together.
            seconds = max(1, int(self._held * (1 - JITTER * clock.chance())))
            self._stream, self._begun = self._reader.watch(glance, self._version, seconds), clock.now()
            self._silent += 1
            if self._stream is None:
                self._expire(glance)
        else:
            line = self._stream.line(glance)
            if line:
                self._hear(line, glance)
            else:
                self._end(glance)

    def _end(self, glance: Glance) -> None:
        """Go on from here after the server has ended the watch."""
        self.close()
        if glance.clock.now() - self._begun >= EVERY_S:
            self._silent = 0
            return
        if self._silent > 1:
            raise Transient("the server ends each watch at once, and says nothing")
        glance.pause = None

    def _expire(self, glance: Glance) -> None:
        """Begin anew; at once, unless that was in vain."""
        self.close()
        self._version = ""
        glance.pause = None if self._expired else 0.0
        self._expired = True

    def _hear(self, line: bytes, glance: Glance) -> None:
        try:
            event = json.loads(line)
            kind, told = event["type"], event["object"]
            code = told.get("code") if kind == "ERROR" else 0
            version = "" if kind == "ERROR" else version_of(told)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise Unclear(f"the watch says {line[:80]!r}, which is no event") from error
        if code == 410:
            self._expire(glance)
            return
        if kind == "ERROR":
            raise Transient(f"the watch says {str(told.get('message') or told)[:200]!r}")
        self._silent, self._expired = 0, False
        if kind in {"ADDED", "MODIFIED", "DELETED"}:
            self._take(told, glance, gone=kind == "DELETED")
        elif kind != "BOOKMARK":
            raise Unclear(f"the watch says {kind!r}, which is not known")
        self._version = version

    def _take(self, pod: Any, glance: Glance, *, gone: bool = False) -> None:
        """Take how the *pod* stands, None for one that is not there; *gone* if that was its last."""
        uid = "" if pod is None else uid_of(pod)
        if not self._uid:
            self._uid = uid
        if not uid or uid != self._uid:
            self._miss(uid)
            return
        self._met = True
        grace = grace_of(pod)
        if grace is not None and grace.seconds is not None:
            self._last["grace"] = f"{grace.seconds:g} s, {grace.known_from}"
        found = sightings_of(pod, glance.wall(), self._disruption)
        self._seen = [removed(uid)] if gone and not any(each.deadline for each in found) else found

    def _miss(self, other: str) -> None:
        """Take it that this pod is not there, but maybe an *other* one of its name."""
        if self._met:
            self._seen = [removed(self._uid)]
            return
        name = self._reader.pod
        if other:
            raise Unclear(f"the pod {name!r} has the uid {other}, and this one {self._uid}; it is another one")
        raise Unclear(f"there is no pod {name!r}; give it its name in the variable POD_NAME, from metadata.name")


def listen(
    *,
    name: str = "kubernetes",
    pod: str = "",
    uid: str = "",
    namespace: str = "",
    disruption: Literal["advise", "drain"] = "advise",
    held: float = 300.0,
    endpoint: str = "",
    account: str = ACCOUNT,
) -> Polled:
    """
    Return the source that watches the own pod; nothing is asked before it is started. Outside a cluster it is silent.

    Args:

        name: What it is called in notices and troubles.

        pod: The name of this pod; by default the variable `POD_NAME`, or else the name of the host.

        uid: Its uid; by default the variable `POD_UID`, or else that of the pod that is found.

        namespace: Its namespace; by default that of the service account.

        disruption: What it means that a deletion is announced by the condition `DisruptionTarget`; after `drain`,
            traffic comes back if none follows.

        held: How long the server is asked to hold a watch, seconds.

        endpoint: Where the API is; by default as the cluster tells its containers.

        account: The directory of the service account: `token`, `ca.crt` and `namespace`.
    """
    if disruption not in {"advise", "drain"}:
        raise SourceError(f"cannot take {disruption!r} for `disruption`: it is 'advise' or 'drain'")
    if not 1 <= held <= LONGEST_S:
        raise SourceError(f"cannot watch for {held} s: `held` must be 1 to {LONGEST_S:.0f} s")
    if endpoint:
        Later("GET", endpoint)
    if not endpoint and not in_cluster():
        nowhere = Polled(name, [])
        nowhere.last["pod"] = _ELSEWHERE
        return nowhere
    reader = Reader(endpoint, account, namespace, pod or own_name())
    last: dict[str, str] = {}
    watch = Watch(reader, uid or os.environ.get(UID, ""), Action(disruption), held, last)
    source = Polled(name, [Look("pod", watch.see, EVERY_S, held + PATIENCE_S)], hint=HINT, close=watch.close)
    source.last = last
    return source
