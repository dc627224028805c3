"""Who has asked an agent check, and what each was told last: who asks again is a HAProxy, others are strangers."""

from __future__ import annotations

MOST = 64
"""How many of either are told apart."""


class Askers:
    """What was told to whom."""

    def __init__(self, most: int = MOST) -> None:
        """Tell at most so many of either apart."""
        self._most = most
        self._strangers: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def told(self, host: str, word: str) -> None:
        """Take that *host* was told *word*; a scan or a probe comes once, HAProxy comes again and again."""
        if host in self._known or host in self._strangers:
            self._strangers.pop(host, None)
            self._known.pop(host, None)
            self._known[host] = word
        else:
            self._strangers[host] = word
        # The one that has been silent for longest makes room, and no stranger takes the place of one that is known.
        for group in (self._strangers, self._known):
            if len(group) > self._most:
                del group[next(iter(group))]

    def known(self) -> list[str]:
        """Return the HAProxies."""
        return sorted(self._known)

    def told_other(self, word: str) -> list[str]:
        """Return those HAProxies that were told last something else than *word*."""
        return sorted(host for host, last in self._known.items() if last != word)
