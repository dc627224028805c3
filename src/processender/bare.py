"""An Ender without a body and without a memory: it takes handlers and notices. The agent needs no more of one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence

from .core.drain import OWN, WAY_BACK
from .core.events import Event
from .core.handler import Handler
from .core.notice import Action, Notice
from .core.outcome import Verdict
from .core.plan import Plan
from .demand import load
from .engine.clock import SystemClock
from .engine.registry import Registry
from .errors import HandlerError, SourceError, StateError
from .hints import Any, Self
from .ports import Exporter, Source, Stopping, last_of
from .session import Session
from .settings import Settings, may_arm


class Ending:
    """The coming end of a run, which can be awaited or waited for."""

    def __init__(self, session: Callable[[], Session | None]) -> None:
        """Look the session up when it is asked for: there is none before the Ender is entered."""
        self._session = session

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most *timeout* seconds until the run is over; return whether it is."""
        session = self._session()
        return session is not None and session.coordinator.ended.wait(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until the run is over."""
        session = self._session()
        if session is not None:
            cancelled = yield from session.ended_async().__await__()
            if cancelled is not None:
                raise cancelled


class BareEnder:
    """What every end needs: handlers in their order, notices, and one session that hears and runs."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        """Take the *registry* of the handlers and what was told; nothing is taken up before `install`."""
        self.name = settings.name
        self._registry = registry
        self._settings = settings
        self._clock = SystemClock()
        self._session: Session | None = None
        self._stopping = threading.Event()
        self._early: list[Notice] = []
        self._sources: list[Source] = []
        self._back: Any = None
        # Names that no handler may take, and what the one of this name does.
        self._reserved: dict[str, str] = {WAY_BACK: OWN[WAY_BACK]}

    @property
    def exporters(self) -> Sequence[Exporter]:
        """Who sends its accounts away."""
        return self._settings.exporters

    # Handlers.

    def add(self, handler: Handler) -> Handler:
        """Register a handler and return it."""
        self._refuse_reserved(handler.name)
        self._put(handler)
        return handler

    def _put(self, made: Handler) -> None:
        if self._session is None:
            self._registry.add(made)
        else:
            self._session.add(made)

    def _refuse_reserved(self, name: str) -> None:
        if name in self._reserved:
            text = f"cannot register {name!r}: the handler of this name {self._reserved[name]}"
            raise HandlerError(f"{text}; give it another name")

    def remove(self, name: str) -> Handler:
        """Remove a handler that has not begun and return it."""
        return self._registry.remove(name) if self._session is None else self._session.remove(name)

    def exchange(self, gone: Sequence[str], handlers: Sequence[Handler], grace: float) -> None:
        """
        Replace the handlers *gone* by others, and the grace; all of it or, with an error, nothing.

        Whoever leaves traffic waits for a way back that is under way. Raises `StateError` while an end, or a drain, is
        under way, and what `add` raises.
        """
        for handler in handlers:
            self._refuse_reserved(handler.name)
        if self._back is not None:
            kept = [each for each in self._registry.handlers() if each.name not in gone]
            lasting = [each.name for each in (*kept, *handlers) if each.lasting]
            gone, handlers = (*gone, WAY_BACK), (*handlers, self._back.handler(lasting))
        settings = self._settings.replace(grace=grace)
        if self._session is None:
            self._registry.exchange(gone, handlers)
        else:
            self._session.exchange(gone, handlers, settings)
        self._settings = settings

    def plan(self, window: float | None = None) -> Plan:
        """Return the plan for a window of this many seconds (the grace if None), with everything that is wrong."""
        graph, problems = self._registry.compile(self._to_come())
        opened = self._registry.window(self._settings.grace if window is None else window)
        return self._registry.planner.plan(graph, opened, problems=problems)

    def forecast(self, window: float | None = None) -> tuple[Plan, str]:
        """
        Return the plan that earlier runs teach, with the chance of each handler, and what is wrong with their history.

        It may take a while: it looks for the best choice of what a window that is too short has room for.
        """
        found: tuple[Plan, str] = load("lookback").forecast(self._settings, self._registry, window, self._to_come())
        return found

    def _to_come(self) -> tuple[Handler, ...]:
        """Return the handlers that are certain to come when the process begins to work."""
        return ()

    # Notices.

    @property
    def stopping(self) -> Stopping:
        """Whether the end has begun, for threads that look at it or wait for it."""
        return self._stopping

    def notify(self, notice: Notice) -> None:
        """Take a notice, from any thread; one that comes before the Ender is entered is kept until then."""
        if self._session is None:
            self._early.append(notice)
            self._tell_early()
        else:
            self._session.coordinator.notify(notice)

    def listen(self, source: Source) -> Source:
        """
        Let *source* tell of the end, from when the Ender is armed until its run is over, and return it.

        The handlers that it brings, which answer its platform, are registered. Raise `SourceError` for what is no
        source, and for a second one with its name: the two would take back what the other has said.
        """
        if isinstance(source, type) or not all(hasattr(source, each) for each in ("name", "start", "stop")):
            raise SourceError(f"cannot listen to {source!r}: it is no source; make one, like aws.listen()")
        if any(each.name == source.name for each in self._sources):
            raise SourceError(
                f"cannot listen to two sources called {source.name!r}: give one another name, like name='other'"
            )
        for handler in getattr(source, "handlers", ()):
            self.add(handler)
        self._sources.append(source)
        if self._session is not None:
            self._start(source, self._session)
        return source

    def _start(self, source: Source, session: Session) -> None:
        try:
            source.start(session.coordinator)
        except Exception as error:  # one deaf ear is better than no Ender
            session.coordinator.trouble("source-bug", f"cannot listen to {source.name}: {error!r}; it is not heard")
        session.coordinator.when_ended(lambda: self._hush(source, session))

    def _hush(self, source: Source, session: Session) -> None:
        try:
            source.stop()
        except Exception as error:  # the end is over, and the process must be left as it should
            session.coordinator.trouble("source-bug", f"cannot stop listening to {source.name}: {error!r}")

    def _within(self, seconds: float) -> None:
        """Have no more than the *seconds* that the platform gives, unless the end has begun in more."""
        if seconds < self._settings.grace:
            try:
                self.exchange((), (), seconds)
            except (StateError, HandlerError) as error:
                if self._session is not None:
                    self._session.coordinator.trouble(
                        "short", f"cannot end within the {seconds:g} s there are: {error}"
                    )

    def _tell_early(self) -> None:
        while self._session is not None and self._early:
            self._session.coordinator.notify(self._early.pop(0))

    def stop(self, reason: str = "stop", within: float | None = None) -> Ending:
        """
        Begin the end, from any thread, as often as you like; return at once.

        Args:

            reason: The cause, as handlers and the report will see it.

            within: The seconds until the process must be gone, if they are known.

        The result can be awaited, or waited for with `wait(timeout)`.
        """
        now = self._clock.now()
        self.notify(Notice(reason, "api", now, deadline=None if within is None else now + within))
        return self.ending()

    def ending(self) -> Ending:
        """Return the coming end, which can be awaited or waited for, without beginning it."""
        return Ending(lambda: self._session)

    def drain(self, reason: str = "drain", sender: str = "") -> None:
        """Leave traffic and wait there, from any thread, for *reason* and because *sender* has asked; not a secret."""
        self.notify(Notice(reason, "api", self._clock.now(), Action.DRAIN, sender=sender))

    def resume(self, reason: str = "resume", sender: str = "") -> None:
        """Take a drain back, or an end that has not gone beyond it, from any thread."""
        self.notify(Notice(reason, "api", self._clock.now(), Action.RESUME, sender=sender))

    @property
    def withdrawable(self) -> bool:
        """Whether there is a run, or a drain, that can still be taken back."""
        run = None if self._session is None else self._session.coordinator.run
        return run is not None and run.withdrawable

    def come_back(self) -> None:
        """Take back, in the background, what lasting drainers have left behind; `ready` does it the first time."""
        lasting = [handler for handler in self._registry.handlers() if handler.lasting]
        if self._session is None or not lasting:
            return
        if self._back is not None and self._back.when_over(self.come_back):
            return  # what was done since it has begun may be newer than what it has seen
        back = load("engine.comeback").ComeBack(lasting, self._settings.grace, self._clock, self.tell)
        before, self._back = self._back, back
        try:
            self.exchange((), (), self._settings.grace)
        except StateError:
            self._back = before  # the end, or a drain, has begun, and traffic is being left already
            return
        back.start()

    # The session.

    def install(self) -> Self:
        """Hear signals from now on, before slow imports and set-up; entering does it too."""
        self._arm(enters=False)
        self._tell_early()
        return self

    def _arm(self, *, enters: bool = True) -> Session | None:
        if self._session is None and may_arm(enters=enters):
            session = self._new_session()
            session.arm(self._fork_child)
            session.report.facts.sources = self._heard
            session.coordinator.within = self._within
            self._session = session
            for source in self._sources:
                self._start(source, session)
        return self._session

    def _heard(self) -> dict[str, Any]:
        """Return, for the report, what each source has seen last; a source that does not say stands there too."""
        return {source.name: last_of(source) for source in self._sources}

    def _new_session(self) -> Session:
        """Return a session that is not armed yet."""
        return Session(self._settings, self._registry, self._clock, self._stopping)

    def _fork_child(self) -> None:
        """Start disarmed: a fork child keeps the declared handlers and nothing else."""
        session, self._session = self._session, None
        self._stopping = threading.Event()
        # What was given back holds nothing, and its descriptors may belong to others by now.
        if session is not None and not session.closed:
            session.disarm_in_child()

    def tell(self, event: Event) -> None:
        """Tell the observers of *event*; for who builds on an Ender, such as the agent. Nothing before it is armed."""
        if self._session is not None:
            self._session.emit(event)

    def returns(self, code: Callable[[Verdict | None], int | None]) -> None:
        """Let *code* tell, for the report, what `exit="return"` leaves to the caller: the exit code for a verdict."""
        if self._session is not None:
            self._session.returns = code

    def tells(self, seen: Callable[[], dict[str, Any]]) -> None:
        """Let *seen* tell, for the report, what sources have seen to which somebody else listens."""
        if self._session is not None:
            self._session.report.facts.sources = seen

    def embeds(self, account: Callable[[], dict[str, Any] | None]) -> None:
        """Let *account* tell, for the report, what a process has reported that ended with this one."""
        if self._session is not None:
            self._session.report.facts.command = account

    @property
    def report(self) -> dict[str, Any] | None:
        """The account of the run, as it is in the report file; None before a run has begun."""
        return None if self._session is None else self._session.report.last
