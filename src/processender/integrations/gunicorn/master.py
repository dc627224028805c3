"""
The master: it tells its workers how long they have.

A signal carries no deadline, and the master's may be longer or shorter than the one that the Ender of a worker was made
with. So the master writes the seconds into a page that its workers have inherited, just before it sends the signal.
"""

from __future__ import annotations

import os
import signal
import struct

from ...hints import Any

_SAID = struct.Struct("qd")
PAGE = "processender_page"
"""The attribute of the arbiter, and of each worker, at which the page is."""


class Page:
    """What the master says to all of its workers: the last word, and how many there were."""

    def __init__(self) -> None:
        """Share a page with the children to come."""
        import mmap  # noqa: PLC0415 - only a master needs it

        self._memory = mmap.mmap(-1, _SAID.size)

    def tell(self, seconds: float) -> None:
        """Say that the workers have *seconds* from now on."""
        count, _ = self.read()
        # Its number comes last: who sees it sees the seconds too.
        _SAID.pack_into(self._memory, 0, count, seconds)
        _SAID.pack_into(self._memory, 0, count + 1, seconds)

    def read(self) -> tuple[int, float]:
        """Return the number of the last word, 0 before the first, and its seconds."""
        count, seconds = _SAID.unpack_from(self._memory)
        return count, seconds


def adopt(server: Any, quick: float) -> Page:
    """Let the arbiter *server* tell its workers their time from now on; return where. It may be called for each."""
    page: Page | None = getattr(server, PAGE, None)
    if page is None:
        page = Page()
        setattr(server, PAGE, page)
        _tell_before_signals(server, page, quick)
        _keep_paths(server)
    return page


def _tell_before_signals(server: Any, page: Page, quick: float) -> None:
    kill_workers = server.kill_workers

    def kill(signum: int) -> None:
        if signum == signal.SIGTERM:
            page.tell(server.cfg.graceful_timeout)
        elif signum == signal.SIGQUIT:
            page.tell(min(quick, server.cfg.graceful_timeout))
        kill_workers(signum)

    server.kill_workers = kill


def _keep_paths(server: Any) -> None:
    """Let the paths of Unix sockets be removed when the workers are gone, not when they are asked to go."""
    stop = server.stop

    def stop_and_remove(graceful: bool = True) -> None:
        kept = []
        # As in `Arbiter.stop`: who has inherited its listeners, or hands them on, removes nothing.
        if server.reexec_pid == server.master_pid == 0 and not server.systemd and not server.cfg.reuse_port:
            for listener in server.LISTENERS:
                name = listener.getsockname()
                if isinstance(name, str) and name.startswith("/"):
                    kept.append(name)
                listener.close()
            server.LISTENERS = []
        try:
            stop(graceful)
        finally:
            for path in kept:
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    pass

    server.stop = stop_and_remove
