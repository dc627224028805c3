"""
Which container this process is in, from files alone: no engine is asked.

podman writes the id into /run/.containerenv of a privileged container. Both engines mount files of their own over
/etc/hostname, /etc/resolv.conf and /etc/hosts, and the place from which they come has the id in its path. The cgroup
has it where the container sees the cgroups of its host. At last the engines give a container its id, or the first
twelve digits of it, as its host name, unless somebody has said another one.
"""

from __future__ import annotations

import os
import re

ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SHORT = re.compile(r"[0-9a-f]{12}")
_OURS = {"/run/.containerenv", "/etc/hostname", "/etc/resolv.conf", "/etc/hosts"}
"""Where the engines mount files of their own."""
_MOST = 1 << 20


def own_container(root: str = "/") -> str:
    """
    Return the id of the container in which this process is, or its beginning; empty outside of a container.

    Args:

        root: The root of the file system that is looked at.
    """
    told = re.search(r'^id="([0-9a-f]{64})"$', _read(root, "run/.containerenv"), re.MULTILINE)
    if told:
        return told[1]
    return (
        from_mounts(_read(root, "proc/self/mountinfo")) or from_cgroup(_read(root, "proc/self/cgroup")) or _name(root)
    )


def from_mounts(text: str) -> str:
    """Return the id that the mounts of the engine's own files name."""
    for line in text.splitlines():
        # The fourth field is the place on the file system that is mounted, the fifth where.
        fields = line.split(" ")
        if len(fields) > 4 and fields[4] in _OURS:
            found = ID.findall(fields[3])
            if found:
                return str(found[-1])
    return ""


def from_cgroup(text: str) -> str:
    """Return the id that the path of the cgroup names, the innermost where containers run in containers."""
    found = [ID.findall(line.rpartition(":")[2]) for line in text.splitlines()]
    return next((str(ids[-1]) for ids in found if ids), "")


def _name(root: str) -> str:
    """Return the host name if it looks as engines make it and this is a container."""
    marks = ("run/.containerenv", ".dockerenv")
    name = _read(root, "etc/hostname").strip()
    return name if _SHORT.fullmatch(name) and any(os.path.exists(os.path.join(root, mark)) for mark in marks) else ""


def _read(root: str, path: str) -> str:
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return ""
