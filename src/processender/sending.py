"""Sending an account to a server: one request in the time that there is, and what the answer means for the account."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import AccountRefused, HandlerError
from .exchange import Answer, Request, exchange, judge
from .hints import Any
from .ports import Context
from .secret import check_reference, reveal

REFUSED = frozenset({400, 413, 415, 422})
"""The status codes by which a server says that it will never take what it was sent; others may be set right."""
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class Address:
    """Where accounts are sent to, with the header fields that this needs."""

    def __init__(
        self,
        url: str,
        content: str,
        headers: Mapping[str, Any] | None = None,
        *,
        timeout: float = 10.0,
        authority: str | None = None,
    ) -> None:
        """
        Take it; raise `HandlerError`, or `ReleaserError`, for what nothing can be sent to. Nothing is sent yet.

        Args:

            url: Where to, with http or https.

            content: The type of the content.

            headers: More header fields, each as text or as a reference, `{"env": NAME}` or `{"file": PATH}`, which is
                looked up whenever something is sent; a secret should be one.

            timeout: How long one request may take, seconds.

            authority: The file of the certificate authority that is trusted; by default those of the system.
        """
        if not isinstance(timeout, int | float) or timeout <= 0:
            raise HandlerError(f"cannot send with timeout={timeout!r}: give seconds, a number like 10.0")
        self._headers = dict(headers or {})
        for name, value in self._headers.items():
            check_reference(value, f"header field {name}")
        self._request = Request("POST", url, {"Content-Type": content}, authority=authority)
        self._timeout = timeout
        self.shown = self._request.shown
        """Where that is, as it may be shown."""

    def send(self, body: bytes, ctx: Context) -> Answer:
        """
        Send *body* and return the answer.

        Raise `AccountRefused` where the server will never take it, and what `exchange` and `judge` raise.
        """
        headers = {name: reveal(value) for name, value in self._headers.items()}
        answer = exchange(self._request, ctx, body, headers=headers, timeout=self._timeout)
        if answer.status in REFUSED:
            raise AccountRefused(f"{self.shown} will not take it: {answer}: {answer.quoted()}".rstrip(": "))
        return judge(self._request, answer, (), TRANSIENT)
