"""How often the kernel has killed for want of memory in the control group of this process: version 2, or version 1."""

from __future__ import annotations

import os

_ROOT = "/sys/fs/cgroup"
_UNKNOWN = -1


def kills(root: str = _ROOT, own: str = "/proc/self/cgroup") -> int:
    """
    Return how many processes the kernel has killed for want of memory in this group; -1 where it cannot be told.

    Args:

        root: Where the control groups are mounted.

        own: The file that names the groups of this process.
    """
    for path in _counters(root, _read(own)):
        for line in _read(path).splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill" and number.isdigit():
                return int(number)
    return _UNKNOWN


def _counters(root: str, groups: str) -> list[str]:
    """Return where the counter may lie; in a container the group that is told may not be the one that is mounted."""
    found = []
    for line in groups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        for place in (group.lstrip("/"), ""):
            if not controllers:
                found.append(os.path.join(root, place, "memory.events"))
            elif "memory" in controllers.split(","):
                found.append(os.path.join(root, "memory", place, "memory.oom_control"))
    return found


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(65536).decode("ascii", "replace")
    except OSError:
        return ""
