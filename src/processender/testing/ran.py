"""What came of a run, to be asked by a test."""

from __future__ import annotations

from typing import Any

from ..core.graph import nearest


class Ran:
    """A run that is over. Times are seconds from the notice with which it began."""

    def __init__(self, account: dict[str, Any], *, left: list[int], killed_at: float | None = None) -> None:
        """Take the *account* of the run, by which codes the process was *left* by force, and when it is killed."""
        self.account = account
        """All that is known, as it stands in the report."""
        self.left = left
        """The codes by which the process would have been left by force; -n for dying of signal n."""
        self.killed_at = killed_at
        """When whoever ends the process would have killed it; None if nobody does."""

    @property
    def verdict(self) -> str:
        """How it ended: `clean`, `degraded`, and so on."""
        return str(self.account["verdict"])

    @property
    def took(self) -> float:
        """How long it took."""
        return float(self.account["seconds"])

    @property
    def in_time(self) -> bool:
        """Whether it was over before its window was, and before anybody would have killed it."""
        window = float(self.account["window"]["length_s"])
        return self.took <= (window if self.killed_at is None else min(window, self.killed_at))

    @property
    def outcomes(self) -> dict[str, str]:
        """What became of each handler."""
        return {each["name"]: each["outcome"] for each in self.account["handlers"] if each["name"] != "body"}

    @property
    def order(self) -> list[str]:
        """The handlers that have begun, in that order."""
        return [each["name"] for each in self.account["handlers"] if each.get("started_s") is not None]

    def handler(self, name: str) -> dict[str, Any]:
        """Return what is known of one handler; raise `KeyError` if there is none of this name."""
        found: dict[str, dict[str, Any]] = {each["name"]: each for each in self.account["handlers"]}
        if name not in found:
            raise KeyError(f"there is no handler {name!r}{nearest(name, found)}")
        return found[name]

    def seconds(self, name: str) -> float:
        """Return how long a handler took, over all its attempts."""
        about = self.handler(name)
        return float(about["ended_s"]) - float(about["started_s"])

    def __repr__(self) -> str:
        """Tell it in one line, for the message of an assertion."""
        told = ", ".join(f"{name} {outcome}" for name, outcome in self.outcomes.items())
        return f"<Ran: {self.verdict} after {self.took:.2f} s: {told}>"
