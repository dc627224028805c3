"""The half of an Ender that serves: traffic, and work in progress."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType

from .bare import Ending
from .core.drain import INFLIGHT, OWN, READINESS
from .core.handler import DRAIN, Handler
from .engine.bodies import Place, ServerBody
from .engine.inflight import InFlight, Token
from .engine.registry import Registry
from .engine.traffic import Traffic, usual_answer, usual_delay
from .errors import HandlerError, StateError
from .hints import Any, Protocol
from .keepers import StateStore
from .keeping import Keeping
from .ports import Stopping
from .session import Session
from .settings import Settings


class Serving(Keeping):
    """Counts work, and says whether traffic is to come, from any thread."""

    def __init__(self, registry: Registry, settings: Settings, store: StateStore | None) -> None:
        """Begin without traffic and without work, of which each kind may take what the limits in *settings* say."""
        super().__init__(registry, settings, store)
        self._reserved.update(OWN)
        self._inflight = InFlight(self._clock, self.tell, settings.limits)
        self._traffic = Traffic()
        self._adapted = False
        self._late = ""

    @property
    def exit_code(self) -> int | None:
        """The code by which the process is to exit once its end is over; None where no signal, or a server, says it."""
        return None if self._session is None else self._session.exit_code()

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
        """Return all work in progress, for the adapter of a server."""
        self._adapted = True
        self._wait_for_work()
        return self._inflight

    def _wait_for_work(self) -> None:
        if INFLIGHT not in self._registry and not self._stopping.is_set():
            self._add_own(Handler(INFLIGHT, self._inflight, phase=self._registry.work_phase))

    def _add_own(self, handler: Handler) -> bool:
        """Add *handler*, whose name is reserved, unless another thread came first; return whether it is in time."""
        try:
            self._put(handler)
        except StateError:
            return False
        except HandlerError:
            if handler.name not in self._registry:
                raise
        return True

    # Traffic.

    @property
    def entered(self) -> bool:
        """Whether somebody has entered it, so that the end is heard."""
        return self._session is not None and self._session.entered

    @property
    def serving(self) -> bool:
        """Whether traffic is to come: what a readiness probe is to be told."""
        return self._traffic.serving and not self._leaving

    @property
    def draining(self) -> bool:
        """Whether traffic is being left: from the beginning of a drain or an end until it is taken back."""
        # It is asked for each response, and hardly ever is anything late.
        return self._traffic.draining or (self._late != "" and self._leaving)

    @property
    def _leaving(self) -> bool:
        """Whether traffic was being left already when this was to serve first."""
        # The id of a run is another one as soon as it is taken back.
        return self._session is not None and self._session.coordinator.run_id == self._late

    def ready(self) -> None:
        """
        Serve from now on: readiness passes, and the end begins with leaving traffic.

        What lasting drainers of an earlier process have left behind is taken back, in the background. If the end, or a
        drain, has begun already, readiness passes once that is taken back.
        """
        self._leave_traffic_at_end()
        self._traffic.is_ready = True
        if self._session is not None:
            self._session.keep_signals()
        if self._back is None:
            self.come_back()

    def _leave_traffic_at_end(self) -> None:
        """Let the end begin with failing readiness and the time that everybody needs to notice."""
        for handler in self._leaving_traffic():
            if not self._add_own(handler):
                # The end, or a drain, has begun without it; it is for the next one, should this one be taken back.
                self._late = "" if self._session is None else self._session.coordinator.run_id
                self._registry.add(handler)

    def _leaving_traffic(self) -> tuple[Handler, ...]:
        if READINESS in self._registry or DRAIN not in self._registry.phases:
            return ()
        said, session = self._settings, self._session
        # An agent around this process has waited before it asks for the end.
        joined = session is not None and session.is_joined
        usual = 0.0 if joined else usual_delay(os.environ)
        delay = usual if said.drain_delay is None else said.drain_delay
        return self._traffic.handlers(delay, said.grace, said.on_drain or usual_answer(os.environ))

    def _to_come(self) -> tuple[Handler, ...]:
        said = self._settings
        serves = self._adapted or said.drain_delay is not None or said.on_drain is not None
        serves = serves or any(handler.lasting for handler in self._registry.handlers())
        return self._leaving_traffic() if serves and not self._stopping.is_set() else ()

    # A life.

    def remaining(self) -> float | None:
        """Return the seconds that the end leaves for what is still to do; None while it has not begun."""
        window = None if self._session is None else self._session.coordinator.window
        return None if window is None or not self._stopping.is_set() else max(0.0, window.soft - self._clock.now())

    def _new_session(self) -> Session:
        session = super()._new_session()
        session.report.facts.in_flight = self._inflight.labels
        session.coordinator.when_ended(lambda: _live_on(session))
        return session

    def _forget(self) -> None:
        """Begin anew: the work and the traffic are those of another life, or of the parent."""
        self._inflight.reset()
        self._traffic.reset()
        self._back = None
        self._late = ""


def _live_on(session: Session) -> None:
    """Let the process live on after its end if no signal has asked it to be gone, and no block is left behind this."""
    coordinator = session.coordinator
    if not session.entered and not any(each.ends and each.signum for each in coordinator.notices):
        coordinator.watchdog.disarm()


class Block(Protocol):
    """An Ender as the block of a server enters and leaves it."""

    @property
    def stopping(self) -> Stopping:
        """Whether the end has begun."""

    def ending(self) -> Ending:
        """Return the coming end."""

    def __enter__(self) -> Any: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object: ...


class Hosted:
    """The block, sync and async, in which a server lives that brings its own loop or its own main program."""

    def __init__(self, ender: Block, servers: ServerBody, place: Place) -> None:
        """Take the *place* of the server among the *servers*, the first and last of which enter and leave *ender*."""
        self._ender, self._servers, self._place = ender, servers, place

    def __enter__(self) -> Any:
        """Arm the Ender, set up its resources, and let the end ask the server to stop; return the Ender."""
        if self._servers.take_in(self._place):
            try:
                self._ender.__enter__()
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
            self._ender.__exit__(kind, error, trace)
        elif alone and self._ender.stopping.is_set():
            # Handlers may need this thread, and its loop.
            self._ender.ending().wait()

    async def __aenter__(self) -> Any:
        """Do the same; async handlers will run on this loop."""
        if self._servers.take_in(self._place):
            try:
                await self._ender.__aenter__()
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
            await self._ender.__aexit__(kind, error, trace)
        elif alone and self._ender.stopping.is_set():
            await self._ender.ending()
