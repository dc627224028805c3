"""
gunicorn's hooks: `worker_exit` and atexit when plain; with the library an Ender in the worker.

The master forks, has its own signal handling and no hook around its main loop, so the Ender stands in the worker,
which is where the clean-up is. The worker's grace is shorter than the master's patience.
"""

from __future__ import annotations

import atexit
import time

from common import GRACE, LIBRARY, critical, mark

from processender import Ender


def post_worker_init(worker):
    """Take the worker's signals up."""
    if not LIBRARY:
        atexit.register(critical)
        ready()
        return
    ender = Ender("torture", grace=GRACE * 2 / 3)

    def finish_requests(ctx):
        worker.alive = False
        time.sleep(ctx.remaining() / 2)

    ender.add(finish_requests, phase="quiesce")
    ender.add(critical, phase="release", importance="must")
    ender.install()
    ready()


def worker_exit(server, worker):
    """Clean up as gunicorn offers it."""
    if not LIBRARY:
        critical()
