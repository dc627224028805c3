"""Plans that are made before they are needed, and what earlier runs teach them."""

from __future__ import annotations

import threading

from processender.core.estimates import Sample
from processender.core.handler import PHASES, Handler, Importance
from processender.core.plan import Progress
from processender.core.window import Window
from processender.engine import beforehand
from processender.engine.beforehand import WINDOWS, Beforehand
from processender.engine.clock import series
from processender.engine.registry import Registry


def noop() -> None:
    """Do nothing."""


def armed(*names: str, lane: str | None = None) -> Registry:
    """Return a registry with handlers of these names; the first is a `must`."""
    registry = Registry(PHASES, {}, ())
    for name in names:
        importance = Importance.MUST if name == names[0] else Importance.MAY
        registry.add(Handler(name, noop, lane=lane, importance=importance))
    registry.arm()
    return registry


def test_the_windows_that_may_come_are_planned(monkeypatch: object) -> None:
    """As soon as the handlers have been left alone."""
    registry = armed("a", "b", "c", "d", lane="db")
    registry.learn({name: [Sample(0.2)] * 5 for name in "abcd"}, "")
    begun, made = threading.Event(), threading.Event()
    foresee = registry.foresee

    def foreseen(length: float) -> None:
        foresee(length)
        if length == WINDOWS[-1]:
            made.set()

    registry.foresee = foreseen  # type: ignore[method-assign]
    monkeypatch.setattr(beforehand, "SETTLE_S", 0.0)  # type: ignore[attr-defined]
    Beforehand(registry, lambda: None, begun).changed(7.0)

    assert made.wait(30)
    assert {*WINDOWS, 7.0} == {length for length, _ in registry._plans}
    assert "a" not in registry.plan(Window.open(5.0, 0.3)).skips


def test_a_plan_made_beforehand_is_found_by_the_length_of_the_window() -> None:
    """And moved to its opening."""
    registry = armed("a", "b", lane="db")
    registry.learn({"a": [Sample(0.2)] * 5, "b": [Sample(0.2)] * 5}, "")
    registry.foresee(0.3)
    plan = registry.plan(Window.open(100.0, 0.3))

    assert (100.0, {"a", "b"}) == (plan.window.opened, plan.chances.keys())
    assert {} == registry.plan(Window.open(100.0, 30.0)).chances


def test_a_plan_is_forgotten_when_the_handlers_change() -> None:
    """It would lose the new one."""
    registry = armed("a", "b")
    registry.foresee(0.3)
    registry.add(Handler("c", noop))

    assert ["a", "b", "c"] == [step.handler for step in registry.plan(Window.open(0.0, 0.3)).steps]


def test_nothing_is_planned_once_the_end_has_begun(monkeypatch: object) -> None:
    """The run has the machine for itself."""
    registry, begun, read = armed("a"), threading.Event(), threading.Event()
    begun.set()
    monkeypatch.setattr(beforehand, "SETTLE_S", 0.0)  # type: ignore[attr-defined]
    made = Beforehand(registry, read.set, begun)
    made.changed(5.0)
    for thread in threading.enumerate():
        if thread.name == "processender-plans":
            thread.join(10)

    assert (False, {}) == (read.is_set(), registry._plans)


def test_who_says_how_much_it_has_to_do_is_expected_by_the_unit() -> None:
    """Ten times as much takes ten times as long."""
    registry = armed("a")
    registry.learn({"a": [Sample(1.0, size=10.0)] * 6}, "")
    progress = Progress({}, frozenset(), {"a": 0.0}, 0.0, {"a": 100.0})
    plan = registry.plan(Window.open(0.0, 60.0), progress)

    assert 10.0 == plan.estimates["a"].quantile(0.5)


def test_nothing_is_known_at_first() -> None:
    """And a handler's own word is something."""
    registry = armed("a")
    before = registry.informed
    registry.add(Handler("b", noop, expected=1.0))

    assert (False, True) == (before, registry.informed)


def test_a_series_is_the_same_each_time_and_evenly_spread() -> None:
    """The same handlers have the same plan."""
    one, other = series(5), series(5)
    drawn = [one() for _ in range(4000)]

    assert drawn == [other() for _ in range(4000)]
    assert all(0.0 <= each < 1.0 for each in drawn)
    assert [True] * 4 == [900 < sum(n / 4 <= each < (n + 1) / 4 for each in drawn) < 1100 for n in range(4)]
