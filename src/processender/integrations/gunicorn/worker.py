"""A worker: its main loop runs inside the Ender, and what the master says reaches the Ender."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ...errors import HandlerError
from ...hints import Any
from .master import Page

BEAT_S = 0.1
"""How often a worker whose end has begun looks what the master says, and shows that it lives."""
ABORTED_S = 0.9
"""What a worker has that was given up: the master kills it at its next look, a second later."""
REFUSED = ("gevent", "eventlet", "tornado")


class Hosting:
    """The life of one worker inside its Ender."""

    def __init__(self, worker: Any, ender: Any, page: Page) -> None:
        """Take the parties."""
        self._worker = worker
        self._ender = ender
        self._page = page
        self._told = page.read()[0]
        self._over = threading.Event()

    def run(self, main_loop: Callable[[], object], *, enters: bool) -> None:
        """
        Run the *main_loop* of the worker.

        Args:

            main_loop: What the worker itself would run.

            enters: Whether the Ender is entered here, and not by the lifespan of an ASGI application.
        """
        threading.Thread(target=self._tend, name="processender-gunicorn", daemon=True).start()
        try:
            if not enters:
                main_loop()
                return
            with self._ender.hosted():
                self._ender.ready()
                main_loop()
                # A client that comes now must be refused and go elsewhere, not wait for a worker that cleans up.
                for listener in self._worker.sockets:
                    listener.close()
        finally:
            self._over.set()

    def give_up(self) -> None:
        """Use what is left, because the master has given the worker up; a handler of a signal may call it."""
        self._ender.stop("worker timeout", within=ABORTED_S)

    def _tend(self) -> None:
        # A daemon: where the end never begins it waits here until the process is gone.
        self._ender.stopping.wait()
        while not self._over.is_set():
            count, seconds = self._page.read()
            if count != self._told:
                self._told = count
                self._ender.stop("gunicorn", within=seconds)
            try:
                self._worker.notify()
            except (OSError, ValueError):
                return  # the worker is gone but for its thread
            self._over.wait(BEAT_S)


def host(worker: Any, ender: Any, page: Page) -> Hosting:
    """Let the main loop of *worker*, which has just loaded its application, run inside *ender*."""
    from gunicorn.workers.gthread import ThreadWorker  # noqa: PLC0415 - only a worker needs it
    from gunicorn.workers.sync import SyncWorker  # noqa: PLC0415

    kinds = " ".join(each.__module__ for each in type(worker).__mro__)
    refused = next((name for name in REFUSED if name in kinds), "")
    if refused:
        text = f"cannot host a {refused} worker: it replaces the threads and locks with which the Ender waits"
        raise HandlerError(f"{text}; use worker_class = 'gthread', or leave this worker to the agent")
    hosting = Hosting(worker, ender, page)
    main_loop = worker.run
    enters = isinstance(worker, SyncWorker | ThreadWorker)
    worker.run = lambda: hosting.run(main_loop, enters=enters)
    return hosting
