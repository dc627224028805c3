"""
What follows a crash: an account of it, the handlers that want to know, and a recovery, in one run of its own.

Theory of operation. Whoever saw the process end, the agent, knows how; the next process of the service knows only that
a journal is there whose owner is dead and whose last run did not come to its end. Both make a `CrashReport` of it,
write it, and run the plan of those who follow a crash. A journal carries a mark once its crash was accounted for, so
neither a second process nor a second start tells of it again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from .core.crash import RECOVERY, CrashReport
from .core.events import Event, HandlerEnded, Trouble
from .core.handler import PHASES, Handler, Importance
from .core.obligation import Entry, Kind, Standing
from .core.outcome import Outcome
from .core.record import Record
from .engine.aside import carry_out
from .engine.callables import is_async, positional
from .engine.registry import Registry
from .errors import JournalError, ObligationError, PlanError
from .hints import Any
from .identity import boot_id
from .journal.owner import Found, OwnerLock, orphan, orphans
from .looking import journal_root, look
from .ports import Clock, Context
from .recovering import recover_at_start
from .rounds import Find
from .telemetry.crash import note_crash, untold_crashes, what_followed, write_crash
from .telemetry.delivered import CrashAccounted
from .telemetry.journaling import NOTICE, as_event
from .telemetry.stacks import take_stacks

LAST = 20
"""How many entries of a journal are told as last events."""
_KNOWN = ("cause", "signal", "pid", "events", "stacks", "obligations")
_SHARE = 0.5
_FATAL = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
"""What `faulthandler` writes first, by signal."""


class Dead(Record):
    """A process that has died, as its journal tells."""

    pid: int
    """Its number."""
    started: int
    """Its start, clock ticks since boot."""
    boot: str
    """The boot in which it lived."""
    events: tuple[dict[str, Any], ...]
    """The last runs and handlers that began or ended."""
    obligations: tuple[dict[str, Any], ...]
    """What it owed."""
    stacks: str
    """Where its threads stood, if it could tell."""
    run: str
    """How far its last run has come: empty for none, `begun` or `ended`."""
    tracked: bool
    """Whether the journal was kept for it by others, so that its end says nothing."""

    @property
    def signal(self) -> str:
        """The fatal signal that its last words tell of."""
        return next(
            (name for text, name in _FATAL.items() if self.stacks.startswith(f"Fatal Python error: {text}")), ""
        )

    @property
    def cause(self) -> str:
        """Why it is gone, as far as that can be told without having seen it."""
        if self.boot != boot_id():
            return "host"
        if self.signal:
            return "signal"
        return "cut" if self.run == "begun" else "killed"


def the_dead(place: str, directory: str = "") -> Iterator[tuple[Dead, OwnerLock]]:
    """
    Yield the owners that have died and were not accounted for; or that of *directory*.

    Each comes with its lock, so that nobody else accounts for it meanwhile: it is to be marked once that is done, and
    to be released.
    """
    for each in [orphan(directory)] if directory else orphans(journal_root(place)):
        if each is None or each.lock is None:
            continue
        dead = None
        try:
            dead = None if each.lock.marked else _autopsy(place, each)
        finally:
            if dead is None:
                each.lock.release()
        if dead is not None:
            yield dead, each.lock


def _autopsy(place: str, found: Found) -> Dead:
    last: list[Entry] = []
    standings: Sequence[Standing] = ()
    run = ""

    def take(entry: Entry) -> None:
        nonlocal run
        if entry.kind in {Kind.RUN, Kind.HANDLER}:
            last[:] = [*last[1 - LAST :], entry]
        if entry.kind is Kind.RUN and entry.id != NOTICE:
            run = "begun" if entry.data.get("begun") else "ended"

    try:
        standings = look(found.directory, take).standings
    except JournalError:
        # Whoever recovers it says what is wrong with it.
        standings = ()
    numbers = {name: value if isinstance(value := found.owner.get(name), int) else 0 for name in ("pid", "started")}
    return Dead(
        pid=numbers["pid"],
        started=numbers["started"],
        boot=str(found.owner.get("boot", "")),
        events=tuple(as_event(entry) for entry in last),
        obligations=tuple(_shown(each) for each in standings),
        stacks=take_stacks(place, **numbers, keep=True),
        run=run,
        tracked=found.owner.get("held_by") == "identity",
    )


def _shown(standing: Standing) -> dict[str, Any]:
    return {name: getattr(standing.obligation, name) for name in ("id", "kind", "key", "ref", "job")}


def new_id(at: float) -> str:
    """Return the id of a crash that was noticed *at* seconds since 1970."""
    return f"{int(at * 1000):011x}-{os.urandom(3).hex()}"


class Aftermath:
    """What a service does about its crashes."""

    def __init__(
        self, place: str, service: str, find: Find, clock: Clock, window: float, tell: Callable[[Event], object]
    ) -> None:  # fmt: skip
        """
        Take what is needed; nothing is done yet.

        Args:

            place: The directory of the service; empty if there is none.

            service: Its name.

            find: Gives the releaser of a registered name, None for an unknown one.

            clock: The time.

            window: How long all that follows one crash may take, seconds.

            tell: Is told of what happens.
        """
        self._place = place
        self._service = service
        self._find = find
        self._clock = clock
        self._window = window
        self._tell = tell
        self.recovers = True
        """Whether what the dead have left is released."""
        self.handlers: tuple[Handler, ...] = ()
        """What follows a crash; their calls take the `CrashReport` and the `Context`."""
        self.lanes: Mapping[str, int] = {}
        """The capacity of each named resource that they occupy."""
        self.unaccounted: set[str] = set()
        """The journals whose crash could not be written down; they must stay, so that a later process can do it."""
        self._seen_at = 0.0

    def observe(self, event: Event) -> None:
        """Tell of what went wrong; the rest stands in the account."""
        if isinstance(event, HandlerEnded) and event.result.outcome is not Outcome.DONE:
            result = event.result
            why = f"{result.outcome} ({result.error or result.reason})"
            self._tell(Trouble(event.at, "on-crash", f"after the crash, {result.handler}: {why}"))
        elif isinstance(event, Trouble):
            self._tell(event)

    def account(self, *, told: bool, directory: str = "") -> None:
        """Write an account of each process of this service that has died without one, or of that of one *directory*."""
        for dead, lock in the_dead(self._place, directory):
            self.account_of(dead, lock, told=told)

    def account_of(self, dead: Dead, lock: OwnerLock, *, told: bool) -> None:
        """Write an account of one that has died, unless it came to its end, or its journal cannot tell."""
        written = True
        try:
            if not dead.tracked and dead.run != "ended":
                at = round(self._clock.wall(), 3)
                given = {name: getattr(dead, name) for name in _KNOWN}
                report = CrashReport(id=new_id(at), service=self._service, at=at, told=told, **given)
                written = bool(self._write(report).path)
            self._accounted(dead, lock, written=written)
        finally:
            lock.release()

    def _accounted(self, dead: Dead, lock: OwnerLock, *, written: bool) -> None:
        """Note that nobody else need account for one, if that is *written*."""
        if written:
            lock.mark()
            take_stacks(self._place, dead.pid, dead.started)
        else:
            self.unaccounted.add(lock.directory)

    def at_start(self) -> None:
        """Account for the processes before this one that did not end, tell of them, and settle what they have left."""
        self.account(told=False)
        for report in untold_crashes(self._place):
            self.follow(report.replace(told=True))
        if self.recovers:
            recover_at_start(self._place, self._find, self._clock, self._window, self._tell, self.unaccounted)

    def follow(self, report: CrashReport, dead: Sequence[tuple[Dead, OwnerLock]] = ()) -> CrashReport:
        """Write *report*, which speaks of *dead*, run what follows, and return it with what became of that."""
        report = self._write(report)
        self._seen_at = 0.0 if report.exit is None else report.at
        for each, lock in dead:
            self._accounted(each, lock, written=bool(report.path))
            lock.release()
        where = f"; the account is in {report.path}" if report.path else ""
        self._tell(Trouble(self._clock.now(), "crashed", report.summary + where))
        handlers = [each.replace(call=_about(report, each)) for each in self.handlers]
        if self.recovers:
            share = self._window * _SHARE
            handlers.append(
                Handler(RECOVERY, self._recover, phase="release", importance=Importance.MUST, expected=share)
            )
        if not handlers:
            return self._complete(report)
        results = carry_out(self._registry(handlers), self._clock, self._window, "crash", (self,))
        followed = what_followed(results, self._clock.wall() - self._clock.now() - report.at)
        return self._complete(self._write(report.replace(handlers=followed)))

    def _complete(self, report: CrashReport) -> CrashReport:
        self._tell(CrashAccounted(self._clock.now(), report.as_dict()))
        return report

    def _registry(self, handlers: Sequence[Handler]) -> Registry:
        registry = Registry(PHASES, self.lanes, ())
        registry.add(*handlers)
        try:
            registry.arm()
        except PlanError as error:
            # Who follows a crash is told of it all the same, in whatever order.
            self._tell(Trouble(self._clock.now(), "on-crash", str(error)))
            registry = Registry(PHASES, {}, ())
            registry.add(*(each.replace(after=(), needs=(), before=(), phase=PHASES[-1]) for each in handlers))
        return registry

    def _recover(self, ctx: Context) -> None:
        if not self._place:
            return
        recovered = recover_at_start(
            self._place, self._find, self._clock, ctx.remaining() * 0.9, self._tell, self.unaccounted, self._seen_at
        )
        if recovered.open:
            count, first = len(recovered.open), recovered.open[0]
            raise ObligationError(f"{count} of what is owed could not be released: {first.obligation.label}")

    def _write(self, report: CrashReport) -> CrashReport:
        if not self._place:
            return report
        try:
            report = write_crash(self._place, report)
        except OSError as error:
            self._tell(Trouble(self._clock.now(), "crash", f"cannot write the account of the crash: {error}"))
        for failed in note_crash(self._place, report):
            self._tell(Trouble(self._clock.now(), "crash", str(failed)))
        return report


def _about(report: CrashReport, handler: Handler) -> Callable[[Context], Any]:
    call: Any = handler.call
    with_context = positional(call) > 1

    async def tell_async(ctx: Context) -> None:
        await (call(report, ctx) if with_context else call(report))

    def tell(ctx: Context) -> None:
        call(report, ctx) if with_context else call(report)

    return tell_async if is_async(call) else tell
