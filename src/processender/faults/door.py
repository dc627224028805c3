"""The door of a proxy: it is open, or it refuses everybody, or whoever knocks waits for ever."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Iterator

_QUEUE = 128
_FILLERS = 4


class Door:
    """A place where clients connect; it keeps its port, whatever its state."""

    def __init__(self, family: int, host: str, selector: selectors.BaseSelector) -> None:
        """Take a free port at *host*, and be shut."""
        self._family, self._host = family, host
        self._selector = selector
        # It is bound and never listens: the port stays ours while nobody listens at it.
        self._keeper = self._bound(0)
        self._listener: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._come: deque[socket.socket] = deque()

    @property
    def port(self) -> int:
        """Its port."""
        port: int = self._keeper.getsockname()[1]
        return port

    def open(self) -> None:
        """Let everybody in."""
        self._take_out_fillers()
        if self._listener is None:
            self._listener = self._bound(self.port)
            self._listener.setblocking(False)
            self._selector.register(self._listener, selectors.EVENT_READ)
        self._listener.listen(_QUEUE)

    def hang(self) -> None:
        """Let whoever connects wait."""
        self.open()
        assert self._listener is not None  # it is open
        self._come.extend(self._accepted())
        self._listener.listen(0)
        # Once its queue is full, the kernel answers nobody any more.
        self._fillers = [socket.socket(self._family) for _ in range(_FILLERS)]
        for each in self._fillers:
            each.setblocking(False)
            each.connect_ex(self._listener.getsockname())

    def shut(self) -> None:
        """Refuse everybody."""
        self._take_out_fillers()
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """Be gone, with the port."""
        self.shut()
        for each in self._come:
            each.close()
        self._keeper.close()

    def come(self) -> list[socket.socket]:
        """Return who has come since the last time."""
        found = [*self._come, *([] if self._fillers else self._accepted())]
        self._come.clear()
        return found

    def _accepted(self) -> Iterator[socket.socket]:
        with contextlib.suppress(OSError):
            while self._listener is not None:
                yield self._listener.accept()[0]

    def _take_out_fillers(self) -> None:
        """Empty the queue of those who only fill it."""
        names = [each.getsockname() for each in self._fillers]
        with contextlib.suppress(OSError):
            while self._fillers and self._listener is not None:
                client, peer = self._listener.accept()
                if peer in names:
                    client.close()
                else:
                    self._come.append(client)
        for each in self._fillers:
            each.close()
        self._fillers = []

    def _bound(self, port: int) -> socket.socket:
        made = socket.socket(self._family)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((self._host, port))
        return made
