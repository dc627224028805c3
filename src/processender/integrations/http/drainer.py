"""Leaving traffic by a request, and coming back by another."""

from __future__ import annotations

from ...core.graph import nearest
from ...core.handler import Handler
from ...errors import HandlerError, ReleaserError
from ...exchange import Answer, Request, exchange, judge
from ...hints import Any
from ...leaving import drainer
from ...patience import check_wait, evidence
from ...ports import Context
from ...secret import SECRET_HEADERS, check_named, check_reference, reveal

SILENT_S = 5.0
"""The longest that the server may be silent."""
_TAKES: dict[str, tuple[tuple[type, ...], str]] = {
    "url": ((str,), "a URL, as text"),
    "method": ((str,), "text, like POST"),
    "headers": ((dict,), 'a table of names and values, like {"Accept": "text/plain"}'),
    "body": ((str, bytes), "text or bytes"),
    "expect": ((list, tuple, set, frozenset), "a list of status codes, like [200, 204]"),
    "says": ((str,), "text"),
}
"""What each key takes, and that in words."""
_KEYS = ("url", "method", "headers", "body", "expect")


def drain(
    down: str | dict[str, Any],
    up: str | dict[str, Any] | None = None,
    *,
    until: str | dict[str, Any] | None = None,
    lasting: bool = True,
    name: str = "",
    timeout: float | None = None,
    wait: float = 10.0,
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

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.

        wait: The longest it waits for the evidence, seconds.

    Raises `HandlerError` for what makes no sense.
    """
    check_wait("wait", wait, 10.0, timeout)
    first = _Step(down, "down")
    target = _Target(
        first,
        None if up is None else _Step(up, "up"),
        None if until is None else _Step(until, "until", "GET", (*_KEYS, "says")),
        wait,
    )
    resume = None if up is None else target.come_back
    own = name or f"{first.method} {first.shown}"
    return drainer(own, target.leave, resume, wait=wait, timeout=timeout, lasting=lasting)


class _Step:
    """One request, with its secrets where they are."""

    def __init__(
        self, given: str | dict[str, Any], what: str, method: str = "POST", known: tuple[str, ...] = _KEYS
    ) -> None:
        table: dict[str, Any] = {"url": given} if isinstance(given, str) else given
        _check_keys(table, what, known)
        headers: dict[str, Any] = table.get("headers", {})
        for field, value in headers.items():
            _check_header(field, value, what)
        plain = {field: value for field, value in headers.items() if isinstance(value, str)}
        self._secret = {field: value for field, value in headers.items() if field not in plain}
        self._expect = frozenset(table.get("expect", ()))
        self._says: str = table.get("says", "")
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

    def __init__(self, down: _Step, up: _Step | None, until: _Step | None, wait: float) -> None:
        self._down, self._up, self._until = down, up, until
        self._wait = wait

    def leave(self, ctx: Context) -> None:
        """Send what leaves, and wait for the evidence."""
        self._down.send(ctx)
        until = self._until
        if until is not None:
            lacking = f"{until.shown} is not answered as it should be"
            evidence(ctx, lambda: until.look(ctx), lacking, wait=self._wait)

    def come_back(self, ctx: Context) -> None:
        """Send what comes back; what `until` waits for says nothing about the way back."""
        if self._up is not None:
            answer = self._up.send(ctx)
            ctx.note(f"{self._up.shown} was answered with {answer.status}; nobody has looked whether requests come")


def _check_keys(table: Any, what: str, known: tuple[str, ...]) -> None:
    """Raise `HandlerError` unless *table* describes a request."""
    if not isinstance(table, dict):
        raise HandlerError(f'cannot drain: {what} must be a URL, or a table like {{"url": "http://127.0.0.1:8080/"}}')
    for key, value in table.items():
        if key not in known:
            raise HandlerError(f"cannot drain: {what} has no key {key!r}{nearest(key, known)}")
        kinds, example = _TAKES[key]
        if not isinstance(value, kinds):
            raise HandlerError(f"cannot drain: {key} of {what} must be {example}")
    if "url" not in table:
        raise HandlerError(f'cannot drain: {what} must have a url, like {{"url": "http://127.0.0.1:8080/drain"}}')
    codes = table.get("expect", ())
    if not all(isinstance(each, int) and 100 <= each <= 599 for each in codes):
        raise HandlerError(f"cannot drain: expect of {what} must be {_TAKES['expect'][1]}")


def _check_header(field: Any, value: Any, what: str) -> None:
    if not isinstance(field, str):
        raise HandlerError(f"cannot drain: the name of a header of {what} must be text, not {field!r}")
    check = check_named if field.lower() in SECRET_HEADERS else check_reference
    try:
        check(value, field)
    except ReleaserError as error:
        raise HandlerError(f"cannot drain: {what}: {error}") from error
