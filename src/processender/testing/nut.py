"""
A double of upsd of Network UPS Tools, to try what a program does when the power is out.

It says what upsd 2.8.0 says, byte for byte, to those who look and log in, and has the bad days that the real one cannot
be asked for: data that are stale, answers that are none, that come slowly or never, and upsd gone in the middle.

Source: docs/net-protocol.txt of Network UPS Tools, and upsd 2.8.0 itself, against which the tests hold this.
"""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from types import TracebackType
from typing import Any, NamedTuple, Self

_LOOK_S = 0.02
_LONGEST_S = 60.0
_NEEDS = {"GET": 1, "LIST": 1, "LOGIN": 1, "USERNAME": 1, "PASSWORD": 1}


class Line(NamedTuple):
    """One request, as it came."""

    method: str
    """Its first word."""
    path: str
    """The whole line."""


class Upsd:
    """The server, with one UPS that is on line; use it as a context manager."""

    def __init__(
        self, ups: str = "rack", *, users: dict[str, str] | None = None, certificate: tuple[str, str] | None = None
    ) -> None:
        """Have one *ups*, and the *users* with their passwords; with the files of a *certificate* and its key, TLS."""
        self.variables: dict[str, dict[str, str]] = {ups: {"ups.status": "OL", "battery.charge": "100"}}
        """What each UPS says of itself."""
        self.is_stale = False
        """Whether nothing of it is fresh."""
        self.flaps = False
        """Whether every other request is answered with `ERR DATA-STALE`."""
        self.delay = 0.0
        """How long each answer takes, seconds."""
        self.asked: list[Line] = []
        """All requests so far; of a password only that it came."""
        self.logged_in: list[str] = []
        """The users who are logged in at the moment."""
        self.lock = threading.RLock()
        """Held while a request is answered."""
        self.users = dict(users or {})
        self.trust: ssl.SSLContext | None = None
        if certificate is not None:
            self.trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.trust.load_cert_chain(*certificate)
        self._ups = ups
        self._faults: list[str | int] = []
        self._count = 0
        self.over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Client)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK_S,), daemon=True)

    @property
    def place(self) -> str:
        """The UPS, as `listen` takes it."""
        return f"{self._ups}@127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Where it is, as a URL."""
        return f"nut://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Serve no more, and hang up."""
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()

    def status(self, words: str, *, runtime: float | str | None = None) -> None:
        """Let the UPS say these *words*, and that its battery lasts so many seconds; None for what is not known."""
        with self.lock:
            self.variables[self._ups]["ups.status"] = words
            self.variables[self._ups].pop("battery.runtime", None)
            if runtime is not None:
                self.variables[self._ups]["battery.runtime"] = str(runtime)

    def fail(self, *faults: str | int) -> None:
        """
        Let the next requests fail, each in its way.

        Args:

            faults: `silent`, which never answers; `hang-up`, which closes the connection; `garbage`, which is no line
                of the protocol; `endless`, a line without an end; any number is `ERR DATA-STALE`.
        """
        with self.lock:
            self._faults += faults

    def answer(self, line: str, session: dict[str, str]) -> list[str]:
        """Return the lines that answer a *line*, or the fault that it meets. Only the server calls it."""
        words = [re.sub(r"\\(.)", r"\1", a or b) for a, b in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line)]
        verb = words[0] if words else ""
        with self.lock:
            self.asked.append(Line(verb, verb if verb == "PASSWORD" else line))
            self._count += 1
            if self._faults:
                fault = self._faults.pop(0)
                return ["ERR DATA-STALE"] if isinstance(fault, int) else [f"!{fault}"]
            if self.flaps and self._count % 2:
                return ["ERR DATA-STALE"]
            if verb not in {*_NEEDS, "LOGOUT", "STARTTLS"}:
                return ["ERR UNKNOWN-COMMAND"]
            if len(words) <= _NEEDS.get(verb, 0):
                return ["ERR INVALID-ARGUMENT"]
            found: list[str] = getattr(self, f"_{verb.lower()}")(words[1:], session)
            return found

    def _get(self, words: list[str], _session: dict[str, str]) -> list[str]:
        if len(words) < 2 or words[0] not in {"VAR", "NUMLOGINS"}:
            return ["ERR INVALID-ARGUMENT"]
        held = self.variables.get(words[1])
        if held is None:
            return ["ERR UNKNOWN-UPS"]
        if words[0] == "NUMLOGINS":
            return [f"NUMLOGINS {words[1]} {len(self.logged_in)}"]
        if self.is_stale:
            return ["ERR DATA-STALE"]
        if len(words) < 3 or words[2] not in held:
            return ["ERR VAR-NOT-SUPPORTED"]
        text = held[words[2]].replace("\\", "\\\\").replace('"', '\\"')
        return [f'VAR {words[1]} {words[2]} "{text}"']

    def _list(self, words: list[str], _session: dict[str, str]) -> list[str]:
        if words != ["UPS"]:
            return ["ERR INVALID-ARGUMENT"]
        return ["BEGIN LIST UPS", *(f'UPS {ups} "Description unavailable"' for ups in self.variables), "END LIST UPS"]

    def _username(self, words: list[str], session: dict[str, str]) -> list[str]:
        return _set(session, "user", words[0], "USERNAME")

    def _password(self, words: list[str], session: dict[str, str]) -> list[str]:
        return _set(session, "password", words[0], "PASSWORD")

    def _login(self, words: list[str], session: dict[str, str]) -> list[str]:
        for key, error in (("user", "USERNAME"), ("password", "PASSWORD")):
            if key not in session:
                return [f"ERR {error}-REQUIRED"]
        if words[0] not in self.variables:
            return ["ERR UNKNOWN-UPS"]
        if "login" in session:
            return ["ERR ALREADY-LOGGED-IN"]
        if self.users.get(session["user"]) != session["password"]:
            return ["ERR ACCESS-DENIED"]
        session["login"] = session["user"]
        self.logged_in.append(session["user"])
        return ["OK"]

    def _logout(self, _words: list[str], _session: dict[str, str]) -> list[str]:
        return ["OK Goodbye", ""]

    def _starttls(self, _words: list[str], session: dict[str, str]) -> list[str]:
        if self.trust is None:
            return ["ERR FEATURE-NOT-CONFIGURED"]
        return ["ERR ALREADY-SSL-MODE"] if "tls" in session else ["OK STARTTLS"]

    def gone(self, session: dict[str, str]) -> None:
        """Forget who has hung up. The server calls it."""
        with self.lock:
            if "login" in session:
                self.logged_in.remove(session["login"])


def _set(session: dict[str, str], key: str, word: str, what: str) -> list[str]:
    if key in session:
        return [f"ERR ALREADY-SET-{what}"]
    session[key] = word
    return ["OK"]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    owner: Upsd

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        for each in list(self._open):
            super().shutdown_request(each)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who has asked has gone."""


class _Client(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        owner, session, sock = self.server.owner, dict[str, str](), self.request
        file = sock.makefile("rb")
        try:
            while line := file.readline():
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                answer = owner.answer(text, session)
                if owner.delay:
                    owner.over.wait(owner.delay)
                if answer[0].startswith("!"):
                    self._misbehave(sock, answer[0])
                    return
                sock.sendall("".join(f"{each}\n" for each in answer if each).encode())
                if answer == ["OK STARTTLS"] and owner.trust is not None:
                    sock = owner.trust.wrap_socket(sock, server_side=True)
                    file.close()
                    file, session["tls"] = sock.makefile("rb"), "yes"
                if not answer[-1]:
                    return
        finally:
            file.close()
            owner.gone(session)
            if sock is not self.request:
                sock.close()

    def _misbehave(self, sock: Any, fault: str) -> None:
        if fault == "!silent":
            self.server.owner.over.wait(_LONGEST_S)
        elif fault == "!garbage":
            sock.sendall(b'\x15\x03"\n')
        elif fault == "!endless":
            sock.sendall(b"VAR " + b"x" * 65536)
