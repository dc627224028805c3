"""A fake of the Ender as a room sees it that serves: what is said to it is kept, what it says is set."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from processender.core.handler import Handler
from processender.core.notice import Notice


class FakeToken:
    """What counts one thing in flight."""

    def __init__(self, home: FakeEnder, what: object, kind: str, cut: Callable[[], object] | None) -> None:
        """Count nothing yet."""
        self.home, self.what, self.kind, self.cut = home, what, kind, cut
        self.was_cut = False

    def begin(self) -> None:
        """Be in flight."""
        self.home.live[id(self)] = self

    def end(self) -> None:
        """Be in flight no longer."""
        self.home.live.pop(id(self), None)

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, *error: object) -> None:
        self.end()

    async def __aenter__(self) -> None:
        self.begin()

    async def __aexit__(self, *error: object) -> None:
        self.end()


class FakeHosted:
    """What `hosted` returns; it remembers that it was entered and left."""

    def __init__(self, home: FakeEnder) -> None:
        """Belong to *home*."""
        self.home = home

    def __enter__(self) -> FakeEnder:
        if self.home.too_late:
            raise SystemExit(0)
        self.home.entered = True
        self.home.story.append("hosted")
        return self.home

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self.home.story.append("left" if kind is None else f"left with {kind.__name__}")

    async def __aenter__(self) -> FakeEnder:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self.__exit__(kind, error, trace)


class FakeEnder:
    """The Ender of a test."""

    def __init__(self) -> None:
        """Be ready for nothing."""
        self.entered = self.serving = self.draining = self.too_late = False
        self.stopping = threading.Event()
        self.story: list[str] = []
        self.live: dict[int, Any] = {}
        self.waiting = True
        self.count = 0
        self.refuses: Exception | None = None
        self.left: float | None = None

    def add(self, handler: Handler) -> Handler:
        """Note it."""
        self.story.append(f"add {handler.name}")
        return handler

    def notify(self, notice: Notice) -> None:
        """Note it."""
        self.story.append(f"notify {notice.cause}")

    def ready(self) -> None:
        """Note it."""
        self.serving = True
        self.story.append("ready")

    @property
    def exit_code(self) -> int | None:
        """Ask for no code."""
        return None

    def remaining(self) -> float | None:
        """Leave what was set; None for no end."""
        return self.left

    def drain(self, reason: str = "drain", sender: str = "") -> None:
        """Note who asked, or refuse."""
        self._asked(f"{reason}: {sender}")

    def resume(self, reason: str = "resume", sender: str = "") -> None:
        """Note who asked, or refuse."""
        self._asked(f"{reason}: {sender}")

    def _asked(self, text: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.story.append(text)

    def hosted(self, stop: Callable[[], object] | None = None) -> FakeHosted:
        """Return what is entered and left."""
        return FakeHosted(self)

    def inflight(
        self, what: object = "work", *, kind: str = "work", cut: Callable[[], object] | None = None
    ) -> FakeToken:
        """Return what counts it."""
        return FakeToken(self, what, kind, cut)

    def in_progress(self) -> FakeEnder:
        """Count here."""
        return self

    def ended(self) -> None:
        """Count what has ended."""
        self.count += 1

    def cut(self) -> None:
        """Cut what is in flight, as the engine does."""
        for token in tuple(self.live.values()):
            token.cut()

    @property
    def flying(self) -> list[tuple[str, str]]:
        """What is in flight, by kind and name."""
        return [(token.kind, str(token.what)) for token in self.live.values()]
