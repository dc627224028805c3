"""
The Extensions API of Lambda, as a source: registered while the sandbox starts, then one request that waits for the end.

Source: the Extensions API 2020-01-01 and the runtime interface emulator, which is AWS's own code. Two things differ
from what is written elsewhere: reasons come in small letters, and `deadlineMs` is an instant, milliseconds since 1970.
The request for the next event is held until there is one, for days if need be, so it has no time-out.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable

from ...core.notice import Action, DeadlineKind, Notice
from ...errors import HandlerError, SourceError
from ...exchange import Request
from ...hints import Any
from ...ports import Ears

FUNCTION_S = 0.3
"""How long a function has after SIGTERM, at least, seconds."""
EXTENSION_S = 2.0
"""How long all of a sandbox has where an external extension is registered, seconds."""
VARIABLE = "AWS_LAMBDA_RUNTIME_API"
"""Where the API is, as HOST:PORT."""
REGISTER_S = 1.0
"""How long the registration may take; the API is in the same sandbox."""
LONGEST_S = 120.0
"""A deadline that is further away than this is none: Lambda gives two seconds."""
_VERSION = "/2020-01-01"
_IDENTIFIER = "Lambda-Extension-Identifier"
_READ = 65536


class Extension:
    """One extension, as a `Source`; outside of Lambda it hears nothing and costs nothing."""

    handlers = ()

    def __init__(self, name: str, extension: str, endpoint: str) -> None:
        """Take its *name* as a source, that of its file in /opt/extensions if it is external, and where the API is."""
        self.name = name
        self.registered = False
        """Whether Lambda has taken the registration."""
        self.last: dict[str, str] = {}
        """What was seen last, for the report."""
        self._external = bool(extension)
        self._over = threading.Event()
        self._connection: Any = None
        self._register = self._next = None
        if endpoint:
            base = f"http://{endpoint}{_VERSION}/extension"
            headers = {"Lambda-Extension-Name": extension or f"processender-{name}", "Content-Type": "application/json"}
            events = ["SHUTDOWN"] if self._external else []
            try:
                self._register = Request("POST", f"{base}/register", headers, json.dumps({"events": events}))
                self._next = Request("GET", f"{base}/event/next")
            except HandlerError as error:
                raise SourceError(str(error)) from error

    def start(self, ears: Ears) -> None:
        """Register, which must be done before the sandbox has started, and wait for the end on a thread."""
        self._over = over = threading.Event()
        if self._register is None:
            self.last = {"extension": "not in Lambda"}
            return
        try:
            identifier = self._enter(self._register)
        except (OSError, ValueError) as error:
            text = f"cannot register at Lambda: {error}; no end is announced, register before the first request"
            ears.trouble("source-refused", text)
            self.last = {"extension": "refused"}
            return
        self.registered, self.last = True, {"extension": "registered"}
        name = f"processender-{self.name}"
        threading.Thread(target=self._listen, args=(ears, over, identifier), name=name, daemon=True).start()

    def stop(self) -> None:
        """Wait no more."""
        self._over.set()
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def _enter(self, request: Request) -> str:
        connection = request.connect(REGISTER_S)
        try:
            connection.request(request.method, request.target, request.body, request.headers)
            answer = connection.getresponse()
            body = answer.read(_READ)
            if answer.status != 200:
                raise ValueError(f"{answer.status} {body[:200].decode('utf-8', 'replace')}")
            identifier: str = answer.headers.get(_IDENTIFIER) or ""
            if not identifier.isprintable() or not identifier:
                raise ValueError("the answer has no identifier")
            return identifier
        finally:
            connection.close()

    def _listen(self, ears: Ears, over: threading.Event, identifier: str) -> None:
        """Ask for one event after the other; the first request also tells that this extension is ready."""
        request = self._next
        assert request is not None, "it is registered"
        forever: Any = None
        self._connection = connection = request.connect(forever)
        try:
            ends = False
            while not ends and not over.is_set():
                connection.request(request.method, request.target, headers={_IDENTIFIER: identifier})
                answer = connection.getresponse()
                body = answer.read(_READ)
                ends = self._take(ears, over, answer.status, body)
        except Exception as error:  # the API is foreign code, and nobody else hears of its end
            if not over.is_set():
                text = f"cannot hear of the end from Lambda any more: {error!r}; only the signal is left"
                ears.trouble("source-away", text)
        finally:
            connection.close()

    def _take(self, ears: Ears, over: threading.Event, status: int, body: bytes) -> bool:
        """Take one event; tell whether it is the last."""
        if status != 200:
            raise ValueError(f"{status} {body[:200].decode('utf-8', 'replace')}")
        event = json.loads(body)
        kind = str(event.get("eventType", "")).upper()
        if kind != "SHUTDOWN":
            if kind != "INVOKE":
                ears.trouble("source-unclear", f"Lambda tells {body[:80]!r}, which is no event that is known")
            return False
        reason = str(event.get("shutdownReason", "shutdown")).lower()
        self.last = {"extension": reason}
        if not over.is_set():
            ears.notify(self._notice(ears, reason, event.get("deadlineMs")))
        return True

    def _notice(self, ears: Ears, reason: str, deadline_ms: object) -> Notice:
        now, wall = ears.clock.now(), ears.clock.wall()
        deadline: float | None = None
        if isinstance(deadline_ms, int | float) and not isinstance(deadline_ms, bool):
            left = deadline_ms / 1000 - wall
            deadline = now + left if 0 < left <= LONGEST_S else None
        if deadline is None:
            ears.trouble(
                "source-unclear", f"Lambda tells the deadline {deadline_ms!r}, which is none; the grace counts"
            )
        return Notice(reason, self.name, now, Action.STOP, deadline, DeadlineKind.TOLD, key="shutdown")


def listen(*, name: str = "aws-lambda", extension: str = "", endpoint: str = "") -> Extension:
    """
    Return the source that is an extension of Lambda; it registers when it is started, which must be during the start.

    Args:

        name: What it is called in notices and troubles.

        extension: The name of the file in /opt/extensions that runs this, if it is an external extension. Without it,
            it is one inside the function, which hears nothing itself: it lets Lambda send SIGTERM.

        endpoint: Where the API is, as HOST:PORT, instead of what AWS_LAMBDA_RUNTIME_API says.
    """
    return Extension(name, extension, endpoint or os.environ.get(VARIABLE, ""))


def run_extension(ender: Any, extension: str = "") -> int:
    """
    Be an external extension: register, wait for the end, run the handlers of *ender*, and return the exit code.

    Args:

        ender: The `Ender`, not entered yet; give it a grace of `EXTENSION_S`.

        extension: The name of the file in /opt/extensions; by default that of the program.
    """
    source = listen(extension=extension or os.path.basename(sys.argv[0]))
    ender.listen(source)
    wait: Callable[[], object] = ender.stopping.wait
    with ender:
        if source.registered:
            wait()
    return 0 if source.registered else 1
