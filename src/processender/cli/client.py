"""Finds a running agent, and asks it for something on its socket."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Mapping

from ..agent.control import VARIABLE, lives, roots, sockets
from ..agent.line import VERSION
from ..errors import ProcessEnderError
from ..hints import Any, Self
from ..joining import call

ANSWER_S = 60.0
"""How long an answer may take."""
_LONGEST = 16 * 1024 * 1024


class NoAgent(ProcessEnderError):
    """There is no agent to ask, or more than one."""

    code = "no-agent"


class Call:
    """A connection to an agent; a context manager."""

    def __init__(self, path: str) -> None:
        """Call the agent that listens at *path*; raise `OSError`."""
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            call(self._connection, path, ANSWER_S)
        except BaseException:
            self._connection.close()
            raise
        self._rest = b""

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send *request* and return the answer; raise `OSError`, or `ValueError` for one that makes no sense."""
        self._connection.sendall(json.dumps({"v": VERSION, **request}).encode() + b"\n")
        data = self._rest
        while b"\n" not in data and len(data) < _LONGEST:
            more = self._connection.recv(65536)
            if not more:
                raise ConnectionResetError("it has hung up")
            data += more
        line, _, self._rest = data.partition(b"\n")
        answer = dict(json.loads(line))
        answer.pop("v", None)
        return answer

    def hangs_up(self, within: float) -> bool:
        """Wait so many seconds between two questions; tell whether the agent has gone meanwhile."""
        if not select.select([self._connection], [], [], within)[0]:
            return False
        try:
            return not self._connection.recv(65536, socket.MSG_PEEK)
        except ConnectionResetError:
            return True

    def await_end(self) -> None:
        """Wait until the agent has gone."""
        self._connection.settimeout(None)
        try:
            while self._connection.recv(65536):
                continue
        except ConnectionResetError:
            return


def ask(path: str, request: Mapping[str, Any], step: str) -> dict[str, Any]:
    """Send *request* to the agent at *path* and return its answer; an error ends with the next *step*."""
    try:
        with Call(path) as call:
            return call.ask(request)
    except (OSError, ValueError) as error:
        raise NoAgent(f"cannot ask the agent at {path}: {error}; {step}") from error


def find(wanted: str, environ: Mapping[str, str]) -> str:
    """
    Return the path of the socket of an agent; raise `NoAgent` that lists those there are.

    Args:

        wanted: The number of its process, or the path of its socket; empty takes that of the environment, which the
            command of an agent has, else the only one of this user.

        environ: The environment.
    """
    if wanted and not wanted.isdigit():
        return os.path.join(wanted, "control") if os.path.isdir(wanted) else wanted
    if not wanted and environ.get(VARIABLE):
        return environ[VARIABLE]
    found = sorted({each for root in roots(environ) for each in sockets(root) if lives(each[1])})
    chosen = [(pid, path) for pid, path in found if not wanted or pid == int(wanted)]
    if len(chosen) == 1:
        return chosen[0][1]
    if chosen and wanted:
        several = "".join(f"\n  {path}" for _, path in chosen)
        raise NoAgent(f"several agents have the number {wanted}; give the path of one:{several}")
    listed = "".join(f"\n  {pid} ({path})" for pid, path in found) or " none"
    if wanted:
        raise NoAgent(f"cannot find an agent {wanted} of this user; there are:{listed}")
    if not chosen:
        raise NoAgent("cannot find an agent of this user; start one with `processender run`, or name its socket")
    raise NoAgent(f"cannot choose among {len(chosen)} agents; say which with --agent:{listed}")
