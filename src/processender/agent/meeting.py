"""Where a sidecar and those who ask it meet: a private socket at a path that both can work out."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Mapping

from ..errors import ProcessEnderError
from ..hints import Any
from ..telemetry.state import file_name
from .errors import AgentError

PRE_STOP = "pre-stop"
"""What is asked for, and the cause and the origin of the notice that comes of it."""
_PREFIX = "processender-sidecar-"
_LONGEST = 64 * 1024
_WAITING = 16


class MeetingError(AgentError, OSError):
    """The sidecar's socket cannot be made."""

    code = "meeting"


class NobodyThere(ProcessEnderError):
    """There is no sidecar, or it went without an answer."""

    code = "nobody-there"


def meeting_place(service: str, environ: Mapping[str, str]) -> str:
    """Return the path of the socket of the sidecar of *service*."""
    return os.path.join(_root(environ), _PREFIX + file_name(service), "control")


def find_meeting(environ: Mapping[str, str], service: str = "") -> str:
    """Return the socket of the sidecar of *service*, or the only one; raise `NobodyThere` when there is no such one."""
    root = _root(environ)
    if service:
        path = meeting_place(service, environ)
        if not _is_ours(path):
            raise NobodyThere(f"there is no sidecar of {service!r} here: this user has no socket {path}")
        return path
    try:
        names = sorted(name for name in os.listdir(root) if name.startswith(_PREFIX))
    except OSError:
        names = []
    found = [path for path in (os.path.join(root, name, "control") for name in names) if _is_ours(path)]
    if len(found) > 1:
        # Those that were killed have left theirs.
        found = [path for path in found if _answers(path)] or found[:1]
    if len(found) == 1:
        return found[0]
    if found:
        services = ", ".join(os.path.basename(os.path.dirname(path)).removeprefix(_PREFIX) for path in found)
        raise NobodyThere(f"cannot tell which sidecar is meant: there are {services}; say --service NAME")
    raise NobodyThere(f"there is no sidecar here: nobody has a socket in {root}; start `processender sidecar` first")


def listen(path: str) -> socket.socket:
    """Make the socket at *path*, which only this user can reach; raise `MeetingError`."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        _make_room(path)
        made.bind(path)
        os.chmod(path, 0o600)
        made.listen(_WAITING)
        made.setblocking(False)
    except OSError as error:
        made.close()
        text = f"cannot make the socket {path}: {error.strerror or error}; name another one with --control"
        raise MeetingError(text) from error
    return made


def leave(path: str) -> None:
    """Remove the socket, and its directory if nothing else is in it."""
    directory = os.path.dirname(path)
    try:
        os.unlink(path)
        if os.path.basename(directory).startswith(_PREFIX):
            os.rmdir(directory)
    except OSError:
        return


def ask(path: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to *request* of whoever listens at *path*, however long it takes; raise `NobodyThere`."""
    data = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            while b"\n" not in data and len(data) < _LONGEST:
                more = connection.recv(4096)
                if not more:
                    break
                data += more
    except OSError as error:
        raise NobodyThere(f"there is no sidecar at {path}: {error.strerror or error}") from error
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError) as error:
        text = f"the sidecar at {path} went without an answer, before its drain was done"
        raise NobodyThere(f"{text}; its report, or its lines, tell more") from error
    return answer if isinstance(answer, dict) else {"error": f"the sidecar at {path} talks of something else"}


def _make_room(path: str) -> None:
    """See to it that a socket can be made at *path*: the directory is private, and nobody listens there."""
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.mkdir(directory, 0o700)
    if not _is_ours(path, missing=True):
        raise OSError(None, f"{directory} is not a private directory of this user")
    if os.path.lexists(path):
        if _answers(path):
            raise OSError(None, "another sidecar of this service is there; give one of them another --service")
        os.unlink(path)


def _root(environ: Mapping[str, str]) -> str:
    return environ.get("XDG_RUNTIME_DIR") or environ.get("TMPDIR") or "/tmp"  # noqa: S108 - a private directory in it


def _is_ours(path: str, *, missing: bool = False) -> bool:
    try:
        directory = os.lstat(os.path.dirname(path))
        private = stat.S_ISDIR(directory.st_mode) and directory.st_uid == os.geteuid() and not directory.st_mode & 0o022
        return private and (missing or stat.S_ISSOCK(os.lstat(path).st_mode))
    except OSError:
        return False


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(path)
        except OSError:
            return False
        return True
