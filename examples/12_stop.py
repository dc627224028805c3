"""
Ending by yourself: `ender.stop(reason)` from any thread, as often as you like; all mean the same end.

`within` says how many seconds are left, where they are known. What it returns can be awaited, or waited for.
"""

# exits: 0

from __future__ import annotations

import threading

from processender import Ender

ender = Ender("stop", grace=30)


@ender.handler
def close(ctx):
    print(f"closing: {ctx.cause}, {ctx.remaining():.0f} s left")


def watch_memory():
    ending = ender.stop("memory", within=5)
    ender.stop("memory again")  # changes nothing
    print("over in time:", ending.wait(5))


watcher = threading.Thread(target=watch_memory)

with ender:
    watcher.start()
    ender.stopping.wait()

watcher.join()
print(f"cause {ender.report['cause']}, window {ender.report['window']['length_s']:g} s")
