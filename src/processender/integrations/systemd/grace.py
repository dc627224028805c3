"""
How long the manager gives the unit of this process from the stop signal to SIGKILL, as it says itself.

Source: org.freedesktop.systemd1(5): `GetUnitByPID` (0 is whoever asks), and `TimeoutStopUSec` of the service, which
everybody may read. It is asked on the bus of the system, or on that of the user for a unit of theirs; where there is no
bus, on the manager's own socket, which is root's alone.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping, Sequence

from ...bus import EXTRA, Bus, Thing, has_client, system_address
from ...core.grace import Grace
from ...core.notice import Action, DeadlineKind, Notice
from ...core.spans import LONGEST_S
from ...errors import Permanent, ProcessEnderError
from ...hints import Any
from ...ports import Clock, Ears

__all__ = ["ask_grace", "listen"]
LIMIT_S = 2.0
"""How long the manager may take for one answer, where somebody waits for it."""
PATIENT_S = 30.0
"""How long it may take where nobody does: while a machine boots, a manager may be silent for seconds."""
SPARE_S = 2.0
SPARE_SHARE = 0.1
"""How much of what the manager gives, at most, is left between the end of a grace and SIGKILL."""
BOOTED = "/run/systemd/system"
"""What is there where systemd is the init, see sd_booted(3)."""
CGROUP = "/proc/self/cgroup"
_OWNER = "org.freedesktop.systemd1"
_PATH = "/org/freedesktop/systemd1"
_SERVICE = ".service"


def ask_grace(
    clock: Clock, limit: float = LIMIT_S, *, endpoint: str = "", environ: Mapping[str, str] | None = None
) -> Grace:
    """
    Ask how long the unit of this process has to stop; it takes some milliseconds, at most seconds, and never raises.

    What is not known is an assumption without end, which says why.

    Args:

        clock: The time.

        limit: How long the manager may take for one answer, seconds.

        endpoint: Where the bus of the manager is, instead of where it always is.

        environ: The environment, which names the bus of a user's manager.
    """
    if not endpoint and not os.path.isdir(BOOTED):
        return _unknown("systemd is not the init here")
    unit, of_user = ("", False) if endpoint else _own_unit()
    if not endpoint and not unit.endswith(_SERVICE):
        return _unknown(f"this process is in no service of systemd, but in {unit or 'no unit'}")
    if not has_client():
        return _unknown(f"the manager of {unit} cannot be asked without a client of D-Bus; {EXTRA}")
    known = _addresses(os.environ if environ is None else environ, of_user=of_user)
    return _first([(endpoint, True)] if endpoint else known, clock, limit, unit)


def fitting_grace(grace: float, stop: float, *, given: bool) -> float:
    """
    Return the grace of a process that its manager gives *stop* seconds.

    A *grace* that somebody has *given* is only shortened, where the process would be killed before it is over;
    otherwise all that the manager gives is used. Something is spared for the way of the signal and the last words.
    """
    fits = stop - min(SPARE_S, SPARE_SHARE * stop)
    return grace if given and grace <= stop else fits


class Told:
    """A source that tells how long the manager gives; see `listen`."""

    def __init__(self, name: str, address: str) -> None:
        """Take what it is called, and where the manager is asked."""
        self.name = name
        self.last = {"stop": "nothing"}
        """What the manager has said, in words, for the report."""
        self._address = address
        self._over = threading.Event()

    def start(self, ears: Ears) -> None:
        """Ask, on a thread."""
        self._over = over = threading.Event()
        threading.Thread(target=self._ask, args=(ears, over), name=f"processender-{self.name}", daemon=True).start()

    def stop(self) -> None:
        """Tell nothing any more."""
        self._over.set()

    def _ask(self, ears: Ears, over: threading.Event) -> None:
        found = ask_grace(ears.clock, endpoint=self._address, limit=PATIENT_S)
        self.last = {"stop": found.known_from}
        if over.is_set() or found.seconds is None:
            return
        within: Any = getattr(ears, "within", None)
        if within is not None:
            within(found.seconds)
        ears.notify(Notice(found.known_from, self.name, ears.clock.now(), Action.ADVISE))


def listen(*, name: str = "systemd", endpoint: str = "") -> Told:
    """
    Return the source that asks the manager how long this unit has to stop, and shortens a grace that is longer.

    Args:

        name: What it is called in the report.

        endpoint: Where the bus of the manager is, instead of where it always is.
    """
    return Told(name, endpoint)


def _own_unit() -> tuple[str, bool]:
    """Return the unit in whose control group this process is, and whether it is one of a user's manager."""
    try:
        with open(CGROUP, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return "", False
    paths = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in lines if line.count(":") >= 2}
    return unit_of(paths.get("name=systemd") or paths.get("", ""))


def unit_of(path: str) -> tuple[str, bool]:
    """Return the unit of the control group at *path*, and whether it is one of a user's manager."""
    parts = path.split("/")
    managers = [at for at, part in enumerate(parts) if re.fullmatch(r"user@\d+\.service", part)]
    own = parts[managers[-1] + 1 :] if managers else parts
    units = [part for part in own if part.endswith((_SERVICE, ".scope"))]
    return (units[0], bool(managers)) if units else ("", False)


def _addresses(environ: Mapping[str, str], *, of_user: bool) -> list[tuple[str, bool]]:
    """Return where the manager can be asked, each with whether a bus is there."""
    if not of_user:
        return [(system_address(), True), ("unix:path=/run/systemd/private", False)]
    own = environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    bus = environ.get("DBUS_SESSION_BUS_ADDRESS", f"unix:path={own}/bus")
    return [(bus, True), (f"unix:path={own}/systemd/private", False)]


def _unknown(why: str) -> Grace:
    return Grace(None, why, DeadlineKind.ASSUMED)


def _first(addresses: Sequence[tuple[str, bool]], clock: Clock, limit: float, unit: str) -> Grace:
    why = ""
    for address, greets in addresses:
        try:
            return _ask(address, clock, limit, greets=greets)
        except (ProcessEnderError, TimeoutError) as error:
            why = f"{why}, and {error}" if why else str(error)
    return _unknown(f"the manager of {unit or 'this process'} cannot be asked: {why}")


def _ask(address: str, clock: Clock, limit: float, *, greets: bool) -> Grace:
    bus = Bus(address, clock, limit, greets=greets)
    try:
        (path,) = bus.call(Thing(_OWNER, _PATH, f"{_OWNER}.Manager"), "GetUnitByPID", "u", (0,))
        unit = re.sub("_([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), str(path).rpartition("/")[2])
        if not unit.endswith(_SERVICE):
            return _unknown(f"this process is in no service of systemd, but in {unit}")
        usec = bus.get(Thing(_OWNER, str(path), f"{_OWNER}.Service"), "TimeoutStopUSec")
    except (TypeError, ValueError, LookupError) as error:
        raise Permanent(f"its answer cannot be understood ({error!r})") from error
    finally:
        bus.close()
    if type(usec) is not int or usec <= 0:
        raise Permanent(f"TimeoutStopSec cannot be {str(usec)[:40]!r}")
    if usec / 1_000_000 > LONGEST_S:
        return Grace(None, f"TimeoutStopSec of {unit} is infinity")
    seconds = usec / 1_000_000
    return Grace(seconds, f"TimeoutStopSec of {unit} is {seconds:g} s")
