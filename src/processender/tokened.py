"""
A metadata service that wants a token: EC2 has invented it, and Alibaba has taken it over.

A token is asked for with a PUT and lives as long as that says; 401 means that it has not, and another one is fetched,
once for each request. 404 means that there is nothing.
"""

from __future__ import annotations

from .exchange import Answer, Request
from .glance import Glance, Later, Unclear, found, text_of

EARLY_S = 15.0
"""How long before its end a token is replaced."""


class Tokened:
    """The service, as one thread asks it."""

    def __init__(self, base: str, renew: str, headers: tuple[str, str], ttl: int) -> None:
        """
        Describe it; raise `SourceError` for what is no address.

        Args:

            base: Where it is.

            renew: The path of the tokens.

            headers: The names of the header fields of the time that a token lives, and of a token.

            ttl: How long one is to live, seconds.
        """
        self._base = base.rstrip("/")
        life, self._header = headers
        self._ttl = ttl
        self._renew = Later("PUT", self._base + renew, {life: str(ttl)})
        self._requests: dict[str, Later] = {}
        self._token = ""
        self._until = 0.0

    def get(self, glance: Glance, path: str) -> Answer | None:
        """Return what is at *path*, None where nothing is."""
        request = self._requests.get(path)
        if request is None:
            request = self._requests[path] = Later("GET", self._base + path)
        answer = self._ask(glance, request())
        if answer.status == 401:
            self._token = ""
            answer = self._ask(glance, request())
        return found(request(), answer)

    def _ask(self, glance: Glance, request: Request) -> Answer:
        if not self._token or glance.clock.now() >= self._until - EARLY_S:
            answer = found(self._renew(), glance.ask(self._renew()))
            token = "" if answer is None else text_of(answer)
            if not token or not token.isascii() or not token.isprintable():
                raise Unclear("it hands out no token")
            self._token, self._until = token, glance.clock.now() + self._ttl
        return glance.ask(request, {self._header: self._token})
