"""Whether an end was good: pure functions of what was seen."""

from __future__ import annotations

import pytest

from processender.rehearsal.evidence import Evidence, Stretch
from processender.rehearsal.judge import BY_DEFAULT, Wanted, judge
from processender.rehearsal.load import Answer

GOOD = Evidence(exit=143, signals=(15,), window=30.0, began=100.0)


def account(*handlers: dict[str, object], **more: object) -> dict[str, object]:
    """Return the report of a run with these handlers."""
    plain = {"outcome": "done", "importance": "should", "started_s": 0.0, "ended_s": 1.0, "timeout_s": 5.0}
    return {"id": "1", "started": 1000.0, "handlers": [plain | each for each in handlers], **more}


def wrong(seen: Evidence, **wanted: object) -> list[str]:
    """Return which assertions do not hold, each once for each finding."""
    return [each.assertion for each in judge(Wanted(BY_DEFAULT, **wanted), seen)]


def test_an_end_without_anything_wrong_is_good() -> None:
    """Nothing is asserted of what is not there."""
    assert [] == wrong(GOOD)


def test_of_a_program_that_has_not_started_nothing_else_is_said() -> None:
    """It has no end."""
    assert ["starts"] == wrong(Evidence(trouble="no such file"))


def test_a_lost_request_is_found_and_its_kind_told() -> None:
    """With when the first of them was sent."""
    answers = (Answer("1-1", 99.0, 0.1), Answer("1-2", 100.5, 0.1, "refused"), Answer("1-3", 101.0, 0.1, "reset"))
    (finding,) = judge(Wanted(BY_DEFAULT), GOOD.replace(answers=answers))

    assert "2 of 3 requests were lost (1 refused, 1 reset); the first of them was sent 0.50 s after" in finding.text


@pytest.mark.parametrize(
    ("kept", "times"), [("1-1\n1-21", 0), ('{"id": "1-1"}\n1-21', 0), ("1-21", 1), ("1-1 1-1 1-21", 1)]
)
def test_what_was_answered_is_kept_exactly_once(kept: str, times: int) -> None:
    """An id is found as a word of its own, so 1-2 is not in 1-21."""
    answers = tuple(Answer(name, 99.0, 0.1) for name in ("1-1", "1-21"))

    assert ["no-request-lost"] * times == wrong(GOOD.replace(answers=answers, kept=kept))


def test_a_request_that_was_not_answered_need_not_be_kept() -> None:
    """Its client knows that."""
    seen = GOOD.replace(answers=(Answer("1-1", 99.0, 0.1),), kept="1-1 1-2")

    assert [] == wrong(seen)


@pytest.mark.parametrize(
    ("first", "then", "found"),
    [
        ((0.0, 1.0), (1.0, 2.0), []),
        ((0.0, 1.0), (0.5, 2.0), ["order"]),
        ((None, None), (0.5, 2.0), ["order"]),
        ((0.0, 1.0), (None, None), []),
        ((0.0, None), (0.5, 2.0), ["order"]),
    ],
)
def test_a_handler_begins_when_the_one_before_it_has_ended(first, then, found) -> None:
    """One that never ran is before nobody; who ran without the one before it is out of order."""
    handlers = [
        {"name": name, "started_s": began, "ended_s": ended} for name, (began, ended) in (("a", first), ("b", then))
    ]

    assert found == wrong(GOOD.replace(accounts=(account(*handlers),)), order=(("a", "b"),))


def test_a_chain_with_an_unknown_handler_is_out_of_order() -> None:
    """A mistyped name never passes."""
    seen = GOOD.replace(accounts=(account({"name": "a"}),))
    (finding,) = judge(Wanted(BY_DEFAULT, order=(("a", "bee"),)), seen)

    assert "no report tells of 'bee'" in finding.text


def test_an_order_of_which_there_is_no_report_is_not_seen() -> None:
    """That is something else than a mistyped name."""
    (finding,) = judge(Wanted(BY_DEFAULT, order=(("a", "b"),)), GOOD.replace(accounts=()))

    assert "there is no report, so nobody knows in which order the handlers ran" == finding.text


def test_who_needs_another_does_not_run_when_that_has_failed() -> None:
    """To have ended is not enough."""
    handlers = [{"name": "a", "outcome": "failed"}, {"name": "b", "started_s": 1.0, "ended_s": 2.0}]
    seen = GOOD.replace(accounts=(account(*handlers),))

    assert [] == wrong(seen, order=(("a", "b"),))
    assert ["order"] == wrong(seen, needs=(("a", "b"),))


def test_the_handlers_of_an_application_that_has_joined_count() -> None:
    """Its report stands in that of the agent."""
    inner = account({"name": "flush", "importance": "must", "outcome": "failed"})

    assert ["must-done"] == wrong(GOOD.replace(accounts=(account({"name": "command"}, command=inner),)))


def test_a_handler_of_a_joined_application_is_known_by_its_short_name_too() -> None:
    """A configuration names it as the application does, and serves with an agent and without; of a second one, too."""
    second = account({"name": "worker/stop", "started_s": 1.0, "ended_s": 2.0}, service="worker")
    first = account({"name": "shop/flush"}, service="shop", others=[second])
    seen = GOOD.replace(accounts=(account({"name": "command"}, command=first),))

    assert [] == wrong(seen, faulty=("flush", "shop/flush"), order=(("flush", "stop"),))
    assert ["order"] == wrong(seen, order=(("stop", "shop/flush"),))


def test_without_a_report_what_must_be_done_is_unknown_only_to_who_asks() -> None:
    """A program without an Ender has none."""
    assert [] == wrong(GOOD)
    assert ["no-request-lost", "must-done"] == wrong(GOOD, explicit=True)


def test_what_was_killed_was_not_within_its_window() -> None:
    """The exit code is then not of its own."""
    assert ["within-window"] == wrong(GOOD.replace(killed=True, exit=-9))


def test_a_handler_without_a_timeout_that_hung_was_ended_by_the_window_alone() -> None:
    """It has taken the time of all others."""
    hung = {"name": "notify", "outcome": "abandoned", "timeout_s": None}

    assert ["within-window"] == wrong(GOOD.replace(accounts=(account(hung),)))
    assert [] == wrong(GOOD.replace(accounts=(account(hung | {"timeout_s": 1.0}),)))


@pytest.mark.parametrize(("code", "found"), [(0, []), (143, []), (-15, []), (1, ["exit-code"]), (-9, ["exit-code"])])
def test_the_exit_code_is_good_or_of_the_signal(code: int, found: list[str]) -> None:
    """0, 128+n, or death by it."""
    assert found == wrong(GOOD.replace(exit=code))


def test_other_exit_codes_may_be_good() -> None:
    """Those that are named, and no other."""
    assert [] == wrong(GOOD.replace(exit=3), exit=(3,))
    assert ["exit-code"] == wrong(GOOD, exit=(3,))


def test_what_is_left_behind_is_told() -> None:
    """Each by itself."""
    assert ["nothing-left-behind"] * 2 == wrong(GOOD.replace(left=("the process 7", "the file x")))


def test_a_fault_that_came_true_for_nobody_is_told() -> None:
    """A rehearsal of nothing must not pass."""
    seen = GOOD.replace(accounts=(account({"name": "flush"}),))

    assert ["fault"] == wrong(seen, faulty=("flussh",))
    assert ["fault"] == wrong(seen.replace(missed="it was not killed"), faulty=("flush",))


def test_the_instants_of_all_reports_are_of_one_clock() -> None:
    """Seconds since 1970."""
    (stretch,) = GOOD.replace(accounts=(account({"name": "flush"}),)).stretches

    assert Stretch("flush", "done", "should", 1000.0, 1001.0, timeout=5.0) == stretch


def test_load_of_which_no_request_was_made_does_not_pass() -> None:
    """Whoever asks for load wants to know that none of it was lost."""
    assert ["no-request-lost"] == wrong(GOOD.replace(loaded=True))
    assert [] == wrong(GOOD.replace(loaded=True, again=True))


def test_the_order_is_that_of_each_process() -> None:
    """Several workers have handlers of the same names, and only one of them may be wrong."""
    good = account({"name": "drain"}, {"name": "flush", "started_s": 1.0, "ended_s": 2.0})
    bad = account({"name": "drain", "ended_s": 3.0}, {"name": "flush", "started_s": 1.0, "ended_s": 2.0})

    assert [] == wrong(GOOD.replace(accounts=(good, good)), order=(("drain", "flush"),))
    assert ["order"] == wrong(GOOD.replace(accounts=(bad, good)), order=(("drain", "flush"),))


def test_that_the_machine_was_too_busy_is_said_with_what_was_lost() -> None:
    """The verdict is the same; whoever reads it knows what may be behind it."""
    lost = GOOD.replace(answers=(Answer("1-1", 101.0, 0.1, "refused"),))
    quiet, busy = (judge(Wanted(BY_DEFAULT), lost.replace(blind=blind))[0].text for blind in (0.03, 0.5))

    assert "--jobs 1" not in quiet
    assert "took 0.50 s to ask whether it is ready" in busy
