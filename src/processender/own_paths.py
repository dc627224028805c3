"""
What a server answers for the Ender: readiness, liveness, and with a token the drain and the way back.

One rule for all frameworks: their rooms ask here with the method, the path and the fields that matter, and write what
comes back in their own way.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from functools import partial

from .core.labels import printable
from .errors import HandlerError, ProcessEnderError
from .farewell import REASON
from .hints import Any
from .ports import Serving
from .secret import check_reference, reveal_token

Answer = tuple[int, str, dict[str, str]]
"""The status, the text, and the header fields beside those of every answer here."""

CUT: Answer = (503, f"{REASON}\n", {"Retry-After": "1"})
"""What a client is told whose request was cut before its answer had begun."""
NOT_STORED = {"Cache-Control": "no-store"}
_JUST_GET: Answer = (405, "only GET and HEAD\n", {"Allow": "GET, HEAD"})
_JUST_POST: Answer = (405, "only POST\n", {"Allow": "POST"})
_NO_TOKEN: Answer = (401, "a token is needed: Authorization: Bearer TOKEN\n", {"WWW-Authenticate": "Bearer"})
_WRONG_TOKEN: Answer = (403, "this is not the token\n", {})
_LOST_TOKEN: Answer = (503, "the token cannot be found here any more\n", {})


def is_unheld(ender: Serving) -> bool:
    """Tell whether requests come although nobody has entered *ender*: then it hears no end, and is never ready."""
    off = os.environ.get("PROCESSENDER_DISABLE") == "1"
    return not (off or ender.entered or ender.stopping.is_set())


class OwnPaths:
    """The paths that belong to the Ender."""

    def __init__(
        self, ender: Serving, ready: str | None, live: str | None, drain: str | None, resume: str | None, token: Any
    ) -> None:
        """
        Take them; a path of None is the application's own.

        Args:

            ender: Who is asked.

            ready: Where GET is answered by 200 while the process is to get traffic and by 503 otherwise.

            live: Where GET is answered by 200 as long as there is an answer at all.

            drain: Where POST begins a drain, for whoever has the token.

            resume: Where POST takes it back; None stands for `/resume` beside *drain*.

            token: The secret of `Authorization: Bearer`: text, `{"env": NAME}` or `{"file": PATH}`; a reference is read
                anew for each request, so that the secret may be replaced.

        Raise `HandlerError` for what cannot be meant, such as a *drain* without a token.
        """
        # Who answers for the Ender serves, and that shows in a plan before it does.
        ender.in_progress()
        self._ender = ender
        self._token = token
        self._given: dict[str, Callable[[str, bytes, str], Answer]] = {}
        self._take(ready, lambda method, *_: self._look(method, ender.serving, "ready\n", "not ready\n"))
        self._take(live, lambda method, *_: self._look(method, True, "alive\n", ""))
        if drain:
            _check_token(token, drain)
            resume = resume or drain.rpartition("/")[0] + "/resume"
            self._take(drain, partial(self._deed, ender.drain, f"POST {drain}", "the drain has begun\n"))
            self._take(resume, partial(self._deed, ender.resume, f"POST {resume}", "traffic comes back\n"))
        elif resume or token is not None:
            given = f"resume_path={resume!r}" if resume else "a token"
            raise HandlerError(f"cannot take {given} without a drain_path: give that too, or neither")
        self.names = frozenset(self._given)
        """The paths."""

    def answer(self, path: str, method: str, authorization: str | bytes = b"", client: str = "") -> Answer:
        """
        Return what is answered to a request for one of the paths.

        Args:

            path: One of `names`.

            method: That of the request.

            authorization: The content of its header field of this name.

            client: Who asks, if that is known.
        """
        given = authorization.encode("utf-8", "surrogateescape") if isinstance(authorization, str) else authorization
        status, text, fields = self._given[path](method, given, client)
        return status, text, {**NOT_STORED, **fields}

    def _take(self, path: str | None, answer: Callable[[str, bytes, str], Answer]) -> None:
        if not path:
            return
        if not path.startswith("/"):
            raise HandlerError(f"cannot answer at {path!r}: a path begins with a slash, like '/readyz'")
        if path in self._given:
            raise HandlerError(f"cannot answer two things at {path!r}; give each a path of its own, or None")
        self._given[path] = answer

    def _look(self, method: str, good: bool, yes: str, no: str) -> Answer:
        if method not in {"GET", "HEAD"}:
            return _JUST_GET
        return (200, yes, {}) if good else (503, no, {})

    def _deed(
        self, deed: Callable[..., object], what: str, done: str, method: str, authorization: bytes, client: str
    ) -> Answer:
        if method != "POST":
            return _JUST_POST
        scheme, _, secret = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not secret.strip():
            return _NO_TOKEN
        try:
            token = reveal_token(self._token)
        except ProcessEnderError:
            return _LOST_TOKEN
        # In a time that does not tell how much of it was right.
        if not hmac.compare_digest(secret.strip(), token):
            return _WRONG_TOKEN
        try:
            deed(sender=f"{what} from {printable(client) or 'nowhere'}")
        except ProcessEnderError as error:
            return 409, f"{error}\n", {}
        return 202, done, {}


def _check_token(token: Any, path: str) -> None:
    try:
        check_reference(token, "token")
        reveal_token(token)
    except ProcessEnderError as error:
        raise HandlerError(f"cannot take a drain at {path!r}: {error}") from error
