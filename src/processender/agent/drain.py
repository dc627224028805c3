"""What the agent does before it asks the command to end, and undoes: readiness fails."""

from __future__ import annotations

from collections.abc import Callable

from .health import Health


def fail_readiness(health: Health) -> Callable[[], None]:
    """Return the callable that lets /readyz fail."""

    def fail() -> None:
        health.draining = True

    return fail


def pass_readiness(health: Health) -> Callable[[], None]:
    """Return the callable that undoes it: /readyz tells again whether the command is ready."""

    def pass_again() -> None:
        health.draining = False

    return pass_again
