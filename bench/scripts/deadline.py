"""A program that hears its end and then keeps the interpreter busy. The arguments: what it does, and with the Ender or not."""

import signal
import sys
import time

from processender import Ender

mode, who = sys.argv[1:]


def work():
    if mode == "sleep":
        time.sleep(60)
    elif mode == "cpu":
        while True:
            sum(range(50))
    else:
        # int.__pow__ keeps the interpreter's lock from its first to its last digit: minutes here.
        pow(3, 300_000_000)


if who == "agent":
    # Deaf to TERM, as a program is whose main thread does not come back: its own handler never runs.
    signal.signal(signal.SIGTERM, lambda *_: None)
    print("ready", flush=True)
    work()

ender = Ender("deadline", grace=2, observers=())
with ender:
    print("ready", flush=True)
    ender.stopping.wait()
    work()
