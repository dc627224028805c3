"""
The load on a program whose end comes: clients that keep their connections, and come until they have noticed the end.

A client is as a load balancer: it comes as long as the program is ready as far as it knows, and it knows late. No
request is repeated, so one that fails is lost. A connection that was closed while it was idle is not used again.
"""

from __future__ import annotations

import http.client
import select
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from urllib.parse import urlsplit

from ..core.record import Record
from ..ports import Clock
from .drawing import fill
from .schema import LoadConfig

_LOOK_S = 0.02
_REDIRECTED = 400


class Answer(Record):
    """What became of one request."""

    id: str
    """Its id."""
    at: float
    """When it was sent, seconds on the monotonic clock."""
    seconds: float
    """How long it took."""
    lost: str = ""
    """How it was lost: refused, reset, cut short, timed out, or its status; empty for one that was answered."""


class Client:
    """One client with the connection that it keeps."""

    def __init__(self, config: LoadConfig, url: str, timeout: float, clock: Clock) -> None:
        """Send requests to *url*."""
        self._config = config
        self._url = url
        self._clock = clock
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)

    def ask(self, name: str) -> Answer:
        """Make the request *name* and return what became of it."""
        began = self._clock.now()
        lost = self._lost(name)
        if lost:
            self._connection.close()
        return Answer(name, began, self._clock.now() - began, lost)

    def _lost(self, name: str) -> str:
        connection = self._connection
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()
        parts = urlsplit(fill(self._url, {"id": name}))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        body = fill(self._config.body, {"id": name}).encode() if self._config.body else None
        answered = False
        try:
            if connection.sock is None:
                connection.connect()
            connection.request(self._config.method, path, body, {"X-Request-Id": name})
            answer = connection.getresponse()
            answered = True
            answer.read()
        except TimeoutError:
            return "timed out"
        except ConnectionRefusedError:
            return "refused"
        except (OSError, http.client.HTTPException):
            return "cut short" if answered else "reset"
        return "" if answer.status < _REDIRECTED else f"status {answer.status}"

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Load:
    """All clients of one run, each on a thread of its own."""

    def __init__(self, config: LoadConfig, url: str, name: str, timeout: float, clock: Clock) -> None:
        """Send requests to *url*; their ids begin with *name*. Nothing is sent before `start`."""
        self._config = config
        self._name = name
        self._clock = clock
        self._clients = [Client(config, url, timeout, clock) for _ in range(config.clients)]
        self._threads: list[threading.Thread] = []
        self._numbers = count(1)
        self._left = threading.Event()
        self._gone = threading.Event()
        self.answers: list[Answer] = []
        """What became of each request, in no order."""
        self.left_at: float | None = None
        """When the clients have left it, seconds on the monotonic clock."""

    def start(self) -> None:
        """Let the clients come."""
        for client in self._clients:
            self._spawn(partial(self._come, client))

    def leave_when(self, ready: Callable[[], bool], late: float) -> None:
        """Let the clients stay away, *late* seconds after *ready* tells no."""
        self._spawn(lambda: self._look(ready, late))

    def leave(self) -> None:
        """Let the clients stay away from now on; what they have begun they end."""
        if not self._left.is_set():
            self.left_at = self._clock.now()
            self._left.set()

    def await_all(self, limit: float) -> None:
        """Wait at most *limit* seconds until as many requests were made as there are to be."""
        until = self._clock.now() + limit
        for thread in self._threads:
            thread.join(max(0.0, until - self._clock.now()))

    def close(self, limit: float) -> None:
        """Wait at most *limit* seconds for what has been begun."""
        self._gone.set()
        self.leave()
        self.await_all(limit)
        for client in self._clients:
            client.close()

    def _spawn(self, work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work, name="processender-load", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _come(self, client: Client) -> None:
        pause = self._config.clients / self._config.rate
        share = self._clock.chance()
        while not self._left.wait(pause * share):
            share = 0.5 + self._clock.chance()
            number = next(self._numbers)
            if 0 < self._config.requests < number:
                return
            answer = client.ask(f"{self._name}-{number}")
            self.answers.append(answer)
            if answer.lost == "refused" and self._gone.is_set():
                return

    def _look(self, ready: Callable[[], bool], late: float) -> None:
        while ready():
            if self._gone.wait(_LOOK_S):
                return
        self._left.wait(late)
        self.leave()


def told_of(answers: list[Answer], since: float) -> str:
    """Return how requests were lost, in words, by kind, with when the first of them was sent *since* the end began."""
    lost = sorted((each for each in answers if each.lost), key=lambda each: each.at)
    kinds: dict[str, int] = {}
    for each in lost:
        kinds[each.lost] = kinds.get(each.lost, 0) + 1
    shown = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    first = lost[0].at - since
    when = f"{first:.2f} s after the end began" if first >= 0 else f"{-first:.2f} s before the end began"
    return f"{len(lost)} of {len(answers)} requests were lost ({shown}); the first of them was sent {when}"
