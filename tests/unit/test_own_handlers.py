"""The handlers that an Ender adds itself: their names are taken, and may be named."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from processender import Ender, Handler, HandlerError
from processender.core.drain import DRAIN_DELAY, OWN, READINESS
from processender.own_paths import OwnPaths


def nothing() -> None:
    """Do nothing."""


@pytest.mark.parametrize("name", sorted(OWN))
def test_no_other_may_have_the_name_of_one(name: str) -> None:
    """It would stand in for it without a word: readiness would never fail, and no work be waited for."""
    ender = Ender("web")

    with pytest.raises(HandlerError, match=f"'{name}': the handler of this name .*; give it another name"):
        ender.add(nothing, name=name)
    with pytest.raises(HandlerError, match=name):
        ender.exchange((), [Handler(name, nothing)], 30.0)
    with pytest.raises(HandlerError, match=name):
        ender.enter_context(threading.Lock(), name=name)


def test_others_may_be_ordered_by_one_before_it_is_there() -> None:
    """It comes when the program serves."""
    ender = Ender("web")
    ender.add(nothing, name="balancer", phase="drain", after=[READINESS], before=[DRAIN_DELAY])
    early = [step.handler for step in ender.plan().in_order()]
    ender.ready()
    ender.inflight("order")

    assert ["balancer"] == early
    assert [READINESS, "balancer", DRAIN_DELAY, "inflight"] == [step.handler for step in ender.plan().in_order()]


def attached() -> Ender:
    """Return an Ender that an adapter asks for its paths."""
    ender = Ender("web", grace=20.0)
    OwnPaths(ender, "/readyz", None, None, None, None)
    return ender


def drained() -> Ender:
    """Return an Ender with a drainer that the next process undoes."""
    ender = Ender("web", grace=20.0)
    ender.add(nothing, name="balancer", phase="drain", lasting=True, resume=nothing)
    return ender


@pytest.mark.parametrize("make", [lambda: Ender("web", drain_delay=9.0), attached, drained])
def test_the_plan_of_who_is_going_to_serve_has_them_before(make: Callable[[], Ender]) -> None:
    """Who asks for it before the process serves would see one that fits, and the delay is the longest step of all."""
    names = {step.handler for step in make().plan().steps}

    assert {READINESS, DRAIN_DELAY} <= names


def test_the_plan_of_a_serving_ender_fits_only_with_its_delay() -> None:
    """It counts as long as it is."""
    assert Ender("web", grace=20.0, drain_delay=5.0).plan().fits
    assert not Ender("web", grace=20.0, drain_delay=19.0).plan().fits


@pytest.mark.parametrize("delay", [20.0, 21.0])
def test_a_delay_that_takes_all_of_the_grace_is_refused(delay: float) -> None:
    """As the agent does."""
    with pytest.raises(HandlerError, match=f"drain_delay={delay} and grace=20: no time would be left to end"):
        Ender("web", grace=20, drain_delay=delay)


def test_threads_that_begin_at_once_add_it_once() -> None:
    """Whoever comes second finds it there."""
    ender = Ender("web")
    together = threading.Barrier(8)
    failed: list[BaseException] = []

    def serve() -> None:
        together.wait(30.0)
        try:
            ender.ready()
            ender.inflight("order")
        except BaseException as error:  # it is shown by the assert
            failed.append(error)

    threads = [threading.Thread(target=serve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)

    assert [] == failed
    assert {READINESS, DRAIN_DELAY, "inflight"} == {step.handler for step in ender.plan().in_order()}
