"""
An HTTP request as a handler: under the breaker of its host, within the time that is left, repeatable without harm.

The standard library's client, without proxies and redirects: what runs at the end must do what was written down and
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ...core.retry import TRANSIENT_STATUS
from ...errors import HandlerError, Permanent, ProcessEnderError, Transient
from ...hints import TYPE_CHECKING
from ...ports import Context

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

READ_BYTES = 65536
"""How much of an answer is read; the rest is left."""
_LEAST_S = 0.001


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


def http(
    method: str,
    url: str,
    *,
    expect: Collection[int] = (),
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    transient: Collection[int] = TRANSIENT_STATUS,
) -> Callable[..., None]:
    """
    Return a sync handler's callable that sends a request; a second argument of it is another body.

    Every attempt carries the same `Idempotency-Key`, so that the server can tell a repetition. Redirects are not
    followed and proxies are not used.

    Args:

        method: The method, in capitals.

        url: Where to, with http or https.

        expect: The status codes that mean done; by default all of 200 to 299.

        headers: More header fields.

        body: The body; text is sent as UTF-8.

        transient: The status codes after which another attempt may succeed.

    The callable raises `HTTPStatusTransient` or `HTTPStatusRefused` for a status that was not expected, `Transient`
    when the server cannot be reached or breaks off, `Permanent` when its certificate is not trusted, `TimeoutError`
    when it does not answer in time, and `CircuitOpenError` when it failed too often just now.
    """
    request = _Request(method, url, headers or {}, body)
    expected, passing = frozenset(expect), frozenset(transient)

    def send(ctx: Context, now: bytes | None = None) -> None:
        exchange = _Exchange(request, ctx, now)
        try:
            ctx.call(request.server, lambda: _judge(request, exchange.carry_through(), expected, passing))
        finally:
            exchange.abort()

    send.__name__ = send.__qualname__ = f"{method} {request.shown}"
    return send


class _Request:
    """What is sent, and how connections to its server are made; all that this needs is loaded here."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: str | bytes | None) -> None:
        from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415 - 4 MB, for those who need them
        from urllib.parse import quote, urlsplit  # noqa: PLC0415 - see above

        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise HandlerError(f"cannot send to {url!r}: it must be a URL with http or https and a host")
        self.method = method
        self.quote = quote
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.server = parts.netloc.rpartition("@")[2]
        # Without the query, which may hold a secret.
        self.shown = f"{parts.scheme}://{self.server}{parts.path}"
        for name, text in headers.items():
            if not name or not text.isprintable() or not (name + text).isascii():
                raise HandlerError(f"cannot send the header field {name!r}: it must be printable ASCII")
        self.headers = {"User-Agent": "processender", "Connection": "close", **headers}
        self.body = body.encode() if isinstance(body, str) else body
        host: str = parts.hostname
        try:
            # The name service wants this codec, which Python loads when it is first used.
            host.encode("idna")
            port = parts.port
        except ValueError as error:
            raise HandlerError(f"cannot send to {url!r}: {error}") from error
        self.connect: Callable[[float], HTTPConnection] = lambda limit: HTTPConnection(host, port, timeout=limit)
        if parts.scheme == "https":
            from ssl import create_default_context  # noqa: PLC0415 - reads the certificates, now and not at the end

            trust = create_default_context()
            self.connect = lambda limit: HTTPSConnection(host, port, timeout=limit, context=trust)


class _Answer:
    """What came back."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.reason = response.reason
        self.retry_after = response.headers.get("Retry-After")
        self.date = response.headers.get("Date")
        self.start = response.read(READ_BYTES)[:300]


class _Exchange:
    """One connection, one request, one answer."""

    def __init__(self, request: _Request, ctx: Context, body: bytes | None) -> None:
        self._request = request
        self._body = request.body if body is None else body
        self._ctx = ctx
        self._connection = request.connect(max(_LEAST_S, ctx.remaining()))
        ctx.on_cancel(self.abort)

    def carry_through(self) -> _Answer:
        from http.client import HTTPException  # noqa: PLC0415 - loaded by the request

        request, connection = self._request, self._connection
        key = request.quote(self._ctx.idempotency_key, safe="/-._~")
        what = f"cannot {request.method} {request.shown}"
        try:
            connection.request(request.method, request.target, self._body, {"Idempotency-Key": key, **request.headers})
            return _Answer(connection.getresponse())
        except TimeoutError as error:
            raise TimeoutError(f"{what}: no answer in time") from error
        except OSError as error:
            if type(error).__name__ == "SSLCertVerificationError":
                raise Permanent(f"{what}: its certificate is not trusted: {error}") from error
            raise Transient(f"{what}: {error}") from error
        except HTTPException as error:
            raise Transient(f"{what}: the answer broke off: {type(error).__name__} {error}") from error
        finally:
            connection.close()

    def abort(self) -> None:
        """Let whoever reads or writes come back at once; harmless when all is over."""
        from socket import SHUT_RDWR, socket  # noqa: PLC0415 - loaded by the request

        # Not close: the number of the descriptor could be another's by the time the other thread uses it. And not
        # the method of an SSL socket, which pulls its state from under the thread that reads.
        sock = self._connection.sock
        if sock is None:
            return
        try:
            socket.shutdown(sock, SHUT_RDWR)
        except OSError:
            return


def _judge(request: _Request, answer: _Answer, expected: Collection[int], transient: Collection[int]) -> None:
    """Raise what the *answer* means; return if it is as expected."""
    if answer.status in expected or (not expected and 200 <= answer.status < 300):
        return
    said = answer.start.decode("utf-8", "replace").strip().replace("\n", " ")
    text = f"{request.method} {request.shown} was answered with {answer.status} {answer.reason}"
    text += f": {said}" if said else ""
    if answer.status in transient:
        raise HTTPStatusTransient(text, answer.status, _retry_after(answer))
    raise HTTPStatusRefused(text, answer.status)


def _retry_after(answer: _Answer) -> float | None:
    """
    Return the seconds that the server asks to wait (RFC 9110 section 10.2.3), None if it does not say.

    A date is measured by the server's own clock, since ours may differ.
    """
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - http.client has loaded it

    asked = (answer.retry_after or "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        pause = parsedate_to_datetime(asked) - parsedate_to_datetime(answer.date or "")
        return max(0.0, pause.total_seconds())
    except (TypeError, ValueError):
        return None
