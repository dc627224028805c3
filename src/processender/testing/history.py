"""What has changed in the store of a double of Kubernetes, and those who watch it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from ..engine.clock import SystemClock

FIRST = 1000
"""The version of an empty store."""


class History:
    """
    The changes of the pods, each with its version.

    Source: the documents of the API, "Efficient detection of changes". A watch begins behind a version, tells each
    change in a line, and is ended by the server after `timeoutSeconds`; a bookmark tells how far it has come. Where the
    version is not kept any more it says 410 in a line, although the status of the answer is 200.
    """

    def __init__(self, lock: threading.RLock) -> None:
        """Be changed under this *lock*."""
        self.version = FIRST
        """The newest version."""
        self.watched = 0
        """How many watches are open."""
        self.longest = 3600.0
        """How long a watch lasts at most, seconds, whatever was asked."""
        self._changed = threading.Condition(lock)
        self._told: list[tuple[int, str, bytes]] = []
        self._kept = 0
        self._round = 0
        self._abrupt = False
        self._clock = SystemClock()

    def next(self) -> int:
        """Return the version of the next change."""
        self.version += 1
        return self.version

    def tell(self, kind: str, name: str, pod: dict[str, Any]) -> None:
        """Tell a change of the pod of this *name*, which has its new version already."""
        self._add(self.version, name, line(kind, {"kind": "Pod", "apiVersion": "v1", **pod}))

    def say(self, text: bytes) -> None:
        """Let all watches that are open hear a line, whatever is in it."""
        self._add(0, "", text)

    def bookmark(self) -> None:
        """Tell how far it has come."""
        self.next()
        self.say(self._mark())

    def compact(self) -> None:
        """Keep nothing of what was before; who asks for it is told 410."""
        with self._changed:
            self._kept = self.next()

    def cut(self, *, abruptly: bool = False) -> None:
        """End all watches, as when a server is replaced; or *abruptly*, in the midst of the answer."""
        with self._changed:
            self._round += 1
            self._abrupt = abruptly
            self._changed.notify_all()

    def watch(self, name: str, since: str, seconds: float, *, bookmarks: bool) -> Iterator[bytes | None]:
        """Return the lines of a watch of the pods of this *name*, from behind the version *since* on."""
        behind = int(since) if since.isdigit() else self.version
        until = self._clock.now() + min(seconds, self.longest)
        return self._lines(name, behind, until, bookmarks=bookmarks, mine=self._round)

    def _add(self, version: int, name: str, text: bytes) -> None:
        with self._changed:
            self._told.append((version, name, text))
            self._changed.notify_all()

    def _lines(self, name: str, behind: int, until: float, *, bookmarks: bool, mine: int) -> Iterator[bytes | None]:
        if behind < self._kept:
            yield gone(behind, self._kept)
            return
        with self._changed:
            at = len(self._told)
            missed = [text for version, whose, text in self._told if version > behind and whose == name]
            self.watched += 1
        try:
            yield from missed
            while True:
                with self._changed:
                    self._changed.wait_for(
                        lambda at=at: len(self._told) > at or self._round != mine,  # type: ignore[misc]
                        max(0.0, until - self._clock.now()),
                    )
                    news, at = self._told[at:], len(self._told)
                    over = self._round != mine or self._clock.now() >= until
                yield from (text for _, whose, text in news if whose in {"", name})
                if over:
                    break
            if self._round == mine and bookmarks:
                yield self._mark()
            elif self._round != mine and self._abrupt:
                yield None
        finally:
            self.watched -= 1

    def _mark(self) -> bytes:
        metadata = {"resourceVersion": str(self.version), "creationTimestamp": None}
        empty = {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": {"containers": None}, "status": {}}
        return line("BOOKMARK", empty)


def line(kind: str, told: dict[str, Any]) -> bytes:
    """Return a line of a watch, written as the server does."""
    return json.dumps({"type": kind, "object": told}, separators=(",", ":")).encode() + b"\n"


def gone(asked: int, kept: int) -> bytes:
    """Return the line that says that a version is not kept any more."""
    text = f"too old resource version: {asked} ({kept})"
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": text}
    return line("ERROR", {**status, "reason": "Expired", "code": 410})
