"""
Threads, without asyncio: `with ender:` sets `ender.stopping` when the end begins.

A loop looks at it, or waits for it instead of sleeping. Sync handlers run on threads of the Ender's own.
"""

# send: TERM after ready
# exits: 0

from __future__ import annotations

import queue
import threading

from processender import Ender

ender = Ender("threads", grace=10)
jobs = queue.Queue()


def work():
    while (job := jobs.get()) is not None:
        with ender.inflight(f"job {job}"):
            print(f"worked on job {job}")


@ender.handler(phase="flush")
def finish_jobs():
    jobs.put(None)  # in `quiesce` the loop below has ended, so nothing comes after it
    worker.join()


worker = threading.Thread(target=work)

with ender:
    worker.start()
    print("ready", flush=True)
    number = 0
    while not ender.stopping.wait(0.1):  # a pause that ends when the end begins
        number += 1
        jobs.put(number)

print(f"all done: {ender.report['verdict']}")
