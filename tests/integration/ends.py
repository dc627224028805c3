"""An end of this very process, for tests of what is closed in it: the report, and the time that it took."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from processender import Ender, Handler


def quiet(path: Path, grace: float = 20.0) -> Ender:
    """Return an Ender with a state directory of its own, which no signal reaches and which never ends the process."""
    return Ender("demo", grace=grace, signals=(), state=str(path / "state"), exit="return", observers=())


class Report:
    """What an end has reported."""

    def __init__(self, ender: Ender) -> None:
        assert ender.report is not None
        self.whole: dict[str, Any] = ender.report
        self.verdict: str = ender.report["verdict"]

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return what is told of one handler."""
        found: dict[str, Any] = next(each for each in self.whole["handlers"] if each["name"] == name)
        return found

    def outcome(self, name: str) -> str:
        """Return the outcome of a handler, with its error if it has one."""
        found = self[name]
        return " ".join(filter(None, (found["outcome"], found["error"])))

    def order(self) -> list[str]:
        """Return the names of the handlers in the order of their start, without the body."""
        begun = [each for each in self.whole["handlers"] if each["started_s"] is not None and each["name"] != "body"]
        return [each["name"] for each in sorted(begun, key=lambda each: each["started_s"])]


def end(path: Path, *handlers: Handler, before: Callable[[], object] = lambda: None, grace: float = 20.0) -> Report:
    """End at once with *handlers*, on threads, and return the report; *before* is called inside."""
    with quiet(path, grace) as ender:
        for handler in handlers:
            ender.add(handler)
        before()
    return Report(ender)


async def end_async(path: Path, *handlers: Handler, grace: float = 20.0) -> Report:
    """Do the same on the running loop."""
    async with quiet(path, grace) as ender:
        for handler in handlers:
            ender.add(handler)
    return Report(ender)
