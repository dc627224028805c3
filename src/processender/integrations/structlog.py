"""
structlog: every event as a line of it, with the attributes as its keys.

The event of a line is its stable name, such as `processender.run.ended`, so that a filter finds it; what a person reads
stands beside it as `text`. Processors, context variables and renderers are those that the application has configured.

Versions: structlog 24.1 to 26.
"""

from __future__ import annotations

from ..core import vocabulary as words
from ..core.events import Event
from ..core.rendering import DEBUG, ERROR, INFO, WARNING
from ..core.wording import Wording
from ..hints import Any
from ..ports import check_kind

_METHODS = {DEBUG: "debug", INFO: "info", WARNING: "warning", ERROR: "error"}


class StructlogObserver:
    """Hands events to structlog: `Ender("orders", observers=[StructlogObserver("orders")])`."""

    def __init__(self, name: str, *, logger: Any = None) -> None:
        """
        Log as the service *name*.

        Args:

            name: The name of the service, which stands in each line as `service.name`.

            logger: What structlog has made; by default `structlog.get_logger("processender.<name>")`.
        """
        if logger is None:
            import structlog  # noqa: PLC0415 - who gives a logger has loaded it

            logger = structlog.get_logger(f"processender.{name}")
        call = "StructlogObserver(name, logger=structlog.get_logger())"
        check_kind(logger, ("bind", "debug", "info", "warning", "error"), "a logger of structlog", call)
        self._logger = logger
        self._methods: dict[int, Any] = {}
        self._wording = Wording(name)

    def observe(self, event: Event) -> None:
        """Log one event."""
        level, text, told = self._wording.say(event)
        if not self._methods:
            # Once, at the first event: by then the application has configured structlog, and to bind takes long.
            bound = self._logger.bind()
            self._methods = {level: getattr(bound, name) for level, name in _METHODS.items()}
        method = self._methods.get(level) or self._methods[ERROR]
        method(told.pop(words.EVENT), text=text, **told)


__all__ = ["StructlogObserver"]
