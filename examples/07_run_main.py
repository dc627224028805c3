"""
`ender.run(main)`: the shortest way for a program with one main function; it returns the exit code.

The main function is cancelled in the phase `quiesce`, after the phase `drain`. What it returns is the exit code of a
run that no signal began; `exit="signal"` makes a signal's exit code 128+n, as a shell would have it.
"""

# send: TERM after ready
# exits: 143

from __future__ import annotations

import asyncio
import sys

from processender import Ender

ender = Ender("main", grace=10, exit="signal")


@ender.handler(phase="drain")
async def leave_traffic():
    print("the main function still runs while this instance leaves the traffic")
    await asyncio.sleep(0.2)


async def main():
    print("ready", flush=True)
    try:
        while True:
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        print("the main function is asked to leave")
        raise


sys.exit(ender.run(main))
