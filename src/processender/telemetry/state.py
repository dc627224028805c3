"""Where what must outlast the process is kept: one private directory for each service."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from ..opening import open_beyond

_VOLATILE = {"tmpfs", "ramfs", "overlay"}
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"}
"""Where locks and flushes may not hold what the journal builds on."""

HISTORY = "history.tsv"
"""The file, in the directory of a service, of how long its handlers took."""
SYSTEM = "/var/lib/processender"
"""Where the services of root have theirs."""


class StatePlace:
    """A directory that may be used, or the reason why there is none."""

    def __init__(self, path: str, trouble: str = "") -> None:
        """Take what was found."""
        self.path = path
        """The directory of the service; empty if there is none."""
        self.trouble = trouble
        """Why there is none."""

    @property
    def warning(self) -> str:
        """What would be lost there, and when."""
        return _warning(self.path, _file_system(self.path)) if self.path else ""


def set_aside(path: str) -> str:
    """Put the file of counts at *path*, which cannot be used, aside, and return in words what became of it."""
    aside = f"{path}.broken"
    try:
        os.replace(path, aside)
    except OSError as error:
        return f"it cannot be put aside either: {error.strerror}"
    return f"it was put aside as {aside}, and counting begins anew"


def state_root(environ: Mapping[str, str]) -> str:
    """Return the directory under which every service has its own."""
    if environ.get("PROCESSENDER_STATE"):
        return environ["PROCESSENDER_STATE"]
    if environ.get("STATE_DIRECTORY"):
        # systemd joins several with a colon; the first is the unit's main one.
        return environ["STATE_DIRECTORY"].split(":")[0]
    if os.geteuid() == 0:
        return SYSTEM
    home = environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(home, "processender")


def state_place(service: str, environ: Mapping[str, str]) -> StatePlace:
    """Make the directory of *service*, private to the user, and return it; nothing is raised."""
    root = state_root(environ)
    path = os.path.join(root, file_name(service))
    try:
        # The program may go to another directory before its end.
        root = os.path.abspath(root)
        path = os.path.join(root, file_name(service))
        os.makedirs(root, mode=0o700, exist_ok=True)
        for each in (path, os.path.join(path, "reports")):
            # Not makedirs: it gives the mode to the last directory only.
            if not os.path.lexists(each):
                os.mkdir(each, 0o700)
            found = os.lstat(each)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                text = f"cannot use {each}: it must be a directory of this user that nobody else can write to"
                return StatePlace("", text + "; set PROCESSENDER_STATE to another place")
    except OSError as error:
        text = f"cannot make {path}: {error.strerror}; set PROCESSENDER_STATE to a place that can be written to"
        return StatePlace("", text)
    return StatePlace(path)


def _warning(path: str, kind: str) -> str:
    if kind in _VOLATILE:
        return f"{path} is on {kind}: the reports are lost when the container or the host goes"
    if kind in _REMOTE:
        text = f"{path} is on {kind}, where locks and flushes may not hold what a recovery builds on"
        return f"{text}; set PROCESSENDER_STATE to a local disk"
    return ""


def file_name(service: str) -> str:
    """Return the name of the directory of *service*; names that differ in other signs only share one."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in service)
    return kept.lstrip(".")[:100] or "service"


def write_new(path: str, data: bytes) -> None:
    """Write *data* to a new file at *path*, readable by this user alone; leave nothing when that fails."""
    descriptor = open_beyond(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def read_whole(path: str | os.PathLike[str], longest: int, flags: int = os.O_NOFOLLOW) -> str:
    """Return the text of a regular file of at most *longest* bytes; raise `ValueError` for anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        data = file.read(longest + 1)
    if len(data) > longest:
        raise ValueError(f"it is longer than {longest} bytes")
    return data.decode()


def link_last(path: str) -> None:
    """Let `last.json` beside *path* point to it."""
    link = os.path.join(os.path.dirname(path), "last.json")
    draft = f"{path}.link"
    os.symlink(os.path.basename(path), draft)
    os.replace(draft, link)


def _file_system(path: str) -> str:
    """Return the kind of the file system that holds *path*, empty where /proc does not tell."""
    best, kind = "", ""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                _, mounted, found = line.split(" ")[:3]
                inside = path == mounted or path.startswith(mounted.rstrip("/") + "/")
                if inside and len(mounted) >= len(best):
                    best, kind = mounted, found
    except OSError:
        return ""
    return kind
