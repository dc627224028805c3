"""
The agent as the main process of a systemd unit: what it says to the manager, and what it hands on from the command.

Theory of operation. All of it happens on the main thread: its own alarms feed the watchdog and ask for more time, and
what the command says on its socket is read when the kernel tells that it has come. The manager is told what the agent
knows better than the command (that the end has begun, how long it may still take), and the command's own words where
it knows better (that it is ready, what it does). Where there is no manager, sockets are handed on all the same.
"""

from __future__ import annotations

import os

from ..engine.clock import SystemClock
from ..hints import TYPE_CHECKING
from ..integrations.systemd import VARIABLE, Manager, handed
from ..integrations.systemd.handed import FIRST, VARIABLES
from ..integrations.systemd.notify import check_name
from .alarms import Alarms
from .command import Command
from .forked import HandedOn
from .proxy import Proxy
from .settings import Settings
from .sockets import Sockets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXTEND_EVERY_S = 1.0
"""How often more time is asked for."""
EXTEND_BY_S = 3.0
"""How much more; an agent that hangs is not waited for longer than that."""
RELOAD_S = 1.0
"""How long a command that says when it is ready has to say that it reloads."""
BARRIER_S = 2.0
"""How long the manager is waited for at the end."""
_MICRO = 1_000_000
_MOST_USEC = 1 << 53


class Unit:
    """What stands between the manager of the unit and the command. Main thread only."""

    def __init__(
        self, environ: Mapping[str, str], settings: Settings, command: Command, alarms: Alarms, clock: SystemClock,
        tell: Callable[[str, str], object],
    ) -> None:  # fmt: skip
        """Take what *environ* tells, what was decided, whom it is about, time, and who is told a code and a text."""
        self._settings = settings
        self._command = command
        self._alarms = alarms
        self._clock = clock
        self._tell: Callable[[str, str], object] | None = tell
        self._name = os.path.basename(command.argv[0])
        self._address = environ.get(VARIABLE, "")
        self._manager = Manager(self._address)
        self._sockets = Sockets(handed(environ))
        self._period = _watchdog(environ)
        self._passes = bool(self._period) and settings.watchdog == "pass"
        self._proxy: Proxy | None = None
        self._fed: float | None = None
        self._ready = self._crashed = self._awaited = False
        self._reload = 0
        self._until: float | None = None
        self.when_ready: Callable[[], object] = lambda: None
        """What is called when the command is ready, in each of its lives."""
        self.trouble = ""
        """Why the command cannot say anything; empty if it can."""

    # What the main thread tells.

    def prepare(self, directory: str) -> None:
        """Open the socket of the command in *directory*, and tell the command of it, before it starts."""
        more = self._command.more
        if self._sockets.kept:
            # They are for whoever has the number that they name; the command gets its own, see `_handed_on`.
            more.update(dict.fromkeys(VARIABLES, ""))
        self._command.handed_on = self._handed_on
        if not self._address:
            return
        try:
            self._proxy = Proxy(directory or os.devnull, self._hear)
            more[VARIABLE] = self._proxy.path
        except OSError as error:
            why = error.strerror or str(error)
            self.trouble = f"cannot hear what the command says to systemd: {why}; set TMPDIR to a short path"
            self._passes = False
        self._manager.status(f"starting {self._name}")

    def started(self) -> None:
        """Say that the command was started: it is ready, unless it says so itself."""
        self._fed = None
        self._awaited = True
        if self._settings.ready == "notify" and self._proxy is not None:
            self._manager.status(f"waiting for {self._name} to say that it is ready")
        else:
            self.ready(f"{self._name} runs as process {self._command.pid}")

    def ready(self, status: str = "") -> None:
        """Say that the command is ready."""
        self._note_ready()
        self._manager.ready(status)

    def reloading(self) -> None:
        """Say that a reload begins; it ends when the command says so, or soon if it never says anything about it."""
        if self._ready and self._until is None:
            self._manager.reloading(f"{self._name} reloads")
            self._alarms.cancel(self._reload)
            wait = RELOAD_S if self._settings.ready == "notify" else 0.0
            self._reload = self._alarms.after(wait, lambda: self.ready(f"{self._name} has been told to reload"))

    def listen(self) -> None:
        """Take what the command has said; a flood gets its turn like everybody else."""
        if self._proxy is not None and self._proxy.read():
            self._alarms.after(0.0, self.listen)

    def ending(self, until: float, status: str) -> None:
        """Say that the end has begun and will have come *until* then, seconds on the monotonic clock."""
        first, self._until = self._until is None, until
        if first:
            self._alarms.cancel(self._reload)
            self._manager.stopping(status)
            if self._settings.extend_to is not None:
                self._extend()

    def status(self, text: str) -> None:
        """Say what goes on."""
        self._manager.status(text)

    def aftermath(self, seconds: float) -> None:
        """Ask for the *seconds* that may follow a crash, in which the main thread says nothing."""
        self._crashed = True
        self._manager.status(f"{self._name} has crashed")
        if self._settings.extend_to is not None:
            self._manager.extend(min(seconds, self._settings.extend_to))
        if self._period:
            self._manager.watch_within(self._period + seconds)

    def close(self) -> None:
        """Take the last words of the command, and close its socket."""
        if self._proxy is not None:
            self._proxy.read()
            self._proxy.close()
            self._proxy = None

    def leave(self) -> None:
        """Say goodbye, and wait until the manager has heard it: what has gone cannot be asked who it was."""
        if self._until is None:
            self._manager.stopping()
        if not self._crashed:
            # After a crash what those who follow it have said stays to be seen.
            self._manager.status(f"{self._name} has ended")
        self._manager.barrier(BARRIER_S)
        self._manager.close()

    # What happens by itself.

    def _note_ready(self) -> None:
        self._fed = self._clock.now()
        if self._period and not self._ready:
            # Not before: the first word to the watchdog starts it.
            self._alarms.after(self._period / 2, self._feed)
        self._ready = True
        if self._awaited:
            self._awaited = False
            self.when_ready()

    def _feed(self) -> None:
        self._alarms.after(self._period / 2, self._feed)
        silent = self._silent()
        if silent < self._period:
            self._manager.alive()
        else:
            self._manager.status(f"{self._name} has not fed its watchdog for {silent:.0f} s")

    def _silent(self) -> float:
        """Return for how long the command has owed a word to its watchdog; at the end the agent counts the time."""
        if not self._passes or self._fed is None or self._until is not None or not self._command.running:
            return 0.0
        return self._clock.now() - self._fed

    def _extend(self) -> None:
        left = (self._until or 0.0) - self._clock.now()
        if left > 0:
            self._manager.extend(min(left, EXTEND_BY_S))
            self._alarms.after(EXTEND_EVERY_S, self._extend)

    def _handed_on(self) -> HandedOn | None:
        """Return what the command is handed at its next start; None when nothing needs its number."""
        variables, own = self._sockets.variables(), []
        if variables:
            own.append("LISTEN_PID")
        if self._passes:
            variables["WATCHDOG_USEC"] = str(int(self._period * _MICRO))
            own.append("WATCHDOG_PID")
        if not own:
            return None
        return HandedOn({FIRST + n: each.descriptor for n, each in enumerate(self._sockets.kept)}, variables, own)

    # What the command says.

    def _hear(self, words: dict[str, str], descriptors: tuple[int, ...]) -> None:
        lines = []
        if words.get("READY") == "1":
            self._alarms.cancel(self._reload)
            self._note_ready()
            lines.append("READY=1")
        if words.get("RELOADING") == "1" and self._until is None:
            self._alarms.cancel(self._reload)
            self._manager.reloading()
        if words.get("STOPPING") == "1":
            lines.append("STOPPING=1")
        lines += [f"{key}={words[key]}" for key in ("ERRNO", "BUSERROR", "STATUS") if _sound(key, words.get(key, ""))]
        extend = self._extension(words.get("EXTEND_TIMEOUT_USEC", ""))
        if extend:
            lines.append(f"EXTEND_TIMEOUT_USEC={extend}")
        if words.get("WATCHDOG") == "1":
            self._fed = self._clock.now()
        elif words.get("WATCHDOG") == "trigger":
            lines.append("WATCHDOG=trigger")
        if lines:
            self._manager.tell(*lines)
        self._store(words, descriptors)

    def _extension(self, text: str) -> int:
        """Return how many microseconds more the command may ask for: at the end no more than the agent gives it."""
        asked = min(_number(text), _MOST_USEC)
        return asked if self._until is None else min(asked, int((self._until - self._clock.now()) * _MICRO))

    def _store(self, words: Mapping[str, str], descriptors: tuple[int, ...]) -> None:
        removes = words.get("FDSTOREREMOVE") == "1"
        if not removes and words.get("FDSTORE") != "1":
            return
        try:
            name = check_name(words.get("FDNAME", "stored"))
        except ValueError as error:
            tell, self._tell = self._tell, None
            # Once: a command that does it again and again must not fill the log.
            if tell is not None:
                tell("systemd", f"{self._name}: {error}")
            return
        if removes:
            self._sockets.drop(name)
            self._manager.unstore(name)
        else:
            listening = self._sockets.keep(name, descriptors)
            if listening:
                self._manager.store(name, listening)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0


def _sound(key: str, text: str) -> bool:
    """Tell whether *text* may be handed on under *key*: a number, or a line that disturbs no terminal."""
    return text.isprintable() and bool(text) and (key != "ERRNO" or (text.isascii() and text.isdigit()))


def _watchdog(environ: Mapping[str, str]) -> float:
    """Return the period in which this process must feed the watchdog, seconds; 0 if it need not."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return _number(environ.get("WATCHDOG_USEC", "")) / _MICRO
