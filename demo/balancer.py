"""
Which replicas a request may go to, as a client of an endpoint list knows it: late.

`Endpoints` takes what the readiness probes saw and hands each change over after the propagation delay;
`Balancer` takes turns over what was handed over. Both are plain data, the time is an argument: no network, no clock.
"""

from __future__ import annotations

from collections import deque


class Endpoints:
    """The endpoint list: what the probes saw, and what the client knows of it."""

    def __init__(self, delay: float) -> None:
        """Hand every change over *delay* seconds after it was seen."""
        self._delay = delay
        self._seen: dict[str, bool] = {}
        self._on_the_way: deque[tuple[float, str, bool]] = deque()

    def observe(self, now: float, name: str, *, ready: bool) -> bool:
        """Take one probe's result for the replica *name*; return whether it is a change."""
        if self._seen.get(name, False) == ready:
            return False
        self._seen[name] = ready
        self._on_the_way.append((now + self._delay, name, ready))
        return True

    def arrived(self, now: float) -> list[tuple[str, bool]]:
        """Return the changes that reach the client by *now*, oldest first, each only once."""
        changes = []
        while self._on_the_way and self._on_the_way[0][0] <= now:
            _, name, ready = self._on_the_way.popleft()
            changes.append((name, ready))
        return changes


class Balancer:
    """The client's own list; it takes turns and knows nothing but what it was told."""

    def __init__(self) -> None:
        """Begin with no replica."""
        self._names: deque[str] = deque()

    @property
    def names(self) -> frozenset[str]:
        """The replicas that a request may go to."""
        return frozenset(self._names)

    def apply(self, name: str, *, ready: bool) -> None:
        """Put the replica *name* on the list or take it off."""
        if ready and name not in self._names:
            self._names.append(name)
        elif not ready and name in self._names:
            self._names.remove(name)

    def pick(self) -> str | None:
        """Return whose turn it is, or None when the list is empty."""
        if not self._names:
            return None
        self._names.rotate(-1)
        return self._names[-1]
