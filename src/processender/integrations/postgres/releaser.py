"""
PostgreSQL: sessions and advisory locks that a client has left on the server, found and ended by their own identity.

Theory of operation. A session is named after its obligation, `application_name`, from the moment it connects; once its
id is known, it is told by its pid and its start, `backend_start`, which no two sessions share. One statement compares
and ends. A role without `pg_read_all_stats` sees no start of others; what is hidden is never taken for gone.
Source: PostgreSQL's manual on pg_stat_activity, pg_locks and pg_terminate_backend.
"""

from __future__ import annotations

from ...core.obligation import Obligation
from ...errors import ReleaserError, Transient
from ...hints import Any
from ...ports import Context
from ...secret import check_reference, refuse_password
from .server import LOOK_S, address, parsed, serving

_NAME_BYTES = 63
"""NAMEDATALEN - 1: the server cuts a longer application_name."""
_OURS = """ FROM pg_stat_activity AS a WHERE a.pid <> pg_backend_pid() AND a.pid = coalesce(%(pid)s::int, a.pid) AND
 CASE WHEN %(start)s::text IS NULL THEN a.application_name = %(id)s ELSE a.backend_start = %(start)s::timestamptz END"""
_LOCKS = """ AND (%(start)s::text IS NULL OR EXISTS (SELECT 1 FROM pg_locks AS l
 WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.objsubid = %(form)s::int
 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
 AND l.classid = %(high)s::bigint::oid AND l.objid = %(low)s::bigint::oid))"""
_HIDDEN = " FROM pg_stat_activity AS a WHERE a.pid = %(pid)s::int AND a.backend_start IS NULL"


class SessionReleaser:
    """
    Ends a session that a client has left on a PostgreSQL server; one that has taken its pid since is left alone.

    The arguments are `url`, text without a password or a reference to a secret, and once the session exists `pid` and
    `backend_start` as `pg_stat_activity` shows them. Before that it is found by its `application_name`, which must be
    the id of the obligation. The role needs `pg_signal_backend` and `pg_read_all_stats`, or to be that of the session.
    A pooler between hides whose session it is: connect directly.
    """

    _only = ""

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for arguments that tell no server or no session, and for a password in them."""
        check_reference(obligation.args.get("url"), "url")
        refuse_password(obligation.args.get("url"))
        self._values(obligation)

    def dependency(self, obligation: Obligation) -> str:
        """Return the name of the server, without credentials."""
        try:
            return f"postgres {address(parsed(obligation.args.get('url')))}"
        except ReleaserError:
            return "postgres"  # the attempt says why

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the very session is there."""
        with serving(obligation, LOOK_S) as server:
            return self._each(server, "a.pid", obligation)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """End the session and return when the server no longer has it; raise `Transient` if it stays."""
        with serving(obligation, ctx.remaining()) as server:
            while self._each(server, "pg_terminate_backend(a.pid)", obligation):
                if ctx.remaining() <= 0.0:
                    raise Transient(
                        f"cannot release {obligation.label}: its session was told to end and is still there"
                    )
                server.execute("SELECT pg_sleep(0.02)")

    def _each(self, server: Any, what: str, obligation: Obligation) -> bool:
        """Let the server do *what* to each session that is meant; tell whether there was one."""
        values = self._values(obligation)
        if server.execute(f"SELECT {what}{_OURS}{self._only}", values).fetchall():
            return True
        if values["start"] is not None and server.execute(f"SELECT 1{_HIDDEN}{self._only}", values).fetchall():
            text = f"cannot tell whether process {values['pid']} of the server is the session of {obligation.label}"
            raise ReleaserError(f"{text}: this role may not see its start; grant it pg_read_all_stats")
        return False

    def _values(self, obligation: Obligation) -> dict[str, Any]:
        pid, start = obligation.args.get("pid"), obligation.args.get("backend_start")
        if not 0 < len(obligation.id.encode()) <= _NAME_BYTES:
            text = f"cannot find the session of {obligation.label} by the id {obligation.id!r}"
            raise ReleaserError(f"{text}: an application_name has 1 to {_NAME_BYTES} bytes")
        if not ((pid is None and start is None) or (type(pid) is int and isinstance(start, str | None))):
            text = f"cannot tell the session of {obligation.label}: pid= must be a number and backend_start= a text"
            raise ReleaserError(f"{text}, or both must be left out")
        return {"id": obligation.id, "pid": pid, "start": start}


class AdvisoryLockReleaser(SessionReleaser):
    """
    Frees an advisory lock: ends the session that holds it or waits for it, if that is the obligation's own.

    The key is that of the lock, a bigint or two ints as `1,2`; the arguments are those of `postgres-session`. A lock
    that another session has taken since is left alone. A session that is found by its name was opened for this lock
    and ends whether it has it yet or not.
    """

    _only = _LOCKS

    def _values(self, obligation: Obligation) -> dict[str, Any]:
        numbers = lock_numbers(obligation.key)
        # pg_locks shows two ints, or the halves of one bigint, without their signs.
        high, low, form = (*numbers, 2) if len(numbers) == 2 else (numbers[0] >> 32, numbers[0], 1)
        lock = {"high": high & 0xFFFFFFFF, "low": low & 0xFFFFFFFF, "form": form}
        return {**super()._values(obligation), **lock}


def lock_numbers(key: str) -> tuple[int, ...]:
    """Return the one or two numbers of a lock's key; raise `ReleaserError` for another text."""
    try:
        numbers = tuple(int(each) for each in key.split(","))
    except ValueError:
        numbers = ()
    bits = {1: 63, 2: 31}.get(len(numbers), 0)
    if not bits or not all(-(1 << bits) <= each < 1 << bits for each in numbers):
        raise ReleaserError(f"cannot understand the lock {key!r}: write a bigint, or two ints as '1,2'")
    return numbers
