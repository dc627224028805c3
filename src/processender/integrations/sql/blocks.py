"""
Open connections of this very process, committed or rolled back by their block or by the end of the process.

Theory of operation. A connection dies with its process, so nothing of it can be released later; it is kept in a table
of this process, under the id of its obligation, where the end of the process finds it and a recovery does not. Block
and end exclude one another by a lock: whoever comes second finds it ended.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ...core.obligation import Obligation
from ...errors import ObligationError, ReleaserError, StateError, Transient
from ...hints import Any, Literal
from ...ports import Context, Owing

_ENDS = ("rollback", "commit")


class _Open:
    """A connection of this process that is owed."""

    def __init__(self, connection: Any, label: str) -> None:
        self.connection = connection
        self.label = label
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.ended = ""
        """How its transaction has ended: by a commit or a rollback, or by a commit that failed."""

    def call(self, name: str) -> Exception | None:
        """Call a method of the connection and return what it raised."""
        try:
            getattr(self.connection, name)()
        except Exception as error:
            return error
        return None

    def leave(self, how: str) -> Exception | None:
        """End the transaction for its block, unless the end of the process has; return what kept it from that."""
        with self.lock:
            if self.ended:
                lost = how == "commit" and self.ended != "commit"
                text = f"cannot commit {self.label}: the end of the process came first and its work is rolled back"
                return StateError(text) if lost else None
            self.ended = how
            failed = self.call(how)
            if failed is not None and how == "commit":
                self.call("rollback")
            return failed

    def end(self, how: str) -> None:
        """End the transaction and close the connection, for the end of the process; raise `ReleaserError`."""
        failed = self.call(how)
        if failed is not None and any(each.__name__ == "ProgrammingError" for each in type(failed).__mro__):
            text = f"cannot {how} {self.label} on the thread of the end: {failed}"
            raise ReleaserError(f"{text}; open it for all threads (sqlite3: check_same_thread=False)") from failed
        self.ended = how if failed is None or how == "rollback" else "failed commit"
        if failed is not None:
            self.call("rollback")
        self.call("close")
        if self.ended == "failed commit":
            raise ReleaserError(f"cannot commit {self.label} at the end of the process: {failed}; its work is lost")


_open: dict[str, _Open] = {}


class ConnectionReleaser:
    """
    Rolls back, or commits if `at_end` says so, and closes a connection of this process; see `transaction`.

    After a crash there is nothing to release: the connection died with its process, and its work was rolled back.
    """

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for an end that there is not."""
        _end(obligation)

    def check(self, obligation: Obligation) -> bool:
        """Tell whether this process has the connection and its transaction is open."""
        entry = _open.get(obligation.id)
        return entry is not None and entry.pid == os.getpid() and not entry.ended

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """End the transaction and close the connection; raise `Transient` if its block does not let go of it."""
        how, entry = _end(obligation), _open.get(obligation.id)
        if entry is None or entry.pid != os.getpid():
            return
        if not entry.lock.acquire(timeout=ctx.remaining()):
            raise Transient(f"cannot release {obligation.label}: its block is just being left and does not come back")
        try:
            if not entry.ended:
                entry.end(how)
        finally:
            entry.lock.release()


def _end(obligation: Obligation) -> str:
    how = obligation.args.get("at_end", "rollback")
    if how not in _ENDS:
        raise ReleaserError(f"cannot release {obligation.label}: at_end={how!r} is neither rollback nor commit")
    return str(how)


@contextmanager
def transaction(
    owing: Owing, connection: Any, *, name: str = "", at_end: Literal["rollback", "commit"] = "rollback"
) -> Iterator[Any]:
    """
    Commit *connection* when the block is left and roll it back when it raises; at the end of the process, close it.

    Args:

        owing: An Ender or a scope of it.

        connection: Has `commit`, `rollback` and `close`: of PEP 249, of SQLAlchemy, or one of its sessions. It must
            allow other threads: `sqlite3.connect(..., check_same_thread=False)`.

        name: What a human knows it by.

        at_end: What becomes of its work if the end of the process comes first.

    Raises `StateError` when the block is left and its work was rolled back by the end.
    """
    if at_end not in _ENDS:
        raise ObligationError(f"cannot owe a connection: at_end={at_end!r} is neither rollback nor commit")
    label = name or f"{type(connection).__module__}.{type(connection).__qualname__}"
    held = owing.obligation("connection", key=label, at_end=at_end)
    entry = _open[held.id] = _Open(connection, label)
    try:
        held.acquire()
        yield from _block(entry)
    finally:
        del _open[held.id]
        # A fork child leaves the connection to its parent; what could not be committed stays for a human.
        if entry.pid == os.getpid() and entry.ended not in {"", "failed commit"}:
            held.settle()


def _block(entry: _Open) -> Iterator[Any]:
    try:
        yield entry.connection
    except BaseException as error:
        if entry.pid == os.getpid() and (failed := entry.leave("rollback")) is not None:
            error.add_note(f"and cannot roll back {entry.label}: {failed}")
        raise
    if entry.pid == os.getpid() and (failed := entry.leave("commit")) is not None:
        raise failed
