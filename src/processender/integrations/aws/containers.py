"""
A task of ECS: the source that reads its own metadata, and the protection from being scaled in.

Source: the ECS developer guide, task metadata endpoint version 4 and task scale-in protection. `stopTimeout` stands in
neither, so it is configured here as it is in the task definition.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from types import TracebackType

from ...core.notice import DeadlineKind
from ...core.sighting import Sighting
from ...exchange import Request, exchange, judge
from ...glance import Glance, Later, Unclear, data_of, found
from ...hints import Any, Self
from ...listening import Look, Polled

METADATA = "ECS_CONTAINER_METADATA_URI_V4"
AGENT = "ECS_AGENT_URI"
_STEP_S = 2.0
_RUNNING = {"RUNNING", "PENDING", "PROVISIONING", "ACTIVATING"}


def listen_ecs(
    *, name: str = "aws-ecs", stop_timeout: float | None = None, every: float = 2.0, endpoint: str = ""
) -> Polled:
    """
    Return the source that reads the metadata of the task, where `DesiredStatus` becomes `STOPPED` before the signal.

    Args:

        name: What it is called in notices and troubles.

        stop_timeout: The `stopTimeout` of the container, seconds; None leaves it at the grace.

        every: How often it looks, seconds.

        endpoint: Where the metadata is, instead of what ECS_CONTAINER_METADATA_URI_V4 says.
    """
    base = endpoint or os.environ.get(METADATA, "")
    request = Later("GET", f"{base.rstrip('/')}/task") if base else None

    def see(glance: Glance) -> Sequence[Sighting]:
        if request is None:
            return []
        answer = found(request(), glance.ask(request()))
        told: Any = None if answer is None else data_of(answer)
        status = told.get("DesiredStatus") if isinstance(told, dict) else None
        if status == "STOPPED":
            kind = DeadlineKind.CONFIGURED
            return [Sighting("task", "ecs stop", within=stop_timeout, kind=kind)]
        if status not in _RUNNING:
            raise Unclear(f"{status!r} is no status that a task can be wished to have")
        return []

    return Polled(name, [Look("task", see, every)], hint="is this a task of ECS with platform version 1.4 or later?")


class TaskProtection:
    """
    A block in which the task is not scaled in, for as long as it works on what cannot be repeated.

    It needs `ECS_AGENT_URI`, which ECS sets; outside of ECS it does nothing. It protects neither from spot
    interruptions nor from `StopTask`, and once the end has begun it is too late.
    """

    idempotency_key = "task-protection"

    def __init__(self, minutes: int = 120, *, endpoint: str = "") -> None:
        """Protect for at most so many *minutes* (1 to 2880), should the block never be left."""
        base = endpoint or os.environ.get(AGENT, "")
        path = "/task-protection/v1/state"
        self._minutes = minutes
        self._request = Request("PUT", base.rstrip("/") + path, {"Content-Type": "application/json"}) if base else None

    def __enter__(self) -> Self:
        """Ask for protection; raise what `exchange` raises, or `HTTPStatusError`, if it is not given."""
        self._put({"ProtectionEnabled": True, "ExpiresInMinutes": self._minutes})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._put({"ProtectionEnabled": False})

    def remaining(self) -> float:
        """Return how long one request may take, seconds."""
        return _STEP_S

    def on_cancel(self, _function: object) -> Callable[[], object]:
        """Call nothing: it takes no longer than that."""
        return lambda: None

    def _put(self, state: dict[str, object]) -> None:
        if self._request is not None:
            context: Any = self
            judge(self._request, exchange(self._request, context, json.dumps(state).encode()))
