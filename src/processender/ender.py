"""The Ender: what an application holds. It takes handlers, hears the end, and runs the plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType

from .core.drain import BODY, WAY_BACK
from .core.handler import PHASES
from .engine.bodies import Place, ServerBody, TaskBody, ThreadBody
from .engine.callables import is_async
from .engine.registry import Registry
from .errors import StateError
from .hints import Any, Literal, Self, TypeVar
from .keepers import StateStore
from .ports import Exporter, Observer
from .serving import Hosted, Serving
from .session import Session
from .settings import Settings

T = TypeVar("T")
SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP")


class Ender(Serving):
    """
    Ends one process well: `async with ender`, `with ender`, or `ender.run(main)`.

    Handlers are registered at any time, also during the end for phases that have not begun. Times are seconds as float.
    """

    def __init__(
        self,
        name: str,
        *,
        grace: float = 30.0,
        phases: Sequence[str] = PHASES,
        lanes: Mapping[str, int] | None = None,
        require: Sequence[Sequence[str]] = (),
        signals: Sequence[str] = SIGNALS,
        escalate: Sequence[str] = ("SIGINT", "SIGQUIT"),
        displaced: Literal["before", "after-run", "never"] = "after-run",
        theft: Literal["report", "rearm"] = "report",
        exit: Literal["zero", "signal", "reraise", "return"] = "zero",  # noqa: A002 - the word of the field
        cancel_body: bool = True,
        state: str | None = None,
        observers: Sequence[Observer] | None = None,
        version: str = "",
        journal: Literal["refuse", "allow-unjournaled"] = "refuse",
        recover: Literal["never", "on-start"] = "never",
        store: StateStore | None = None,
        drain_delay: float | None = None,
        on_drain: Literal["fail-readiness", "keep-serving"] | None = None,
        limits: Mapping[str, float] | None = None,
        exporters: Sequence[Exporter] = (),
        dump: str = "",
    ) -> None:
        """
        Describe the Ender; nothing is taken or started before it is entered or installed.

        Args:

            name: The name of the service, in log lines, the report and its directory.

            grace: The whole time from the first notice to the end of the process, where no notice tells another.

            phases: The phases, in order.

            lanes: The capacity of each named resource that handlers occupy; without it every lane has the capacity 1.

            require: Chains of names of handlers or phases; each must come before the next in every plan.

            signals: The signals that are notices.

            escalate: Those of them that hurry the end when they come a second time and force it the third time.

            displaced: When the signal handlers that were there before are called.

            theft: What happens when other code takes a signal later.

            exit: What a run that a signal began makes of the exit: code 0, code 128+n, or dying of the signal;
                `return` never ends the process, whatever was abandoned: then the caller must.

            cancel_body: Whether the task inside `async with` is cancelled in the phase `quiesce`.

            state: The directory for what must outlast the process, instead of the usual one.

            observers: What is told of every event; None logs under `processender.<name>`.

            version: The version of the service, for the report.

            journal: Whether a thing that cannot be written down is refused, or owed by this process alone.

            recover: Whether entering settles, in the background, what a crashed process of this name has left.

            store: Where `save` keeps its snapshots, instead of a file in the state directory.

            drain_delay: How long requests are still served so that everybody notices the end, seconds, less in a short
                window; None for 5 s in an orchestrator, and none elsewhere, at a terminal's Ctrl-C, or below an agent,
                which waits itself.

            on_drain: Whether readiness fails before the delay, or after it; None for after it in Kubernetes.

            limits: How long work of a kind may still take when it is to end, seconds, such as `{"stream": 10.0}`.

            exporters: Who sends the account of each end away, such as `otlp.exporter(url)`.

            dump: The signal, such as `SIGUSR1`, at which the state and all stacks are printed on standard error.
        """
        signals, escalate = ((each,) if isinstance(each, str) else tuple(each) for each in (signals, escalate))
        settings = Settings(
            name=name, grace=grace, signals=signals, escalate=escalate, displaced=displaced, theft=theft, exit=exit,
            state=state, observers=None if observers is None else tuple(observers), version=version, journal=journal,
            recover=recover, drain_delay=drain_delay, on_drain=on_drain, limits=dict(limits or {}),
            exporters=tuple(exporters), dump=dump,
        )  # fmt: skip
        super().__init__(Registry(phases, lanes or {}, require), settings, store)
        self._cancel_body = cancel_body
        self._body: ThreadBody | TaskBody | None = None
        self._servers, self._left = ServerBody(self._inflight.cut_at_once), False
        # The handlers that were there before a server came, if nobody else has held the Ender.
        self._declared: list[str] | None = None

    # Entering and leaving.

    def _arm(self, *, enters: bool = True) -> Session | None:
        if self._may_begin_anew():
            self._begin_anew()
        if self._left or self._body is not None:
            raise StateError(f"cannot enter an Ender {'that was left' if self._left else 'twice'}; make another one")
        armed = self._session
        if armed is None:
            hosted = self._servers.first is not None
            self._declared = [handler.name for handler in self._registry.handlers()] if hosted else None
        session = super()._arm(enters=enters)
        if session is not armed:
            self._recover_on_start()
        return session

    def _may_begin_anew(self) -> bool:
        """Tell whether a server comes where one has been, that no signal has ended, and nobody else."""
        left = self._session if self._left else None
        return left is not None and not left.signum and self._declared is not None and self._servers.first is not None

    def _begin_anew(self) -> None:
        """Be as before the first server: what was declared then stays, what came since is forgotten."""
        self._registry.keep_only(self._declared or ())
        self._opened = []
        self._forget()
        self._servers.begin_anew()
        self._session, self._body, self._left = None, None, False
        self._stopping.clear()

    def _new_session(self) -> Session:
        session = super()._new_session()
        place = self._servers.first
        session.taking.hosted = place is not None and place.stop is None
        return session

    def _fork_child(self) -> None:
        """Start disarmed: a fork child keeps the declared handlers and nothing else."""
        # The body and what keeps the resources live in the parent.
        self._registry.after_fork([BODY, WAY_BACK, *(handler.name for handler in self._opened)])
        self._opened = []
        self._forget()
        self._body, self._servers, self._left = None, ServerBody(self._inflight.cut_at_once), False
        super()._fork_child()

    def __enter__(self) -> Self:
        """Arm, set up the resources, and begin the body."""
        session = self._arm()
        if session is not None:
            self._body = body = self._hosting(session) or ThreadBody()
            if not session.join(body):
                session.coordinator.await_end()
                raise self._too_late(session)
            try:
                for resource in self._resources:
                    self._await_recovery(resource)
                    self._keep(resource, resource.set_up())
            except BaseException as error:
                self.__exit__(type(error), error, None)
                raise
            self._tell_early()
        return self

    def _too_late(self, session: Session) -> SystemExit:
        """Return what ends a process that was asked to end before it had begun."""
        self._finish(session)
        return SystemExit(session.exit_code() or 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Run the plan, if no notice has begun it, and wait for its end."""
        session = self._session
        if session is None or self._body is None:
            return
        self._body.leave()
        self._traffic.leave()
        session.leave("exit" if kind is None else "error")
        session.coordinator.await_end()
        self._finish(session)

    async def __aenter__(self) -> Self:
        """Arm, set up the resources, and begin the body; async handlers will run on this loop."""
        session = self._arm()
        if session is not None:
            session.use_current_loop()
            self._body = body = self._hosting(session) or TaskBody.current()
            if isinstance(body, TaskBody) and not self._cancel_body:
                session.entered = True
            elif not session.join(body):
                await session.ended_async()
                raise self._too_late(session)
            try:
                for resource in self._resources:
                    await self._await_recovery_async(resource)
                    self._keep(resource, await resource.set_up_async() if resource.is_async else resource.set_up())
            except BaseException as error:
                if await self.__aexit__(type(error), error, None):
                    raise self._too_late(session) from None
                raise
            self._tell_early()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Run the plan, if no notice has begun it, and wait for its end; our own cancellation stays inside."""
        session, body = self._session, self._body
        if session is None or body is None:
            return False
        body.leave()
        self._traffic.leave()
        session.leave("exit" if kind is None else "error")
        again = await session.ended_async()
        ours = isinstance(body, TaskBody) and body.absorb(kind)
        self._finish(session)
        if again is not None and not ours:
            raise again
        return ours

    def _finish(self, session: Session) -> None:
        self._left = True
        self._close_keeping()
        session.close()
        session.exit_policy()

    def hosted(self, stop: Callable[[], object] | None = None) -> Hosted:
        """
        Return the block, sync and async, in which a server lives that brings its own loop or its own main program.

        The end leaves traffic first, then asks the server to stop, waits until the block is left, and goes on. There
        may be several: inside one another, as the adapter of a server and a middleware in it may both bring theirs, or
        beside; the last that is left goes on with the end.

        Args:

            stop: What asks the server to stop, called by a thread of the Ender's; None for the handlers of signals that
                the server has installed itself, which are then called on the main thread, and not when a signal comes.
        """
        return Hosted(self, self._servers, Place(stop))

    def _hosting(self, session: Session) -> ServerBody | None:
        """Return the body if it is a server who enters."""
        place = self._servers.first
        if place is None:
            return None
        self._leave_traffic_at_end()
        place.stop = place.stop or session.taking.host()
        self._servers.when_late = session.taking.complain
        return self._servers

    def run(self, main: Callable[[], Any]) -> int:
        """
        Run *main*, sync or async, inside the Ender and return the exit code.

        An async *main* is cancelled in the phase `quiesce`; a sync one looks at `stopping`. What it returns, if it is
        an int, is the exit code of a run that no signal began. What it raises is raised here, after the run.
        """
        self.install()
        if is_async(main):
            import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

            result = asyncio.run(self._run_async(main))
        else:
            result = None
            with self:
                result = main()
        code = self.exit_code
        otherwise = result if isinstance(result, int) else 0
        return otherwise if code is None else code

    async def _run_async(self, main: Callable[[], Awaitable[T]]) -> T | None:
        async with self:
            return await main()
        return None
