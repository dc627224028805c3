"""What holds for every run: random orders, random behaviours, random changes on the way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processender.core.commands import Start
from processender.core.events import AttemptFailed, AttemptStarted, HandlerEnded
from processender.core.handler import PHASES, Handler, Importance
from processender.core.outcome import Outcome
from processender.core.reports import Adopted, Hurried, Report
from processender.errors import Transient
from processender.testing.simulate import NEVER, Behaviour, Script, Simulation, make_plan, simulate

from .strategies import handlers, named_order

ROUNDING = 1e-6
LONGEST = 60.0
TIMES = st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.5, 10.0, NEVER])
ERRORS: list[BaseException | None] = [None, None, OSError("down"), TypeError("bug"), Transient("busy", retry_after=0.7)]

behaviours = st.builds(
    Behaviour,
    takes=TIMES,
    error=st.sampled_from(ERRORS),
    begins=st.sampled_from([0.0, 0.0, 0.0, 0.2, 4.0, NEVER]),
    gives_way=st.sampled_from([0.0, 0.05, NEVER]),
    refused=st.sampled_from(["", "", "", "", "loop closed"]),
)


@st.composite
def runs(draw: st.DrawFn, *, disturbed: bool = False) -> tuple[list[Handler], Simulation]:
    """Return handlers and the run that they had; a *disturbed* one is told other plans and to hurry on its way."""
    made = draw(handlers(most=8))
    script: Script = {handler.name: draw(st.lists(behaviours, min_size=1, max_size=3)) for handler in made}
    told: dict[float, Report] = {}
    if disturbed:
        for at in draw(st.lists(st.sampled_from([0.0, 0.1, 1.1, 3.3, 7.7]), max_size=3, unique=True)):
            told[at] = draw(disturbances(made))
    length = draw(st.sampled_from([0.0, 1.0, 10.0, 30.0, LONGEST]))
    lanes: dict[str, Any] = draw(st.sampled_from([{}, {"db": 2}, {"db": 1, "disk": 3}]))
    chance = draw(st.sampled_from([0.0, 0.5, 0.999]))
    return made, simulate(made, script, length, lanes=lanes, told=told, chance=chance)


@st.composite
def disturbances(draw: st.DrawFn, made: list[Handler]) -> Report:
    """Return another window, some handlers fewer, one more, or the wish to hurry."""
    length = draw(st.sampled_from([1.0, 10.0, 30.0, LONGEST]))
    match draw(st.sampled_from(["window", "fewer", "more", "hurry"])):
        case "window":
            return Adopted(make_plan(made, length))
        case "fewer":
            kept = [handler for handler in made if draw(st.booleans())]
            return Adopted(make_plan(kept, length))
        case "more":
            extra = Handler(
                "extra", phase=draw(st.sampled_from(PHASES)), importance=draw(st.sampled_from(list(Importance)))
            )
            return Adopted(make_plan([*made, extra], length))
        case _:
            return Hurried("hurried by SIGINT")


def ends(ran: Simulation) -> list[str]:
    """Return the name of each handler that ended, as often as it did."""
    return [event.result.handler for event in ran.events if isinstance(event, HandlerEnded)]


@given(runs())
def test_every_handler_ends_in_exactly_one_outcome(case: tuple[list[Handler], Simulation]) -> None:
    """Whatever it does, and the run finishes."""
    made, ran = case

    assert sorted(handler.name for handler in made) == sorted(ends(ran))


@given(runs())
def test_every_handler_ends_by_the_soft_deadline(case: tuple[list[Handler], Simulation]) -> None:
    """Nobody takes the reserve."""
    _, ran = case
    soft = ran.run.plan.window.soft

    assert [] == [result for result in ran.results.values() if result.ended > soft + ROUNDING]


@given(runs())
def test_no_handler_starts_before_what_it_waits_for_has_ended(case: tuple[list[Handler], Simulation]) -> None:
    """Named order, whatever the outcomes."""
    made, ran = case
    early = [
        (first, then)
        for first, then in named_order(made)
        if (began := ran.results[then].started) is not None and began < ran.results[first].ended
    ]

    assert [] == early


@given(runs())
def test_no_phase_starts_before_the_one_before_has_ended(case: tuple[list[Handler], Simulation]) -> None:
    """The barrier between two phases."""
    made, ran = case
    rank = {handler.name: PHASES.index(handler.phase) for handler in made}
    early = [
        (a.handler, b.handler)
        for a in ran.results.values()
        for b in ran.results.values()
        if rank[a.handler] < rank[b.handler] and b.started is not None and b.started < a.ended
    ]

    assert [] == early


@given(runs())
def test_nothing_runs_whose_need_is_not_done(case: tuple[list[Handler], Simulation]) -> None:
    """And what was not done is the reason of the skip."""
    made, ran = case
    wrong = [
        handler.name
        for handler in made
        if ran.results[handler.name].attempts and any(ran.outcomes[name] is not Outcome.DONE for name in handler.needs)
    ]

    assert [] == wrong


@given(runs())
def test_a_skip_has_a_reason(case: tuple[list[Handler], Simulation]) -> None:
    """Each one."""
    _, ran = case

    assert [] == [r.handler for r in ran.results.values() if r.outcome is Outcome.SKIPPED and not r.reason]


@given(runs())
def test_nobody_exceeds_its_time_out(case: tuple[list[Handler], Simulation]) -> None:
    """Retries and giving way included."""
    made, ran = case
    wrong = [h.name for h in made if h.timeout is not None and ran.results[h.name].seconds > h.timeout + ROUNDING]

    assert [] == wrong


@given(runs())
def test_nobody_has_more_attempts_than_its_policy_allows(case: tuple[list[Handler], Simulation]) -> None:
    """Neither in the result nor in the commands."""
    made, ran = case
    asked = [name for _, name in ran.asked(Start)]

    assert [] == [h.name for h in made if max(asked.count(h.name), ran.results[h.name].attempts) > h.retry.attempts]


@given(runs())
def test_every_attempt_that_begins_ends(case: tuple[list[Handler], Simulation]) -> None:
    """Events come in pairs."""
    _, ran = case
    open_attempts = {(e.handler, e.attempt) for e in ran.events if isinstance(e, AttemptStarted)}
    open_attempts -= {(e.handler, e.attempt) for e in ran.events if isinstance(e, AttemptFailed)}
    open_attempts -= {(r.handler, r.attempts) for r in ran.results.values()}

    assert set() == open_attempts


@given(runs())
def test_events_stand_in_order_of_time(case: tuple[list[Handler], Simulation]) -> None:
    """The report can be read from top to bottom."""
    _, ran = case
    times = [event.at for event in ran.events]

    assert sorted(times) == times


@given(runs())
def test_no_lane_is_ever_overfull(case: tuple[list[Handler], Simulation]) -> None:
    """From the first attempt of a handler to its end, pauses included."""
    made, ran = case
    for lane in ("db", "disk"):
        inside = [ran.results[h.name] for h in made if h.lane == lane and ran.results[h.name].started is not None]
        capacity = ran.run.plan.lanes.get(lane, 1)
        most = max((sum(a.started <= b.started < a.ended for a in inside) for b in inside), default=0)  # type: ignore[operator]

        assert most <= capacity


@given(runs(disturbed=True))
def test_a_disturbed_run_ends_everything_once(case: tuple[list[Handler], Simulation]) -> None:
    """Other windows, other handlers, an interrupt: one outcome each for what the last plan has or what has begun."""
    _, ran = case
    wanted = {handler.name for handler in ran.run.plan.graph.handlers}

    assert (len(set(ends(ran))), set()) == (len(ends(ran)), wanted - set(ends(ran)))


@given(runs(disturbed=True))
def test_a_disturbed_run_ends_by_the_last_possible_soft_deadline(case: tuple[list[Handler], Simulation]) -> None:
    """Nothing outlives the window that holds when it ends, or the instant at which that window was told."""
    _, ran = case
    told = [0.0, *(event.at for event in ran.events if type(event).__name__ == "PlanChanged")]

    assert ran.now <= max(ran.run.plan.window.soft, *told, 0.0) + ROUNDING
