"""An HTTP request as a handler: under the breaker of its host, within the time that is left, safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ...core.retry import TRANSIENT_STATUS
from ...exchange import Exchange, Request, judge
from ...ports import Context


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
    request = Request(method, url, headers, body)
    expected, passing = frozenset(expect), frozenset(transient)

    def send(ctx: Context, now: bytes | None = None) -> None:
        exchange = Exchange(request, ctx, now)
        try:
            ctx.call(request.server, lambda: judge(request, exchange.carry_through(), expected, passing))
        finally:
            exchange.abort()

    send.__name__ = send.__qualname__ = f"{method} {request.shown}"
    return send
