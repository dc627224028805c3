"""Foreign objects and foreign threads at the wrong moment: what they do stays theirs."""

from __future__ import annotations

import pytest

from processender import Ender, Handler, StateError
from processender.core.outcome import describe
from processender.core.retry import Retry
from processender.core.window import Window
from processender.engine.registry import Registry
from processender.errors import PlanError


class Mute(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError("no words")


class Impolite(OSError):
    """An exception that carries a date where seconds are meant."""

    retry_after = "Wed, 21 Oct 2026 07:28:00 GMT"


def test_an_error_that_cannot_be_shown_fails_its_handler_only(tmp_path) -> None:
    """The others go on, and the report names the type."""
    ran = []

    def mute() -> None:
        raise Mute

    ender = Ender("foreign", state=str(tmp_path), signals=(), observers=())
    ender.add(mute, name="mute", phase="flush")
    ender.add(lambda: ran.append("must"), name="must", phase="close", importance="must")
    with ender:
        pass

    assert ["must"] == ran
    assert "Mute" in next(each["error"] for each in ender.report["handlers"] if each["name"] == "mute")


def test_the_text_of_an_error_that_cannot_be_shown_is_its_type() -> None:
    """And what its text raised."""
    assert "Mute (its text raises RuntimeError)" == describe(Mute())


def test_a_retry_after_that_is_no_number_is_no_pause() -> None:
    """The pause of the policy counts."""
    assert 10.0 == Retry(attempts=2).next_start(Impolite(), 1, 10.0, 20.0, lambda: 0.0)


def test_a_plan_of_an_older_order_is_never_used() -> None:
    """A handler that came while the plan was made is in the plan that runs."""
    registry = Registry(("close",), {}, ())
    registry.arm()
    registry.add(Handler("first", print))
    registry.prepare(Window.open(0.0, 30.0))
    older = registry._plan
    registry.add(Handler("second", print))
    registry._plan = older

    assert {"first", "second"} == {step.handler for step in registry.plan(Window.open(5.0, 30.0)).steps}


def test_an_order_that_was_refused_can_be_mended_and_entered(tmp_path) -> None:
    """The first attempt leaves nothing half armed."""
    ender = Ender("mended", state=str(tmp_path), signals=(), observers=())
    ender.add(lambda: None, name="flush", after=["missing"])
    with pytest.raises(PlanError):
        ender.install()
    ender.add(lambda: None, name="missing")
    with ender:
        pass

    assert "clean" == ender.report["verdict"]


def test_a_resource_cannot_be_declared_inside_the_body(tmp_path) -> None:
    """It would never be set up; the error says what to use instead."""
    ender = Ender("late", state=str(tmp_path), signals=(), observers=())
    with ender, pytest.raises(StateError, match="enter_context"):

        @ender.resource
        def pool():
            yield 1


def test_a_signal_that_no_process_can_hear_is_refused_by_name(tmp_path) -> None:
    """Before anything is taken."""
    with pytest.raises(ValueError, match="cannot hear SIGKILL"):
        Ender("deaf", state=str(tmp_path), signals=("SIGKILL",)).install()
