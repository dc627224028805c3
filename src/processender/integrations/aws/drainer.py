"""Leaving traffic at a load balancer of AWS, and coming back."""

from __future__ import annotations

from ...core.handler import Handler
from ...errors import CircuitOpenError, HandlerError, Permanent, Transient
from ...leaving import drainer
from ...patience import check_wait, evidence
from ...ports import Context
from .balancing import Balancing

LOOK_S = 1.0
"""How long to wait between two looks: the API is shared by the whole account."""
_NOT_THERE = "Target.NotRegistered"
_NETWORK = {"TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"}
_ASIDE = (Permanent, Transient, TimeoutError, CircuitOpenError, StopIteration, LookupError)


def drain(
    group: str,
    target: str,
    port: int | None = None,
    *,
    region: str = "",
    endpoint: str = "",
    name: str = "",
    timeout: float | None = None,
    wait: float = 30.0,
) -> Handler:
    """
    Return the handler that takes a target out of its group.

    Args:

        group: The ARN of the target group.

        target: The id of the target: of an instance, an address, or the ARN of a function or a balancer.

        port: The port that it was registered with, if it is not that of the group.

        region: The region; by default that of the ARN.

        endpoint: Where the service is, if it is not AWS's.

        name: The name of the handler; by default `aws TARGET`.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.

        wait: The longest it waits for the evidence, seconds.

    Raises `HandlerError` for what makes no sense, and without boto3.
    """
    check_wait("wait", wait, 30.0, timeout)
    if not group.startswith("arn:") or not target:
        raise HandlerError(f"cannot drain at AWS: group={group!r} must be an ARN, and target={target!r} an id")
    place = _Target(Balancing(group, target, port, region, endpoint), target, port, wait)
    return drainer(name or f"aws {place.shown}", place.leave, place.come_back, wait=wait, timeout=timeout)


class _Target:
    """One target, as its balancer sees it."""

    def __init__(self, balancing: Balancing, target: str, port: int | None, wait: float) -> None:
        self._balancing = balancing
        self.shown = target if port is None else f"{target}:{port}"
        """The target and its port."""
        self._wait = wait

    def leave(self, ctx: Context) -> None:
        """Deregister it, and wait until the balancer no longer uses it."""
        state, reason = self._balancing.state(ctx)
        if reason == _NOT_THERE:
            ctx.note(f"{self.shown} is not registered: there is nothing to leave")
            return
        if state != "draining":
            self._balancing.deregister(ctx)
        self._tell_of_group(ctx)

        def look() -> str | None:
            return f"{self.shown} is unused" if self._balancing.state(ctx)[0] == "unused" else None

        evidence(ctx, look, f"{self.shown} is still draining", wait=self._wait, every=LOOK_S)

    def come_back(self, ctx: Context) -> None:
        """Register it, and wait until the balancer finds it healthy."""
        self._balancing.register(ctx)

        def look() -> str | None:
            state, reason = self._balancing.state(ctx)
            if state == "unused" and reason != _NOT_THERE:
                return f"{self.shown} is registered, but no balancer uses its group ({reason})"
            return f"{self.shown} is healthy" if state == "healthy" else None

        evidence(ctx, look, f"{self.shown} is not yet healthy", wait=self._wait, every=LOOK_S)

    def _tell_of_group(self, ctx: Context) -> None:
        """Note what there is to know about the group; that it cannot be asked is no failure."""
        try:
            delay, left = self._balancing.delay(ctx), ctx.remaining()
            if delay > left:
                lasts = f"the group lets requests take up to {delay:.0f} s (deregistration_delay)"
                ctx.note(f"{lasts}, and {left:.0f} s are left")
            if self._balancing.protocol(ctx) in _NETWORK:
                ctx.note("a network load balancer may still send connections for a while: keep listening")
        except _ASIDE as error:
            ctx.note(f"cannot look at the target group: {error}")
