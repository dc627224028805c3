"""
What must be true of a plan, as assertions for your own tests.

    assert_plan(ender).fits("30s").orders("drain", "flush").keeps("flush", within="5s").survives("flush")

Nothing is called. `survives` tries how it goes when the others fail, hang and take their time: a hundred runs in
virtual time, drawn by hypothesis where it is installed, which then shows the simplest case that goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from typing import Self

from ..core.drain import OWN
from ..core.events import AttemptStarted, HandlerEnded
from ..core.graph import nearest
from ..core.outcome import Outcome
from ..core.plan import Plan
from ..ender import Ender
from ..engine.clock import series
from .notices import span
from .simulate import NEVER, Attempt, Behaviour, Simulation

_LEAST_S = 1e-6
_DEEDS = ("returns", "fails", "fails once", "hangs", "hangs and does not give way")
_SHARES = (0.0, 0.5, 1.0, 3.0)
"""How long an attempt takes, of what was expected of it."""
_SHARE = 0.8
"""The same of those that are to survive; exactly on time is too late for who must still hear that it is."""

Case = tuple[str, float]
"""What a handler does, and how long it takes of what was expected of it."""


def assert_plan(ender: Ender) -> PlanAssertions:
    """Return what can be asserted of the plan of *ender*, which is not entered: resources are set up later."""
    return PlanAssertions(ender)


class PlanAssertions:
    """Assertions of one plan; each raises `AssertionError`, or returns the same again for the next one."""

    def __init__(self, ender: Ender) -> None:
        """Take the *ender* whose plan it is."""
        self._ender = ender
        self._window: float | None = None
        self._orders: list[tuple[str, str]] = []

    def fits(self, within: float | str) -> Self:
        """Assert that everything is expected to end *within* so many seconds, or a text like `30s`."""
        self._window = span(within)
        plan = self._plan()
        wrong = [problem.text for problem in plan.problems]
        wrong += [f"{each.handler!r} does not fit by {each.over:.2f} s: {each.reason}" for each in plan.misfits]
        wrong += [f"{name!r} is given up: {reason}" for name, reason in plan.skips.items()]
        guessed = [step.handler for step in plan.steps if step.guessed]
        hint = f"\nwhat is expected is a guess for {', '.join(guessed)}: say expected=" if guessed and wrong else ""
        assert not wrong, f"the plan of {self._ender.name!r} does not fit {within}:\n" + "\n".join(wrong) + hint
        return self

    def orders(self, *names: str) -> Self:
        """Assert that every plan runs each of these handlers, or phases, before the next."""
        graph = self._plan().graph
        for first, then in pairwise(names):
            behind = {node for each in self._nodes(first) for node in graph.behind(each)}
            odd = [graph.handlers[node].name for node in self._nodes(then) if node not in behind]
            text = f"nothing makes {', '.join(map(repr, odd))} wait for {first!r}"
            assert not odd, f"{text}: say after={first!r} there, needs={first!r}, or choose a later phase"
            self._orders.append((first, then))
        return self

    def keeps(self, *names: str, within: float | str) -> Self:
        """Assert that these handlers are not given up in a window that is too short for all of them."""
        plan = self._ender.plan(span(within))
        for name in names:
            self._nodes(name)
            assert name not in plan.skips, f"{name!r} is given up within {within}: {plan.skips[name]}"
            late = [each.reason for each in plan.misfits if each.handler == name]
            assert not late, f"{name!r} does not fit within {within}: {late[0]}"
        return self

    def survives(self, *names: str, within: float | str | None = None, examples: int = 100) -> Self:
        """
        Assert that these handlers end as they should, whatever the others do, and that every run ends in its window.

        The others fail, once or always, hang, with or without giving way, and take longer than was expected of them.
        These take four fifths of what is expected. What `orders` has asserted must hold in each run as well.

        Args:

            names: The handlers; none for the window and the orders alone.

            within: The window; None for the last one of `fits`, or the grace of the Ender.

            examples: How many runs are tried.
        """
        if within is not None:
            self._window = span(within)
        plan = self._plan()
        for name in names:
            self._nodes(name)
        others = [each.name for each in plan.graph.handlers if each.name not in (*names, *OWN)]
        _try(others, lambda cases: self._check(plan, names, cases), examples)
        return self

    def _plan(self) -> Plan:
        return self._ender.plan(self._window)

    def _nodes(self, name: str) -> list[int]:
        """Return the handler, or those of the phase, of this name."""
        graph = self._plan().graph
        if name in graph.index:
            return [graph.index[name]]
        if name in graph.phases:
            return [node for node, handler in enumerate(graph.handlers) if handler.phase == name]
        raise ValueError(f"there is no handler and no phase {name!r}{nearest(name, [*graph.index, *graph.phases])}")

    def _check(self, plan: Plan, names: Sequence[str], cases: Mapping[str, Case]) -> None:
        """Raise `AssertionError` if a run in which the others do as the *cases* say goes wrong."""
        takes = {step.handler: step.finish - step.start for step in plan.steps}
        script: dict[str, Attempt | Sequence[Attempt]] = {name: _SHARE * takes[name] for name in takes}
        script |= {name: _attempts(case, takes[name]) for name, case in cases.items()}
        ran = Simulation(plan, script, lambda: 0.5)
        ran.carry_through()
        when = ", ".join(f"{name} {_told(case)}" for name, case in cases.items())
        late = ran.now - plan.window.soft
        assert late < _LEAST_S, f"the run ends {late:.3f} s behind its window when {when}"
        for name in names:
            result = ran.results[name]
            how = result.outcome.replace("_", " ")
            text = f"{name!r} is {how} within {plan.window.length:g} s ({result.reason or result.error})"
            assert result.outcome is Outcome.DONE, f"{text} when {when}"
        for first, then in self._orders:
            self._check_order(ran, first, then, when)

    def _check_order(self, ran: Simulation, first: str, then: str, when: str) -> None:
        handlers = self._plan().graph.handlers
        before, behind = ({handlers[node].name for node in self._nodes(name)} for name in (first, then))
        starts = [each.at for each in ran.events if isinstance(each, AttemptStarted) and each.handler in behind]
        ends = [each.at for each in ran.events if isinstance(each, HandlerEnded) and each.result.handler in before]
        text = f"{then!r} has begun before {first!r} had ended when {when}"
        assert not starts or not ends or min(starts) >= max(ends), text


def _told(case: Case) -> str:
    deed, share = case
    return deed if deed.startswith("hangs") else f"{deed} after {share:g} of its time"


def _attempts(case: Case, expected: float) -> list[Attempt]:
    """Return what the attempts of a handler do."""
    deed, share = case
    takes = share * expected
    failure = Behaviour(takes, error=OSError("it fails"))
    if deed == "fails once":
        return [failure, takes]
    if deed.startswith("hangs"):
        return [Behaviour(NEVER, gives_way=NEVER if deed != "hangs" else 0.0)]
    return [failure] if deed == "fails" else [takes]


def _try(names: Sequence[str], check: Callable[[Mapping[str, Case]], None], examples: int) -> None:
    """Check so many cases of what the handlers of these *names* do."""
    cases = list(product(_DEEDS, _SHARES))
    try:
        from hypothesis import Phase, given, settings, strategies  # noqa: PLC0415 - where it is installed
    except ImportError:
        draw = series()
        for _ in range(examples):
            check({name: cases[int(draw() * len(cases))] for name in names})
        return
    drawn = strategies.fixed_dictionaries({name: strategies.sampled_from(cases) for name in names})
    # What each line of ours has to do with it is of no interest to who has written the plan.
    phases = (Phase.generate, Phase.shrink)
    limits = settings(max_examples=examples, deadline=None, database=None, derandomize=True, phases=phases)
    limits(given(drawn)(check))()
