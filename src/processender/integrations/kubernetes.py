"""
Kubernetes: the termination message, which `kubectl describe pod` shows for a container that has died.

Source: the kubelet takes at most 4,096 bytes of it and 12 KiB over all containers of a pod, so one line below 1 KiB
reaches the reader in any pod.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable

from ..core.crash import CrashReport
from ..errors import HandlerError
from ..hints import Any
from ..ports import Context

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
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.ftruncate(descriptor, 0)
            os.write(descriptor, encode(crash))
        finally:
            os.close(descriptor)

    return write


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
