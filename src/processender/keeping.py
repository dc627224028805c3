"""The half of an Ender that remembers: what is owed, and what was saved."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from .core.crash import RECOVERY
from .core.events import Trouble
from .core.handler import Handler
from .core.obligation import Obligation
from .core.saved import Saved
from .demand import load
from .engine.callables import make_handler
from .engine.registry import Registry
from .engine.resources import Resource
from .errors import HandlerError, JournalError, StateError
from .held import Held, Scope
from .hints import Any, TypeVar, overload
from .keepers import Journal, Releaser, StateStore
from .ports import Stopping
from .registration import Registration
from .session import Session
from .settings import Settings
from .telemetry.journaling import JournalObserver, still_owed
from .telemetry.state import StatePlace, state_place

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R", bound=Callable[..., Any] | Releaser)
OBLIGATIONS = "obligations"
RECOVERY_S = 60.0
"""How long the recovery at start may take."""
_LOOK_S = 0.02


class Keeping(Registration):
    """Registers what is owed, and keeps small states; files are made when the first thing is to be kept."""

    def __init__(self, registry: Registry, settings: Settings, store: StateStore | None) -> None:
        """Keep nothing yet; states go into *store*, if there is one."""
        super().__init__(registry, settings)
        self._reserved[OBLIGATIONS] = "releases what is owed at the end of the process"
        self._keeping = threading.Lock()
        self._home_of_obligations: Any = None
        self._store = store
        self._recovery_over = threading.Event()
        self._following: list[Handler] = []
        self._measuring: Any = None

    def _new_session(self) -> Session:
        """Return a session, which has joined the agent around this process if there is one."""
        joined, untold = None, list[str]()
        if "PROCESSENDER_CONTROL" in os.environ and self._settings.exit != "return":
            names = [handler.name for handler in self._registry.handlers()]
            join = load("joining").join
            joined = join(os.environ, self._settings.name, names, self._clock, untold.append)
        if joined is not None and self._settings.state is None:
            self._settings = self._settings.replace(kept_as=joined.service)
        session = super()._new_session()
        if joined is not None:
            session.join_agent(joined)
        session.untold = untold
        return session

    # What is owed.

    def obligation(
        self,
        kind: str,
        *,
        key: str | os.PathLike[str],
        releaser: str = "",
        outlives: Held | str | Sequence[Held | str] = (),
        job: str = "",
        **args: Any,
    ) -> Held:
        """
        Return a thing that must be released: a context manager, sync and async, or `acquire()` and `settle()`.

        It is written down before the block begins, and released when the block is left, at the end of the process, or
        by a recovery after a crash, whichever comes first.

        Args:

            kind: The kind of resource, such as `vm`.

            key: What the thing can be found by if the process dies before its real id is known.

            releaser: The registered name of what releases it; by default the *kind*.

            outlives: Obligations, or their ids, that must be gone before this one is released; one, or several.

            job: The job that it belongs to; see `scope`.

            args: What the releaser needs beside; data of JSON, and no secrets: name where they are found.

        Raises `ObligationError` for a releaser that nobody knows, for arguments that are no data or hold a password,
        and for what the releaser itself can see to be wrong.
        """
        made: Held = self._home().make(kind, key, releaser or kind, args, job, outlives)
        return made

    def scope(self, job: str) -> Scope:
        """Return the block of one job: leaving it releases what the job owes, newest first, and nothing else."""
        return Scope(job, self.obligation)

    def releaser(self, name: str, *, check: Callable[[Obligation], bool] | None = None) -> Callable[[R], R]:
        """
        Register the decorated function under *name*: it releases a thing from its obligation, safely more than once.

        It takes the `Obligation` and, if it wants, the `Context`. *check* tells whether there is something to release.
        What is no function but has `check` and `release` itself is registered as it is; if it has `validate`, that is
        asked for each obligation before it is owed, and raises `ReleaserError` for one that it could never release.
        """
        self._home().check_name(name)

        def decorate(function: R) -> R:
            self._home().register(name, function, check)
            return function

        return decorate

    def find_releaser(self, name: str) -> Releaser | None:
        """Return the releaser of this name, the application's own or a plugin's; None if there is none."""
        found: Releaser | None = self._home().find(name)
        return found

    def _home(self) -> Any:
        with self._keeping:
            if self._home_of_obligations is None:
                home = load("obligations").Obligations(self._clock, self._open_journal)
                home.opened, home.complain = self._journal_opened, self._complain
                self._home_of_obligations = home
            return self._home_of_obligations

    def _place(self) -> StatePlace:
        state = self._settings.state
        return state_place(self._settings.place_name, os.environ if state is None else {"PROCESSENDER_STATE": state})

    def _open_journal(self) -> Journal:
        place = self._place()
        if not place.path:
            error = JournalError(f"there is no journal: {place.trouble}")
            if self._settings.journal == "refuse":
                raise error
            self._complain(f"{error}; what is owed is known to this process only")
            made: Journal = load("journal.memory").MemoryJournal()
            return made
        if place.warning:
            self._complain(place.warning)
        journal: Journal = load("recovering").open_own(place.path, self._settings.journal, self._complain)
        return journal

    def _journal_opened(self, journal: Journal) -> None:
        if self._session is not None:
            self._session.watch(JournalObserver(journal))
            home = self._home_of_obligations
            self._session.report.facts.journal = lambda: {**still_owed(journal), "released": home.released}
            self._session.tidy = self._home_of_obligations.tidy
        if OBLIGATIONS in self._registry:
            # A fork child has it already, and so has a journal that was closed and is opened again.
            return
        try:
            self._put(Handler(OBLIGATIONS, self._home().release_all, phase=self._registry.phases[-1]))
        except (HandlerError, StateError) as error:
            self._complain(f"what is owed from now on is released by a recovery only: {error}")

    def _complain(self, text: str) -> None:
        self.tell(Trouble(self._clock.now(), "journal", text))

    def totals(self) -> Any:
        """
        Return the figures of this service, of all its processes on this host and of all before them, as a `Tally`.

        `processender.integrations.prometheus` lets a registry expose them.
        """
        with self._keeping:
            if self._measuring is None:
                self._measuring = load("measuring").Measuring(self._place().path, self._settings.place_name)
        return self._measuring.tally(self._clock.wall())

    # What was saved.

    def save(self, key: str, data: Any, *, durable: bool = True) -> None:
        """Replace the snapshot under *key* by *data* of JSON; unless *durable*, it survives the process only."""
        self._state().save({key: data}, durable=durable)

    def save_many(self, snapshots: Mapping[str, Any], *, durable: bool = True) -> None:
        """Replace the snapshots of all these keys, or of none of them."""
        self._state().save(snapshots, durable=durable)

    def extend(self, key: str, delta: Any, *, durable: bool = True) -> None:
        """Add *delta*, data of JSON, behind the snapshot of *key*, which costs less than another snapshot."""
        self._state().extend(key, delta, durable=durable)

    def load(self, key: str) -> Saved | None:
        """Return what was saved under *key*, by this process or by one before it: `data`, `deltas` and `version`."""
        return self._state().load(key)

    def _state(self) -> StateStore:
        with self._keeping:
            if self._store is None:
                place = self._place()
                if not place.path:
                    raise JournalError(f"cannot keep any state: {place.trouble}")
                self._store = load("recovering").open_store(place.path, self._complain)
            return self._store

    # The ends of a life.

    @overload
    def on_crash(self, function: F) -> F: ...

    @overload
    def on_crash(self, function: None = None, **options: Any) -> Callable[[F], F]: ...

    def on_crash(self, function: Any = None, **options: Any) -> Any:
        """
        Let the decorated function be called at start, once for each process of this service that ended by a crash.

        It takes the `CrashReport` and, if it wants, the `Context`; *options* are the fields of `Handler`. The built-in
        recovery is a handler named `recovery` in the phase `release`. Needs `recover="on-start"`.
        """
        if self._settings.recover != "on-start":
            raise StateError('cannot follow a crash: nobody looks for one; make the Ender with recover="on-start"')
        if self._session is not None:
            raise StateError("cannot follow a crash: crashes were looked for as the Ender was entered; register before")

        def decorate(function: F) -> F:
            if not callable(function):
                raise HandlerError(f"cannot follow a crash by {function!r}: it is no function; write @ender.on_crash")
            # Of its arguments the first is the crash, which no other handler has.
            made = make_handler(partial(function, None), options)
            if made.name in {RECOVERY, *(each.name for each in self._following)}:
                raise HandlerError(
                    f"cannot follow a crash by {made.name!r}: there is one of this name; give it another"
                )
            self._following.append(made.replace(call=function))
            return function

        return decorate if function is None else decorate(function)

    @property
    def recovered(self) -> Stopping:
        """Whether the recovery at start is over, for what must wait for it."""
        return self._recovery_over

    def _await_recovery(self, resource: Resource[Any]) -> None:
        while resource.after_recovery and not self._stopping.is_set() and not self._recovery_over.wait(_LOOK_S):
            continue

    async def _await_recovery_async(self, resource: Resource[Any]) -> None:
        if resource.after_recovery:
            wait = self._home().dependencies.call_async
            await wait("recovery", lambda: self._await_recovery(resource), 2 * RECOVERY_S)

    def _recover_on_start(self) -> None:
        """Settle, in the background, what an earlier process of this service has left."""
        if self._settings.recover != "on-start":
            self._recovery_over.set()
            return
        self._home().journal()
        threading.Thread(target=self._recover, name="processender-recovery", daemon=True).start()

    def _recover(self) -> None:
        try:
            place, name = self._place().path, self._settings.name
            find = self.find_releaser
            aftermath = load("crashing").Aftermath(place, name, find, self._clock, RECOVERY_S, self.tell)
            aftermath.handlers, aftermath.lanes = tuple(self._following), self._registry.lanes
            aftermath.at_start()
        except Exception as error:  # the program must start although its past cannot be mended
            self._complain(f"the recovery at start failed: {error!r}; run `processender recover`")
        finally:
            self._recovery_over.set()

    def _close_keeping(self) -> None:
        home, store = self._home_of_obligations, self._store
        self._store = None
        if home is not None:
            home.close()
        if store is not None:
            store.close()
