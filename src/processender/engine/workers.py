"""
The threads driver: sync handlers on daemon threads that were started beforehand.

Never `concurrent.futures`: it joins its threads at exit, and one stuck handler would hold the process for ever.
A thread that does not come back is given up with its handler and replaced.
"""

from __future__ import annotations

import threading
from collections import deque

from .jobs import Inbox, Job
from .stacks import thread_stack

MOST = 128
"""The most threads; more handlers than that wait for one."""


class Workers:
    """The threads of an Ender. Safe for threads."""

    def __init__(self, inbox: Inbox) -> None:
        """Report to *inbox*; no thread is started yet."""
        self._inbox = inbox
        self._queue: deque[Job] = deque()
        self._closed = False
        self._changed = threading.Condition(threading.Lock())
        self._idle = 0
        self._threads = 0

    def prepare(self, count: int) -> None:
        """Have at least *count* threads, at most `MOST`: at the end the system may refuse to start one."""
        with self._changed:
            wanted = min(count, MOST) - self._threads
        for _ in range(wanted):
            self._spawn()

    def submit(self, jobs: list[Job]) -> None:
        """Hand *jobs* over; never blocks."""
        with self._changed:
            self._queue.extend(jobs)
            missing = min(len(self._queue) - self._idle, MOST - self._threads)
            self._changed.notify(len(jobs))
        for _ in range(missing):
            self._spawn()

    def close(self) -> None:
        """Let the threads end that have nothing to do."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def after_fork(self) -> None:
        """Let the thread that has forked end in the child, when it comes back from its handler."""
        self._changed = threading.Condition(threading.Lock())
        self._queue.clear()
        self._closed = True

    def lost(self) -> None:
        """Note that a thread will not come back, so that another may take its place."""
        with self._changed:
            self._threads -= 1
            wanted = bool(self._queue)
        if wanted:
            self._spawn()

    def _spawn(self) -> None:
        thread = threading.Thread(target=self._work, name="processender-worker", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The limit of the system, or the interpreter is going down: those that are there must do.
            return
        with self._changed:
            self._threads += 1

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._queue:
                    if self._closed:
                        return
                    self._changed.wait()
                self._idle -= 1
                job = self._queue.popleft()
            if job.claim():
                self._run(job)

    def _run(self, job: Job) -> None:
        ident = threading.get_ident()
        if job.stack is None:
            job.stack = lambda: thread_stack(ident)
        self._inbox([job.began()])
        try:
            job.invoke_sync()
        except BaseException as error:  # `sys.exit` in a handler ends the handler, not the clean-up
            self._inbox([job.raised(error)])
        else:
            self._inbox([job.returned()])
