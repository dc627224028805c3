"""What the probes say about the command, shared by the thread that knows and the thread that is asked."""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Health:
    """Written by one thread and read by another."""

    def __init__(self) -> None:
        """Begin alive and not ready."""
        self.running = False
        """Whether the command runs."""
        self.started = False
        """Whether it has been started at all."""
        self.draining = False
        """Whether it is to get no more traffic."""

    @property
    def ready(self) -> bool:
        """Whether the command is to get traffic."""
        return self.running and not self.draining

    def respond(self, method: str, path: str, _fields: Mapping[bytes, bytes]) -> tuple[int, str, str]:
        """Return the status and the text for a request, and the methods that are allowed."""
        found = self.answer(path)
        if found is None:
            return 404, "there is /livez, /readyz and /startupz\n", ""
        if method not in {"GET", "HEAD"}:
            return 405, "only GET and HEAD\n", "GET, HEAD"
        return *found, ""

    def answer(self, path: str) -> tuple[int, str] | None:
        """Return the status and the text for *path*, None if there is no such path."""
        if path == "/livez":
            return 200, "ok\n"
        if path == "/startupz":
            return (200, "ok\n") if self.started else (503, "not started\n")
        if path == "/readyz":
            if self.draining:
                return 503, "draining\n"
            return (200, "ok\n") if self.running else (503, "not running\n")
        return None
