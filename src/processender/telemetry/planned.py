"""What a plan has foretold, beside what came of it; and what the next plan is to learn."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..core.estimates import Sample
from ..core.events import RoomEvent
from ..core.outcome import Outcome, Result
from ..core.plan import Plan
from ..core.reserve import NAME
from ..hints import Any, ClassVar
from .history import remember as remember_samples
from .state import HISTORY

_CUT = {Outcome.TIMED_OUT, Outcome.ABANDONED}
"""Ends after which it is only known that the handler would have taken longer."""


class Kept(RoomEvent):
    """The record of a run is kept, and all observers were waited for; told only to those who keep the record."""

    key: ClassVar[str] = "run.kept"
    words: ClassVar[dict[str, str]] = {
        "seconds": "processender.record.duration",
        "whole": "processender.record.whole",
    }

    seconds: float
    """How long that took."""
    whole: bool
    """Whether all of them had taken everything."""

    @property
    def text(self) -> str:
        """Both, in words."""
        rest = "" if self.whole else ", and not everybody had taken everything"
        return f"the record and the flush took {self.seconds:.2f} s{rest}"


def account(plan: Plan, results: Mapping[str, Result], changes: int) -> dict[str, Any]:
    """
    Return how right *plan*, with which the run began, was.

    Args:

        plan: The plan.

        results: What became of its handlers.

        changes: How often another took its place.
    """
    steps = {step.handler: step for step in plan.steps if step.handler in results}
    opened = plan.window.opened
    took = max((result.ended - opened for result in results.values()), default=0.0)
    began = [name for name in steps if results[name].started is not None]
    off = [abs(results[name].seconds - (steps[name].finish - steps[name].start)) for name in began]
    done = {name for name in steps if results[name].outcome is Outcome.DONE}
    kept = steps.keys() - plan.skips.keys() - plan.spare
    return {
        "expected_s": round(plan.makespan, 6),
        "took_s": round(took, 6),
        "off_s": round(sum(off) / len(off), 6) if off else 0.0,
        "changes": changes,
        "kept": len(kept),
        "kept_done": len(kept & done),
        "given_up": dict(plan.skips),
        "handlers": {
            name: {
                "expected_s": None if name in plan.skips else round(step.finish - step.start, 6),
                "took_s": None if results[name].started is None else round(results[name].seconds, 6),
                "guessed": step.guessed,
                "chance": None if step.guessed or name not in plan.chances else round(plan.chances[name], 3),
                "done": name in done,
            }
            for name, step in steps.items()
        },
    }


def samples(results: Mapping[str, Result], sizes: Mapping[str, float], version: str) -> dict[str, Sample]:
    """Return what is to be remembered of *results*: a failure says nothing of the time that the work takes."""
    return {
        name: Sample(result.seconds, result.outcome in _CUT, sizes.get(name), version)
        for name, result in results.items()
        if result.started is not None and (result.outcome is Outcome.DONE or result.outcome in _CUT)
    }


def remember(
    directory: str, results: Mapping[str, Result], sizes: Mapping[str, float], version: str, kept: Kept
) -> str:
    """
    Keep what a run teaches in the state *directory*; return what went wrong with it, empty for nothing.

    Args:

        directory: That of the service.

        results: What became of the handlers.

        sizes: How much each of them had to do, as far as it has said so.

        version: The version of the service.

        kept: How long the record and the observers took; it is known only where a handler has run, too.
    """
    path = os.path.join(directory, HISTORY)
    found = samples(results, sizes, version)
    if found:
        found[NAME] = Sample(kept.seconds, not kept.whole, version=version)
    try:
        return remember_samples(path, found)
    except OSError as error:
        return f"the history {path} cannot be written: {error.strerror}"
