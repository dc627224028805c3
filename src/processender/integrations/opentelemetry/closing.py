"""Providers of OpenTelemetry at the end: flushed and shut down last of all, within a time of their own."""

from __future__ import annotations

import atexit
from collections.abc import Sequence

from ...closing import LAST, step
from ...core.handler import Handler, Importance
from ...hints import Any
from ...ports import Context, check_kind

SHUTDOWN_S = 3.0
"""How long a shutdown may take, seconds, unless its caller says otherwise."""
EXPECTED_S = 0.3
"""How long it usually takes, seconds: so much is kept free for it, which in a short window is much already."""


def close_provider(
    provider: Any,
    *,
    name: str = "",
    timeout: float = SHUTDOWN_S,
    expected: float = EXPECTED_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler that flushes *provider*, of traces, metrics or logs, and shuts it down.

    Its name is `opentelemetry-` and the kind, unless *name* is another; *expected* is what nothing before it can take;
    the other options are fields of `Handler`. It raises `TimeoutError` when it took longer than *timeout* seconds.
    """
    check_kind(provider, ("shutdown",), "a provider of OpenTelemetry", "close_provider(provider)")
    kind = type(provider).__name__.removesuffix("Provider").lower()

    def close(ctx: Context) -> None:
        atexit.unregister(provider.shutdown)
        # A shutdown has the effect of a flush, says the specification, and unlike a flush it can be told once only.
        ctx.call(f"the collector of {type(provider).__name__}", provider.shutdown)

    return step(
        name or f"opentelemetry-{kind}", close, "release", timeout, after, needs,
        priority=LAST, importance=Importance.MUST, expected=expected,
    )  # fmt: skip
