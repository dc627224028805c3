"""Processes and process groups: ended by pidfd and identity, never by a bare number that may be somebody else's now."""

from __future__ import annotations

import math
import os
import select
import signal

from ...core.obligation import Obligation
from ...errors import ReleaserError, Transient
from ...hints import Any
from ...identity import Identity, identify, is_alive, status_of
from ...ports import Context

TAG = "PROCESSENDER_OBLIGATION"
"""The variable that a process carries so that it can be found when the crash fell before its number was known."""
GRACE_S = 5.0
"""How long a process has between TERM and KILL, unless its obligation says otherwise."""
_GONE_S = 2.0


def process_args(pid: int, grace: float = GRACE_S) -> dict[str, Any]:
    """
    Return the arguments of the obligation to end the process *pid*; raise `ReleaserError` if there is none.

    The *grace* is the seconds between TERM and KILL, 0 or more.
    """
    if not _is_grace(grace):
        raise ReleaserError(f"cannot owe the end of process {pid}: its grace must be seconds, 0 or more, not {grace!r}")
    found = identify(pid)
    if found is None:
        raise ReleaserError(f"cannot owe the end of process {pid}: there is no such process")
    return {"identity": found.as_dict(), "grace": grace}


class ProcessReleaser:
    """
    Ends one process: TERM, then KILL. The arguments are `identity` (see `process_args`) and `grace`, seconds.

    Without an identity, because the crash came first, it ends those that carry the obligation's id in their environment
    under `PROCESSENDER_OBLIGATION`.
    """

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for arguments that do not tell a process."""
        if "identity" in obligation.args:
            _identity(obligation)

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the very process lives."""
        return any(is_alive(each) for each in self.members(obligation))

    def members(self, obligation: Obligation) -> list[Identity]:
        """Return the processes that are meant."""
        return [_identity(obligation)] if "identity" in obligation.args else _tagged(obligation.id)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """End it; raise `Transient` if the kernel does not let go of it."""
        grace = obligation.args.get("grace", GRACE_S)
        patience = min(grace if _is_grace(grace) else GRACE_S, ctx.remaining() / 2)
        left = end(self.members(obligation), signal.SIGTERM, patience)
        # Members of a group may have started others meanwhile.
        left = end(self.members(obligation), signal.SIGKILL, min(_GONE_S, ctx.remaining())) if left else left
        if left:
            raise Transient(f"cannot end process {left[0].pid}: the kernel does not let go of it")


class ProcessGroupReleaser(ProcessReleaser):
    """
    Ends all processes of a group; the arguments are those of its leader.

    The kernel gives the number of a group to nobody else while a member lives. If the leader is gone and another
    process has its number, the group was empty in between, and what has the number now is not ours.
    """

    def members(self, obligation: Obligation) -> list[Identity]:
        """Return the live members of the group, without this process: a recovery in it must come to its end."""
        if "identity" not in obligation.args:
            return _tagged(obligation.id)
        leader = _identity(obligation)
        status = status_of(leader.pid)
        here = identify()
        if here is None or (here.boot, here.space) != (leader.boot, leader.space):
            return []
        if status is not None and status[1] != leader.started:
            return []
        others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
        found = [identify(int(name)) for name in others if _group(name) == leader.pid]
        return [each for each in found if each is not None and each.started >= leader.started and is_alive(each)]


def _is_grace(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < math.inf


def _tagged(id_: str) -> list[Identity]:
    mark = f"{TAG}={id_}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    ours = mark in file.read().split(b"\0")
            except OSError:
                # Gone meanwhile, or another user's.
                continue
            process = identify(int(name)) if ours else None
            if process is not None:
                found.append(process)
    return found


def end(processes: list[Identity], signum: int, patience: float) -> list[Identity]:
    """Send *signum* to those that live and wait at most *patience* seconds; return those that still live."""
    poll = select.poll()
    opened: dict[int, Identity] = {}
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        opened[descriptor] = process
        # Looked at again after the opening: from here on the descriptor cannot mean another process.
        if is_alive(process):
            try:
                signal.pidfd_send_signal(descriptor, signum)
            except ProcessLookupError:
                continue
            poll.register(descriptor, select.POLLIN)
    waiting = {descriptor for descriptor, process in opened.items() if is_alive(process)}
    while waiting and (ended := poll.poll(max(0.0, patience) * 1000)):
        for descriptor, _ in ended:
            poll.unregister(descriptor)
            waiting.discard(descriptor)
    left = [opened[descriptor] for descriptor in waiting]
    for descriptor in opened:
        os.close(descriptor)
    return left


def _group(pid: str) -> int:
    try:
        return os.getpgid(int(pid))
    except ProcessLookupError:
        return 0


def _identity(obligation: Obligation) -> Identity:
    said = obligation.args.get("identity")
    numbers = isinstance(said, dict) and all(isinstance(said.get(name), int) for name in ("pid", "started", "space"))
    if not isinstance(said, dict) or not numbers or set(said) != set(Identity.fields) or said["pid"] <= 1:
        raise ReleaserError(f"cannot end {obligation.label}: its arguments do not tell a process; use process_args()")
    return Identity(**said)
