"""The same with an Ender that is registering when the signal lands."""

from __future__ import annotations

import time

from marks import GRACE, mark, release

from processender import Ender

ender = Ender("kstlib-lock", grace=GRACE)
ender.add(release, phase="release", importance="must")


class Slow(str):
    """A name that takes its time, so that the signal lands while the registry is being changed."""

    __slots__ = ()

    def __hash__(self):
        time.sleep(0.05)
        return str.__hash__(self)


with ender:
    mark("ready")
    while not ender.stopping.is_set():
        ender.add(lambda: None, name=Slow("other"), phase="close")
        ender.remove("other")
