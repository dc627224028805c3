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
        self.draining = False
        """Whether it is to get no more traffic."""
        self.started = True
        """Whether it has come up, as far as checks were to tell."""
        self.unready: tuple[str, ...] = ()
        """The checks that do not let it be ready."""
        self.dead: tuple[str, ...] = ()
        """The checks that say that it is not alive."""

    @property
    def ready(self) -> bool:
        """Whether the command is to get traffic."""
        return self.running and not self.draining and self.started and not self.unready

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
            return _unless(self.dead)
        if path == "/readyz":
            if self.draining:
                return 503, "draining\n"
            if not self.running:
                return 503, "not running\n"
            return _unless(self.unready) if self.started else (503, "starting\n")
        if path == "/startupz":
            return (200, "ok\n") if self.running and self.started else (503, "starting\n")
        return None


def _unless(failing: tuple[str, ...]) -> tuple[int, str]:
    return (503, f"failing: {', '.join(failing)}\n") if failing else (200, "ok\n")
