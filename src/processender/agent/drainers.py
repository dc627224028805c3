"""From `drain = "haproxy"` and its table `with` to a handler."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from ..core.graph import nearest
from ..core.handler import Handler
from ..core.retry import Retry
from ..engine.callables import is_async
from ..errors import HandlerError, ReleaserError
from ..hints import Any
from ..integrations.command import Reaper
from ..plugins import drainer_names, find_drainer
from .arguments import convert
from .locate import Path
from .mistakes import Mistakes
from .schema import EndHandlerConfig
from .schema_parts import RetryConfig

_OWN = {"name": "is the name of the handler", "timeout": "is a key of the handler; write it beside `drain`"}
"""What each drainer takes and the file says elsewhere."""


def check_drainer(name: str, table: Mapping[str, Any], path: Path, mistakes: Mistakes) -> None:
    """Note what is wrong with *name* as that of a drainer, and with what it is told; *path* is that of the handler."""
    try:
        function = find_drainer(name)
    except (HandlerError, ImportError) as error:
        mistakes.add((*path, "drain"), str(error))
        return
    if function is None:
        mistakes.add((*path, "drain"), f"there is no drainer {name!r}{nearest(name, drainer_names())}")
        return
    convert(f"the drainer {name!r}", function, table, (*path, "with"), mistakes, _OWN)


def make_drainer(
    handler: Handler, config: EndHandlerConfig, path: Path, reaper: Reaper | None, mistakes: Mistakes
) -> Handler:
    """
    Return *handler* with what the drainer of *config* does, which was checked before.

    What the file does not say about it is as the drainer has it.

    Args:

        handler: The handler without what it calls.

        config: What was written.

        path: Where.

        reaper: Whoever reaps children in this process.

        mistakes: Where it is noted that the drainer refuses.
    """
    function = find_drainer(config.drain or "")
    assert function is not None, "it was checked"
    given = convert(f"the drainer {config.drain!r}", function, config.arguments, (*path, "with"), mistakes, _OWN)
    taken = inspect.signature(function).parameters
    if "reaper" in taken:
        given["reaper"] = reaper
    if "timeout" in taken and handler.timeout is not None:
        # It may refuse a wait that is longer.
        given["timeout"] = handler.timeout
    try:
        made = function(**given)
    except (HandlerError, ReleaserError) as error:
        mistakes.add(path, str(error))
        return handler
    except Exception as error:  # a plugin's own mistake; it is named
        mistakes.add(path, f"the drainer {config.drain!r} is broken: {error!r}")
        return handler
    if not isinstance(made, Handler) or made.call is None or is_async(made.call) or is_async(made.resume or made.call):
        mistakes.add(path, f"the drainer {config.drain!r} makes no handler that can run here, where no event loop is")
        return handler
    return handler.replace(
        call=made.call,
        resume=made.resume,
        lasting=made.lasting,
        timeout=made.timeout if handler.timeout is None else handler.timeout,
        attempt_timeout=made.attempt_timeout if handler.attempt_timeout is None else handler.attempt_timeout,
        expected=made.expected if handler.expected is None else handler.expected,
        retry=_retry(handler, made, config.retry),
    )


def _retry(handler: Handler, made: Handler, written: RetryConfig) -> Retry:
    """Return what was *written* about repetition, or else what the drainer itself has *made* of it."""
    return made.retry if written == RetryConfig() else handler.retry.replace(on=made.retry.on)
