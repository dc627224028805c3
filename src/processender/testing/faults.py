"""
What goes wrong in a test, on purpose: handlers that fail, hang or are slow, and networks that are bad.

    faults.fails("flush", times=2).hangs("upload")
    ran = fake_clock.run(ender, "30s", faults=faults)

The same faults reach a real program by its environment: `ender_process(..., env=faults.environ)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from ..faults.handlers import VARIABLE, Fault, as_text
from ..faults.line import OPEN, Line
from ..faults.proxy import TcpProxy
from .notices import span


class Faults:
    """Faults of handlers, and proxies that end with the block; each call adds a fault and returns all of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._faults: list[Fault] = []
        self._proxies = ExitStack()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the proxies."""
        self._proxies.close()

    def __iter__(self) -> Iterator[Fault]:
        """Give the faults of handlers, in the order in which they were added."""
        return iter(self._faults)

    @property
    def environ(self) -> dict[str, str]:
        """The variable by which a process is told of the faults of its handlers."""
        return {VARIABLE: as_text(self._faults)}

    def fails(self, handler: str, *, times: int = 0) -> Self:
        """Let the first attempts of a handler fail, so many *times*, or all of them."""
        return self._add(Fault("fails", handler, times=times))

    def hangs(self, handler: str) -> Self:
        """Let a handler never return."""
        return self._add(Fault("hangs", handler))

    def slow(self, handler: str, seconds: float | str) -> Self:
        """Let a handler begin so much later."""
        return self._add(Fault("slow", handler, seconds=span(seconds)))

    def twice(self, handler: str) -> Self:
        """Let a handler be called twice, as after a crash between its end and the record of it."""
        return self._add(Fault("twice", handler))

    def killed(self, handler: str, *, after: float | str = 0.0) -> Self:
        """Let the process be killed so long *after* a handler has begun; only for a process of its own."""
        return self._add(Fault("killed", handler, seconds=span(after)))

    def kill(self, event: str, handler: str = "") -> Self:
        """Let the process be killed at an event, such as `handler-ended`; only for a process of its own."""
        return self._add(Fault("kill", handler, event=event))

    def proxy(self, upstream: str, *, line: Line = OPEN, seed: int = 1) -> TcpProxy:
        """Return a proxy in front of *upstream*, `HOST:PORT`, that treats connections as a bad network does."""
        return self._proxies.enter_context(TcpProxy(upstream, line=line, seed=seed))

    def _add(self, fault: Fault) -> Self:
        self._faults.append(fault)
        return self
