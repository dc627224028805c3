"""
Small states in object storage, for where neither a disk nor a database lasts: functions, edges, containers.

Theory of operation. All states of a service are one object, because a service replaces one object as a whole and never
two. Who writes says which version it has read (If-Match), and reads again when another was faster. No request is
repeated by itself: a repeated one cannot tell whether the first has arrived, and would add a delta twice.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from urllib.parse import quote

from ...core.saved import Saved, as_json
from ...errors import JournalError, ProcessEnderError
from ...hints import Any
from .server import CONNECT_S, Client, code_of

_FASTER = {"412", "409", "PreconditionFailed", "ConditionalRequestConflict"}
_GONE = {"404", "NoSuchKey"}
_TRIES = 64
_SCHEMA = 1
_States = dict[str, dict[str, Any]]


class S3Store:
    """
    The states of one service in one object; give it to `Ender(store=...)`. Safe for threads, and for many processes.

    It is for few and small states: each change reads and writes all of them. The service must know conditional writes,
    If-Match and If-None-Match; one that ignores them lets the last of two writers win. What is saved is as durable as
    the service makes it, so `durable` asks for nothing more. The credentials come from where boto3 finds them.
    """

    def __init__(
        self, bucket: str, service: str, *, prefix: str = "processender", endpoint: str = "", region: str = ""
    ) -> None:
        """Take the bucket, the name under which the states are kept, and where the service is if it is not AWS's."""
        self._bucket = bucket
        self._key = f"{prefix}/{quote(service, safe='')}.json"
        self._where = endpoint, region
        # The threads of one process take turns here, and not at the service.
        self._turn = threading.Lock()

    def save(self, entries: Mapping[str, Any], *, durable: bool) -> None:  # noqa: ARG002 - see above
        """Replace the snapshots of these keys, all of them or none; raise `JournalError`."""
        data = {key: json.loads(as_json(key, each)) for key, each in entries.items()}

        def change(states: _States) -> None:
            for key, each in data.items():
                version = states.get(key, {}).get("version", 0) + 1
                states[key] = {"version": version, "data": each, "deltas": []}

        self._change(change)

    def extend(self, key: str, delta: Any, *, durable: bool) -> None:  # noqa: ARG002 - see above
        """Add *delta* behind the snapshot of *key*; raise `JournalError`."""
        data = json.loads(as_json(key, delta))

        def change(states: _States) -> None:
            states.setdefault(key, {"version": 0, "data": None, "deltas": []})["deltas"].append(data)

        self._change(change)

    def load(self, key: str) -> Saved | None:
        """Return what was saved, None for nothing; raise `JournalError`."""
        found = self._run(lambda s3: self._read(s3)[0]).get(key)
        return None if found is None else Saved(found["version"], found["data"], tuple(found["deltas"]))

    def close(self) -> None:
        """Give it up; every call has a client of its own."""

    def _change(self, change: Callable[[_States], None]) -> None:
        with self._turn:
            for _ in range(_TRIES):
                if self._run(lambda s3: self._attempt(s3, change)):
                    return
        text = f"cannot save at {self._bucket}/{self._key}: others were faster {_TRIES} times"
        raise JournalError(f"{text}; let fewer processes write to the states of one service")

    def _attempt(self, s3: Any, change: Callable[[_States], None]) -> bool:
        """Replace the object; tell whether it was still what had been read."""
        states, condition = self._read(s3)
        change(states)
        body = json.dumps({"schema": _SCHEMA, "states": states}).encode()
        where = {"Bucket": self._bucket, "Key": self._key, "ContentType": "application/json"}
        try:
            s3.put_object(Body=body, **where, **condition)
        except s3.exceptions.ClientError as error:
            # With If-Match an object that was removed meanwhile is answered as one that is not there.
            if code_of(error) in _FASTER or ("IfMatch" in condition and code_of(error) in _GONE):
                return False
            raise
        return True

    def _read(self, s3: Any) -> tuple[_States, dict[str, str]]:
        """Return what is there, and the condition under which it may be replaced."""
        try:
            found = s3.get_object(Bucket=self._bucket, Key=self._key)
        except s3.exceptions.ClientError as error:
            if code_of(error) in _GONE:
                return {}, {"IfNoneMatch": "*"}
            raise
        try:
            data = json.loads(found["Body"].read())
            schema, states = data["schema"], dict(data["states"])
        except (ValueError, KeyError, TypeError) as error:
            text = f"cannot read the states at {self._bucket}/{self._key}: they are no states of ours"
            raise JournalError(f"{text}; move the object away, or choose another prefix") from error
        if schema != _SCHEMA:
            text = f"cannot read the states at {self._bucket}/{self._key}: they were written by another version"
            raise JournalError(f"{text} of the package, {schema!r} instead of {_SCHEMA}; use that one")
        return states, {"IfMatch": found["ETag"]}

    def _run(self, call: Callable[[Any], Any]) -> Any:
        try:
            with Client(*self._where, CONNECT_S) as s3:
                return call(s3)
        except JournalError:
            raise
        except ProcessEnderError as error:
            raise JournalError(f"cannot use the states at {self._bucket}/{self._key}: {error}") from error
