"""What the middleware answers itself: readiness, liveness, and with a token the drain and the way back."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from ...errors import HandlerError, ProcessEnderError
from ...hints import Any
from ...ports import Serving
from ...secret import check_reference, reveal
from .request import closing
from .words import Scope, Send

Answer = tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]

_JUST_GET: Answer = (405, b"only GET and HEAD\n", ((b"allow", b"GET, HEAD"),))
_JUST_POST: Answer = (405, b"only POST\n", ((b"allow", b"POST"),))
_NO_TOKEN: Answer = (401, b"a token is needed: Authorization: Bearer TOKEN\n", ((b"www-authenticate", b"Bearer"),))
_WRONG_TOKEN: Answer = (403, b"this is not the token\n", ())


class Paths:
    """The paths that belong to the Ender."""

    def __init__(
        self, ender: Serving, ready: str | None, live: str | None, drain: str | None, resume: str | None, token: Any
    ) -> None:
        """Take the paths; see `EnderMiddleware`."""
        self.answers: dict[str, Callable[[Scope], Answer]] = {}
        """What answers, by path."""
        self._ender = ender
        self._secret = b""
        if ready:
            self._take(ready, self._ready)
        if live:
            self._take(live, self._live)
        if drain or resume:
            drain = drain or _beside(resume or "", "drain")
            self._secret = _secret(token, drain)
            self._take(drain, lambda scope: self._deed(scope, ender.drain, b"the drain has begun\n"))
            resume = resume or _beside(drain, "resume")
            self._take(resume, lambda scope: self._deed(scope, ender.resume, b"traffic comes back\n"))

    def _take(self, path: str, answer: Callable[[Scope], Answer]) -> None:
        if not path.startswith("/"):
            raise HandlerError(f"cannot answer at {path!r}: a path begins with a slash, like '/readyz'")
        if path in self.answers:
            raise HandlerError(f"cannot answer two things at {path!r}; give each a path of its own, or None")
        self.answers[path] = answer

    async def answer(self, scope: Scope, send: Send) -> None:
        """Answer a request for one of the paths."""
        status, body, more = self.answers[scope["path"]](scope)
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        headers += [(b"cache-control", b"no-store"), *more]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await send(closing(start, scope) if self._ender.draining else start)
        await send({"type": "http.response.body", "body": body})

    def _ready(self, scope: Scope) -> Answer:
        if scope["method"] not in {"GET", "HEAD"}:
            return _JUST_GET
        return (200, b"ready\n", ()) if self._ender.serving else (503, b"not ready\n", ())

    def _live(self, scope: Scope) -> Answer:
        return (200, b"alive\n", ()) if scope["method"] in {"GET", "HEAD"} else _JUST_GET

    def _deed(self, scope: Scope, deed: Callable[..., object], done: bytes) -> Answer:
        if scope["method"] != "POST":
            return _JUST_POST
        given = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
        scheme, _, secret = given.partition(b" ")
        if scheme.lower() != b"bearer" or not secret.strip():
            return _NO_TOKEN
        # In a time that does not tell how much of it was right.
        if not hmac.compare_digest(secret.strip(), self._secret):
            return _WRONG_TOKEN
        client = scope.get("client") or ("nowhere",)
        try:
            deed(sender=f"POST {scope['path']} from {client[0]}")
        except ProcessEnderError as error:
            return 409, f"{error}\n".encode(), ()
        return 202, done, ()


def _beside(path: str, name: str) -> str:
    return path.rpartition("/")[0] + "/" + name


def _secret(token: Any, path: str) -> bytes:
    try:
        check_reference(token, "token")
        secret = reveal(token).strip()
    except ProcessEnderError as error:
        raise HandlerError(f"cannot take a drain at {path!r}: {error}") from error
    if not secret:
        raise HandlerError(f"cannot take a drain at {path!r}: the token is empty; give letters and digits")
    return secret.encode()
