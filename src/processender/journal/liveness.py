"""Whether the owner of a journal lives, by what its directory says."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..hints import Any
from ..identity import identify, is_alive, status_of
from .directory import LOCK, OWNER, identity_of

BUSY = "another recovery is at work on it"
"""Why a journal of the dead cannot be had although nothing is wrong with it."""


def is_journal(directory: str) -> bool:
    """Tell whether *directory* looks like one that an owner has made."""
    names = os.listdir(directory) if os.path.isdir(directory) else ()
    return any(name in {LOCK, OWNER} or name.startswith("seg-") for name in names)


def judge(directory: str, owner: Mapping[str, Any], *, held: bool) -> tuple[bool, str]:
    """Tell whether the owner lives, and why nobody else may write; *held* says whether a process has the lock."""
    identity, here = identity_of(dict(owner)), identify()
    pid = owner.get("pid", os.path.basename(directory).partition("-")[0])
    state = status_of(pid) if isinstance(pid, int) else None
    verb = "is stopped" if state is not None and state[0] in {"T", "t"} else "lives"
    held_by = owner.get("held_by")
    if held:
        # The numbers of another pid namespace say nothing here.
        elsewhere = here is not None and here.boot == identity.boot and here.space != identity.space
        if owner and not elsewhere and not is_alive(identity):
            return False, BUSY
    # Without a word of who holds it the lock alone does not tell: the owner may be one that holds none.
    elif not (is_alive(identity) if held_by == "identity" else held_by != "lock" and maker_lives(directory)):
        return False, ""
    return True, f"its owner, process {pid}, {verb}"


def maker_lives(directory: str) -> bool:
    """Tell whether the process lives whose number and start are the name of *directory*."""
    pid, _, rest = os.path.basename(directory).partition("-")
    state = status_of(int(pid)) if pid.isdecimal() else None
    return state is not None and state[0] not in {"Z", "X"} and str(state[1]) == rest.partition("-")[0]
