"""What the middleware answers itself: readiness, liveness, and with a token the drain and the way back."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from ...errors import HandlerError, ProcessEnderError
from ...hints import Any
from ...ports import Serving
from ...secret import check_reference, reveal

Answer = tuple[str, bytes, list[tuple[str, str]]]

_JUST_GET: Answer = ("405 Method Not Allowed", b"only GET and HEAD\n", [("Allow", "GET, HEAD")])
_JUST_POST: Answer = ("405 Method Not Allowed", b"only POST\n", [("Allow", "POST")])
_NO_TOKEN: Answer = (
    "401 Unauthorized", b"a token is needed: Authorization: Bearer TOKEN\n", [("WWW-Authenticate", "Bearer")]
)  # fmt: skip
_WRONG_TOKEN: Answer = ("403 Forbidden", b"this is not the token\n", [])


class Paths:
    """The paths that belong to the Ender."""

    def __init__(
        self, ender: Serving, ready: str | None, live: str | None, drain: str | None, resume: str | None, token: Any
    ) -> None:
        """Take the paths; see `EnderMiddleware`."""
        self.answers: dict[str, Callable[[dict[str, Any]], Answer]] = {}
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
            self._take(drain, lambda environ: self._deed(environ, ender.drain, b"the drain has begun\n"))
            resume = resume or _beside(drain, "resume")
            self._take(resume, lambda environ: self._deed(environ, ender.resume, b"traffic comes back\n"))

    def _take(self, path: str, answer: Callable[[dict[str, Any]], Answer]) -> None:
        if not path.startswith("/"):
            raise HandlerError(f"cannot answer at {path!r}: a path begins with a slash, like '/readyz'")
        if path in self.answers:
            raise HandlerError(f"cannot answer two things at {path!r}; give each a path of its own, or None")
        self.answers[path] = answer

    def _ready(self, environ: dict[str, Any]) -> Answer:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _JUST_GET
        return ("200 OK", b"ready\n", []) if self._ender.serving else ("503 Service Unavailable", b"not ready\n", [])

    def _live(self, environ: dict[str, Any]) -> Answer:
        return ("200 OK", b"alive\n", []) if environ["REQUEST_METHOD"] in {"GET", "HEAD"} else _JUST_GET

    def _deed(self, environ: dict[str, Any], deed: Callable[..., object], done: bytes) -> Answer:
        if environ["REQUEST_METHOD"] != "POST":
            return _JUST_POST
        # PEP 3333: text of a request is Latin-1, whatever its client has sent.
        scheme, _, secret = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace").partition(b" ")
        if scheme.lower() != b"bearer" or not secret.strip():
            return _NO_TOKEN
        # In a time that does not tell how much of it was right.
        if not hmac.compare_digest(secret.strip(), self._secret):
            return _WRONG_TOKEN
        try:
            deed(sender=f"POST {environ['PATH_INFO']} from {environ.get('REMOTE_ADDR', 'nowhere')}")
        except ProcessEnderError as error:
            return "409 Conflict", f"{error}\n".encode(), []
        return "202 Accepted", done, []


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
