"""
Locks of Redis: a key that holds its owner's value for a limited time, removed only while it still does.

Source: the pattern of `SET key value NX PX milliseconds` with compare-and-delete in a script, in the documentation of
SET; scripts are atomic. A Redis that persists by snapshots only may lose the newest fencing tokens with its host.
"""

from __future__ import annotations

from collections.abc import Generator

from ...core.obligation import Obligation
from ...errors import LockHeld, ObligationError
from ...hints import AbstractContextManager, Any
from ...ports import Context, Owing
from ...secret import check_reference, refuse_password, reveal, without_password
from .server import CONNECT_S, Connection, server

_LEAST_S = 0.001
_ACQUIRE = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return redis.call('INCR', KEYS[2]) end
return 0
"""
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class LockReleaser:
    """
    Removes a lock while it still holds the owner's value; one that has expired and was taken by another is left alone.

    The key is the lock's; the arguments are `url`, text or a reference to a secret, and `value` if that is not the id
    of the obligation.
    """

    def dependency(self, obligation: Obligation) -> str:
        """Return the server, without credentials."""
        return f"redis {server(reveal(obligation.args.get('url')))}"

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for arguments that tell no server, and for a password in them."""
        check_reference(obligation.args.get("url"), "url")
        refuse_password(obligation.args.get("url"))

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the lock holds the owner's value."""
        with Connection(obligation.args.get("url"), CONNECT_S) as redis:
            found = redis.get(obligation.key)
        return bool(found == _value(obligation).encode())

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Remove it, in one step with the comparison."""
        with Connection(obligation.args.get("url"), ctx.remaining()) as redis:
            redis.eval(_RELEASE, 1, obligation.key, _value(obligation))


class Lock:
    """A lock that is held."""

    def __init__(self, url: Any, name: str, value: str, ttl: float, token: int) -> None:
        """Only `lock` makes one."""
        self.token = token
        """The fencing token: it grows with every holder, so what the lock guards can refuse a late one."""
        self._url, self._name, self._value, self._ttl = url, name, value, ttl

    def renew(self) -> None:
        """Hold it for its time to live from now on; raise `LockHeld` when it had expired."""
        with Connection(self._url, CONNECT_S) as redis:
            if not redis.eval(_RENEW, 1, self._name, self._value, _milliseconds(self._ttl)):
                raise LockHeld(f"cannot renew the lock {self._name!r}: it has expired; stop what it guards")


def lock(owing: Owing, url: Any, name: str, *, ttl: float) -> AbstractContextManager[Lock]:
    """
    Return the block that holds the lock *name*; entering raises `LockHeld` while somebody else does.

    Args:

        owing: The Ender.

        url: Where Redis is, as `redis://host:port/0`, or a reference to a secret, `{"env": NAME}` or `{"file": PATH}`.

        name: The key of the lock; its fencing token is counted under `<name>:token`.

        ttl: After how many seconds Redis gives it up if it is not renewed.
    """
    from contextlib import contextmanager  # noqa: PLC0415 - 3 ms, for those who lock

    if not ttl >= _LEAST_S:
        text = f"cannot take the lock {name!r} for {ttl} seconds: Redis would give it up before it is held"
        raise ObligationError(f"{text}; give a ttl= of {_LEAST_S} or more, longer than what it guards takes")
    held = owing.obligation("redis-lock", key=name, url=without_password(url))

    connection = Connection(url, CONNECT_S)

    @contextmanager
    def block() -> Generator[Lock]:
        with connection as redis:
            # Nothing was asked for yet: a server that cannot be reached, or refuses us, leaves nothing owed.
            redis.ping()
            held.acquire()
            # If the answer is lost the lock may be ours: then it stays owed.
            token = redis.eval(_ACQUIRE, 2, name, f"{name}:token", held.id, _milliseconds(ttl))
        if not token:
            held.settle()
            raise LockHeld(f"cannot take the lock {name!r}: somebody holds it; try again, or wait for its end")
        held.acquired()
        try:
            yield Lock(url, name, held.id, ttl, token)
        finally:
            held.release()

    return block()


def _value(obligation: Obligation) -> str:
    value = obligation.args.get("value", obligation.id)
    return value if isinstance(value, str) else obligation.id


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
