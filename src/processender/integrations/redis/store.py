"""Small states in Redis, for where the disk does not last: containers, functions, machines that are replaced."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ...core.saved import Saved, as_json
from ...errors import JournalError, ProcessEnderError
from ...hints import Any
from ...secret import reveal
from .server import Connection

_SAVE = """
for at = 1, #KEYS, 2 do
    redis.call('HINCRBY', KEYS[at], 'version', 1)
    redis.call('HSET', KEYS[at], 'data', ARGV[(at + 1) / 2])
    redis.call('DEL', KEYS[at + 1])
end
"""
_LOAD = """
local found = redis.call('HMGET', KEYS[1], 'version', 'data')
return {found[1], found[2], redis.call('LRANGE', KEYS[2], 0, -1)}
"""


class RedisStore:
    """
    The states of one service in Redis; give it to `Ender(store=...)`. Safe for threads, and for many processes.

    How long a state lasts is Redis's to say: `durable` asks for nothing more than its `appendfsync` gives.
    """

    def __init__(self, url: Any, service: str) -> None:
        """Take where Redis is, text or a reference to a secret, and the name under which the states are kept."""
        reveal(url)
        self._url = url
        self._service = service

    def save(self, entries: Mapping[str, Any], *, durable: bool) -> None:  # noqa: ARG002 - see above
        """Replace the snapshots of these keys, all of them or none; raise `JournalError`."""
        keys = [name for key in entries for name in self._names(key)]
        self._run(_SAVE, keys, [as_json(key, data) for key, data in entries.items()])

    def extend(self, key: str, delta: Any, *, durable: bool) -> None:  # noqa: ARG002 - see above
        """Add *delta* behind the snapshot of *key*; raise `JournalError`."""
        self._run("redis.call('RPUSH', KEYS[2], ARGV[1])", self._names(key), [as_json(key, delta)])

    def load(self, key: str) -> Saved | None:
        """Return what was saved, None for nothing; raise `JournalError`."""
        version, data, deltas = self._run(_LOAD, self._names(key), [])
        if version is None and not deltas:
            return None
        return Saved(int(version or 0), json.loads(data or "null"), tuple(json.loads(each) for each in deltas))

    def close(self) -> None:
        """Give it up; every call has a connection of its own."""

    def _names(self, key: str) -> list[str]:
        # In braces: a cluster keeps both on one node.
        name = f"processender:{{{self._service}}}:{key}"
        return [name, f"{name}:deltas"]

    def _run(self, script: str, keys: list[str], values: list[str]) -> Any:
        try:
            with Connection(self._url) as redis:
                return redis.eval(script, len(keys), *keys, *values)
        except ProcessEnderError as error:
            raise JournalError(f"cannot use the states of {self._service!r}: {error}") from error
