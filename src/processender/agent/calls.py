"""What a configured handler calls: a command or a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.retry import TRANSIENT_STATUS
from ..demand import load
from ..hints import Any
from ..integrations.command import EX_TEMPFAIL, Reaper, command
from ..integrations.http import http
from .schema import CrashHandlerConfig, HandlerConfig
from .schema_parts import HttpConfig


def make_call(config: HandlerConfig, environ: Mapping[str, str], reaper: Reaper | None) -> Callable[..., Any]:
    """
    Return the callable of *config*, whose meaning was checked; what it needs is loaded here.

    Args:

        config: What the handler does.

        environ: Where the secrets of header fields are found.

        reaper: Whoever reaps children in this process.
    """
    request = config.http
    if request is None:
        return command(config.run or (), **_command(config, reaper))
    return http(request.method, request.url, body=request.body or None, **_request(config, request, environ))


def make_crash_call(
    config: CrashHandlerConfig, environ: Mapping[str, str], reaper: Reaper | None
) -> Callable[..., Any]:
    """Return the callable of *config*, which takes a `CrashReport` and the context; see `make_call`."""
    call: Callable[..., Any]
    if config.webhook is not None:
        made = load("integrations.http.cloudevents").cloudevent
        call = made(config.webhook.url, **_request(config, config.webhook, environ))
    elif config.systemd:
        call = load("integrations.systemd.crash").crash_status(environ)
    elif config.termination_log is not None:
        call = load("integrations.kubernetes").termination_message(config.termination_log)
    elif config.run is not None:
        call = load("integrations.command.notifier").crash_command(config.run, **_command(config, reaper))
    else:
        plain = make_call(config, environ, reaper)

        def call(_crash: Any, ctx: Any) -> None:
            plain(ctx)

    return call


def _command(config: HandlerConfig, reaper: Reaper | None) -> dict[str, Any]:
    passing = (EX_TEMPFAIL,) if config.retry.on is None else config.retry.on
    return {"env": config.env, "cwd": config.cwd, "transient": passing, "reaper": reaper}


def _request(config: HandlerConfig, request: HttpConfig, environ: Mapping[str, str]) -> dict[str, Any]:
    secrets = {field: environ[name] for field, name in request.headers_env.items()}
    passing = TRANSIENT_STATUS if config.retry.on is None else config.retry.on
    return {"expect": request.expect, "headers": request.headers | secrets, "transient": passing}
