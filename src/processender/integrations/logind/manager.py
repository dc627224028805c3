"""
What is said to logind, what it says, and what that means.

Source: org.freedesktop.login1(5). The properties `PreparingForShutdown` and `PreparingForSleep` tell nobody that they
change: the signals do, and the properties are for who has just come. Answers and signals come in the order in which
logind has spoken, so one waits for both at once, and a slow answer never holds up a signal.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from weakref import ref

from ...bus import DAEMON, PROPERTIES, Bus, Garbled, Message, Thing, told
from ...core.notice import Action, DeadlineKind
from ...core.sighting import Sighting
from ...core.spans import LONGEST_S
from ...errors import Permanent, Transient
from ...glance import Glance, Unclear
from ...hints import Any
from ...listening import LIMIT_S
from ...ports import Context
from .lock import Lock

BUS = Thing(DAEMON, "/org/freedesktop/DBus", DAEMON)
MANAGER = Thing("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
"""What is listened to."""
DELAY_S = 5.0
"""How long logind waits for a lock, where it does not say."""
WHY = "clean-up before the end"
_SIGNALS = {"PrepareForShutdown": "shutdown", "PrepareForSleep": "sleep"}
_STATES = {"PreparingForShutdown": "shutdown", "PreparingForSleep": "sleep"}
_NEVER = (1 << 64) - 1
_LONGEST = 40
_AWAY = frozenset({"ServiceUnknown", "NameHasNoOwner", "TimedOut", "Timeout"})
_TOLD = frozenset({"NoReply", "Disconnected", "OperationInProgress"})
"""What needs no words: it went while it was asked, or what a lock was to hold up has just begun, which comes anyway."""


class Logind:
    """What one process hears from logind; for one thread, but for its `lock`."""

    def __init__(self, address: str, actions: dict[str, Action], every: float, beyond: float) -> None:
        """Take where the bus is, and the rest from `listen`."""
        self.lock = Lock()
        self.preparing = {"shutdown": False, "sleep": False}
        """What is about to happen."""
        self.actions = actions
        """What each of it means."""
        self._address = address
        self._every = every
        self._beyond = beyond
        self._wants = ":".join(what for what in self.preparing if actions[what] is not Action.ADVISE)
        self._bus: Bus | None = None
        self._owner = ""
        self._asked: dict[int, tuple[str, float]] = {}
        self._fresh = self._relock = True
        self._seen_late: set[str] = set()
        self._delay: float | None = None
        self._planned: tuple[str, float] | None = None
        self._shown: set[str] = set()
        self._again = self._assumed = False
        self._gone_until = 0.0
        own = ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(own()))

    # What the source does, on its thread.

    def see(self, glance: Glance) -> Sequence[Sighting]:
        """Wait until something happens, or it is time to look, and return what stands."""
        if not self._again:
            try:
                self._listen(glance)
            except Garbled as error:
                self._hang_up()
                raise Unclear(str(error)) from error
            except BaseException:
                self._hang_up()
                raise
        glance.pause = 0.0
        found = [*self._about_to("shutdown"), *self._about_to("sleep"), *self._scheduled()]
        shown = {each.key for each in found}
        # What has gone was called off: to look again would only put that off.
        self._again, self._shown = bool(self._shown - shown), shown
        return found

    def close(self) -> None:
        """Hang up, and let the machine go on."""
        self._hang_up()
        self.lock.release()

    def forget(self) -> None:
        """Be new, in a fork child: it would hold the machine up after us, and both would read from one connection."""
        self.lock.drop()
        self._hang_up()

    def _hang_up(self) -> None:
        # The lock stays: a bus that is lost is no reason to let the machine go on without us.
        if self._bus is not None:
            self._bus.close()
        self._bus, self._asked, self._fresh = None, {}, True

    def _listen(self, glance: Glance) -> None:
        now, until = glance.clock.now, glance.clock.now() + self._every
        bus = self._bus = self._bus or self._connect(glance)
        forget = glance.on_cancel(bus.cancel)
        try:
            self._ask(bus, now())
            news = False
            while not news:
                self._complain_late(glance)
                left = min([until, *self._due()]) - now()
                if left <= 0:
                    break
                message = bus.wait(left)
                news = message is not None and self._take(message, glance, bus)
        finally:
            forget()

    def _connect(self, glance: Glance) -> Bus:
        bus = Bus(self._address, glance.clock, LIMIT_S)
        try:
            for member in _SIGNALS:
                bus.match(sender=MANAGER.owner, interface=MANAGER.interface, path=MANAGER.path, member=member)
            bus.match(sender=DAEMON, interface=DAEMON, member="NameOwnerChanged", arg0=MANAGER.owner)
            self._owner = self._find_owner(bus)
        except BaseException:
            bus.close()
            raise
        return bus

    def _find_owner(self, bus: Bus) -> str:
        try:
            return str(bus.call(BUS, "GetNameOwner", "s", (MANAGER.owner,))[0])
        except Permanent:
            # It may come yet, and is asked anyway, which says what is wrong.
            return ""

    def _ask(self, bus: Bus, now: float) -> None:
        """Ask for all that logind can be asked, unless it still owes the answer, or is just being started anew."""
        if now < self._gone_until:
            return
        owed = {what for what, _ in self._asked.values()}
        if "state" not in owed:
            number = bus.send(MANAGER.replace(interface=PROPERTIES), "GetAll", "s", (MANAGER.interface,))
            self._asked[number] = ("state", now)
        wanted = self._wants and "lock" not in owed and (self._relock or not self.lock.held)
        # Nobody gets one for what goes on already, and at first only the state tells that.
        if wanted and not self._fresh and not any(self.preparing.values()):
            number = bus.send(MANAGER, "Inhibit", "ssss", (self._wants, "ProcessEnder", WHY, "delay"))
            self._asked[number] = ("lock", now)

    def _due(self) -> list[float]:
        """Return when each answer is late."""
        return [at + LIMIT_S for what, at in self._asked.values() if what not in self._seen_late]

    def _complain_late(self, glance: Glance) -> None:
        for what, at in self._asked.values():
            if what not in self._seen_late and glance.clock.now() >= at + LIMIT_S:
                # It stays asked: an answer that comes late is as good.
                self._seen_late.add(what)
                glance.complain(TimeoutError(f"logind has not answered for {LIMIT_S:.0f} s"))

    # What comes.

    def _take(self, message: Message, glance: Glance, bus: Bus) -> bool:
        """Take a message; tell whether it is news."""
        if message.answers:
            return self._answered(message, glance)
        if message.sender == DAEMON and message.member == "NameOwnerChanged":
            return self._change_owner(message, bus, glance)
        what = _SIGNALS.get(message.member, "")
        if not what or message.sender != self._owner or message.path != MANAGER.path:
            return False
        if [type(each) for each in message.body] != [bool]:
            glance.unclear(f"{message.member} says {str(message.body)[:80]}")
            return False
        news = self.preparing[what] is not message.body[0]
        self.preparing[what] = message.body[0]
        self._assumed = False
        return news

    def _answered(self, message: Message, glance: Glance) -> bool:
        what, _ = self._asked.pop(message.answers, ("", 0.0))
        self._seen_late.discard(what)
        if message.error:
            kind = message.error.rpartition(".")[2]
            if kind not in _TOLD:
                text = f"logind refuses the {what}: {told(message)}"
                glance.complain(Transient(text) if kind in _AWAY else Permanent(text))
            return False
        return self._locked(message, glance) if what == "lock" else what == "state" and self._read(message, glance)

    def _change_owner(self, message: Message, bus: Bus, glance: Glance) -> bool:
        """Ask a logind that was started anew for everything, and for another lock."""
        self._owner = str(message.body[-1]) if message.body else ""
        self._gone_until = 0.0 if self._owner else glance.clock.now() + LIMIT_S
        self._asked, self._seen_late, self._fresh, self._relock = {}, set(), True, True
        if self._owner:
            self._ask(bus, glance.clock.now())
        return False

    def _locked(self, message: Message, glance: Glance) -> bool:
        """Hold the lock that came."""
        given: Any = message.body[0] if message.body else None
        if hasattr(given, "to_raw_fd"):
            self._relock = False
            self.lock.take(given.to_raw_fd())
        else:
            glance.unclear(f"a lock was asked for, and {str(message.body)[:80]} has come")
        return False

    def _read(self, message: Message, glance: Glance) -> bool:
        """Take the properties over; tell whether they are news."""
        before = (dict(self.preparing), self._planned, self._fresh)
        try:
            state = {name: value[1] for name, value in message.body[0].items()}
            self._delay = _seconds(state["InhibitDelayMaxUSec"])
            self._planned = _planned(state["ScheduledShutdown"])
            for name, what in _STATES.items():
                # What was signalled goes on until the opposite is, whatever stands there meanwhile.
                if state[name] is True or self._fresh:
                    self._assumed = self._assumed or (state[name] is True and not self.preparing[what])
                    self.preparing[what] = state[name] is True
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            glance.unclear(f"its state cannot be understood ({error!r})")
            return False
        self._fresh = False
        return before != (self.preparing, self._planned, self._fresh)

    # What it means.

    def _about_to(self, what: str) -> list[Sighting]:
        if not self.preparing[what]:
            return []
        kind = DeadlineKind.ASSUMED if self._delay is None or self._assumed else DeadlineKind.TOLD
        within = (DELAY_S if self._delay is None else self._delay) + self._beyond
        return [
            Sighting(what, what, self.actions[what], within=within if within < LONGEST_S else None, kind=kind,
                     can_cancel=True)
        ]  # fmt: skip

    def _scheduled(self) -> list[Sighting]:
        if self._planned is None:
            return []
        kind, at = self._planned
        return [
            Sighting(f"scheduled {kind}", f"scheduled {kind}", self.actions["scheduled"], deadline=at, can_cancel=True,
                     moves=True)
        ]  # fmt: skip

    # What lets the machine go on, on the threads of the end.

    def over(self, ctx: Context) -> None:
        """The end is over."""
        ctx.note("the machine need not wait any longer" if self.lock.release() else "nothing was held up")

    def left(self, ctx: Context) -> None:
        """Traffic is left; if that is all that is to happen before what is coming, the machine goes on."""
        coming = [self.actions[what] for what, comes in self.preparing.items() if comes]
        if coming and set(coming) <= {Action.DRAIN} and self.lock.release():
            ctx.note("the machine need not wait any longer")


def _forget(logind: Logind | None) -> None:
    if logind is not None:
        logind.forget()


def _seconds(usec: object) -> float:
    if type(usec) is not int:
        raise TypeError(f"{str(usec)[:40]!r} are no microseconds")
    return usec / 1_000_000


def _planned(told: Any) -> tuple[str, float] | None:
    kind, usec = told
    if type(kind) is not str or not kind.isprintable() or len(kind) > _LONGEST:
        raise ValueError(f"{str(kind)[:40]!r} is no kind of shutdown")
    # 0 is what goes on now, and is signalled.
    return (kind, _seconds(usec)) if kind and usec not in {0, _NEVER} else None
