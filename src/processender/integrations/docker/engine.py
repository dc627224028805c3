"""
The engine behind its socket: one question and its answer, and the stream of its events.

The stream is one answer without an end, a line of JSON for each event. What comes is cut into lines by us, since an
engine sends parts of any size; a line that never ends is an error, and not our memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...errors import HandlerError, Permanent, SourceError, Unreachable
from ...exchange import Answer, Request, exchange, judge
from ...glance import Glance, Unclear, data_of, found
from ...hints import TYPE_CHECKING, Any
from ...ports import Context
from ...urls import without_secrets

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

DOCKER = "/var/run/docker.sock"
PODMAN = "/run/podman/podman.sock"
HEAD_S = 5.0
"""How long the engine may take to begin the stream."""
LONGEST = 1 << 20
"""How long a line may be, bytes."""
MOST = 4 << 20
"""How long the account of one container may be, bytes."""
_READ = 65536


class Engine:
    """One engine; nothing is asked before something is wanted."""

    def __init__(self, address: str = "", environ: Mapping[str, str] | None = None) -> None:
        """Take the *address*: a path, or unix://, http:// or tcp://; without one, it is looked for at each question."""
        self._given = address
        self._environ = os.environ if environ is None else environ
        self.podman = False
        """Whether its last answer was that of podman."""
        if address:
            _scheme(address)

    @property
    def address(self) -> str:
        """Where it is: what was given, what the variables of the clients say, or the first socket that is there."""
        if self._given:
            return self._given
        told = self._environ.get("DOCKER_HOST") or self._environ.get("CONTAINER_HOST")
        if told:
            return told
        home = self._environ.get("XDG_RUNTIME_DIR", "")
        known = [DOCKER, PODMAN, *([f"{home}/podman/podman.sock"] if home else [])]
        return next((path for path in known if os.path.exists(path)), DOCKER)

    @property
    def is_there(self) -> bool:
        """Whether there is a socket, or an address of a network."""
        try:
            kind, place = _scheme(self.address)
        except SourceError:
            return False
        return kind == "http" or os.path.exists(place)

    def request(self, target: str) -> Request:
        """Return the request for *target*; raise `Permanent` for an address that is none."""
        try:
            kind, place = _scheme(self.address)
            if kind == "http":
                return Request("GET", f"http://{place}{target}")
            made = Request("GET", f"http://engine{target}", {"Host": "engine"})
        except (SourceError, HandlerError) as error:
            raise Permanent(str(error)) from error
        made.connect = lambda limit: _local(place, limit)
        made.shown = f"{place}:{target.partition('?')[0]}"
        return made

    def inspect(self, ctx: Context, container: str) -> Any:
        """Return what it says of a *container*, None where it knows none."""
        request = self.request(f"/containers/{_quoted(container)}/json")
        answer = found(request, exchange(request, ctx, most=MOST))
        if answer is not None:
            self.podman = bool(answer.headers.get("Libpod-API-Version"))
        return None if answer is None else data_of(answer)


class Stream:
    """The events of one container, as they come."""

    def __init__(self, engine: Engine, container: str, since: float, glance: Glance) -> None:
        """Ask for those *since* that instant, seconds since 1970, and wait until the answer has begun."""
        import json  # noqa: PLC0415 - for those who listen

        names = ["kill", "die", "died", "stop", "oom", "destroy", "remove"]
        filters = json.dumps({"type": ["container"], "container": [container], "event": names}, separators=(",", ":"))
        self._request = request = engine.request(f"/events?since={since:.9f}&filters={_quoted(filters)}")
        self._buffer = b""
        self._over = False
        self._connection: HTTPConnection = request.connect(HEAD_S)
        self._sock: Any = None
        forget = glance.on_cancel(self.close)
        try:
            self._response = self._begin(request)
        except BaseException:
            self.release()
            raise
        finally:
            forget()

    def _begin(self, request: Request) -> HTTPResponse:
        from http.client import HTTPException  # noqa: PLC0415 - loaded by the request

        connection = self._connection
        try:
            connection.connect()
            self._sock = connection.sock
            connection.request("GET", request.target, headers=request.headers)
            response = connection.getresponse()
            if response.status != 200:
                judge(request, Answer(response, _READ), (200,))
        except TimeoutError as error:
            raise TimeoutError(f"cannot GET {request.shown}: no answer in time") from error
        except OSError as error:
            raise Unreachable(f"cannot GET {request.shown}: {error}") from error
        except HTTPException as error:
            raise Unreachable(f"cannot GET {request.shown}: the answer broke off: {type(error).__name__}") from error
        # From here on nothing may come for weeks.
        self._sock.settimeout(None)
        return response

    def line(self, glance: Glance) -> bytes:
        """Return the next line, however long that takes; raise `Unreachable` when there will be none."""
        forget = glance.on_cancel(self.close)
        try:
            while b"\n" not in self._buffer:
                self._buffer += self._more()
                if len(self._buffer) > LONGEST:
                    raise Unclear(f"it sends {self._buffer[:80]!r} and so on, which is no event")
        finally:
            forget()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _more(self) -> bytes:
        from http.client import HTTPException  # noqa: PLC0415 - loaded by the request

        where = f"cannot read {self._request.shown}"
        try:
            data = b"" if self._over else self._response.read1(_READ)
        except OSError as error:
            raise Unreachable(f"{where}: {error}") from error
        except (HTTPException, ValueError, AttributeError) as error:
            # Parts whose length is no number, and the reader that somebody has closed meanwhile.
            raise Unreachable(f"{where}: the stream broke off: {type(error).__name__}") from error
        if not data:
            raise Unreachable(f"{where}: the engine has ended the stream, as when it is started anew")
        return data

    def close(self) -> None:
        """Let whoever reads come back at once; harmless when all is over."""
        from socket import SHUT_RDWR  # noqa: PLC0415 - loaded by the request

        self._over = True
        sock = self._sock or self._connection.sock
        try:
            if sock is not None:
                sock.shutdown(SHUT_RDWR)
        except OSError:
            return

    def release(self) -> None:
        """Close it, when nobody reads any more."""
        self.close()
        response = getattr(self, "_response", None)
        if response is not None:
            response.close()
        self._connection.close()


def _quoted(text: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - for those who ask

    return quote(text, safe="")


def _scheme(address: str) -> tuple[str, str]:
    """Return the kind of an address, and what stands behind it; raise `SourceError` for what is none."""
    scheme, colon, place = address.partition("://")
    if not colon and address.startswith("/"):
        return "unix", address
    if scheme == "unix" and place.startswith("/"):
        return "unix", place
    if scheme in {"http", "tcp"} and place.strip("/"):
        return "http", place.rstrip("/")
    raise SourceError(
        f"cannot ask an engine at {without_secrets(address)!r}: give the path of its socket, like {DOCKER}, or http://HOST:PORT"
    )


def _local(path: str, limit: float) -> HTTPConnection:
    """Return a connection to the socket at *path*, not made yet."""
    from http.client import HTTPConnection  # noqa: PLC0415 - loaded by the request
    from socket import AF_UNIX, SOCK_STREAM, socket  # noqa: PLC0415 - see above

    class Local(HTTPConnection):
        def connect(self) -> None:
            sock = socket(AF_UNIX, SOCK_STREAM)
            sock.settimeout(limit)
            try:
                sock.connect(path)
            except BlockingIOError as error:
                # Its queue is full: it lives, and answers nobody.
                sock.close()
                raise TimeoutError("nobody accepts the connection") from error
            except OSError:
                sock.close()
                raise
            self.sock = sock

    return Local("engine", timeout=limit)


def whose(container: str) -> str:
    """Return *container*; raise `Permanent` where there is none."""
    if not container:
        raise Permanent("this process is in no container that can be told; give `container`")
    return container
