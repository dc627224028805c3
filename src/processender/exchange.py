"""
One HTTP request and its answer, within the time of an attempt: what every room uses that speaks to a server.

The standard library's client, without proxies and redirects: what runs at the end must do what was written down and
nothing else. What it needs is loaded when the request is described, and not at the worst moment.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from .core.labels import printable
from .core.retry import TRANSIENT_STATUS
from .errors import HandlerError, Permanent, ProcessEnderError, Transient, Unreachable
from .hints import TYPE_CHECKING, Any
from .ports import Context
from .secret import blanked, secret_words
from .urls import URL

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPMessage, HTTPResponse

READ_BYTES = 65536
"""How much of an answer is read unless more is asked for; the rest is left."""
_LEAST_S = 0.001
_SHOWN = 300
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token (RFC 9110 section 5.6.2)


class HTTPStatusError(ProcessEnderError):
    """The server answered with a status that was not expected."""

    code = "http-status"
    status = 0
    """The status code."""


class HTTPStatusTransient(HTTPStatusError, Transient):
    """The server answered with a status that may pass."""

    def __init__(self, message: str, status: int, retry_after: float | None) -> None:
        """Take the *status* and the seconds that the server asked to wait, if it did."""
        Transient.__init__(self, message, retry_after=retry_after)
        self.status = status


class HTTPStatusRefused(HTTPStatusError, Permanent):
    """The server answered with a status that another attempt will not change."""

    def __init__(self, message: str, status: int) -> None:
        """Take the *status*."""
        super().__init__(message)
        self.status = status


class Request:
    """What is sent, and how connections to its server are made; good for any number of exchanges."""

    def __init__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
        *,
        authority: str | None = None,
    ) -> None:
        """
        Take what is to be sent; raise `HandlerError` for what cannot be.

        Args:

            method: The method, in capitals.

            url: Where to, with http or https.

            headers: More header fields.

            body: The body; text is sent as UTF-8.

            authority: The file of the certificate authority that is trusted; by default those of the system.
        """
        from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415 - 4 MB, for those who need them

        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise HandlerError(f"cannot send {method!r}: a method is one word, like POST")
        place = URL(url)
        check_headers(headers or {})
        self.method, self.server, self.shown = method, place.server, place.shown
        self.target, self.query = place.target, place.query
        self.headers = {"User-Agent": "processender", "Connection": "close", **(headers or {})}
        self.body = body.encode() if isinstance(body, str) else body
        host, port = place.host, place.port
        self.connect: Callable[[float], HTTPConnection] = lambda limit: HTTPConnection(host, port, timeout=limit)
        if place.is_secure:
            trust = _trust(authority)
            self.connect = lambda limit: HTTPSConnection(host, port, timeout=limit, context=trust)


class Answer:
    """What came back."""

    def __init__(self, response: HTTPResponse, most: int, secrets: Collection[str] = ()) -> None:
        """Read at most *most* bytes of the body; the *secrets* are those of the request, which it may quote."""
        self.status = response.status
        """The status code."""
        self.reason = response.reason
        """What the server calls it."""
        self.headers = response.headers
        """The header fields; their names in any case."""
        self.body = response.read(most)
        """The body, or its beginning."""
        self.missing = (response.length or 0) if len(self.body) < most else 0
        """How many bytes were told of and did not come."""
        self._secrets = secrets

    def quoted(self, most: int = _SHOWN) -> str:
        """Return the beginning of the body in one line, as it may be shown: without the secrets of the request."""
        return self.shown(self.body.decode("utf-8", "replace"), most)

    def shown(self, text: str, most: int = _SHOWN) -> str:
        """Return the beginning of *text*, which the server said, in one line that steers no terminal; no secrets."""
        return printable(" ".join(self.clean(text)[: 2 * most].split()), most)

    def clean(self, text: str) -> str:
        """Return *text*, something that the server said, without the secrets of the request."""
        return blanked(text, self._secrets)

    def __str__(self) -> str:
        """Return the status, and what the server calls it."""
        return f"{self.status} {self.shown(self.reason)}"


class Exchange:
    """One connection, one request, one answer; it can be aborted from another thread."""

    def __init__(
        self,
        request: Request,
        ctx: Context,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        most: int = READ_BYTES,
    ) -> None:
        """Prepare it; the arguments are those of `exchange`."""
        check_headers(headers or {})
        self._request = request
        self._ctx = ctx
        self._body = request.body if body is None else body
        self._headers = {**request.headers, **(headers or {})}
        self._most = most
        self._secrets = secret_words(self._headers, request.query)
        self._limit = max(_LEAST_S, ctx.remaining() if timeout is None else min(timeout, ctx.remaining()))
        self._connection = request.connect(self._limit)
        self._sock: Any = None
        self._over = False

    def carry_through(self) -> Answer:
        """Send it and return the answer, whatever its status; see `exchange` for what is raised."""
        from http.client import HTTPException  # noqa: PLC0415 - loaded by the request
        from urllib.parse import quote  # noqa: PLC0415 - see above

        request, connection = self._request, self._connection
        key = quote(self._ctx.idempotency_key, safe="/-._~")
        forget = self._ctx.on_cancel(self.abort)
        clock = self._clock()
        try:
            connection.connect()
            self._sock = connection.sock  # the connection forgets it as soon as the answer has begun
            connection.request(request.method, request.target, self._body, {"Idempotency-Key": key, **self._headers})
            answer = Answer(connection.getresponse(), self._most, self._secrets)
        except (OSError, HTTPException) as error:
            raise self._meaning(error) from (None if isinstance(error, HTTPException) else error)
        finally:
            clock.cancel()
            forget()
            connection.close()
        if self._over:
            # What was broken off by us is no answer, however much of it looks like one.
            raise self._meaning(TimeoutError())
        return answer

    def _clock(self) -> threading.Timer:
        """Return the limit of the whole answer, which runs: the time-out of a socket begins anew with each byte."""
        clock = threading.Timer(self._limit, self.abort)
        clock.daemon = True
        with suppress(RuntimeError):
            clock.start()  # no thread, as in Python 3.12 while the interpreter ends: then each read has that time
        return clock

    def _meaning(self, error: Exception) -> Exception:
        """Return what *error* means to whoever sends."""
        what = f"cannot {self._request.method} {self._request.shown}"
        if self._over or isinstance(error, TimeoutError):
            return TimeoutError(f"{what}: no answer in time")
        if type(error).__name__ == "SSLCertVerificationError":
            return Permanent(f"{what}: its certificate is not trusted: {error}")
        if isinstance(error, OSError):
            return Unreachable(f"{what}: {error}")
        said = printable(blanked(str(error), self._secrets))
        return Transient(f"{what}: the answer broke off: {type(error).__name__} {said}")

    def abort(self) -> None:
        """Let whoever reads or writes come back at once; harmless when all is over."""
        from socket import SHUT_RDWR, socket  # noqa: PLC0415 - loaded by the request

        # Not close: the number could be another's by the time the other thread uses it. And not the method of an SSL
        # socket, which pulls its state from under the thread that reads.
        self._over = True
        sock = self._sock or self._connection.sock
        if sock is not None:
            with suppress(OSError):
                socket.shutdown(sock, SHUT_RDWR)


def exchange(request: Request, ctx: Context, body: bytes | None = None, **options: Any) -> Answer:
    """
    Send *request* on this thread, once, and return the answer, whatever its status; `judge` tells what that means.

    It comes back at once when the attempt of *ctx* must give way. No breaker is asked: `ctx.call` is for that.

    Args:

        request: What is sent; all exchanges of an attempt carry the same `Idempotency-Key`.

        ctx: The attempt in whose time it is sent.

        body: Another body than that of the request.

        options: `headers`, more header fields for this once; `timeout`, the longest that the server may be silent,
            seconds, by default as long as the attempt has; `most`, how many bytes of the answer are read.

    Raises `Unreachable` when nobody is there or hangs up, `Transient` when the answer breaks off, `Permanent` when the
    certificate is not trusted, and `TimeoutError` when there is no answer in time.
    """
    return Exchange(request, ctx, body, **options).carry_through()


def judge(
    request: Request, answer: Answer, expect: Collection[int] = (), transient: Collection[int] = TRANSIENT_STATUS
) -> Answer:
    """
    Return *answer* if its status is one of *expect*, by default of 200 to 299.

    Raise `HTTPStatusTransient` for another one of *transient*, and `HTTPStatusRefused` for the rest.
    """
    if answer.status in expect or (not expect and 200 <= answer.status < 300):
        return answer
    said = answer.quoted()
    text = f"{request.method} {request.shown} was answered with {answer}{f': {said}' if said else ''}"
    if answer.status in transient:
        raise HTTPStatusTransient(text, answer.status, _retry_after(answer.headers))
    raise HTTPStatusRefused(text, answer.status)


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise `HandlerError` for a header field that cannot be sent; its content, maybe a secret, is not shown."""
    for name, text in headers.items():
        if not name or not text.isprintable() or not (name + text).isascii():
            raise HandlerError(f"cannot send the header field {name!r}: it must be printable ASCII")


def _trust(authority: str | None) -> Any:
    """Return what certificates are checked against: read now and not at the end."""
    from ssl import VERIFY_X509_STRICT, SSLError, create_default_context  # noqa: PLC0415 - for those who need it

    try:
        trust = create_default_context(cafile=authority)
    except (OSError, SSLError) as error:
        raise HandlerError(f"cannot read the certificate authority in {authority}: {error}") from error
    if authority is not None:
        # Python 3.13 wants of each certificate what those of many clusters, such as EKS, do not have; chain, dates and
        # name are checked all the same.
        trust.verify_flags &= ~VERIFY_X509_STRICT
    return trust


def _retry_after(headers: HTTPMessage) -> float | None:
    """
    Return the seconds that the server asks to wait (RFC 9110 section 10.2.3), None if it does not say.

    A date is measured by the server's own clock, since ours may differ.
    """
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - http.client has loaded it

    asked = (headers.get("Retry-After") or "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        pause = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date") or "")
        return max(0.0, pause.total_seconds())
    except (TypeError, ValueError):
        return None
