"""A service that exports its end: it says when the run was over, and with which reserve; or it holds in it."""

import os
import sys
import time

from processender import Ender
from processender.core.events import RunEnded, RunStarted
from processender.integrations import otlp


class Watch:
    """Says when the run is over, and what its reserve was."""

    def observe(self, event: object) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            self.reserve = event.plan.window.reserve
        if isinstance(event, RunEnded):
            os.write(1, f"{time.monotonic_ns()} {self.reserve}\n".encode())


def hold() -> None:
    """Never come back."""
    os.write(1, b"holding\n")
    time.sleep(3600)


exporters = [otlp.exporter(sys.argv[1], timeout=600)] if sys.argv[1] else []
with Ender("shop", grace=10, observers=[Watch()], exporters=exporters) as ender:
    ender.add(lambda: None, name="flush", phase="flush")
    if "hold" in sys.argv:
        ender.add(hold, name="hold", phase="close")
    os.write(1, b"ready\n")
    ender.stopping.wait()
