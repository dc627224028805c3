"""
The totals of a service on this host: counters that outlast its processes, in one small file that all of them add to.

The file is read, added to and replaced as a whole, by one process at a time, which holds the flock(2) of a file beside
it for the length of that; so a service of many processes has one set of totals, whoever of them is asked. One that is
broken, foreign or from another version is put aside under another name and counting begins anew. Nothing is flushed for
it: after a power cut an older file is as good.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Sequence

from ..accounts.figures import of_crash, of_recovery
from ..accounts.tally import Tally, read, written
from ..hints import Any
from ..opening import open_beyond
from .state import read_whole, set_aside, write_new

TOTALS = "totals"
"""The name of the file, in the directory of a service."""
WAIT_S = 3.0
"""How long another process may be at the file."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 0.05
_LONGEST = 8 * 1024 * 1024
_INFO, _CRASHES = "processender_service_info", "processender_crashes_total"


def take(directory: str, account: dict[str, Any]) -> None:
    """Count *account* in the totals below the state *directory* of its service; raise `OSError` if it cannot be."""
    change(directory, lambda tally: tally.count(account))


def take_crash(directory: str, crash: str, service: str, cause: str) -> None:
    """Count the *crash* with this id, of *service* because of *cause*, once however often its account is written."""
    change(directory, lambda tally: tally.once(f"crash {crash}", of_crash(service, cause)))


def take_recovery(directory: str, released: int, dead: int, lags: Sequence[float]) -> None:
    """Count a recovery; *lags* tells how late, in seconds, it came for each of the dead whose things are gone now."""

    def count(tally: Tally) -> None:
        known = [labels[0] for name in (_INFO, _CRASHES) for labels in tally.values.get(name, ())]
        service = next(iter(known), os.path.basename(directory))
        tally.take(of_recovery(service, released, dead, tuple(lags)))

    change(directory, count)


def totals(directory: str) -> Tally:
    """Return the totals below the state *directory* of a service; none where they cannot be read."""
    try:
        return read(read_whole(os.path.join(directory, TOTALS), _LONGEST))
    except (OSError, ValueError):
        # Who counts next says what is wrong with them.
        return Tally()


def change(directory: str, how: Callable[[Tally], object]) -> None:
    """Let *how* change the totals below *directory*; raise `OSError` if that cannot be written, or has begun anew."""
    path = os.path.join(directory, TOTALS)
    lock = open_beyond(f"{path}.lock", os.O_RDWR | os.O_CREAT)
    try:
        _wait_for(lock, path)
        trouble = ""
        try:
            tally = read(read_whole(path, _LONGEST))
        except FileNotFoundError:
            tally = Tally()
        except (OSError, ValueError) as error:
            tally, trouble = Tally(), f"the totals {path} cannot be used: {error}; {set_aside(path)}"
        how(tally)
        _write(path, written(tally))
    finally:
        # Said, not only closed: a child that was forked meanwhile has this descriptor too, and would keep the lock.
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)
    if trouble:
        raise OSError(trouble)


def _wait_for(lock: int, path: str) -> None:
    never, waited, pause = threading.Event(), 0.0, _PAUSE_S
    while waited < WAIT_S:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            never.wait(pause)
            # A hundred workers that end together must not look so often that nobody has time to write.
            waited, pause = waited + pause, min(1.5 * pause, _LONGEST_PAUSE_S)
        else:
            return
    raise OSError(f"cannot count in {path}: another process is at it for longer than {WAIT_S:g} s; this is not counted")


def _write(path: str, text: str) -> None:
    draft = f"{path}.new"
    _remove(draft)
    try:
        write_new(draft, text.encode("utf-8", "replace"))
        os.replace(draft, path)
    except OSError as error:
        _remove(draft)
        raise OSError(f"cannot count in {path}: {error.strerror}; this is not counted") from error


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        # The next draft replaces it.
        return
