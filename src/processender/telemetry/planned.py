"""What a plan has foretold, beside what came of it; and what the next plan is to learn."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.estimates import Sample
from ..core.outcome import Outcome, Result
from ..core.plan import Plan
from ..hints import Any
from .history import path_in
from .history import remember as remember_samples

_CUT = {Outcome.TIMED_OUT, Outcome.ABANDONED}
"""Ends after which it is only known that the handler would have taken longer."""


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
    return {
        "expected_s": round(plan.makespan, 6),
        "took_s": round(took, 6),
        "off_s": round(sum(off) / len(off), 6) if off else 0.0,
        "changes": changes,
        "given_up": dict(plan.skips),
        "handlers": {
            name: {
                "expected_s": round(step.finish - step.start, 6),
                "took_s": None if results[name].started is None else round(results[name].seconds, 6),
                "guessed": step.guessed,
                "chance": None if step.guessed or name not in plan.chances else round(plan.chances[name], 3),
                "done": results[name].outcome is Outcome.DONE,
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


def remember(directory: str, results: Mapping[str, Result], sizes: Mapping[str, float], version: str) -> str:
    """Keep what *results* teach in the state *directory*; return what went wrong with it, empty for nothing."""
    path = path_in(directory)
    try:
        return remember_samples(path, samples(results, sizes, version))
    except OSError as error:
        return f"the history {path} cannot be written: {error.strerror}"
