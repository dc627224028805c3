"""The sockets that the command is handed at each of its starts: those handed to the agent, and those it has stored."""

from __future__ import annotations

import fcntl
import os

from ..hints import TYPE_CHECKING
from ..integrations.systemd.handed import FIRST, Handed, is_listening

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST = 512
"""How many are kept; what the manager itself would keep at most is said in the unit."""


class Sockets:
    """What is kept over the starts of the command. Main thread only."""

    def __init__(self, found: Iterable[Handed]) -> None:
        """Begin with what was handed to the agent."""
        self.kept = list(found)
        """In the order in which the command finds them."""

    def keep(self, name: str, descriptors: Sequence[int]) -> list[int]:
        """Keep those that listen and are not kept yet; return those that listen."""
        listening = [each for each in descriptors if is_listening(each)]
        known = {_mark(each.descriptor) for each in self.kept}
        for each in listening:
            if _mark(each) not in known and len(self.kept) < MOST:
                known.add(_mark(each))
                self.kept.append(Handed(name, fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, FIRST)))
        return listening

    def drop(self, name: str) -> None:
        """Close what is kept under *name*."""
        for each in self.kept:
            if each.name == name:
                os.close(each.descriptor)
        self.kept = [each for each in self.kept if each.name != name]

    def variables(self) -> dict[str, str]:
        """Return what tells the command of them; nothing when there are none."""
        if not self.kept:
            return {}
        return {"LISTEN_FDS": str(len(self.kept)), "LISTEN_FDNAMES": ":".join(each.name for each in self.kept)}


def _mark(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
