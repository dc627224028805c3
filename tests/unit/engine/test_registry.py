"""The handlers of an Ender, all or none."""

from __future__ import annotations

import pytest

from processender.core.handler import PHASES, Handler
from processender.core.window import Window
from processender.engine.registry import Registry
from processender.errors import HandlerError, PlanError


def noop() -> None:
    """Do nothing."""


def handler(name: str, **options: object) -> Handler:
    """Return a handler that does nothing."""
    return Handler(name, noop, **options)  # type: ignore[arg-type]


def armed(*handlers: Handler, **options: object) -> Registry:
    """Return a registry that compiles at each change."""
    registry = Registry(PHASES, options.get("lanes", {}), options.get("require", ()))  # type: ignore[arg-type]
    registry.add(*handlers)
    registry.arm()
    return registry


def names(registry: Registry) -> list[str]:
    """Return the names, in order of registration."""
    return [each.name for each in registry.handlers()]


def test_handlers_keep_the_order_of_registration() -> None:
    """The plan shows it."""
    assert ["b", "a"] == names(armed(handler("b"), handler("a")))


def test_what_is_registered_is_contained() -> None:
    """By its name."""
    assert "a" in armed(handler("a"))


def test_a_second_handler_of_one_name_is_refused() -> None:
    """The error says what to do."""
    with pytest.raises(HandlerError, match="cannot register 'a': there is a handler of this name; give one of them"):
        armed(handler("a")).add(handler("a"))


def test_a_handler_without_a_call_is_refused() -> None:
    """There would be nothing to do."""
    with pytest.raises(HandlerError, match="cannot register 'a': it has nothing to call"):
        armed(Handler("a"))


def test_before_it_is_armed_names_may_come_later() -> None:
    """Modules register in the order in which they are imported."""
    assert ["b", "a"] == names(armed(handler("b", needs=("a",)), handler("a")))


def test_arming_raises_all_that_is_wrong() -> None:
    """One line for each."""
    with pytest.raises(PlanError) as caught:
        armed(handler("a", needs=("x",)), handler("b", phase="nope"))

    assert 2 == len(caught.value.problems)


def test_who_could_not_be_armed_may_be_mended() -> None:
    """And armed then."""
    registry = Registry(PHASES, {}, ())
    registry.add(handler("a", needs=("b",)))
    with pytest.raises(PlanError):
        registry.arm()
    registry.add(handler("b"))
    registry.arm()

    assert ["a", "b"] == names(registry)


def test_a_change_that_breaks_the_order_changes_nothing() -> None:
    """All or none."""
    registry = armed(handler("a"))
    with pytest.raises(PlanError):
        registry.add(handler("b"), handler("c", needs=("zzz",)))

    assert ["a"] == names(registry)


def test_two_that_wait_for_each_other_are_refused() -> None:
    """The cycle is named."""
    with pytest.raises(PlanError, match=r"a cycle: '[ab]' waits for '[ab]', '[ab]' waits for '[ab]'; remove"):
        armed(handler("a", after=("b",)), handler("b", after=("a",)))


def test_a_required_order_that_does_not_hold_is_refused() -> None:
    """Start-up fails."""
    with pytest.raises(PlanError, match=r"order\.require wants 'a' before 'b'"):
        armed(handler("a"), handler("b"), require=[["a", "b"]])


def test_an_unknown_lane_is_refused_where_lanes_are_declared() -> None:
    """With the nearest known one."""
    with pytest.raises(PlanError, match="did you mean 'db'"):
        armed(handler("a", lane="dbs"), lanes={"db": 1})


def test_a_handler_can_be_removed() -> None:
    """It is returned."""
    registry = armed(handler("a"), handler("b"))

    assert ("a", ["b"]) == (registry.remove("a").name, names(registry))


def test_an_unknown_handler_cannot_be_removed() -> None:
    """The error names the nearest known one."""
    with pytest.raises(HandlerError, match="cannot remove 'flsh': there is no such handler; did you mean 'flush'"):
        armed(handler("flush")).remove("flsh")


def test_who_is_named_by_another_cannot_be_removed() -> None:
    """Its offsets would be committed without a flush."""
    registry = armed(handler("flush"), handler("commit", needs=("flush",)))
    with pytest.raises(PlanError, match="'commit' names 'flush'"):
        registry.remove("flush")

    assert ["flush", "commit"] == names(registry)


def test_a_plan_that_was_prepared_is_moved_to_its_opening() -> None:
    """None is made at the notice."""
    registry = armed(handler("a"))
    registry.prepare(Window.open(0.0, 30.0))
    plan = registry.plan(Window.open(100.0, 30.0))

    assert (Window.open(100.0, 30.0), 127.0) == (plan.window, plan.latest(0))


def test_a_plan_for_another_length_is_made_anew() -> None:
    """A told deadline is not the configured one."""
    registry = armed(handler("a"))
    registry.prepare(Window.open(0.0, 30.0))

    assert 10.0 == registry.plan(Window.open(100.0, 10.0)).window.length


def test_a_prepared_plan_is_dropped_at_a_change() -> None:
    """It would not have the new handler."""
    registry = armed(handler("a"))
    registry.prepare(Window.open(0.0, 30.0))
    registry.add(handler("b"))

    assert 2 == len(registry.plan(Window.open(100.0, 30.0)).steps)


def test_a_handler_may_be_registered_while_another_is() -> None:
    """A signal handler that registers meets the lock of its own thread."""
    registry = armed(handler("a"))
    with registry._lock:
        registry.add(handler("b"))

    assert ["a", "b"] == names(registry)


def test_a_fork_child_can_register_though_the_lock_was_held() -> None:
    """By a thread that the child does not have."""
    registry = armed(handler("a"), handler("keeper"))
    registry._lock.acquire()
    registry.after_fork(["keeper"])

    assert ["a"] == names(registry)


@pytest.mark.parametrize("capacity", [0, -1, "2", None])
def test_a_lane_in_which_nothing_could_run_is_refused(capacity: object) -> None:
    """Its handlers would wait for ever."""
    with pytest.raises(HandlerError, match="its capacity is a whole number from 1 up"):
        Registry(PHASES, {"db": capacity}, ())  # type: ignore[dict-item]
