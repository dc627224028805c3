"""
One conversation with upsd: a line is sent and a line comes back, within the time of a look.

Source: docs/net-protocol.txt of Network UPS Tools, versions 1.1 to 1.3 of the protocol.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

from ...errors import Permanent, SourceError, Transient, Unreachable
from ...glance import Glance, Unclear
from ...hints import Any

PORT = 3493
"""The port that is registered for upsd."""
LONGEST = 4096
"""The longest line that is read, bytes; upsd's own are shorter."""
MOST = 256
"""How many lines of a list are read."""
_LEAST_S = 0.001
_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"\\=]+))(?=\s|$)')
_PLAIN = re.compile(r"[A-Za-z0-9_.:@/+-]+")
_PASSING = frozenset({"DATA-STALE", "DRIVER-NOT-CONNECTED"})


class Refused(Permanent):
    """What upsd refuses to do."""

    code = "nut-refused"

    def __init__(self, message: str, word: str) -> None:
        """Take the *word* that stands behind `ERR`."""
        super().__init__(message)
        self.word = word


class NoData(Transient):
    """Nothing that is known of the UPS is fresh: its driver is away, or has lost it."""

    code = "nut-no-data"


def place_of(text: str) -> tuple[str, str, int]:
    """Return the name, the host and the port of *text*, `NAME@HOST:PORT` of which each may be left out."""
    ups, at, where = text.partition("@")
    host, colon, port = where.rpartition(":")
    if not colon or where.endswith("]"):
        host, port = where, str(PORT)
    is_v6 = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_v6 else host
    bad = (
        bool(at and not where)
        or (":" in host and not is_v6)
        or not port.isascii()
        or not port.isdigit()
        or not 0 < int(port[:6]) < 65536
    )
    if bad or (ups and not _PLAIN.fullmatch(ups)) or not host.isprintable() or " " in host or "/" in host:
        raise SourceError(f"cannot listen to the UPS {text!r}: write NAME@HOST or NAME@HOST:PORT, like rack@10.0.0.5")
    return ups, host or "localhost", int(port)


def quoted(word: str) -> str:
    """Return *word* as it stands in a request; raise `Permanent`, which does not show it, for what cannot."""
    if _PLAIN.fullmatch(word):
        return word
    if not word or not word.isprintable():
        raise Permanent("cannot send to upsd what is empty, or holds control signs")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def words_of(line: str) -> list[str]:
    """Return the words of a *line*; raise `Unclear` for what is none of the protocol's."""
    found, at = [], 0
    while at < len(line.rstrip()):
        match = _WORD.match(line, at)
        if match is None:
            raise Unclear(f"upsd answers {line[:80]!r}, which is no line of its protocol")
        found.append(match[2] if match[1] is None else re.sub(r"\\(.)", r"\1", match[1]))
        at = match.end()
    return found


class Wire:
    """A connection to upsd, as one thread uses it."""

    def __init__(self, host: str, port: int, glance: Glance) -> None:
        """Connect; raise `Unreachable` where nobody is, `TimeoutError` where nobody answers in time."""
        self._who = f"upsd at {host}:{port}"
        self._rest = b""
        self._sock: Any = self._tried(lambda: socket.create_connection((host, port), _left(glance)))

    def secure(self, trust: Any, host: str, glance: Glance) -> None:
        """Go on in TLS, with what the context *trust* trusts, for the name *host*."""
        from ssl import SSLCertVerificationError, SSLError  # noqa: PLC0415 - for those who need it

        if self.ask(glance, "STARTTLS") != ["OK", "STARTTLS"] or self._rest:
            raise Unclear(f"{self._who} does not begin TLS as it says")
        self._sock.settimeout(_left(glance))
        try:
            self._sock = self._tried(lambda: trust.wrap_socket(self._sock, server_hostname=host), SSLError)
        except SSLCertVerificationError as error:
            raise Permanent(f"{self._who}: its certificate is not trusted: {error}") from error
        except SSLError as error:
            raise Transient(f"{self._who}: TLS has failed: {error}") from error

    def ask(self, glance: Glance, *words: str, shown: str = "") -> list[str]:
        """
        Send a line of *words* and return those of the answer, which must be no error; *shown* stands for what is sent.

        Raises `NoData` where nothing fresh is known, `Refused` for another error, `Unclear` for what is no answer, and
        what is raised where nobody answers.
        """
        forget = glance.on_cancel(self.abort)
        try:
            if self._rest:
                raise Unclear(f"{self._who} says {self._rest[:80]!r} without being asked")
            line = " ".join(quoted(word) for word in words)
            self._sock.settimeout(_left(glance))
            self._tried(lambda: self._sock.sendall(line.encode() + b"\n"))
            answer = words_of(self._line(glance))
        finally:
            forget()
        if answer[:1] != ["ERR"]:
            return answer
        word, what = (answer[1] if len(answer) > 1 else "")[:80], shown or line
        if word in _PASSING:
            raise NoData(f"{self._who} knows nothing fresh of the UPS ({word})")
        raise Refused(f"{self._who} refuses {what!r}: {word}", word)

    def rows(self, glance: Glance, *words: str) -> list[list[str]]:
        """Return the rows of a list, each without the word that it begins with."""
        begun = self.ask(glance, "LIST", *words)
        if begun != ["BEGIN", "LIST", *words]:
            raise Unclear(f"{self._who} begins another list than that of {words[0]}")
        forget = glance.on_cancel(self.abort)
        found: list[list[str]] = []
        try:
            for _ in range(MOST):
                row = words_of(self._line(glance))
                if row == ["END", "LIST", *words]:
                    return found
                found.append(row[1:])
        finally:
            forget()
        raise Unclear(f"{self._who} lists more than {MOST} of {words[0]}")

    def leave(self) -> None:
        """Say goodbye, so that nobody waits for us, and hang up."""
        try:
            self._sock.settimeout(_LEAST_S)
            self._sock.sendall(b"LOGOUT\n")
        except OSError:
            pass  # who does not listen sees the connection end
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def abort(self) -> None:
        """Let whoever reads or writes come back at once."""
        try:
            # Not the method of an SSL socket, which pulls its state from under the thread that reads.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            return

    def _line(self, glance: Glance) -> str:
        while b"\n" not in self._rest:
            self._sock.settimeout(_left(glance))
            got = self._tried(lambda: self._sock.recv(LONGEST))
            if not got:
                raise Unreachable(f"{self._who} has hung up")
            self._rest += got
            if len(self._rest) > LONGEST and b"\n" not in self._rest:
                raise Unclear(f"{self._who} says more than {LONGEST} bytes in one line")
        line, _, self._rest = self._rest.partition(b"\n")
        text = line.decode("utf-8", "replace")
        if not text.isprintable():
            raise Unclear(f"{self._who} answers {line[:80]!r}, which is no line of its protocol")
        return text

    def _tried(self, deed: Callable[[], Any], *through: type[OSError]) -> Any:
        """Do it; what fails is told in our words, but what goes *through*."""
        try:
            return deed()
        except through:
            raise
        except TimeoutError as error:
            raise TimeoutError(f"{self._who} does not answer in time") from error
        except OSError as error:
            raise Unreachable(f"{self._who}: {error}") from error


def _left(glance: Glance) -> float:
    """Return the seconds that the look has left; raise `TimeoutError` if it has none."""
    left = glance.remaining()
    if left <= 0:
        raise TimeoutError("the time of the look is over")
    return max(_LEAST_S, left)
