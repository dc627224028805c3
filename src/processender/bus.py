"""
One connection to a D-Bus: what is asked, what is answered, what is signalled, and the descriptors that come with it.

The words on the wire are those of `jeepney` (`pip install 'processender[systemd]'`), which needs no event loop; it is
loaded with the first connection. What it cannot do for us stands here: an answer may be slow and signals are heard
meanwhile, another thread may end the waiting, a message has a largest size, and no command inherits a descriptor.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import socket
from collections.abc import Sequence

from .core.record import Record
from .errors import Permanent, ProcessEnderError, Transient
from .hints import Any
from .ports import Clock

SYSTEM = "unix:path=/run/dbus/system_bus_socket"
"""Where the bus of the system is, unless `DBUS_SYSTEM_BUS_ADDRESS` says otherwise."""
DAEMON = "org.freedesktop.DBus"
PROPERTIES = "org.freedesktop.DBus.Properties"
LARGEST = 1 << 20
"""The longest message that is believed, bytes; those of systemd have some thousands."""
EXTRA = "pip install 'processender[systemd]'"
_LONGEST_ANSWER = 512
_FLAGS = socket.MSG_CMSG_CLOEXEC if hasattr(socket, "MSG_CMSG_CLOEXEC") else 0


class Garbled(ProcessEnderError):
    """What comes over the bus is no D-Bus."""

    code = "bus-garbled"


class Thing(Record):
    """An object on the bus, by one of its interfaces."""

    owner: str
    """The name of its owner, such as `org.freedesktop.login1`."""
    path: str
    """Its path."""
    interface: str
    """The interface."""


class Message(Record):
    """What came: an answer, an error, or a signal."""

    member: str
    """The name of the signal; empty for an answer."""
    answers: int
    """The number of the call that it answers; 0 for a signal."""
    error: str
    """The name of the error, empty if it is none."""
    sender: str
    """Who sends it, by the name that the bus has given."""
    path: str
    """Of which object it speaks."""
    body: tuple[Any, ...]
    """What it says."""


def has_client() -> bool:
    """Tell whether the library is there that speaks D-Bus."""
    return importlib.util.find_spec("jeepney") is not None


def system_address() -> str:
    """Return the address of the bus of the system."""
    return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM


class Bus:
    """One connection; for one thread, but for `cancel`."""

    def __init__(self, address: str, clock: Clock, limit: float, *, greets: bool = True) -> None:
        """
        Connect within *limit* seconds.

        Args:

            address: Where, as in `DBUS_SYSTEM_BUS_ADDRESS`.

            clock: The time.

            limit: The longest that this, and each call, may take, seconds.

            greets: Whether it is a bus; a manager that is spoken to alone, on its own socket, is none.

        Raises `Transient` where nobody listens, `TimeoutError` where nobody answers, `Permanent` where we are refused,
        or the client is missing.
        """
        try:
            import jeepney  # noqa: PLC0415 - 4 ms, for those who need it
            from jeepney.bus import get_connectable_addresses  # noqa: PLC0415 - see above
        except ImportError as error:
            raise Permanent(f"cannot speak D-Bus: its client is missing; {EXTRA}") from error
        self._words: Any = jeepney
        self._clock = clock
        self._limit = limit
        self._serial = 0
        self._kept: list[Message] = []
        try:
            self._socket = _connect(next(get_connectable_addresses(address)), limit)
        except TimeoutError as error:
            raise TimeoutError(f"the bus at {address} does not answer") from error
        except OSError as error:
            kind = Permanent if isinstance(error, PermissionError) else Transient
            raise kind(f"cannot connect to the bus at {address}: {error.strerror or error}") from error
        except (ValueError, RuntimeError) as error:
            raise Permanent(f"cannot connect to the bus at {address}: {error}") from error
        self._parser: Any = jeepney.Parser()
        try:
            self.name = str(self.call(Thing(DAEMON, "/org/freedesktop/DBus", DAEMON), "Hello")[0]) if greets else ""
        except BaseException:
            self.close()
            raise

    def send(self, thing: Thing, member: str, signature: str = "", body: Sequence[Any] = ()) -> int:
        """Call *member* of *thing* and return the number of the call; the answer comes with `wait`."""
        self._serial += 1
        whom = self._words.DBusAddress(thing.path, bus_name=thing.owner, interface=thing.interface)
        made = self._words.new_method_call(whom, member, signature or None, tuple(body))
        # Who only listens starts nothing.
        made.header.flags = self._words.MessageFlag.no_auto_start
        try:
            self._socket.settimeout(self._limit)
            self._socket.sendall(made.serialise(self._serial))
        except TimeoutError:
            raise
        except OSError as error:
            raise _lost(error) from error
        return self._serial

    def call(self, thing: Thing, member: str, signature: str = "", body: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Call *member* of *thing* and return the answer; raise `Permanent` for an error, `TimeoutError` if late."""
        number = self.send(thing, member, signature, body)
        until = self._clock.now() + self._limit
        while True:
            message = self._receive(until - self._clock.now())
            if message is None:
                raise TimeoutError(f"{thing.owner} does not answer {member}")
            if message.answers != number:
                self._kept.append(message)
            elif message.error:
                raise Permanent(f"{thing.owner} refuses {member}: {told(message)}")
            else:
                return message.body

    def get(self, thing: Thing, name: str) -> Any:
        """Return the property *name* of *thing*; raises as `call` does."""
        about = thing.replace(interface=PROPERTIES)
        (value,) = self.call(about, "Get", "ss", (thing.interface, name))
        return value[1]

    def match(self, **what: str) -> None:
        """Let signals come that are like this; raises as `call` does."""
        rule = ",".join(f"{key}='{value}'" for key, value in {"type": "signal", **what}.items())
        self.call(Thing(DAEMON, "/org/freedesktop/DBus", DAEMON), "AddMatch", "s", (rule,))

    def wait(self, seconds: float) -> Message | None:
        """Return what comes next, None if nothing does within so many *seconds*; raises as `call` does."""
        return self._kept.pop(0) if self._kept else self._receive(seconds)

    def cancel(self) -> None:
        """Let whoever waits come back at once; from any thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        """Give it back, with descriptors that nobody has taken."""
        self._socket.close()
        for each in [*self._kept, *self._parser.fds]:
            for value in getattr(each, "body", (each,)):
                if hasattr(value, "to_raw_fd"):
                    value.close()
        self._kept, self._parser.fds = [], []

    def _receive(self, seconds: float) -> Message | None:
        until = self._clock.now() + seconds
        while (message := self._parsed()) is None:
            left = until - self._clock.now()
            self._socket.settimeout(max(left, 0.0))
            try:
                data, beside, flags, _ = self._socket.recvmsg(
                    min(self._parser.bytes_desired(), 1 << 16), self._words.fds.fds_buf_size(), _FLAGS
                )
            except (TimeoutError, BlockingIOError):
                return None
            except OSError as error:
                raise _lost(error) from error
            if not data:
                raise Transient("the bus has hung up")
            if flags & socket.MSG_CTRUNC:
                raise Garbled("descriptors were lost on their way")
            self._parser.add_data(data, fds=self._words.fds.FileDescriptor.from_ancdata(beside))
        return message

    def _parsed(self) -> Message | None:
        """Return the next message that is there as a whole; raise `Garbled` for what is none."""
        try:
            found = self._parser.get_next_message()
            read = None if found is None else _read(found, self._words.HeaderFields)
        except Exception as error:  # the parser raises whatever the bytes make it stumble over
            raise Garbled(f"what comes is no D-Bus ({error!r})") from error
        if (self._parser.next_msg_size or 0) > LARGEST:
            raise Garbled(f"a message of {self._parser.next_msg_size} bytes is announced")
        return read


def _connect(path: str, limit: float) -> socket.socket:
    """Return a connection to the bus at *path* that is through its handshake."""
    made = socket.socket(socket.AF_UNIX)
    try:
        made.settimeout(limit)
        made.connect(path)
        _shake_hands(made)
    except BaseException:
        made.close()
        raise
    return made


def _shake_hands(made: socket.socket) -> None:
    """
    Say who we are, and that we take descriptors; raise `ValueError` for an answer that is none.

    All of it is sent at once, as systemd's own client does: a manager that finds the first call behind the last line of
    the handshake does not look at it before something else comes.
    """
    user = str(os.geteuid()).encode().hex()
    made.sendall(f"\0AUTH EXTERNAL {user}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n".encode())
    answer = b""
    while answer.count(b"\r\n") < 2 and len(answer) < _LONGEST_ANSWER:
        data = made.recv(1)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        answer += data
    first, _, second = answer.partition(b"\r\n")
    if not first.startswith(b"OK ") or second != b"AGREE_UNIX_FD\r\n":
        raise ValueError(f"it answers {answer!r}")


def told(message: Message) -> str:
    """Return, in words, the error that *message* brings."""
    text = message.body[0] if message.body and isinstance(message.body[0], str) else ""
    return f"{text} ({message.error})" if text else message.error


def _lost(error: OSError) -> Transient:
    return Transient(f"the connection to the bus is lost: {error.strerror or error}")


def _read(found: Any, fields: Any) -> Message:
    """Return what jeepney has *found* as one of ours."""
    head = found.header.fields
    body = found.body if isinstance(found.body, tuple) else (found.body,)
    texts = [str(head.get(each, "")) for each in (fields.member, fields.error_name, fields.sender, fields.path)]
    answers = int(head.get(fields.reply_serial, 0))
    return Message(texts[0], answers, texts[1], texts[2], texts[3], body)
