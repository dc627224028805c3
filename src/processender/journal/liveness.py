"""Whether the owner of a journal lives, by what its directory says."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..hints import Any
from ..identity import identify, is_alive, status_of
from .directory import GIVEN_UP, LOCK, OWNER, identity_of

BUSY = "another recovery is at work on it"
"""Why a journal of the dead cannot be had although nothing is wrong with it."""
_INITIAL = 0xEFFFFFFC
"""The inode of the first pid namespace of a host, which sees the processes of all others (include/linux/proc_ns.h)."""


def is_journal(directory: str) -> bool:
    """Tell whether *directory* looks like one that an owner has made."""
    names = os.listdir(directory) if os.path.isdir(directory) else ()
    return any(name in {LOCK, OWNER} or name.startswith("seg-") for name in names)


def judge(directory: str, owner: Mapping[str, Any], *, held: bool) -> tuple[bool, str]:
    """Tell whether the owner lives, and why nobody else may write; *held* says whether a process has the lock."""
    identity, here = identity_of(dict(owner)), identify()
    pid = owner.get("pid", os.path.basename(directory).partition("-")[0])
    held_by = owner.get("held_by")
    # The numbers of another pid namespace say nothing here.
    elsewhere = here is not None and here.boot == identity.boot and here.space != identity.space
    if held:
        if not owner and not maker_lives(directory):
            return False, "a process is at work on it, and nothing says whose it is; try again"
        if owner and not elsewhere and (not is_alive(identity) or _given_up(directory)):
            return False, BUSY
    elif held_by == "identity" and elsewhere and here is not None and _may_exist(identity.space, here.space):
        return True, f"its owner, process {pid}, is of another pid namespace; run `processender recover` there"
    elif held_by == "lock":
        # A process that closes any descriptor of the file has lost its lock, and goes on all the same. Ours would be
        # known here, so it is of the program that this one was before it executed another.
        ours = here is not None and (here.pid, here.started) == (identity.pid, identity.started)
        if ours or not is_alive(identity) or _given_up(directory):
            return False, ""
    # Without a word of who holds it the lock alone does not tell: the owner may be one that holds none.
    elif not (is_alive(identity) if held_by == "identity" else maker_lives(directory)):
        return False, ""
    state = status_of(pid) if isinstance(pid, int) else None
    verb = "is stopped" if state is not None and state[0] in {"T", "t"} else "lives"
    return True, f"its owner, process {pid}, {verb}"


def _given_up(directory: str) -> bool:
    return os.path.lexists(os.path.join(directory, GIVEN_UP))


def _may_exist(space: int, here: int) -> bool:
    """Tell whether there may be a process in the pid namespace *space*, as far as one in *here* can tell."""
    if here != _INITIAL:
        return True
    for name in os.listdir("/proc"):
        try:
            if name.isdecimal() and os.stat(f"/proc/{name}/ns/pid").st_ino == space:
                return True
        except OSError:
            # It has ended, or it is of another user, and so not the owner.
            continue
    return False


def maker_lives(directory: str) -> bool:
    """Tell whether the process lives whose number and start are the name of *directory*."""
    pid, _, rest = os.path.basename(directory).partition("-")
    state = status_of(int(pid)) if pid.isdecimal() else None
    return state is not None and state[0] not in {"Z", "X"} and str(state[1]) == rest.partition("-")[0]
