"""
nginx's master process and its workers, as /proc shows them: told to read its files again, and seen to have done it.

Source: nginx's own titles of its processes; a worker that finishes what it has begun is titled as shutting down.
"""

from __future__ import annotations

import os
import signal

from ...errors import Permanent, Transient

_MASTER = "nginx: master process"
_WORKER = "nginx: worker process"
_LEAVING = "nginx: worker process is shutting down"


class Master:
    """The master of a pid file."""

    def __init__(self, pid_file: str) -> None:
        """Take the path of the file."""
        self._pid_file = pid_file

    def find(self) -> int:
        """Return its pid, 0 where it cannot be seen."""
        try:
            with open(self._pid_file, encoding="ascii") as file:
                pid = int(file.read())
        except (OSError, ValueError):
            return 0
        # The number in an old file may be another's by now, whom a HUP would end.
        return pid if _title(pid).startswith(_MASTER) else 0

    def hang_up(self) -> None:
        """Send it SIGHUP; raise `Transient` when it is not there, `Permanent` when this user may not."""
        pid = self.find()
        if not pid:
            raise Transient(f"cannot reload nginx: {self._pid_file} names no running master; does it run?")
        try:
            os.kill(pid, signal.SIGHUP)
        except ProcessLookupError as error:
            raise Transient(f"cannot reload nginx: its master {pid} is gone") from error
        except PermissionError as error:
            text = f"cannot reload nginx: this user may not signal its master {pid}"
            raise Permanent(f"{text}; give a command that may, as reload=[...]") from error

    def workers(self) -> dict[int, bool]:
        """Return its workers by pid, and whether each takes new connections."""
        pid = self.find()
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                children = [int(word) for word in file.read().split()]
        except OSError:
            return {}
        titles = {child: _title(child) for child in children}
        return {child: not title.startswith(_LEAVING) for child, title in titles.items() if title.startswith(_WORKER)}


def _title(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(200).decode("utf-8", "replace")
    except OSError:
        return ""
