"""What a configured handler calls: a command or a request."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..integrations.command import command
from ..integrations.http import http
from .schema import HandlerConfig


def make_call(config: HandlerConfig) -> Callable[..., Any]:
    """Return the callable of *config*, whose meaning was checked; what it needs is loaded here."""
    retry_on = config.retry.on
    if config.http is None:
        transient = {} if retry_on is None else {"transient": retry_on}
        return command(config.run or [], env=config.env, cwd=config.cwd, **transient)
