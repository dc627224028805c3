"""Rules about a configuration of ours: what its steps may take, and whether that fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..agent.durations import format_duration
from .configuration import Configuration, plan_of, worst_case
from .finding import ERROR, WARNING, Finding


def handler_without_timeout(read: Configuration) -> Iterator[Finding]:
    """Find a handler that may take all the time there is."""
    for handler in read.settings.handlers:
        path = ("handlers", handler.name)
        if read.says(*path) and handler.timeout is None:
            what = f"the handler {handler.name!r} has no timeout"
            why = "if it hangs it takes the time of all that wait for it"
            step = 'add `timeout = "5s"`, or what it needs at most, retries included'
            yield Finding(read.place(*path), WARNING, "handler-without-timeout", read.text.file, what, why, step)


def handler_takes_half(read: Configuration) -> Iterator[Finding]:
    """Find a handler that may take more than half of the time for all."""
    work = plan_of(read.settings).window.work
    for handler in read.settings.handlers:
        key = "timeout" if handler.timeout is not None else "expected"
        seconds = handler.timeout or handler.expected or 0.0
        if seconds > work / 2 and read.says("handlers", handler.name):
            shown = f"{format_duration(seconds)} of {format_duration(work)} for all"
            what = f"{key} of the handler {handler.name!r} is {shown}"
            why = "one slow step leaves the others less than half of the window"
            step = "give it a shorter timeout, or the whole a longer grace"
            path: tuple[str, ...] = ("handlers", handler.name, key)
            if read.says("handlers", handler.name, "drain") and not read.says(*path):
                what = f"the drainer {handler.name!r} may take {shown}"
                step = "give it a shorter wait, or a timeout, or the whole a longer grace"
                path = ("handlers", handler.name, "with", "wait")
            place = read.place(*path)
            yield Finding(place, WARNING, "handler-takes-half", read.text.file, what, why, step)


def plan_does_not_fit(read: Configuration) -> Iterator[Finding]:
    """Find a plan that is expected to be cut off."""
    why = "what does not fit is cut off when the time is up"
    step = "shorten a step, let steps run side by side, or give a longer grace; `processender plan` shows the order"
    for misfit in plan_of(read.settings).misfits:
        path = ("handlers", misfit.handler) if read.says("handlers", misfit.handler) else ("grace",)
        what = f"the plan does not fit: {misfit.reason}"
        yield Finding(read.place(*path), ERROR, "plan-does-not-fit", read.text.file, what, why, step)


def worst_case_over_grace(read: Configuration) -> Iterator[Finding]:
    """Find a plan that fits, but not if its handlers take the time that they may."""
    plan = plan_of(read.settings)
    worst, chain = worst_case(read.settings)
    if plan.fits and worst > plan.window.work:
        work, length = format_duration(plan.window.work), format_duration(plan.window.length)
        what = f"at worst {' > '.join(chain)} takes {format_duration(worst)}, and there are {work} of {length}"
        why = "the timeouts promise more than the window has, so the last steps are cut off"
        step = "shorten timeouts, or give a longer grace and the pod a longer terminationGracePeriodSeconds"
        yield Finding(read.place("grace"), WARNING, "worst-case-over-grace", read.text.file, what, why, step)


CONFIGURATION_RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (
    handler_without_timeout,
    handler_takes_half,
    plan_does_not_fit,
    worst_case_over_grace,
)
"""What is asked of every configuration."""
