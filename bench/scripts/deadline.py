"""A program that hears its end and then keeps the interpreter busy. The arguments: what it does, and with the Ender or not."""

import sys
import threading
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
    print("ready", flush=True)
    work()

ender = Ender("deadline", grace=2, observers=())
with ender:
    print("ready", flush=True)
    ender.stopping.wait()
    work()
