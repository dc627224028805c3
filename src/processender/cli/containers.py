"""Which of the journals below a state directory belong to a container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from ..identity import Identity
from ..integrations.oci import KIND
from ..journal.directory import read_owner
from ..looking import journals_of, look


def is_real(place: str) -> bool:
    """Tell whether what is kept for a service lies there: a container that can write there can make links."""
    names = ("", "journal", "crashes")
    return not any(os.path.islink(os.path.join(place, name).rstrip("/")) for name in names)


def of_others(place: str) -> Iterator[str]:
    """Yield the journals that are kept for a process by its identity, as that of a container is."""
    for directory in journals_of(place):
        try:
            if read_owner(directory).get("held_by") == "identity":
                yield directory
        except OSError:
            # Removed meanwhile, or another user's.
            continue


def registered(directory: str, id_: str) -> set[int]:
    """Return the pid namespaces of the container *id_*, 0 for an unknown one, if *directory* is kept for it."""
    try:
        standings = look(directory).standings
    except Exception:
        # Its records may be of hostile hands; every recovery says what is wrong with it.
        return set()
    mine = [each.obligation for each in standings if each.obligation.kind == KIND and each.obligation.key == id_]
    spaces = [each.args.get("space") for each in mine]
    return {space if isinstance(space, int) else 0 for space in spaces}


def inside(place: str, spaces: AbstractSet[int]) -> Iterator[str]:
    """Yield the journals whose owners lived in one of these pid namespaces."""
    for directory in journals_of(place) if spaces else ():
        try:
            said = read_owner(directory).get("space")
            if isinstance(said, int) and said in spaces:
                yield directory
        except OSError:
            # Removed meanwhile, or another user's.
            continue


def space(identity: Identity) -> int:
    """Return the number of the pid namespace in which a process lives, 0 if that cannot be seen."""
    try:
        return os.stat(f"/proc/{identity.pid}/ns/pid").st_ino
    except OSError:
        return 0
