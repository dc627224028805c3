"""Whether traffic is to come, and how long everybody usually needs to notice that it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.drain import DRAIN_DELAY, drain_handlers
from ..core.handler import Handler
from ..ports import Context
from .delay import drain_delay

KUBERNETES = "KUBERNETES_SERVICE_HOST"
ORCHESTRATORS = (KUBERNETES, "ECS_CONTAINER_METADATA_URI_V4", "NOMAD_ALLOC_ID")
"""The variables by which an orchestrator is known that sends traffic here until it has noticed."""
DELAY_S = 5.0
"""How long it may take to notice: under a second in a small cluster, 10 to 30 in a large one."""


def usual_delay(environ: Mapping[str, str]) -> float:
    """Return the seconds that traffic needs to stay away in this environment: none outside an orchestrator."""
    return DELAY_S if any(name in environ for name in ORCHESTRATORS) else 0.0


def usual_answer(environ: Mapping[str, str]) -> str:
    """
    Return what readiness says during the delay.

    A pod that is deleted gets no new traffic anyhow; who fails at once is not even the last resort of its service.
    """
    return "keep-serving" if KUBERNETES in environ else "fail-readiness"


class Traffic:
    """What an application that serves says of itself. Read by many threads, written by few."""

    def __init__(self) -> None:
        """Begin without traffic."""
        self.is_ready = False
        """Whether the application has come up."""
        self.failing = False
        """Whether readiness fails because traffic is to stay away."""
        self.draining = False
        """Whether traffic is being left."""
        self._gone = False
        self._when_gone: list[Callable[[], object]] = []

    @property
    def serving(self) -> bool:
        """Whether traffic is to come."""
        return self.is_ready and not self.failing

    def handlers(self, delay: float, grace: float, on_drain: str) -> tuple[Handler, ...]:
        """Return the handlers that leave traffic, and come back, see `core.drain`."""
        pause = drain_delay(delay, grace, self._tell_when_gone)

        def wait(ctx: Context) -> None:
            self.draining = True
            # Nobody sends to what was never ready.
            if self.is_ready:
                pause(ctx)

        calls = {DRAIN_DELAY: wait}
        return tuple(
            each.replace(call=calls.get(each.name, self._fail), resume=self._return)
            for each in drain_handlers(delay, on_drain)
        )

    def reset(self) -> None:
        """Begin without traffic, in a fork child: what has come and gone is the parent's."""
        self.is_ready = self.failing = self.draining = self._gone = False

    def leave(self) -> None:
        """Note that nobody serves any more: there is nothing left to wait for."""
        self._gone = True
        for tell in tuple(self._when_gone):
            tell()

    def _tell_when_gone(self, tell: Callable[[], object]) -> None:
        self._when_gone[:] = [tell]
        if self._gone:
            tell()

    def _fail(self) -> None:
        self.draining = self.failing = True

    def _return(self) -> None:
        self.draining = self.failing = False
