"""Leaving traffic by a request, and coming back by another."""

from __future__ import annotations

from ...core.graph import nearest
from ...core.handler import DRAIN, Handler
from ...core.retry import Retry
from ...errors import HandlerError, ReleaserError
from ...exchange import Answer, Request, exchange, judge
from ...hints import Any
from ...patience import evidence
from ...ports import Context
from ...secret import SECRET_HEADERS, check_reference, reveal

SILENT_S = 5.0
"""The longest that the server may be silent."""
_KEYS = ("url", "method", "headers", "body", "expect")


def drain(
    down: str | dict[str, Any],
    up: str | dict[str, Any] | None = None,
    *,
    until: str | dict[str, Any] | None = None,
    lasting: bool = True,
    name: str = "",
    timeout: float | None = None,
    settle: float = 10.0,
) -> Handler:
    """
    Return the handler that leaves traffic by a request.

    A request is a URL, or a table of `url`, `method` (POST), `headers`, `body`, and `expect`, the status codes that
    mean done (by default all of 200 to 299). A value of `headers` may be `{"env": NAME}` or `{"file": PATH}`, read
    when it is sent; those that are known to be secrets must be.

    Args:

        down: The request that leaves traffic.

        up: The request that comes back, if there is a way back.

        until: The request (GET) that is repeated until it is answered as expected: the evidence. Beside the other keys
            it may have `says`, a text that the answer must hold.

        lasting: Whether what *down* does outlasts the process, so that *up* is also sent when a new one serves.

        name: The name of the handler; by default that of the first request, like `POST http://host/path`.

        timeout: The longest it may take in all, seconds.

        settle: The longest it waits for the evidence, seconds.

    Raises `HandlerError` for what makes no sense.
    """
    first = _Step(down, "down")
    target = _Target(
        first,
        None if up is None else _Step(up, "up"),
        None if until is None else _Step(until, "until", "GET", (*_KEYS, "says")),
        settle,
    )
    resume = None if up is None else target.come_back
    lasts = lasting and up is not None
    own = name or f"{first.method} {first.shown}"
    return Handler(own, target.leave, phase=DRAIN, timeout=timeout, retry=Retry(3), resume=resume, lasting=lasts)


class _Step:
    """One request, with its secrets where they are."""

    def __init__(
        self, given: str | dict[str, Any], what: str, method: str = "POST", known: tuple[str, ...] = _KEYS
    ) -> None:
        table: dict[str, Any] = {"url": given} if isinstance(given, str) else given
        for key in table:
            if key not in known:
                raise HandlerError(f"cannot drain: {what} has no key {key!r}{nearest(key, known)}")
        if not isinstance(table.get("url"), str):
            raise HandlerError(f'cannot drain: {what} must have a url, like {{"url": "http://127.0.0.1:8080/drain"}}')
        self._headers = dict(table.get("headers", {}))
        for field, value in self._headers.items():
            _check_header(field, value, what)
        plain = {field: value for field, value in self._headers.items() if isinstance(value, str)}
        self._secret = {field: value for field, value in self._headers.items() if field not in plain}
        self._expect = frozenset(table.get("expect", ()))
        self._says = str(table.get("says", ""))
        self._request = Request(table.get("method", method), table["url"], plain, table.get("body"))

    def send(self, ctx: Context) -> Answer:
        """Send it; raise for an answer that was not expected."""
        return judge(self._request, self._ask(ctx), self._expect)

    def look(self, ctx: Context) -> str | None:
        """Send it, and return in words what was answered if that is what was expected."""
        answer = self._ask(ctx)
        good = answer.status in self._expect if self._expect else 200 <= answer.status < 300
        if not good or self._says.encode() not in answer.body:
            return None
        says = f", and says {self._says!r}" if self._says else ""
        return f"{self._request.shown} was answered with {answer.status}{says}"

    @property
    def method(self) -> str:
        """The method."""
        return self._request.method

    @property
    def shown(self) -> str:
        """Where it goes."""
        return self._request.shown

    def _ask(self, ctx: Context) -> Answer:
        secrets = {field: reveal(value) for field, value in self._secret.items()}
        return exchange(self._request, ctx, headers=secrets, timeout=SILENT_S)


class _Target:
    """Whoever answers."""

    def __init__(self, down: _Step, up: _Step | None, until: _Step | None, settle: float) -> None:
        self._down, self._up, self._until = down, up, until
        self._settle = settle

    def leave(self, ctx: Context) -> None:
        """Send what leaves, and wait for the evidence."""
        self._down.send(ctx)
        until = self._until
        if until is not None:
            lacking = f"{until.shown} is not answered as it should be"
            evidence(ctx, lambda: until.look(ctx), lacking, limit=self._settle)

    def come_back(self, ctx: Context) -> None:
        """Send what comes back."""
        if self._up is not None:
            self._up.send(ctx)


def _check_header(field: str, value: Any, what: str) -> None:
    if isinstance(value, str):
        if field.lower() in SECRET_HEADERS:
            text = f"cannot drain: the header {field} of {what} is a secret"
            raise HandlerError(f'{text}; give {{"env": NAME}} or {{"file": PATH}} as its value')
        return
    try:
        check_reference(value, field)
    except ReleaserError as error:
        raise HandlerError(f"cannot drain: {what}: {error}") from error
