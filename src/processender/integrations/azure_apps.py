"""
Azure Container Apps and Azure Functions: how long an end has there, from the environment.

Takes over: What is special there, as settings: `Ender("orders", **azure_apps.settings())` has, in a container app, the
30 s that it has unless it was set otherwise, and keeps its reports where a container may always write.

Leaves: Azure Functions: the host lets what runs end (drain mode), for 10 min before an update and up to 60 min when it
scales in, and then kills the process that runs Python: nothing is told to it. So whatever must not be lost is saved as
it is made, or is an obligation, which the next process settles (`recover="on-start"`). Scheduled events of virtual
machines are heard by the room `azure`.

Versions: the variables of Azure Container Apps; the host of Azure Functions 4, whose Python worker does not know the
message by which workers in other languages are told of their end, 5 s before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..core.grace import Grace
from ..core.notice import DeadlineKind
from ..hints import Any

WINDOW_S = 30.0
"""How long a container app has from SIGTERM to SIGKILL, seconds, unless `terminationGracePeriodSeconds` says more."""
STATE = "/tmp/processender"  # noqa: S108 - the container is all the host there is, and nobody else is in it
"""Where reports go; they are gone with the container, and stand in its log."""


def find_grace(environ: Mapping[str, str] | None = None) -> Grace | None:
    """Return how long an end has here, 0 for a function, whose process is told nothing; None outside of these two."""
    environ = os.environ if environ is None else environ
    if environ.get("FUNCTIONS_WORKER_RUNTIME") and environ.get("WEBSITE_SITE_NAME"):
        how = "the host of Azure Functions kills the process that runs Python, and tells it nothing"
        return Grace(0.0, f"{how} (FUNCTIONS_WORKER_RUNTIME)", DeadlineKind.TOLD)
    if environ.get("CONTAINER_APP_NAME") and environ.get("CONTAINER_APP_REVISION"):
        how = "the default of terminationGracePeriodSeconds, of which a container is not told (CONTAINER_APP_NAME)"
        better = "set terminationGracePeriodSeconds in the app's template, and the grace to the same"
        return Grace(WINDOW_S, how, DeadlineKind.ASSUMED, better)
    return None


def settings(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """
    Return what an Ender is to be told here, `grace` and `state`; nothing outside of a container app.

    If `terminationGracePeriodSeconds` is set: `Ender("orders", **{**azure_apps.settings(), "grace": 120})`.
    """
    environ = os.environ if environ is None else environ
    found = find_grace(environ)
    if found is None or not found.seconds:
        return {}
    return {"grace": found.seconds, "state": environ.get("PROCESSENDER_STATE", STATE)}


__all__ = ["STATE", "WINDOW_S", "find_grace", "settings"]
