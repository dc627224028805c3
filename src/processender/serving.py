"""The half of an Ender that serves: traffic, and work in progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType

from .core.drain import INFLIGHT, OWN, READINESS
from .core.handler import DRAIN, Handler
from .engine.bodies import Place, ServerBody
from .engine.inflight import InFlight, Token
from .engine.registry import Registry
from .engine.traffic import Traffic, usual_answer, usual_delay
from .errors import HandlerError, StateError
from .hints import Any
from .keepers import StateStore
from .keeping import Keeping
from .session import Session
from .settings import Settings


class Serving(Keeping):
    """Counts work, and says whether traffic is to come, from any thread."""

    def __init__(
        self, registry: Registry, settings: Settings, store: StateStore | None, limits: Mapping[str, float]
    ) -> None:
        """Begin without traffic and without work, of which each kind may take what *limits* says."""
        super().__init__(registry, settings, store)
        self._reserved.update(OWN)
        self._inflight = InFlight(self._clock, self.tell, limits)
        self._traffic = Traffic()

    # Work.

    def inflight(self, what: object = "work", *, kind: str = "work", cut: Callable[[], object] | None = None) -> Token:
        """
        Count a `with` or `async with` block as work in progress, which the end waits for and can name.

        Args:

            what: What it is, in words, or something whose text says it when it is asked for.

            kind: What kind of work it is: `request`, `stream`, `events`, `websocket`, `background`, `rpc` or your own;
                see the `limits` of the Ender.

            cut: What breaks it off when the time of its kind, or all time, is over; called by a thread of the Ender's.
        """
        self._wait_for_work()
        return Token(self._inflight, what, kind, cut)

    def in_progress(self) -> InFlight:
        """Return all work in progress, for an adapter that counts so much that a call for each costs too much."""
        self._wait_for_work()
        return self._inflight

    def _wait_for_work(self) -> None:
        if INFLIGHT not in self._registry and not self._stopping.is_set():
            self._add_own(Handler(INFLIGHT, self._inflight.wait, phase=self._registry.work_phase))

    def _add_own(self, handler: Handler) -> None:
        """Add *handler*, whose name is reserved, unless another thread came first, or the end did."""
        try:
            self._put(handler)
        except StateError:
            return
        except HandlerError:
            if handler.name not in self._registry:
                raise

    # Traffic.

    @property
    def serving(self) -> bool:
        """Whether traffic is to come: what a readiness probe is to be told."""
        return self._traffic.serving

    @property
    def draining(self) -> bool:
        """Whether traffic is being left: from the beginning of a drain or an end until it is taken back."""
        return self._traffic.draining

    def ready(self) -> None:
        """
        Serve from now on: readiness passes, and the end begins with leaving traffic.

        What lasting drainers of an earlier process have left behind is taken back, in the background.
        """
        self._leave_traffic_at_end()
        self._traffic.is_ready = True
        if self._session is not None:
            self._session.keep_signals()
        if self._back is None:
            self.come_back()

    def _leave_traffic_at_end(self) -> None:
        """Let the end begin with failing readiness and the time that everybody needs to notice."""
        if READINESS in self._registry or DRAIN not in self._registry.phases:
            return
        said, session = self._settings, self._session
        # An agent around this process has waited before it asks for the end.
        joined = session is not None and session.is_joined
        usual = 0.0 if joined else usual_delay(os.environ)
        delay = usual if said.drain_delay is None else said.drain_delay
        for handler in self._traffic.handlers(delay, said.on_drain or usual_answer(os.environ)):
            self._add_own(handler)

    # A life.

    def remaining(self) -> float | None:
        """Return the seconds that the end leaves for what is still to do; None while it has not begun."""
        window = None if self._session is None else self._session.coordinator.window
        return None if window is None or not self._stopping.is_set() else max(0.0, window.soft - self._clock.now())

    def _new_session(self) -> Session:
        session = super()._new_session()
        session.report.facts.in_flight = self._inflight.labels
        return session

    def _forget_in_child(self) -> None:
        """Begin anew, in a fork child: the work and the traffic are the parent's."""
        self._inflight.reset()
        self._traffic.reset()
        self._back = None


class Hosted:
    """The block, sync and async, in which a server lives that brings its own loop or its own main program."""

    def __init__(
        self, ender: Serving, servers: ServerBody, place: Place, enter: Callable[[], Any], leave: Callable[..., Any],
        enter_async: Callable[[], Any], leave_async: Callable[..., Any],
    ) -> None:  # fmt: skip
        """Take the *place* of the server among the *servers*, and how the Ender is entered and left by them."""
        self._ender, self._servers, self._place = ender, servers, place
        self._enter, self._leave = enter, leave
        self._enter_async, self._leave_async = enter_async, leave_async

    def __enter__(self) -> Any:
        """Arm the Ender, set up its resources, and let the end ask the server to stop; return the Ender."""
        if self._servers.take_in(self._place):
            try:
                self._enter()
            except BaseException:
                self._servers.let_out(self._place)
                raise
        return self._ender

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Run what is left of the plan, and wait for its end, unless other servers go on."""
        last, alone = self._servers.let_out(self._place)
        if last:
            self._leave(kind, error, trace)
        elif alone and self._ender.stopping.is_set():
            # Handlers may need this thread, and its loop.
            self._ender.ending().wait()

    async def __aenter__(self) -> Any:
        """Do the same; async handlers will run on this loop."""
        if self._servers.take_in(self._place):
            try:
                await self._enter_async()
            except BaseException:
                self._servers.let_out(self._place)
                raise
        return self._ender

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do the same."""
        last, alone = self._servers.let_out(self._place)
        if last:
            await self._leave_async(kind, error, trace)
        elif alone and self._ender.stopping.is_set():
            await self._ender.ending()
