"""Leaving traffic at Consul, and coming back."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.handler import Handler
from ...errors import HandlerError, ReleaserError
from ...hints import Any, Literal
from ...leaving import drainer
from ...patience import check_wait, evidence
from ...ports import Context
from ...secret import check_named
from .api import Agent, as_registration

URL = "http://127.0.0.1:8500"
"""Where the agent of a node listens unless it was told otherwise."""


def drain(
    service: str,
    *,
    url: str = URL,
    token: dict[str, str] | None = None,
    how: Literal["maintenance", "deregister"] = "maintenance",
    reason: str = "draining",
    registration: Mapping[str, Any] | None = None,
    authority: str | None = None,
    name: str = "",
    timeout: float | None = None,
    wait: float = 10.0,
) -> Handler:
    """
    Return the handler that takes a service out of traffic at Consul.

    Args:

        service: The id of the service, which is its name unless it was registered with one of its own.

        url: Where the agent of this node is found.

        token: Where the token is found, `{"env": NAME}` or `{"file": PATH}`; it is read when it is used.

        how: `maintenance`, or `deregister`.

        reason: What is shown beside the maintenance.

        registration: What a deregistered service is registered with again; by default what the agent said about it,
            which does not tell its health checks.

        authority: The file of the certificate authority that is trusted with https.

        name: The name of the handler; by default `consul SERVICE`.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.

        wait: The longest it waits for the evidence, seconds.

    Raises `HandlerError` for what makes no sense.
    """
    check_wait("wait", wait, 10.0, timeout)
    if how not in {"maintenance", "deregister"}:
        raise HandlerError(f"cannot drain at Consul with how={how!r}: it must be 'maintenance' or 'deregister'")
    if not service:
        raise HandlerError("cannot drain at Consul: the id of the service is empty")
    if token is not None:
        try:
            check_named(token, "token")
        except ReleaserError as error:
            raise HandlerError(f"cannot drain at Consul: {error}") from error
    agent = Agent(url, service, token, reason, authority)
    target = (_Maintained if how == "maintenance" else _Deregistered)(agent, wait, registration)
    return drainer(name or f"consul {service}", target.leave, target.come_back, wait=wait, timeout=timeout)


class _Listed:
    """One instance of a service, as those see it who ask for it."""

    def __init__(self, agent: Agent, wait: float, registration: Mapping[str, Any] | None) -> None:
        self._agent = agent
        self._wait = wait
        self._registration = None if registration is None else dict(registration)

    def _watch(self, ctx: Context, name: str, *, listed: bool) -> None:
        """Wait for the evidence that it is *listed* among the passing instances, or is not."""
        agent, own = self._agent, self._agent.service
        node = agent.node(ctx)
        said, lacking = f"Consul no longer lists {own}", f"Consul still lists {own}"
        if listed:
            said, lacking = f"Consul lists {own} as passing", f"Consul does not list {own} as passing"

        def look() -> str | None:
            return said if agent.is_listed(ctx, name, node) is listed else None

        evidence(ctx, look, lacking, wait=self._wait)


class _Maintained(_Listed):
    """It stays registered, with a critical check more."""

    def leave(self, ctx: Context) -> None:
        """Switch the maintenance on, and wait until it is no longer listed."""
        about = self._agent.about(ctx)
        if about is None or not self._agent.maintain(ctx, on=True):
            ctx.note(f"Consul does not know {self._agent.service}: there is nothing to leave")
            return
        self._watch(ctx, about["Service"], listed=False)

    def come_back(self, ctx: Context) -> None:
        """Switch the maintenance off, and wait until it is listed."""
        about = self._agent.about(ctx)
        if about is None or not self._agent.maintain(ctx, on=False):
            ctx.note(f"Consul does not know {self._agent.service}: there is nothing to come back to")
            return
        self._watch(ctx, about["Service"], listed=True)


class _Deregistered(_Listed):
    """It is registered no more."""

    def leave(self, ctx: Context) -> None:
        """Keep what the agent says about it, deregister it, and wait until it is no longer listed."""
        about = self._agent.about(ctx)
        if about is None:
            ctx.note(f"Consul does not know {self._agent.service}: there is nothing to leave")
            return
        self._registration = self._registration or as_registration(about)
        self._agent.deregister(ctx)
        self._watch(ctx, about["Service"], listed=False)

    def come_back(self, ctx: Context) -> None:
        """Register it again, and wait until it is listed; a process that knows nothing leaves that to others."""
        if self._registration is None:
            return
        self._agent.register(ctx, self._registration)
        self._watch(ctx, self._registration["Name"], listed=True)
