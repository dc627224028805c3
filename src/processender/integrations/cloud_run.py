"""
Cloud Run and Cloud Run functions: SIGTERM and 10 s, for services, jobs and the workers of functions.

Takes over: What is special there, as settings: `Ender("orders", **cloud_run.settings())` has the 10 s of the platform
for its window, and keeps its reports where a container may always write. A service serves as anywhere, such as
`uvicorn.serve(ender, app)`. A function has no main program of its own: the framework loads it, and then forks the
worker that serves it. `cloud_run.in_function(ender)`, where the function is defined, arms the Ender in that worker,
which ends when the requests have been answered.

Leaves: The signal of a function, which is the framework's: nobody knows how much of the 10 s its last requests have
taken, so the window of a function is half of them. An ASGI function is refused: its worker dies by the signal before
anything can run; deploy it as a service. What no process is told: a crash, and a container that is out of memory.

Versions: the container contract of Cloud Run; functions-framework 3.10, which runs gunicorn 24 to 27.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..core.grace import Grace
from ..core.notice import DeadlineKind
from ..errors import HandlerError
from ..hints import Any

WINDOW_S = 10.0
"""How long a container has from SIGTERM to SIGKILL, seconds."""
FUNCTION_S = 5.0
"""What of it is for the end of a function, seconds; the rest is for the requests that it has begun."""
TOLD = DeadlineKind.TOLD
ASGI = "FUNCTION_USE_ASGI"
"""Tells the framework that a function is one of ASGI."""
_YES = {"1", "true", "t", "yes", "y", "on"}
STATE = "/tmp/processender"  # noqa: S108 - the container is all the host there is, and nobody else is in it
"""Where reports go; they are gone with the container, and stand in its log."""


def find_grace(environ: Mapping[str, str] | None = None) -> Grace | None:
    """
    Return how long an end has here; None outside of Cloud Run.

    Knative sets the same variables in a cluster, where the time is that of the pod: that is no Cloud Run.
    """
    environ = os.environ if environ is None else environ
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    if environ.get("CLOUD_RUN_JOB"):
        return Grace(WINDOW_S, "the rule of Cloud Run, for the tasks of jobs too (CLOUD_RUN_JOB)", TOLD)
    if not (environ.get("K_SERVICE") and environ.get("K_REVISION")):
        return None
    if environ.get("FUNCTION_TARGET"):
        how = "the rule of Cloud Run, less one half for the requests that its framework ends first (FUNCTION_TARGET)"
        return Grace(FUNCTION_S, how, DeadlineKind.ASSUMED, "nobody tells how long the last requests take")
    return Grace(WINDOW_S, "the rule of Cloud Run (K_SERVICE)", TOLD)


def settings(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """
    Return what an Ender is to be told here: `Ender("orders", **cloud_run.settings())`; nothing outside of Cloud Run.

    They are `grace` and `state`, and `signals` for a function, whose framework takes them.
    """
    environ = os.environ if environ is None else environ
    found = find_grace(environ)
    if found is None:
        return {}
    silent = {"signals": ()} if environ.get("FUNCTION_TARGET") and not environ.get("CLOUD_RUN_JOB") else {}
    return {"grace": found.seconds, "state": environ.get("PROCESSENDER_STATE", STATE), **silent}


def in_function(ender: Any, environ: Mapping[str, str] | None = None) -> None:
    """
    Arm *ender* in each worker that is forked from this process; its plan runs when the worker has served its last.

    To be called where the function is defined, which its framework loads before it forks. The Ender is made with
    `settings()`, and not entered. Raises `HandlerError` for an ASGI function.
    """
    environ = os.environ if environ is None else environ
    if environ.get(ASGI, "").strip().lower() in _YES:
        text = "cannot arm an Ender in an ASGI function: its worker dies by the signal, before anything can run"
        raise HandlerError(f"{text}; deploy it as a service, with uvicorn.serve(ender, app), or as a function of WSGI")
    parent = os.getpid()

    def begin() -> None:
        # Not in what a worker forks: that serves nothing.
        if os.getppid() == parent:
            ender.install()

    os.register_at_fork(after_in_child=begin)


__all__ = ["FUNCTION_S", "STATE", "WINDOW_S", "find_grace", "in_function", "settings"]
