"""What is answered for the Ender: readiness, liveness, and with a token the drain and the way back."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from aiohttp import web

from ...errors import HandlerError, ProcessEnderError
from ...hints import Any
from ...ports import Serving
from ...secret import check_reference, reveal


class Paths:
    """The paths that belong to the Ender."""

    def __init__(
        self, ender: Serving, ready: str | None, live: str | None, drain: str | None, resume: str | None, token: Any
    ) -> None:
        """Take the paths; see `serve`."""
        self.answers: dict[str, Callable[[web.Request], web.Response]] = {}
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
            self._take(drain, lambda request: self._deed(request, ender.drain, "the drain has begun\n"))
            resume = resume or _beside(drain, "resume")
            self._take(resume, lambda request: self._deed(request, ender.resume, "traffic comes back\n"))

    def _take(self, path: str, answer: Callable[[web.Request], web.Response]) -> None:
        if not path.startswith("/"):
            raise HandlerError(f"cannot answer at {path!r}: a path begins with a slash, like '/readyz'")
        if path in self.answers:
            raise HandlerError(f"cannot answer two things at {path!r}; give each a path of its own, or None")
        self.answers[path] = answer

    def _ready(self, request: web.Request) -> web.Response:
        if request.method not in {"GET", "HEAD"}:
            return _answer(405, "only GET and HEAD\n", Allow="GET, HEAD")
        return _answer(200, "ready\n") if self._ender.serving else _answer(503, "not ready\n")

    def _live(self, request: web.Request) -> web.Response:
        if request.method not in {"GET", "HEAD"}:
            return _answer(405, "only GET and HEAD\n", Allow="GET, HEAD")
        return _answer(200, "alive\n")

    def _deed(self, request: web.Request, deed: Callable[..., object], done: str) -> web.Response:
        if request.method != "POST":
            return _answer(405, "only POST\n", Allow="POST")
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            text = "a token is needed: Authorization: Bearer TOKEN\n"
            return _answer(401, text, **{"WWW-Authenticate": "Bearer"})
        # In a time that does not tell how much of it was right.
        if not hmac.compare_digest(secret.strip().encode("utf-8", "surrogateescape"), self._secret):
            return _answer(403, "this is not the token\n")
        try:
            deed(sender=f"POST {request.path} from {request.remote or 'nowhere'}")
        except ProcessEnderError as error:
            return _answer(409, f"{error}\n")
        return _answer(202, done)


def _answer(status: int, text: str, **headers: str) -> web.Response:
    return web.Response(status=status, text=text, headers={"Cache-Control": "no-store", **headers})


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
