"""Foreign objects and foreign threads at the wrong moment: what they do stays theirs."""

from __future__ import annotations

import pytest

from processender import Ender, Handler, HandlerError, StateError
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
    older = registry._plans
    registry.add(Handler("second", print))
    registry._plans = older

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


def test_the_first_line_of_a_handler_knows_its_time(tmp_path) -> None:
    """`remaining()` is within the time-out from the start, and within that of the attempt."""
    seen = {}
    ender = Ender("time", state=str(tmp_path), signals=(), observers=())
    ender.add(lambda ctx: seen.update(whole=ctx.remaining()), name="whole", timeout=3)
    ender.add(lambda ctx: seen.update(attempt=ctx.remaining()), name="attempt", timeout=3, attempt_timeout=1)
    with ender:
        pass

    assert seen["whole"] <= 2.7
    assert seen["attempt"] <= 0.9


@pytest.mark.parametrize(
    "options",
    [{"grace": "30s"}, {"grace": -1}, {"exit": "code"}, {"displaced": "after"}, {"theft": "x"}, {"phases": ()}],
    ids=str,
)
def test_an_ender_that_makes_no_sense_is_refused_at_once(options) -> None:
    """Not at the end, when it is too late."""
    with pytest.raises(HandlerError, match="cannot make an Ender"):
        Ender("odd", **options)


@pytest.mark.parametrize("options", [{"retry": 3}, {"timeout": "5s"}], ids=str)
def test_a_handler_that_makes_no_sense_is_refused_at_once(options) -> None:
    """With its name and the cure."""
    with pytest.raises(HandlerError, match="cannot register 'flush'"):
        Ender("odd").add(lambda: None, name="flush", **options)


def test_an_ender_is_entered_once(tmp_path) -> None:
    """A second time, inside the first, is refused instead of waiting for itself."""
    ender = Ender("once", state=str(tmp_path), signals=(), observers=())
    with ender, pytest.raises(StateError, match="twice"):
        ender.__enter__()


def test_what_needs_a_resource_that_was_not_set_up_is_skipped(tmp_path) -> None:
    """The failed set-up of `pool` does not let its handler run without it."""
    ran = []
    ender = Ender("needs", state=str(tmp_path), signals=(), observers=())

    @ender.resource
    def pool():
        raise OSError("no database")
        yield

    ender.add(lambda: ran.append("flush"), name="flush", needs=["pool"])
    with pytest.raises(OSError, match="no database"), ender:
        pass

    assert [] == ran
    assert "needs pool" == ender.report["skipped"]["flush"]


def test_one_signal_may_be_given_as_text(tmp_path) -> None:
    """It is not taken for a list of letters."""
    with Ender("x", signals="SIGTERM", escalate="SIGINT", state=str(tmp_path), observers=()) as ender:
        ran = ender.plan().fits

    assert ran


def test_a_text_in_the_place_of_a_function_is_refused() -> None:
    """The mistake is named where it is made."""
    with pytest.raises(HandlerError, match="it is no function"):
        Ender("x").handler("flush")
