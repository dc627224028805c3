"""
journald: every event as an entry of the journal, with its attributes as fields.

The fields are the words of the vocabulary in capitals, `processender.run.id` as `PROCESSENDER_RUN_ID`, so that
`journalctl PROCESSENDER_RUN_ID=...` shows one run and `journalctl MESSAGE_ID=...` all ends there have been; a list
becomes a field for each of its values. `message_id` tells the id of an event, which never changes.

Source: the native protocol of journald (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): a datagram of fields, and where
it is too long for one a sealed memory file that travels beside it.

Versions: systemd from 252 on.
"""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import sys
import uuid
from collections.abc import Iterator

from ..core import vocabulary as words
from ..core.events import Event
from ..core.rendering import DEBUG, ERROR, INFO, WARNING
from ..core.wording import Wording
from ..errors import HandlerError
from ..hints import Any

SOCKET = "/run/systemd/journal/socket"
"""Where journald listens."""
WAIT_S = 1.0
"""How long a journald that does not read is waited for."""
_NAMESPACE = uuid.UUID("e6f6a3a0-5d0b-5a4e-9d0c-3f5f2c9b7a11")
_PRIORITIES = {DEBUG: 7, INFO: 6, WARNING: 4, ERROR: 3}
"""From the levels of `logging` to those of syslog."""
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def message_id(key: str) -> str:
    """Return the MESSAGE_ID of events with this *key*, such as `run.ended`; all troubles share that of `trouble`."""
    return uuid.uuid5(_NAMESPACE, words.event_name(key)).hex


def field_of(word: str) -> str:
    """Return the name of the field for a *word* of the vocabulary."""
    return word.replace(".", "_").upper()


class JournaldObserver:
    """Writes events to the journal: `Ender("orders", observers=[JournaldObserver("orders")])`."""

    def __init__(self, name: str, *, level: int = INFO, path: str = SOCKET) -> None:
        """
        Write as the service *name*; raise `HandlerError` where no journald listens.

        Args:

            name: The name of the service, and the identifier with which `journalctl -t` finds its entries.

            level: What is less grave, as in `logging`, is not written.

            path: The socket of journald.
        """
        if not os.path.exists(path):
            text = f"cannot write to the journal: journald does not listen at {path}"
            raise HandlerError(f"{text}; log to standard error, which ends up where the service manager puts it")
        self._name = name
        self._level = level
        self._path = path
        self._wording = Wording(name)
        self._ids: dict[type, str] = {}
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        self._socket.settimeout(WAIT_S)

    def observe(self, event: Event) -> None:
        """Write one event; raise `OSError` if journald does not take it."""
        level, text, told = self._wording.say(event)
        if level < self._level:
            return
        kind = type(event)
        if kind not in self._ids:
            self._ids[kind] = message_id(event.key)
        head = {"MESSAGE": text, "PRIORITY": _PRIORITIES.get(level, 3), "SYSLOG_IDENTIFIER": self._name}
        head["MESSAGE_ID"] = self._ids[kind]
        fields = head | {field_of(word): value for word, value in told.items()}
        self._send(b"".join(_encoded(fields)))

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendto(data, self._path)
        except OSError as error:
            if error.errno not in {errno.EMSGSIZE, errno.ENOBUFS}:
                text = f"cannot write to the journal at {self._path}: {error.strerror or error}"
                raise OSError(error.errno, text) from error
            self._send_file(data)

    def _send_file(self, data: bytes) -> None:
        descriptor = os.memfd_create("processender", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(data)
            # journald takes none that could still change under it.
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            packed = descriptor.to_bytes(4, sys.byteorder)
            self._socket.sendmsg([b""], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)], 0, self._path)
        finally:
            os.close(descriptor)


def _encoded(fields: dict[str, Any]) -> Iterator[bytes]:
    for name, value in fields.items():
        for each in value if isinstance(value, tuple | list) else (value,):
            data = str(each).encode("utf-8", "replace")
            if b"\n" in data:
                yield b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)
            else:
                yield b"%s=%s\n" % (name.encode(), data)


__all__ = ["JournaldObserver", "field_of", "message_id"]
