"""What a configured handler calls: a command or a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.retry import TRANSIENT_STATUS
from ..hints import Any
from ..integrations.command import EX_TEMPFAIL, Keeper, command
from ..integrations.http import http
from .schema import HandlerConfig


def make_call(config: HandlerConfig, environ: Mapping[str, str], keeper: Keeper | None) -> Callable[..., Any]:
    """
    Return the callable of *config*, whose meaning was checked; what it needs is loaded here.

    Args:

        config: What the handler does.

        environ: Where the secrets of header fields are found.

        keeper: Whoever reaps children in this process.
    """
    retry_on = config.retry.on
    request = config.http
    if request is None:
        passing = (EX_TEMPFAIL,) if retry_on is None else retry_on
        return command(config.run or (), env=config.env, cwd=config.cwd, transient=passing, keeper=keeper)
    secrets = {field: environ[name] for field, name in request.headers_env.items()}
    return http(
        request.method,
        request.url,
        expect=request.expect,
        headers=request.headers | secrets,
        body=request.body or None,
        transient=TRANSIENT_STATUS if retry_on is None else retry_on,
    )
