"""The coming end of a run, for those who wait for it."""

from __future__ import annotations

from collections.abc import Callable, Generator

from .hints import Any
from .session import Session


class Ending:
    """The coming end of a run, which can be awaited or waited for."""

    def __init__(self, session: Callable[[], Session | None]) -> None:
        """Look the session up when it is asked for: there is none before the Ender is entered."""
        self._session = session

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most *timeout* seconds until the run is over; return whether it is."""
        session = self._session()
        return session is not None and session.coordinator.ended.wait(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until the run is over."""
        session = self._session()
        if session is not None:
            cancelled = yield from session.ended_async().__await__()
            if cancelled is not None:
                raise cancelled
