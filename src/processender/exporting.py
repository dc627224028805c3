"""
Who sends accounts away: each exporter on a thread of its own, with an outbox for what it could not deliver.

Theory of operation. An account stands in the outboxes before the first handler starts and again before the process
may go, for which it is waited; sending it is waited for in the reserve only, as for every observer. So a collector that
is slow, or not there, costs an exit nothing beyond its reserve, and what it did not take is sent by the next start, by
the agent, or by `processender deliver`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from .core.events import Event, Trouble
from .core.outcome import describe
from .core.spans import LONGEST_S
from .core.texts import counted
from .engine.brief import BriefContext
from .engine.clock import SystemClock
from .engine.observers import Outlets
from .errors import AccountRefused, Unreachable
from .hints import Any
from .ports import Clock, Exporter
from .telemetry.delivered import CrashAccounted, Delivered, Undelivered
from .telemetry.facts import Accounted
from .telemetry.outbox import Kept, Outbox, is_over

LIMIT_S = 30.0
"""How long sending one account may take."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 3600.0
"""After how long a living process tries again what was left, the first time and at most."""
_FAILURES = 3


class Delivery:
    """One exporter with its outbox."""

    def __init__(self, exporter: Exporter, place: str, clock: Clock, tell: Callable[[Event], object]) -> None:
        """
        Take both; nothing is sent yet.

        Args:

            exporter: Who sends.

            place: The directory of the service; empty where there is none, and nothing can wait.

            clock: The time.

            tell: Is told of what was delivered, and of what was not.
        """
        self.exporter = exporter
        """Who sends."""
        self.outbox = Outbox(place, exporter.name) if place else None
        """What waits; None where nothing can."""
        self._clock = clock
        self._tell = tell
        self._host = os.uname().nodename
        self._until = clock.now() + LONGEST_S

    def open(self) -> None:
        """Make the outbox; where that cannot be, nothing waits, and that is said."""
        try:
            if self.outbox is not None:
                self.outbox.open()
                self.outbox.waiting()
        except OSError as error:
            self._trouble(f"cannot keep what is not delivered: {error}; make it writable")
            self.outbox = None

    @property
    def waiting(self) -> int:
        """How many accounts wait."""
        return 0 if self.outbox is None else len(self.outbox.waiting())

    def announce(self) -> None:
        """Tell that accounts wait, if any do: whoever sends hears of it on a thread of its own."""
        if self.waiting:
            self._tell(Undelivered(self._clock.now(), self.exporter.name, self.waiting))

    def put(self, event: Accounted) -> None:
        """Let the account of *event* wait."""
        if self.outbox is None:
            return
        name = f"{event.account['id']}.json"
        report = os.path.join(event.directory, "reports", name) if event.directory else ""
        lost = self.outbox.put(event.account, report)
        if lost:
            self._trouble(f"{counted(lost, 'account')} had to go: too many wait; look why nothing is delivered")

    def take(self, event: Accounted) -> None:
        """Deliver the account of *event* first, and then what waits."""
        kept = self.outbox is not None
        try:
            self.put(event)
        except OSError:  # a full disk; who keeps it says so
            kept = False
        if kept:
            self.deliver(first=str(event.account["id"]))
        else:
            self._send(event.account)

    def deliver(self, *, first: str = "", seconds: float = LONGEST_S, wait: bool = True) -> int | None:
        """
        Send what waits and return how many were delivered; None where another process does it just now.

        After some failures the rest is left for later.

        Args:

            first: The id of the account that goes before the others, which go as they are old.

            seconds: How long all of it may take.

            wait: Whether to wait for another process that delivers.
        """
        outbox = self.outbox
        try:
            if outbox is None or not outbox.waiting():
                return 0
            self._until = self._clock.now() + seconds
            if not outbox.begin(wait=wait):
                return None
        except OSError as error:
            self._trouble(f"cannot use what waits: {error}; nothing is sent, make it writable")
            return 0
        try:
            return self._deliver(outbox, f"{first}.json")
        finally:
            outbox.end()

    def _deliver(self, outbox: Outbox, first: str) -> int:
        delivered, failures, seen = 0, 0, set[str]()
        while failures < _FAILURES and self._clock.now() < self._until:
            # Looked up anew each time: the account of an end that comes meanwhile is not to wait for old ones.
            names = [name for name in outbox.waiting() if name not in seen]
            name = first if first in names else next(iter(names), None)
            if name is None:
                break
            seen.add(name)
            try:
                kept = self._read(outbox, name)
                if kept is None or not is_over(kept.account, self._clock.wall(), self._host):
                    continue
                error = self._send(kept.account, kept)
            except OSError as failed:
                self._trouble(f"cannot take {name} out of what waits: {failed}; it may be sent again")
                error = failed
            delivered += error is None
            if isinstance(error, TimeoutError | Unreachable):
                break  # the next one would wait as long
            failures += error is not None and not isinstance(error, AccountRefused)
        return delivered

    def _read(self, outbox: Outbox, name: str) -> Kept | None:
        try:
            return outbox.read(name)
        except ValueError as error:
            self._trouble(f"cannot read the account {outbox.refused(name)}: {error}; it is put aside")
            return None

    def _send(self, account: dict[str, Any], kept: Kept | None = None) -> BaseException | None:
        """Send *account*, *kept* in the outbox if it is; return why that failed, None where it did not."""
        name, outbox = str(account["id"]), self.outbox
        until = self._clock.now() + LIMIT_S
        until = until if kept is None else min(until, self._until)
        ctx = BriefContext(until, self._clock, handler=f"export-{self.exporter.name}", cause="export", key=name)
        try:
            self.exporter.send(account, ctx)
        except AccountRefused as error:
            aside = f"; it is put aside as {outbox.refused(kept.name)}" if kept is not None and outbox else ""
            self._trouble(f"the account {name}: {error}{aside}")
            return error
        except BaseException as error:  # foreign code
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # a person's: it is `processender deliver`
            later = "it waits in the outbox, and is sent by the next start" if kept is not None else "it is lost"
            self._trouble(f"cannot send the account {name}: {describe(error)}; {later}")
            return error
        if kept is not None and outbox is not None:
            outbox.delivered(kept)
        self._tell(Delivered(self._clock.now(), self.exporter.name, name))
        return None

    def _trouble(self, text: str) -> None:
        self._tell(Trouble(self._clock.now(), "export", f"{self.exporter.name}: {text}"))


class Keeper:
    """An observer that lets each account wait before anything else happens, so that none is lost."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        """Keep for all *deliveries*."""
        self._deliveries = deliveries

    def observe(self, event: Event) -> None:
        """Take an account; raise `OSError` when it cannot be kept for somebody."""
        if not isinstance(event, Accounted):
            return
        failed: OSError | None = None
        for each in self._deliveries:
            try:
                each.put(event)
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise failed


class Sender:
    """An observer that delivers: an account at its end, that of a crash, and what has waited, again and again."""

    def __init__(self, delivery: Delivery, pause: float = FIRST_PAUSE_S) -> None:
        """Take what there is to send by, and after how many seconds what is left is tried again, twice as long each."""
        self._delivery = delivery
        self._pause = pause

    def announce(self) -> None:
        """Let what waits be sent, if anything does."""
        self._delivery.announce()

    def observe(self, event: Event) -> None:
        """Deliver what is to be delivered now."""
        match event:
            case Accounted() if event.account["ended"] is not None:
                self._delivery.take(event)
            case CrashAccounted():
                self._delivery.deliver()
            case Undelivered(exporter=name) if name == self._delivery.exporter.name:
                self._delivery.deliver()
                self._again()

    def _again(self) -> None:
        """Try what is left once more later: the collector may be back, or who worked on an account may be dead."""
        if self._delivery.waiting:
            timer = threading.Timer(self._pause, self.announce)
            timer.daemon = True
            timer.start()
            self._pause = min(2 * self._pause, LONGEST_PAUSE_S)


def export_all(exporters: Sequence[Exporter], outlets: Outlets, place: str) -> None:
    """Add all *exporters* to *outlets*, with their outboxes in the directory *place*, and let them send what waits."""
    clock = SystemClock()
    deliveries = [Delivery(each, place, clock, outlets.emit) for each in exporters]
    for each in deliveries:
        each.open()
    outlets.add(Keeper(deliveries), before_effect=True)
    for each in deliveries:
        outlets.add(Sender(each))
    for each in deliveries:
        each.announce()


def deliver_within(
    seconds: float, exporters: Sequence[Exporter], place: str, clock: Clock, tell: Callable[[Event], object]
) -> None:
    """Send what waits for *exporters* in the directory *place*, side by side, and come back after *seconds* at most."""
    threads = []
    for each in exporters:
        delivery = Delivery(each, place, clock, tell)
        name = f"processender-export-{each.name}"
        thread = threading.Thread(target=delivery.deliver, kwargs={"seconds": seconds}, name=name, daemon=True)
        thread.start()
        threads.append(thread)
    until = clock.now() + seconds
    for thread in threads:
        # What looks up a name cannot be broken off; it is left behind.
        thread.join(max(0.0, until - clock.now()))
