"""
The termination message, which `kubectl describe pod` shows for a container that has died.

Source: the kubelet takes at most 4,096 bytes of it and 12 KiB over all containers of a pod, so one line below 1 KiB
reaches the reader in any pod.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable

from ...core.crash import CrashReport
from ...core.events import Event, HandlerEnded, NoticeHeard, RunEnded
from ...core.outcome import Outcome, Verdict
from ...errors import HandlerError
from ...hints import Any
from ...ports import Context

PATH = "/dev/termination-log"
"""The default of `terminationMessagePath`."""
MOST_BYTES = 1023


def termination_message(path: str = PATH) -> Callable[[CrashReport, Context], None]:
    """
    Return what writes a crash into the file *path*, one line of JSON below 1 KiB.

    Raise `HandlerError` where there is no such file: the kubelet makes it before the container starts.
    """
    if not os.path.exists(path):
        text = f"cannot leave a termination message: there is no file {path}"
        raise HandlerError(f"{text}; give the path that terminationMessagePath of the container names")

    def write(crash: CrashReport, ctx: Context) -> None:  # noqa: ARG001 - the face of all notifiers
        _put(path, encode(crash))

    return write


class TerminationMessage:
    """An observer that leaves the outcome of a run in a file, one line of JSON below 1 KiB."""

    def __init__(self, path: str, service: str, code: Callable[[Verdict | None], int]) -> None:
        """Take the file, the name of the service, and what tells the exit code for a verdict."""
        self._path = path
        self._code = code
        self._told: dict[str, Any] = {"service": service[:64]}
        self._undone: dict[str, str] = {}

    def observe(self, event: Event) -> None:
        """Take one event; the last of a run writes the line."""
        match event:
            case NoticeHeard(notice=notice):
                self._told.setdefault("cause", notice.cause)
            case HandlerEnded(result=result) if result.outcome is not Outcome.DONE:
                self._undone[result.handler] = str(result.outcome)
            case RunEnded(verdict=verdict, seconds=seconds):
                told = self._told | {"verdict": str(verdict), "exit": self._code(verdict), "seconds": round(seconds, 3)}
                _put(self._path, encode_outcome(told, self._undone))
            case _:
                return

    def crashed(self, crash: CrashReport) -> None:
        """Leave the account of a crash instead, which tells more."""
        _put(self._path, encode(crash))


def encode_outcome(told: dict[str, Any], undone: dict[str, str]) -> bytes:
    """Return the line of an outcome, with as many of the *undone* handlers as there is room for."""
    kept = dict(undone)
    while len(data := _line(told | ({"undone": kept} if kept else {}))) > MOST_BYTES:
        kept.popitem()
    return data


def _put(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.ftruncate(descriptor, 0)
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def encode(crash: CrashReport) -> bytes:
    """Return the line: what matters most first, and the summary cut to what is left."""
    told: dict[str, Any] = {
        "service": crash.service[:64],
        "cause": crash.cause,
        "exit": crash.exit,
        "signal": crash.signal,
    }
    told |= {"at": crash.at, "id": crash.id, "owes": len(crash.obligations), "summary": crash.summary}
    data = _line(told)
    while len(data) > MOST_BYTES:
        told["summary"] = str(told["summary"])[: -max(1, (len(data) - MOST_BYTES) // 4)]
        data = _line(told)
    return data


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
