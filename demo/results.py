"""What is asked of a run and what it measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same in all runs."""

    rate: float = 400.0
    """Requests per second."""
    requests: int = 5000
    """How many requests a run makes at least."""
    propagation: float = 1.0
    """Seconds from a change of readiness to the client's knowing of it."""
    grace: float = 10.0
    """The whole time that a replica has to end, seconds."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is different in one run."""

    name: str
    """What `--json` calls it."""
    title: str
    """What the table calls it."""
    drain_delay: float | None = None
    """Seconds that the agent waits between failing readiness and SIGTERM; None is without the agent."""
    loses: bool = False
    """Whether requests must fail, so that the measurement is seen to work."""


@dataclass(slots=True)
class Result:
    """What one run measured."""

    scenario: Scenario
    """What was run."""
    requests: int = 0
    """How many requests were made."""
    failures: Counter[str] = field(default_factory=Counter)
    """How many of them failed, by kind."""
    latencies: list[float] = field(default_factory=list)
    """How long each good answer took, seconds."""
    exits: list[int] = field(default_factory=list)
    """The exit code of each replica that was ended and replaced under load."""
    report: dict[str, Any] = field(default_factory=dict)
    """The agent's report of the last replica that was replaced; empty without an agent."""
    seen: dict[str, float] = field(default_factory=dict)
    """The same shutdown from outside: what happened and when, seconds since 1970."""

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return self.failures.total()

    @property
    def as_expected(self) -> bool:
        """Whether requests failed in a run that must lose some, and none did in one that must not."""
        return self.requests > 0 and (self.failed > 0) == self.scenario.loses

    def quantile(self, share: float) -> float:
        """Return the seconds within which *share* of the good answers came; 0.0 when there were none."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "name": self.scenario.name,
            "title": self.scenario.title,
            "drain_delay_s": self.scenario.drain_delay,
            "requests": self.requests,
            "failed": self.failed,
            "failures": dict(self.failures),
            "replaced": len(self.exits),
            "exits": self.exits,
            "latency_s": {"p50": round(self.quantile(0.5), 4), "p99": round(self.quantile(0.99), 4)},
            "as_expected": self.as_expected,
            "seen": self.seen,
            "report": self.report,
        }
