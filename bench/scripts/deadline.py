"""A program that hears its end and keeps the interpreter busy. The arguments: with what, and who is to end it."""

import itertools
import os
import signal
import sys
import threading
import time

from processender import Ender

GRACE_S = 2.0
mode, who = sys.argv[1:]


def work():
    if mode == "sleep":
        time.sleep(60)
    elif mode == "cpu":
        while True:
            sum(range(50))
    else:
        # Neither gives up the interpreter's lock nor looks at signals, for hours. (A large power does look at them.)
        any(itertools.repeat(False, 10**12))


def deaf():
    """Run under the agent, deaf to TERM: as a program is whose main thread does not come back."""
    signal.signal(signal.SIGTERM, lambda *_: None)
    print("ready", flush=True)
    work()


def timer():
    """Hear the notice, and set an ordinary timer for the deadline."""
    told = threading.Event()

    def hear(*_):
        threading.Timer(GRACE_S, os._exit, [1]).start()
        told.set()

    signal.signal(signal.SIGTERM, hear)
    print("ready", flush=True)
    told.wait()
    work()


def library():
    """Hear the notice through an Ender; the work begins after it, or has begun before."""
    ender = Ender("deadline", grace=GRACE_S, observers=())
    with ender:
        print("ready", flush=True)
        if who == "library":
            ender.stopping.wait()
        work()


{"agent": deaf, "timer": timer}.get(who, library)()
