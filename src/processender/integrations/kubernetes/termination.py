"""
The termination message, in the words of the vocabulary, which `kubectl describe pod` shows for a container that died.

Source: the kubelet takes at most 4,096 bytes of it and 12 KiB over all containers of a pod, so one line below 1 KiB
reaches the reader in any pod.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable

from ...core import vocabulary as words
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
        self._told: dict[str, Any] = {words.SERVICE: service[:64]}
        self._undone: dict[str, str] = {}

    def observe(self, event: Event) -> None:
        """Take one event; the last of a run writes the line."""
        match event:
            case NoticeHeard(notice=notice):
                self._told.setdefault(words.RUN_CAUSE, notice.cause)
            case HandlerEnded(result=result) if result.outcome is not Outcome.DONE:
                self._undone[result.handler] = str(result.outcome)
            case RunEnded(verdict=verdict, seconds=seconds):
                told = self._told | {words.RUN_VERDICT: str(verdict), words.EXIT_CODE: self._code(verdict)}
                told[words.RUN_DURATION] = round(seconds, 3)
                _put(self._path, encode_outcome(told, self._undone))
            case _:
                return

    def crashed(self, crash: CrashReport) -> None:
        """Leave the account of a crash instead, which tells more."""
        _put(self._path, encode(crash))


def encode_outcome(told: dict[str, Any], undone: dict[str, str]) -> bytes:
    """Return the line of an outcome, with as many of the *undone* handlers as there is room for."""
    kept = [f"{name} {outcome}" for name, outcome in undone.items()]
    while len(data := _line(told | ({words.RUN_UNDONE: kept} if kept else {}))) > MOST_BYTES and kept:
        kept.pop()
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
        words.SERVICE: crash.service[:64],
        words.CRASH_CAUSE: crash.cause,
        words.EXIT_CODE: crash.exit,
        words.CRASH_SIGNAL: crash.signal,
        words.CRASH_TIME: crash.at,
        words.CRASH_ID: crash.id,
        words.OWED: len(crash.obligations),
        words.CRASH_SUMMARY: crash.summary,
    }
    data = _line(told)
    while len(data) > MOST_BYTES:
        told[words.CRASH_SUMMARY] = str(told[words.CRASH_SUMMARY])[: -max(1, (len(data) - MOST_BYTES) // 4)]
        data = _line(told)
    return data


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
