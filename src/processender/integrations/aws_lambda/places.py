"""Where a process of Lambda is, and how long its end may take: from its environment alone."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...core.grace import Grace
from ...core.notice import DeadlineKind
from ...hints import Any

FUNCTION_S = 0.3
"""How long a function has after SIGTERM, at least, seconds."""
EXTENSION_S = 2.0
"""How long all of a sandbox has where an external extension is registered, seconds."""
VARIABLE = "AWS_LAMBDA_RUNTIME_API"
"""Where the API is, as HOST:PORT."""
STATE = "/tmp/processender"  # noqa: S108 - the only place of a sandbox that can be written to, and nobody else has it
"""Where reports go: nothing else in a sandbox can be written to."""
_HANDLER = "_HANDLER"


def find_grace(environ: Mapping[str, str] | None = None) -> Grace | None:
    """Return how long an end has here, in a function or in an extension; None outside of Lambda."""
    environ = os.environ if environ is None else environ
    if not environ.get(VARIABLE):
        return None
    if _HANDLER in environ:
        how = "of a function that registers an extension inside itself; with an external one it is 30 % of 2 s"
        return Grace(FUNCTION_S, f"the rule of Lambda: 300 to 500 ms {how}; without any, nothing", DeadlineKind.TOLD)
    how = "the rule of Lambda: an external extension has what is left of 2 s when the function has ended"
    return Grace(EXTENSION_S, how, DeadlineKind.TOLD)


def settings(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """
    Return what an Ender is to be told here: `Ender("orders", **aws_lambda.settings())`; nothing outside of Lambda.

    They are `grace` and `state`, and `signals` for an external extension, which Lambda sends none.
    """
    environ = os.environ if environ is None else environ
    found = find_grace(environ)
    if found is None:
        return {}
    silent = {} if _HANDLER in environ else {"signals": ()}
    return {"grace": found.seconds, "state": environ.get("PROCESSENDER_STATE", STATE), **silent}
