"""
The open transactions of an engine of SQLAlchemy, ended by a declared policy before its pool closes.

Theory of operation. The engine's own events tell which transactions are open and which of their connections is in the
middle of a statement. At the end, each that is not is committed or rolled back, and its `Connection` closed: whoever
comes back to it gets an error of SQLAlchemy's instead of a new transaction with the second half of the work. What
cannot be done from another thread: end a transaction in the middle of a statement (the driver is not safe for it, and
drivers that lock would hold up the end), and use a connection of a driver that binds it to its thread (sqlite3 by
default). Those are named, and their work is rolled back by the server when the process is gone.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence

from ...closing import CLOSE_S, LeftBehind, idle, idle_async, share, step
from ...core.handler import Handler
from ...core.outcome import describe
from ...core.texts import counted, listed
from ...errors import HandlerError
from ...hints import Any, Literal
from ...patience import check_wait
from ...ports import Context, check_kind
from .closing import taker

POLICIES = ("rollback", "commit")


class _Open:
    """One open transaction."""

    def __init__(self, connection: Any, label: str) -> None:
        # Weak: a connection that its owner has dropped is rolled back by the pool, and is no longer open.
        self.connection = weakref.ref(connection)
        self.label = label
        self.statement = ""
        """What it executes now; empty between statements."""


class Transactions:
    """The open transactions of one engine, from its events. Safe for threads."""

    def __init__(self, engine: Any) -> None:
        """Watch *engine*, a sync one, from now on; a transaction that is open already is not seen."""
        from sqlalchemy import event  # noqa: PLC0415 - for those who have it

        self._lock = threading.Lock()
        self._open: dict[int, _Open] = {}
        event.listen(engine, "begin", self._begin)
        for name in ("commit", "rollback"):
            event.listen(engine, name, self._end)
        for name in ("commit_twophase", "rollback_twophase"):
            event.listen(engine, name, self._end_prepared)
        event.listen(engine, "begin_twophase", self._begin_prepared)
        event.listen(engine, "before_cursor_execute", self._execute)
        event.listen(engine, "after_cursor_execute", self._executed)
        event.listen(engine, "handle_error", self._failed)

    def _begin(self, connection: Any) -> None:
        with self._lock:
            self._open[id(connection)] = _Open(connection, taker())

    def _begin_prepared(self, connection: Any, _xid: Any) -> None:
        self._begin(connection)

    def _end(self, connection: Any) -> None:
        with self._lock:
            self._open.pop(id(connection), None)

    def _end_prepared(self, connection: Any, _xid: Any, _prepared: Any) -> None:
        self._end(connection)

    def _execute(self, connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        entry = self._open.get(id(connection))
        if entry is not None:
            entry.statement = statement or "a statement"

    def _executed(self, connection: Any, *_others: Any) -> None:
        entry = self._open.get(id(connection))
        if entry is not None:
            entry.statement = ""

    def _failed(self, failure: Any) -> None:
        self._executed(failure.connection)

    def standing(self) -> list[tuple[Any, _Open]]:
        """Return the open transactions with their connections."""
        with self._lock:
            entries = list(self._open.items())
            for key, entry in entries:
                if entry.connection() is None:
                    del self._open[key]
        found = [(entry.connection(), entry) for _, entry in entries]
        return [(connection, entry) for connection, entry in found if connection is not None and not connection.closed]

    def busy(self) -> int:
        """Return how many are in the middle of a statement."""
        return sum(bool(entry.statement) for _, entry in self.standing())


class _Account:
    """What has become of the transactions."""

    def __init__(self, policy: str) -> None:
        self._done = "committed" if policy == "commit" else "rolled back"
        self.ended: list[str] = []
        self.left: list[str] = []

    def failed(self, entry: _Open, policy: str, error: Exception) -> None:
        """Note what could not be ended, with what to do where the driver binds connections to threads."""
        bound = any(kind.__name__ == "ProgrammingError" for kind in type(error).__mro__)
        hint = "; open it for all threads (sqlite3: check_same_thread=False)" if bound else ""
        self.left.append(f"cannot {policy} that of {entry.label}: {describe(error)}{hint}")

    def idle(self, found: Iterable[tuple[Any, _Open]]) -> Iterator[tuple[Any, _Open]]:
        """Give those of *found* that can be ended, and note those that are in the middle of a statement."""
        for connection, entry in found:
            statement = " ".join(entry.statement.split())[:80]
            if statement:
                self.left.append(f"that of {entry.label} is in the middle of {statement!r}")
            else:
                yield connection, entry

    def tell(self, ctx: Context) -> None:
        """Tell it; raise `LeftBehind` for what is left."""
        if self.ended:
            ctx.note(f"{self._done} {counted(len(self.ended), 'open transaction')}: of {listed(self.ended)}")
        if self.left:
            text = f"{counted(len(self.left), 'transaction')} left open: {listed(self.left)}"
            raise LeftBehind(f"{text}; the server rolls back what is open when the process is gone")


def _finish(connection: Any, policy: str) -> None:
    """End the transaction of *connection* and close it, so that nobody goes on with it."""
    try:
        if connection.in_transaction():
            getattr(connection.get_transaction(), policy)()
    finally:
        connection.close()


def end_transactions(
    engine: Any,
    policy: Literal["rollback", "commit"] = "rollback",
    *,
    wait: float = CLOSE_S,
    name: str = "sql-transactions",
    timeout: float | None = 2 * CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `commit`, that ends what is then still open on *engine*, and closes it.

    It watches the engine from this call on. Whoever goes on with a transaction that was ended gets an error of
    SQLAlchemy's.

    Args:

        engine: An `Engine` or an `AsyncEngine`.

        policy: What becomes of the work so far; `commit` keeps what may be half of it, so it is for work in which each
            statement stands alone.

        wait: The longest wait for statements in progress, seconds; never more than half of the time that is left.

    The other options are fields of `Handler`. It raises `LeftBehind` for transactions that cannot be ended from here,
    with whose they are and why.
    """
    check_kind(engine, ("dispose",), "an Engine or an AsyncEngine", "end_transactions(engine)")
    check_wait("wait", wait, CLOSE_S, timeout)
    if policy not in POLICIES:
        raise HandlerError(f"cannot end transactions: policy={policy!r} is neither rollback nor commit")
    sync = getattr(engine, "sync_engine", None)
    open_ = Transactions(sync or engine)
    call = _ending(open_, policy, wait) if sync is None else _ending_async(open_, policy, wait)
    return step(name, call, "commit", timeout, after, needs)


def _ending(open_: Transactions, policy: str, wait: float) -> Any:
    def end(ctx: Context) -> None:
        idle(open_.busy, ctx, share(ctx, wait))
        _end_all(open_, policy, ctx)

    return end


def _ending_async(open_: Transactions, policy: str, wait: float) -> Any:
    async def end(ctx: Context) -> None:
        from sqlalchemy.util import greenlet_spawn  # noqa: PLC0415 - for those who have it

        await idle_async(open_.busy, ctx, share(ctx, wait))
        # What waits inside of it waits on the loop.
        await greenlet_spawn(_end_all, open_, policy, ctx)

    return end


def _end_all(open_: Transactions, policy: str, ctx: Context) -> None:
    account = _Account(policy)
    for connection, entry in account.idle(open_.standing()):
        try:
            _finish(connection, policy)
        except Exception as error:  # of any driver; the others must not suffer
            account.failed(entry, policy, error)
        else:
            account.ended.append(entry.label)
    account.tell(ctx)
