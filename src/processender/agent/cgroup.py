"""
A control group for the command alone, so that one write kills all of it, however fast it forks.

Only where the agent's own group was delegated to it, as systemd does with `Delegate=yes` and container runtimes with a
group that can be written; elsewhere the hierarchy has another master, whose order a group of ours would break.
"""

from __future__ import annotations

import os

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MARKS = ("user.delegate", "trusted.delegate")
"""The attributes by which systemd tells that a group is its holder's own."""


class Cell:
    """A control group below that of the agent."""

    def __init__(self, path: str, refused: Callable[[str], object]) -> None:
        """Take its directory, which is there, and who is told why the command cannot be in it."""
        self._path = path
        self._refused = refused
        self._usable = True

    def spawn(self, spawn: Callable[[], int]) -> int:
        """Call *spawn* inside, so that what it starts is there from its first instant; return what it returns."""
        self._move(self._path)
        try:
            return spawn()
        finally:
            # Whoever sits in it must not kill it.
            self._move(os.path.dirname(self._path))

    def _move(self, group: str) -> None:
        """Go into *group*; where that is refused nothing is done with the cell any more."""
        if not self._usable:
            return
        why = _write(f"{group}/cgroup.procs", "0")
        if why:
            self._usable = False
            self._refused(_without(f"move into the control group {group}", why))

    def kill(self) -> bool:
        """Kill everything in it; tell whether the kernel has been asked."""
        return self._usable and not _write(f"{self._path}/cgroup.kill", "1")

    def remove(self) -> None:
        """Take it away, if nothing is left in it."""
        for directory, _, _ in os.walk(self._path, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                return


def make_cell(refused: Callable[[str], object]) -> Cell | None:
    """Return a new cell for the command; None where there can be none, and *refused* is told why if there should be."""
    own = own_directory()
    if not own or not _delegated(own):
        return None
    path = f"{own}/processender-{os.getpid()}"
    try:
        os.mkdir(path, 0o755)
    except OSError as error:
        refused(_without(f"make the control group {path}", error.strerror or str(error)))
        return None
    return Cell(path, refused)


def own_directory() -> str:
    """Return the directory of this process's group in the hierarchy of version 2; empty where it cannot be seen."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            own = [line.rstrip("\n")[3:] for line in file if line.startswith("0::")]
        if not own or own[0].startswith("/.."):
            return ""
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            mounts = [line.split() for line in file if " - cgroup2 " in line]
    except OSError:
        return ""
    for mount in mounts:
        root, point = mount[3], mount[4]
        if root == "/" or f"{own[0]}/".startswith(f"{root}/"):
            return (point + own[0].removeprefix("" if root == "/" else root)).rstrip("/")
    return ""


def _delegated(path: str) -> bool:
    """Tell whether the group at *path* is ours to divide; the root of all, which has no switch to kill, never is."""
    if not os.path.exists(f"{path}/cgroup.kill") or not os.access(path, os.W_OK):
        return False
    if os.geteuid():
        return os.stat(path).st_uid == os.geteuid()
    try:
        names = os.listxattr(path)
    except OSError:
        names = []
    # The root of a namespace of groups is a container's own.
    return any(mark in names for mark in _MARKS) or _is_root()


def _is_root() -> bool:
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        return any(line == "0::/\n" for line in file)


def _without(what: str, why: str) -> str:
    return f"cannot {what}: {why}; the command is killed process by process, see the limits of the group above"


def _write(path: str, text: str) -> str:
    """Return why *text* cannot be written, an empty text if it was."""
    try:
        with open(path, "wb", buffering=0) as file:
            file.write(text.encode())
    except OSError as error:
        return error.strerror or str(error)
    return ""
