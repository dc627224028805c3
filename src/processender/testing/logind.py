"""
A double of the bus of the system with logind and the manager of units on it, to try what a program does at their word.

It speaks D-Bus byte by byte over a socket of its own: the handshake with descriptors, `Hello`, `AddMatch`, the signals
and properties of `org.freedesktop.login1`, `Inhibit` with a descriptor whose closing is seen, the enforced delay, and
of `org.freedesktop.systemd1` what a service can learn of its unit. It has bad days, too, see `SystemBus.fail`: slow,
silent, garbage, hanging up, refusing, a logind that is started anew, and a bus that goes away.

Sources: the D-Bus specification, org.freedesktop.login1(5), org.freedesktop.systemd1(5), and systemd 252 as it runs.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Any, Self

from ..engine.clock import SystemClock
from .buses import Connection, Told

LOGIN = "org.freedesktop.login1"
MANAGER = f"{LOGIN}.Manager"
PATH = "/org/freedesktop/login1"
SYSTEMD = "org.freedesktop.systemd1"
NEVER = (1 << 64) - 1
"""How systemd writes that something has no end."""
_STEP_S = 0.002
_CLOSED_S = 5.0
_PREPARING = {
    "shutdown": ("PrepareForShutdown", "PreparingForShutdown"),
    "sleep": ("PrepareForSleep", "PreparingForSleep"),
}


class Inhibitor:
    """A lock that somebody has taken."""

    def __init__(self, words: tuple[str, ...], reader: int) -> None:
        """Take what was asked for, and the end by which its closing is seen."""
        self.what, self.who, self.why, self.mode = words
        self._reader = reader

    @property
    def held(self) -> bool:
        """Whether it is still held."""
        waiting = select.poll()
        waiting.register(self._reader, 0)
        return not waiting.poll(0)

    def close(self) -> None:
        """Give back what sees it."""
        os.close(self._reader)


class SystemBus:
    """The bus; nothing is going to happen before something is announced."""

    def __init__(
        self, *, delay: float = 5.0, unit: str = "shop.service", stop_timeout: float | None = 90.0, path: str = ""
    ) -> None:
        """
        Describe it; it runs inside the block.

        Args:

            delay: How long logind waits for locks, seconds.

            unit: The unit of whoever asks.

            stop_timeout: How long that has to stop, seconds; None for ever.

            path: Where its socket is; by default in no directory.
        """
        self.clock = SystemClock()
        self.properties: dict[str, tuple[str, Any]] = {
            "InhibitDelayMaxUSec": ("t", int(delay * 1_000_000)),
            "PreparingForShutdown": ("b", False),
            "PreparingForSleep": ("b", False),
            "ScheduledShutdown": ("(st)", ("", NEVER)),
            "DelayInhibited": ("s", ""),
            "BlockInhibited": ("s", ""),
            "NCurrentInhibitors": ("t", 0),
        }
        """What logind has to say of itself, each with its signature."""
        self.of_unit: dict[str, tuple[str, Any]] = {}
        """What the manager has to say of the unit beside its name and its time to stop, or instead."""
        self.inhibitors: list[Inhibitor] = []
        """The locks that were ever taken."""
        self.asked: list[str] = []
        """The members that were called, in order."""
        self.pause = 0.0
        """How long each answer of logind and the manager takes, seconds."""
        self.unit = unit
        """The unit of whoever asks."""
        self.stop_timeout = stop_timeout
        """How long that has to stop, seconds; None for ever."""
        self.lock = threading.RLock()
        self._path = path
        self._name = f"processender-bus-{uuid.uuid4().hex}"
        self._faults: list[tuple[str, str]] = []
        self._connections: list[Connection] = []
        self._listening: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._count = 1
        self._owner = ":1.1"

    @property
    def address(self) -> str:
        """Where it is, as in DBUS_SYSTEM_BUS_ADDRESS."""
        return f"unix:path={self._path}" if self._path else f"unix:abstract={self._name}"

    def __enter__(self) -> Self:
        """Run it."""
        self.come_back()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.vanish()
        for each in self.inhibitors:
            each.close()

    # What happens to the machine.

    def prepare(self, what: str = "shutdown", *, begins: bool = True) -> None:
        """Say that a `shutdown`, or a `sleep`, is about to happen, or that it is over or was called off."""
        member, state = _PREPARING[what]
        with self.lock:
            self.properties[state] = ("b", begins)
            self.signal(member, "b", (begins,))

    def power_off(self) -> tuple[bool, float]:
        """Do what logind does before it stops anything; return whether the locks were given back, and how soon."""
        begun = self.clock.now()
        self.prepare()
        longest = self.properties["InhibitDelayMaxUSec"][1] / 1_000_000
        wait = threading.Event()
        while any(each.held for each in self.inhibitors) and self.clock.now() < begun + longest:
            wait.wait(_STEP_S)
        return not any(each.held for each in self.inhibitors), self.clock.now() - begun

    def schedule(self, kind: str = "poweroff", *, seconds: float = 300.0) -> None:
        """Plan a shutdown, as `shutdown +5` does."""
        at = int((self.clock.wall() + seconds) * 1_000_000)
        self.properties["ScheduledShutdown"] = ("(st)", (kind.removeprefix("dry-"), at))

    def cancel(self) -> None:
        """Call it off, as `shutdown -c` does."""
        self.properties["ScheduledShutdown"] = ("(st)", ("", NEVER))

    # Its bad days.

    def fail(self, *faults: str, member: str = "") -> None:
        """
        Let the next calls, or the next of this *member*, fail, each in its way.

        Args:

            faults: `silent`, which never answers; `hang-up`, which closes the connection; `garbage`, which is no D-Bus;
                or the name of an error, such as `org.freedesktop.DBus.Error.AccessDenied`.

            member: The method that fails; by default any of logind or the manager.
        """
        with self.lock:
            self._faults += [(member, fault) for fault in faults]

    def vanish(self) -> None:
        """Close all connections, and listen no more."""
        with self.lock:
            listening, self._listening = self._listening, None
            connections, self._connections = self._connections, []
        if listening is not None:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            if self._thread is not None:
                # As long as it accepts, the address is taken.
                self._thread.join(_CLOSED_S)
            if self._path:
                os.unlink(self._path)
        for each in connections:
            each.hang_up()
        for each in connections:
            each.wait(_CLOSED_S)

    def come_back(self) -> None:
        """Listen, at the same address."""
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self._path or f"\0{self._name}")
        listening.listen(16)
        self._listening = listening
        self._thread = threading.Thread(target=self._accept, args=(listening,), name="double-bus", daemon=True)
        self._thread.start()

    def restart(self) -> None:
        """Start logind anew: it knows no more of what was about to happen, and has another name."""
        with self.lock:
            before, self._owner = self._owner, self._next()
            for _, state in _PREPARING.values():
                self.properties[state] = ("b", False)
            changes = ((LOGIN, before, ""), (LOGIN, "", self._owner))
            for words in changes:
                for each in self._connections:
                    each.signal("org.freedesktop.DBus", "/org/freedesktop/DBus", "NameOwnerChanged", "sss", words)

    def signal(self, member: str, signature: str, body: tuple[Any, ...], *, sender: str = "", path: str = PATH) -> None:
        """Let logind, or another *sender* that only pretends to be it, signal to all that listen."""
        with self.lock:
            for each in self._connections:
                each.signal(sender or self._owner, path, member, signature, body, interface=MANAGER)

    # The bus.

    @property
    def connected(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def _next(self) -> str:
        self._count += 1
        return f":1.{self._count}"

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                made, _ = listening.accept()
            except OSError:
                return
            with self.lock:
                if self._listening is not listening:
                    made.close()
                    return
                connection = Connection(made, self._next(), self._answer, self._forget)
                self._connections.append(connection)
            connection.start()

    def _forget(self, connection: Connection) -> None:
        with self.lock:
            if connection in self._connections:
                self._connections.remove(connection)

    def _answer(self, whom: str, member: str, body: tuple[Any, ...]) -> Told | str:
        """Return what *whom* answers, or the fault that the call meets."""
        if whom == "org.freedesktop.DBus":
            return Told("s", (self._owner,), whom) if member == "GetNameOwner" else Told("", (), whom)
        with self.lock:
            self.asked.append(member)
            for at, (wanted, fault) in enumerate(self._faults):
                if wanted in {"", member}:
                    del self._faults[at]
                    return fault
        threading.Event().wait(self.pause)
        found = self._calls.get(member)
        return Told("", (), self._owner) if found is None else found(body)

    @property
    def _calls(self) -> dict[str, Callable[[tuple[Any, ...]], Told | str]]:
        return {"GetAll": self._all, "Get": self._get, "Inhibit": self._inhibit, "GetUnitByPID": self._unit}

    def _all(self, _: tuple[Any, ...]) -> Told:
        with self.lock:
            return Told("a{sv}", (dict(self.properties),), self._owner)

    def _get(self, body: tuple[Any, ...]) -> Told | str:
        usec = NEVER if self.stop_timeout is None else int(self.stop_timeout * 1_000_000)
        of_unit = {"TimeoutStopUSec": ("t", usec), "Id": ("s", self.unit), **self.of_unit}
        known = self.properties if body[0] == MANAGER else of_unit
        if body[1] not in known:
            return "org.freedesktop.DBus.Error.UnknownProperty"
        return Told("v", (known[body[1]],), self._owner)

    def _inhibit(self, body: tuple[Any, ...]) -> Told | str:
        if any(self.properties[state][1] for _, state in _PREPARING.values()):
            return f"{LOGIN}.OperationInProgress"
        reader, writer = os.pipe()
        with self.lock:
            self.inhibitors.append(Inhibitor(body, reader))
        return Told("h", (writer,), self._owner, (writer,))

    def _unit(self, _: tuple[Any, ...]) -> Told:
        escaped = "".join(sign if sign.isalnum() else f"_{ord(sign):02x}" for sign in self.unit)
        return Told("o", (f"/org/freedesktop/systemd1/unit/{escaped}",), self._owner)
