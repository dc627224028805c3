"""What a run needs of the system: a free port, a client that waits for ever, and who is left of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_until(true: Callable[[], object], seconds: float) -> bool:
    """Wait at most *seconds* until *true*; return whether it is."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def listens(port: int) -> bool:
    """Tell whether somebody takes connections on *port*."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def ask(port: int, path: str) -> socket.socket:
    """Ask for *path* and return the connection, which is to be kept open."""
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("ascii"))
    return client


def marked(folder: Path) -> list[int]:
    """Return the live processes that were started for *folder*, whoever is their parent now."""
    wanted = f"TORTURE_DIR={folder}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError):
                environ = Path("/proc", entry, "environ").read_bytes()
                if wanted in environ.split(b"\0") and not is_zombie(int(entry)):
                    found.append(int(entry))
    return found


def is_zombie(pid: int) -> bool:
    """Tell whether *pid* has ended."""
    try:
        return Path("/proc", str(pid), "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def kill(pids: list[int]) -> None:
    """Kill them, each by its number."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
