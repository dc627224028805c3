"""The handlers that an Ender adds itself: their names are taken, and may be named."""

from __future__ import annotations

import threading

import pytest

from processender import Ender, Handler, HandlerError
from processender.core.drain import DRAIN_DELAY, OWN, READINESS


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
    ender = Ender("web", drain_delay=1.0, on_drain="fail-readiness")
    ender.add(nothing, name="balancer", phase="drain", after=[READINESS], before=[DRAIN_DELAY])
    early = [step.handler for step in ender.plan().in_order()]
    ender.ready()
    ender.inflight("order")

    assert ["balancer"] == early
    assert [READINESS, "balancer", DRAIN_DELAY, "inflight"] == [step.handler for step in ender.plan().in_order()]


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
