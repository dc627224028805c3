"""
The outbox: the accounts that an exporter has not delivered yet, below the state directory of the service.

Theory of operation. An account is put in as its run begins, provisional, and again in the same place as it ends; so one
of a process that was killed in between is there too. It goes when it was delivered. Who delivers holds the kernel's
lock of the directory, which goes with its process; an account of a run that may still be on is left alone, and one that
came into the place of another while that was sent stays. A crash puts its account into every outbox that is there.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import threading
from collections.abc import Callable, Mapping

from ..accounts.plain import LATE_S
from ..core.record import Record
from ..core.written import as_text
from ..hints import Any
from ..identity import status_of
from ..opening import open_beyond
from .state import file_name, write_new

OUTBOX = "outbox"
"""The directory, in that of a service, that holds one for each exporter."""
KEPT = 1000
"""How many accounts wait for one exporter; beyond them the oldest go, and that is said."""
REFUSED_KEPT = 64
"""How many are kept that nobody would take."""
MOST_BYTES = 1 << 23
DRAFT_S = 3600.0
"""So long after it was begun nobody works on a draft any more, by the clock of the file system."""
_ENDING, _SENT, _DRAFT, _REFUSED = ".json", ".sent", ".new", "refused"


class Kept(Record):
    """One account in an outbox."""

    name: str
    """The name of its file."""
    account: dict[str, Any]
    """The account."""
    version: tuple[int, int]
    """What tells it from another one in its place."""


class Outbox:
    """The accounts that wait for one exporter. Safe for threads, and for processes."""

    def __init__(self, place: str, exporter: str) -> None:
        """Be that of the *exporter* of this name, below the directory *place* of a service."""
        self.path = os.path.join(place, OUTBOX, file_name(exporter))
        """The directory."""
        self._lock = threading.Lock()
        self._put: dict[str, bool] = {}
        self._descriptor = -1

    def open(self) -> None:
        """Make the directory; raise `OSError` where it cannot be."""
        for each in (os.path.dirname(self.path), self.path):
            if not os.path.isdir(each):
                os.mkdir(each, 0o700)

    def put(self, account: Mapping[str, Any], report: str = "") -> int:
        """
        Let *account* wait, in the place of an earlier one of its id, and return how many old ones had to go.

        Its file *report*, where there is one, is linked, which takes no room on a full disk.
        """
        name, final = str(account["id"]), account.get("ended") is not None
        with self._lock:
            if self._put.get(name) in {final, True}:
                return 0  # who sends and who keeps both see to it
            link_or_write(os.path.join(self.path, name + _ENDING), report, account)
            self._put[name] = final
            names = self.waiting()
            for old in names[:-KEPT]:
                _unlink(os.path.join(self.path, old))
        return max(0, len(names) - KEPT)

    def waiting(self) -> list[str]:
        """Return the names of all that wait, the oldest first: an id begins with its time."""
        try:
            return sorted(each for each in os.listdir(self.path) if each.endswith(_ENDING))
        except FileNotFoundError:
            return []

    def read(self, name: str) -> Kept | None:
        """Return the account of this *name*; None where it is gone. Raise `ValueError` where it is damaged."""
        try:
            descriptor = open_beyond(os.path.join(self.path, name), os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ValueError("it is a link") from error
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("it is no regular file")
            data = os.read(descriptor, MOST_BYTES)
        finally:
            os.close(descriptor)
        try:
            account = json.loads(data)
        except RecursionError as error:
            raise ValueError(str(error)) from error
        if not isinstance(account, dict) or str(account.get("id")) + _ENDING != name:
            raise ValueError("it is no account of this name")
        return Kept(name, account, (found.st_ino, found.st_mtime_ns))

    def delivered(self, kept: Kept) -> None:
        """Let *kept* go; another one that came into its place meanwhile stays."""
        path = os.path.join(self.path, kept.name)
        sent = path.removesuffix(_ENDING) + _SENT
        try:
            os.rename(path, sent)
            found = os.stat(sent)
            if (found.st_ino, found.st_mtime_ns) != kept.version:
                _link(sent, path)
        except FileNotFoundError:
            return  # there were too many
        _unlink(sent)

    def refused(self, name: str) -> str:
        """Put the account of this *name* aside, where nobody sends it, and return its new path."""
        aside = os.path.join(self.path, _REFUSED)
        if not os.path.isdir(aside):
            os.mkdir(aside, 0o700)
        os.replace(os.path.join(self.path, name), os.path.join(aside, name))
        for old in sorted(os.listdir(aside))[:-REFUSED_KEPT]:
            _unlink(os.path.join(aside, old))
        return os.path.join(aside, name)

    def recall(self) -> int:
        """Let all that was put aside wait once more, and return how many there are."""
        aside = os.path.join(self.path, _REFUSED)
        names = [each for each in os.listdir(aside) if each.endswith(_ENDING)] if os.path.isdir(aside) else []
        for name in names:
            _link(os.path.join(aside, name), os.path.join(self.path, name))
            _unlink(os.path.join(aside, name))
        return len(names)

    def begin(self, *, wait: bool) -> bool:
        """Have the lock of who delivers, or *wait* until the one who has it is ready; tell whether it is ours."""
        # A lock of POSIX: a child that was forked while we send must not keep it.
        descriptor = open_beyond(os.path.join(self.path, "lock"), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        try:
            os.utime(descriptor)
            self._tidy(os.fstat(descriptor).st_mtime - DRAFT_S)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def _tidy(self, old: float) -> None:
        """See to what those have left who were killed at work; what is drafted since *old* may still be on."""
        for name in os.listdir(self.path):
            path = os.path.join(self.path, name)
            if name.endswith(_SENT):
                # It is sent once more.
                _link(path, path.removesuffix(_SENT) + _ENDING)
                _unlink(path)
            elif name.endswith(_DRAFT) and os.lstat(path).st_ctime < old:
                _unlink(path)

    def end(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)
        self._descriptor = -1


def outboxes(place: str) -> list[str]:
    """Return the names of the outboxes below the directory *place* of a service."""
    root = os.path.join(place, OUTBOX)
    try:
        return sorted(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
    except OSError:
        return []


def post(place: str, account: Mapping[str, Any], path: str) -> None:
    """Put *account*, which stands in the file at *path*, into every outbox below *place*; raise `OSError`."""
    for name in outboxes(place):
        link_or_write(os.path.join(place, OUTBOX, name, f"{account['id']}{_ENDING}"), path, account)


def is_over(account: Mapping[str, Any], wall: float, host: str) -> bool:
    """Tell whether *account* is the last word, as seen on *host* at *wall* seconds since 1970."""
    if "verdict" not in account or account.get("ended") is not None:
        return True
    window, environment = account.get("window"), account.get("environment")
    length = window.get("length_s") if isinstance(window, dict) else None
    pid = environment.get("pid") if isinstance(environment, dict) else None
    started = account.get("started")
    if not isinstance(started, int | float) or not isinstance(length, int | float):
        return True
    if account.get("host") == host and isinstance(pid, int):
        return not _lives(pid, wall - started)
    # A drain may hold for longer, and then the account of its end follows this one, with the same id.
    return wall > started + length + LATE_S


def _lives(pid: int, seconds: float) -> bool:
    """Tell whether the process *pid* is there that was there so many *seconds* ago, and not another with its number."""
    status = status_of(pid)
    if status is None or status[0] in {"Z", "X"}:
        return False
    try:
        with open("/proc/uptime", encoding="ascii") as file:
            uptime = float(file.read().split()[0])
    except (OSError, ValueError):
        return True
    return uptime - status[1] / os.sysconf("SC_CLK_TCK") >= seconds - 1.0


def link_or_write(path: str, source: str, account: Mapping[str, Any]) -> None:
    """Let *account* stand at *path*: as a link to its file *source* if that can be, else written."""
    draft = f"{path}.{os.getpid()}.{threading.get_native_id()}{_DRAFT}"
    _unlink(draft)
    if not source or not _try(lambda: os.link(source, draft, follow_symlinks=False)):
        write_new(draft, as_text(dict(account)).encode())
    os.replace(draft, path)
    # Two links to one file are left alone by that.
    _unlink(draft)


def _try(step: Callable[[], object]) -> bool:
    try:
        step()
    except OSError:
        return False
    return True


def _link(source: str, path: str) -> None:
    try:
        os.link(source, path)
    except FileExistsError:
        return


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
