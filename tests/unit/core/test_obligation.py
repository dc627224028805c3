"""What the entries of a journal add up to."""

from __future__ import annotations

import pytest

from processender.core.obligation import Entry, Kind, Ledger, Obligation, State, as_data, intent, retried, standing_from
from processender.errors import ObligationError

VM = Obligation("1", "vm", "build-7", "ec2.terminate", {"region": "eu"}, job="7", outlives=("2",), created=5.0)
HUGE = 10**400


def ledger(*entries: Entry) -> Ledger:
    """Return the ledger of *entries*."""
    made = Ledger()
    for entry in entries:
        made.apply(entry)
    return made


def test_an_intent_is_owed() -> None:
    """What was written down before the effect is live, with all that its releaser needs."""
    standing = ledger(intent(VM)).get("1")

    assert VM == standing.obligation
    assert State.INTENDED is standing.state


def test_what_was_acquired_has_its_real_id() -> None:
    """The real id is known after the effect."""
    standing = ledger(intent(VM), Entry(Kind.ACQUIRED, "1", {"ref": "i-42"})).get("1")

    assert (State.ACQUIRED, "i-42") == (standing.state, standing.obligation.ref)


def test_what_was_released_is_owed_no_longer() -> None:
    """The live set is what is left."""
    assert [] == ledger(intent(VM), Entry(Kind.RELEASED, "1")).live()


def test_each_attempt_has_a_higher_token() -> None:
    """A late owner cannot undo the work of the next one."""
    attempt = Entry(Kind.RELEASING, "1", {"token": 0})
    tokens = [ledger(intent(VM), *[attempt] * count).get("1").token for count in (1, 2, 3)]

    assert [1, 2, 3] == tokens


def test_a_failure_keeps_its_reason_and_its_pause() -> None:
    """The next recovery knows why, and when."""
    failed = Entry(Kind.FAILED, "1", {"error": "OSError: no", "again_at": 9.0, "boot": "b"})
    standing = ledger(intent(VM), Entry(Kind.RELEASING, "1"), failed).get("1")

    assert (State.FAILED, "OSError: no", 9.0, "b", 1) == (
        standing.state, standing.error, standing.again_at, standing.boot, standing.attempts
    )  # fmt: skip


def test_the_dead_letter_list_is_never_dropped() -> None:
    """A poisoned obligation stays."""
    standing = ledger(intent(VM), Entry(Kind.FAILED, "1", {"dead": True})).get("1")

    assert State.DEAD is standing.state


def test_a_dead_one_can_be_tried_again() -> None:
    """A human may have mended the cause."""
    standing = ledger(intent(VM), Entry(Kind.FAILED, "1", {"dead": True}), Entry(Kind.RELEASING, "1")).get("1")

    assert State.RELEASING is standing.state


def test_a_checkpoint_adds_up_to_the_same() -> None:
    """Nothing is lost at a rotation."""
    entries = (intent(VM), Entry(Kind.ACQUIRED, "1", {"ref": "i-42"}), Entry(Kind.RELEASING, "1"))
    before = ledger(*entries, intent(VM.replace(id="2", outlives=())))
    after = ledger(*before.snapshot())

    assert before.live() == after.live()


def test_fields_of_a_later_version_are_left_out() -> None:
    """A record with one field more can be read."""
    entry = intent(VM)
    standing = ledger(Entry(Kind.INTENT, "1", {**entry.data, "colour": "red"})).get("1")

    assert VM == standing.obligation


@pytest.mark.parametrize("kind", [Kind.ACQUIRED, Kind.RELEASING, Kind.RELEASED, Kind.FAILED])
def test_what_nobody_owes_cannot_go_on(kind: Kind) -> None:
    """An entry without its intent is a contradiction, and is named."""
    with pytest.raises(ObligationError, match=f"cannot take {kind} of the obligation '1': it is unknown"):
        ledger(Entry(kind, "1"))


def test_what_is_being_released_cannot_be_acquired() -> None:
    """The order of the kinds is a table."""
    with pytest.raises(ObligationError, match="it is releasing"):
        ledger(intent(VM), Entry(Kind.RELEASING, "1"), Entry(Kind.ACQUIRED, "1"))


@pytest.mark.parametrize("odd", [[], {}, "released", "gone", None, 5], ids=repr)
def test_the_state_of_a_checkpoint_that_is_none_counts_as_intended(odd: object) -> None:
    """What is released is in no checkpoint: its system is asked once more, and it is settled."""
    copied = Entry(Kind.CHECKPOINT, "1", {"obligation": VM.as_dict(), "state": odd})
    made = ledger(copied)
    before = made.get("1").state
    made.apply(Entry(Kind.RELEASED, "1"))

    assert State.INTENDED is before
    assert [] == made.live()


def test_a_checkpoint_that_names_another_id_is_settled_under_its_own() -> None:
    """The id of the record counts: under it the release will be written."""
    copied = Entry(Kind.CHECKPOINT, "9", {"obligation": VM.as_dict(), "state": "acquired"})
    made = ledger(copied)
    (standing,) = made.live()
    made.apply(Entry(Kind.RELEASED, standing.obligation.id))

    assert VM.replace(id="9") == standing.obligation
    assert [] == made.live()


@pytest.mark.parametrize("odd", [HUGE, -HUGE, float("inf"), float("nan"), -5], ids=lambda odd: repr(odd)[:12])
def test_a_number_that_cannot_be_one_counts_as_none(odd: float) -> None:
    """Neither a pause for ever nor a token that cannot be written."""
    fields = {"obligation": VM.as_dict(), "attempts": odd, "token": odd}
    standing = ledger(Entry(Kind.CHECKPOINT, "1", {**fields, "again_at": odd if odd != -5 else 0})).get("1")

    assert (0, 0, 0.0) == (standing.attempts, standing.token, standing.again_at)


def test_runs_and_handlers_owe_nothing() -> None:
    """They are in the journal for the crash report."""
    assert [] == ledger(Entry(Kind.RUN, "r", {"begun": True}), Entry(Kind.HANDLER, "h", {"begun": True})).live()


ODD = [None, 5, -1.5, "text", [], [1, None], {}, {"x": []}, True, HUGE, -HUGE, float("inf"), float("nan"), "released"]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
@pytest.mark.parametrize("kind", list(Kind))
def test_whatever_a_record_holds_the_ledger_can_be_read(kind: Kind, odd: object) -> None:
    """A journal is hostile input: no record keeps the others from being recovered."""
    made = ledger(intent(VM))
    fields = ("kind", "key", "releaser", "args", "job", "outlives", "created", "ref", "token", "attempt", "error",
              "again_at", "boot", "dead", "afresh", "obligation", "state", "attempts")  # fmt: skip
    for id_ in ("1", "other"):
        for data in (dict.fromkeys(fields, odd), *({name: odd} for name in fields)):
            try:
                made.apply(Entry(kind, id_, data))
            except ObligationError:
                continue
            finally:
                made.apply(intent(VM))

    assert 1 <= len(made.live()) <= 2
    assert len(made.live()) == len(made.snapshot())


def test_a_thing_that_is_tried_again_is_counted_anew() -> None:
    """The reason of the last failure stays."""
    failed = [Entry(Kind.RELEASING, "1"), Entry(Kind.FAILED, "1", {"error": "refused", "dead": True})]
    dead = ledger(intent(VM), *failed).get("1")
    assert dead is not None
    again = ledger(intent(VM), *failed, retried(dead)).get("1")

    assert (State.FAILED, 0, "refused") == (again.state, again.attempts, again.error)


def test_a_standing_is_the_same_after_it_was_data() -> None:
    """All of it goes into a checkpoint, and who reads of it needs less."""
    standing = ledger(intent(VM)).get("1")

    assert standing == standing_from(as_data(standing))
    assert {"id": "1", "kind": "vm", "key": "build-7", "ref": "", "releaser": "ec2.terminate", "job": "7"} == VM.about()
