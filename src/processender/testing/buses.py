"""One connection of a double of a D-Bus: the handshake, the calls that come, and the signals that somebody matches."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

BUS = "org.freedesktop.DBus"
_MATCHED = ("path", "interface", "member")
_GARBAGE = b"\x15\x03\x01" + bytes(range(61))


class Told(NamedTuple):
    """An answer."""

    signature: str
    """The types of what it says."""
    body: tuple[Any, ...]
    """What it says."""
    sender: str
    """Who says it."""
    descriptors: tuple[int, ...] = ()
    """What travels with it, and is closed behind it."""


Answer = Callable[[str, str, tuple[Any, ...]], Told | str]


class Connection:
    """One client of the double."""

    def __init__(self, made: socket.socket, name: str, answer: Answer, over: Callable[[Any], object]) -> None:
        """Take the socket, the client's *name* on the bus, who answers its calls, and who is told of the end."""
        import jeepney  # noqa: PLC0415 - the extra `systemd`

        self._words: Any = jeepney
        self._socket = made
        self._name = name
        self._answer = answer
        self._over = over
        self._serial = 0
        self._rules: list[dict[str, str]] = []
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="double-bus-client", daemon=True)

    def start(self) -> None:
        """Serve it, on a thread."""
        self._thread.start()

    def hang_up(self) -> None:
        """Close it."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Wait until it is closed."""
        self._thread.join(seconds)

    def signal(
        self, sender: str, path: str, member: str, signature: str, body: tuple[Any, ...], interface: str = BUS
    ) -> None:
        """Send a signal, if a rule of the client asks for it."""
        about = {"path": path, "interface": interface, "member": member}
        if not any(all(rule.get(key, value) == value for key, value in about.items()) for rule in self._rules):
            return
        made = self._words.new_signal(self._words.DBusAddress(path, interface=interface), member, signature, body)
        self._send(made, sender)

    def _serve(self) -> None:
        try:
            if self._welcomed():
                self._take_calls()
        except OSError:
            pass
        finally:
            self._over(self)
            self._socket.close()

    def _welcomed(self) -> bool:
        """Go through the handshake; tell whether it came to its end."""
        with self._socket.makefile("rb", buffering=0) as lines:
            while line := _line(lines):
                word = line.lstrip(b"\0").split()[0]
                if word == b"BEGIN":
                    return True
                known = {b"AUTH": f"OK {uuid.uuid4().hex}", b"NEGOTIATE_UNIX_FD": "AGREE_UNIX_FD"}
                self._socket.sendall(f"{known.get(word, 'ERROR')}\r\n".encode())
        return False

    def _take_calls(self) -> None:
        parser = self._words.Parser()
        while data := self._socket.recv(4096):
            for message in parser.feed(data):
                self._take(message)

    def _take(self, message: Any) -> None:
        fields = self._words.HeaderFields
        whom, member = (message.header.fields[each] for each in (fields.destination, fields.member))
        if member == "AddMatch":
            parts = (part.split("=", 1) for part in message.body[0].split(","))
            self._rules.append(
                {key: value.strip("'") for key, value in parts if key in {"path", "interface", "member"}}
            )
        told = Told("s", (self._name,), BUS) if member == "Hello" else self._answer(whom, member, message.body)
        if isinstance(told, str):
            self._misbehave(told, message)
            return
        made = self._words.new_method_return(message, told.signature or None, told.body)
        try:
            self._send(made, told.sender)
        finally:
            for each in told.descriptors:
                os.close(each)

    def _misbehave(self, fault: str, message: Any) -> None:
        if fault == "garbage":
            self._socket.sendall(_GARBAGE)
        elif fault == "hang-up":
            self.hang_up()
        elif fault != "silent":
            self._send(self._words.new_error(message, fault, "s", ("the double was told to fail",)), ":1.1")

    def _send(self, made: Any, sender: str) -> None:
        made.header.fields[self._words.HeaderFields.sender] = sender
        with self._sending, contextlib.suppress(OSError):
            self._serial += 1
            descriptors = array.array("i")
            data = made.serialise(self._serial, fds=descriptors)
            beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if descriptors else []
            self._socket.sendmsg([data], beside)


def _line(lines: Any) -> bytes:
    """Read one line of the handshake, and nothing behind it."""
    found = b""
    while not found.endswith(b"\r\n"):
        byte = lines.read(1)
        if not byte:
            return b""
        found += byte
    return found
