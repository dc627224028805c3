"""Envoy as a sidecar: out of traffic, back, and its end."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.handler import Handler
from ...leaving import EXPECTED_S, RETRY, drainer
from ...patience import check_wait, poll, quiet, until_gone
from ...ports import Context
from .admin import Admin

ADMIN = "http://127.0.0.1:9901"
"""Where the admin face usually is."""


def drain(
    admin: str = ADMIN,
    *,
    propagation: float = 5.0,
    listeners: bool = True,
    inbound_only: bool = False,
    listener: str = "",
    wait: float = 5.0,
    name: str = "envoy",
    timeout: float | None = None,
) -> Handler:
    """
    Return the handler that takes the Envoy beside this process out of traffic, and brings it back.

    Args:

        admin: The URL of its admin face.

        propagation: How long whoever asks Envoy for its health may take to notice, seconds.

        listeners: Whether listeners are drained, which nothing takes back.

        inbound_only: Whether only those with `traffic_direction: INBOUND` are.

        listener: What the name of a listener must have in it to count, like `_15006`; by default all count.

        wait: The longest wait for the last connection to end, seconds.

        name: The name of the handler.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.
    """
    check_wait("wait", wait, 5.0, timeout)
    face = Admin(admin)

    def leave(ctx: Context) -> None:
        face.fail_health(ctx)
        poll(ctx, lambda: None, wait=propagation)
        if listeners:
            face.drain_listeners(ctx, inbound_only=inbound_only)
        quiet(ctx, lambda: _left(face.connections(ctx, listener)), "Envoy: no connection is left", wait=wait)

    def come_back(ctx: Context) -> None:
        if face.state(ctx) == "DRAINING":
            face.pass_health(ctx)
            ctx.note("Envoy: its health check passes again")

    expected = propagation + EXPECTED_S
    return drainer(name, leave, come_back, wait=wait, timeout=timeout, more=propagation, expected=expected)


def stop_proxy(admin: str = ADMIN, *, name: str = "stop-envoy", timeout: float | None = 5.0) -> Handler:
    """
    Return the handler of the phase `release` that ends the Envoy beside this process: `POST /quitquitquit`.

    Args:

        admin: The URL of its admin face.

        name: The name of the handler.

        timeout: The longest it may take in all, seconds.
    """
    face = Admin(admin)

    def stop(ctx: Context) -> None:
        until_gone(ctx, lambda: face.answers(ctx), lambda: face.quit(ctx), "Envoy")

    return Handler(name, stop, phase="release", timeout=timeout, retry=RETRY)


def _left(connections: Mapping[str, int]) -> str:
    shown = ", ".join(f"{count} at {name}" for name, count in connections.items() if count)
    return f"connections are left: {shown}" if shown else ""
