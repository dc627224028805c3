"""Threads for the handlers of a sync server, of which none can hold up the exit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future  # noqa: TID251 - what the server waits with; no thread of its executors
from queue import SimpleQueue

from ...hints import Any


class Threads:
    """
    Up to *most* daemon threads: `grpc.server(Threads(10), ...)`.

    The interpreter joins the threads of a `ThreadPoolExecutor` at exit, so one stuck handler would hold it for ever.
    """

    def __init__(self, most: int) -> None:
        """Start threads as they are needed, at *most* so many."""
        self._most = most
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._count = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Let a thread call *function*, as soon as one is free."""
        future: Future[Any] = Future()
        self._work.put((future, lambda: function(*args, **named)))
        if not self._idle.acquire(blocking=False):
            self._start()
        return future

    def _start(self) -> None:
        with self._lock:
            if self._count == self._most:
                return
            self._count += 1
            name = f"grpc-{self._count}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while True:
            future, call = self._work.get()
            # One that was cancelled while it waited takes no result.
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
            # What the call held must not live until the next one comes.
            del future, call
            self._idle.release()


ASIDE = Threads(64)
"""Who does what may have to wait for a client, and nobody else is to wait for; started when there is such a thing."""
