"""Attempts to release, written down; and recoveries as runs of their own."""

from __future__ import annotations

import threading

import pytest

from processender.core.obligation import Entry, Kind, Obligation, State, intent
from processender.core.outcome import Outcome
from processender.engine.clock import SystemClock
from processender.engine.recovery import Estate, Recovery, Settled
from processender.engine.settle import ATTEMPTS, Settler
from processender.errors import ObligationError, ReleaserError, Transient
from processender.held import Held, Scope
from processender.journal.memory import MemoryJournal
from processender.obligations import Obligations


class Things:
    """A releaser of things in memory, which counts."""

    def __init__(self, *errors: Exception) -> None:
        self.there: set[str] = set()
        self.calls: list[tuple[str, int, str]] = []
        self.errors = list(errors)

    def check(self, obligation: Obligation) -> bool:
        """Tell whether it is there."""
        return obligation.key in self.there

    def release(self, obligation: Obligation, token: int, ctx) -> None:
        """Remove it, or raise what is next."""
        self.calls.append((obligation.key, token, ctx.idempotency_key))
        if self.errors:
            raise self.errors.pop(0)
        self.there.discard(obligation.key)


def owing(things: Things, *keys: str, **fields) -> MemoryJournal:
    """Return a journal that owes a thing for each key, all of which are there."""
    journal = MemoryJournal()
    for number, key in enumerate(keys):
        things.there.add(key)
        journal.append(intent(Obligation(f"id-{key}", "thing", key, "things", created=float(number), **fields)))
    return journal


def settle(
    journal: MemoryJournal, things: Things | None, said: list[str] | None = None, window: float = 20.0, **options
) -> list[Settled]:
    """Recover what *journal* owes."""
    complaints = [] if said is None else said
    settler = Settler(
        journal, lambda name: things if name == "things" else None, SystemClock(), "boot", complaints.append
    )
    return Recovery(SystemClock(), window).run([Estate(settler, journal.live())], **options)


def kinds(journal: MemoryJournal) -> list[str]:
    """Return the kinds of all entries."""
    return [str(entry.kind) for entry in journal.entries]


def test_a_release_is_written_down_before_and_after() -> None:
    """A crash in the middle leaves a start without an end."""
    things = Things()
    journal = owing(things, "a")
    (settled,) = settle(journal, things)

    assert ["intent", "releasing", "released"] == kinds(journal)
    assert (State.RELEASED, Outcome.DONE) == (settled.state, settled.outcome)


def test_a_releaser_gets_the_token_and_the_id() -> None:
    """The other side can tell a late owner, and a repetition."""
    things = Things(Transient("busy"))
    settle(owing(things, "a"), things)

    assert [("a", 1, "id-a"), ("a", 2, "id-a")] == things.calls


def test_what_is_gone_already_is_settled_without_a_release() -> None:
    """The effect is not doubled."""
    things = Things()
    journal = owing(things, "a")
    things.there.clear()
    settle(journal, things)

    assert [] == things.calls
    assert [] == journal.live()


def test_an_unknown_releaser_is_kept_and_reported() -> None:
    """It is not dropped, it does not count as an attempt, and the journal says once why it is still there."""
    things = Things()
    journal = owing(things, "a")
    (settled,) = settle(journal, None)
    settle(journal, None, patient=True)
    standing = journal.live()[0]
    settle(journal, things, patient=True)

    assert "there is no releaser 'things' here" in settled.error
    assert (State.FAILED, 0, settled.error.removeprefix("UnknownReleaser: ")) == (
        standing.state, standing.attempts, standing.error
    )  # fmt: skip
    assert ["intent", "failed", "releasing", "released"] == kinds(journal)


def test_a_failure_is_kept_with_its_reason() -> None:
    """The next recovery knows why."""
    things = Things(*[ValueError("no")] * 9)
    journal = owing(things, "a")
    (settled,) = settle(journal, things)

    assert (State.FAILED, "ValueError: no") == (settled.state, settled.error)
    assert "ValueError: no" == journal.live()[0].error


def test_a_refusal_goes_to_the_dead_letters_at_once() -> None:
    """Another attempt would not help."""
    things = Things(ReleaserError("not below its root"))
    journal = owing(things, "a")
    settle(journal, things)

    assert [State.DEAD] == [each.state for each in journal.live()]


def test_a_releaser_that_fails_for_ever_ends_among_the_dead_letters() -> None:
    """It backs off and is given up after so many attempts; it is never dropped."""
    things = Things(*[Transient("busy")] * 100)
    journal = owing(things, "a")
    for _ in range(ATTEMPTS):
        settle(journal, things)

    assert ATTEMPTS == len(things.calls)
    assert (State.DEAD, "Transient: busy") == (journal.live()[0].state, journal.live()[0].error)


def test_the_poisoned_one_does_not_block_the_others() -> None:
    """What can be released is."""
    things = Things(ReleaserError("never"))
    journal = owing(things, "a", "b", "c")
    settled = settle(journal, things)

    assert sorted([State.DEAD, State.RELEASED, State.RELEASED]) == sorted(each.state for each in settled)


def test_a_releaser_that_ends_its_process_every_time_is_given_up() -> None:
    """An attempt that never came back has counted."""
    things = Things()
    journal = owing(things, "a")
    for _ in range(ATTEMPTS):
        journal.append(Entry(Kind.RELEASING, "id-a"))
    settle(journal, things)

    assert [] == things.calls
    assert [State.DEAD] == [each.state for each in journal.live()]


def test_a_patient_recovery_leaves_alone_what_has_just_failed() -> None:
    """A pause is kept over the ends of processes."""
    things = Things()
    journal = owing(things, "a")
    later = {"error": "busy", "boot": "boot", "again_at": SystemClock().now() + 200}
    journal.append(Entry(Kind.FAILED, "id-a", later))
    (settled,) = settle(journal, things, patient=True)

    assert None is settled.outcome
    assert "its pause is not over; busy" == settled.error


def test_a_pause_of_another_boot_does_not_count() -> None:
    """The clock began anew."""
    things = Things()
    journal = owing(things, "a")
    journal.append(Entry(Kind.FAILED, "id-a", {"error": "busy", "boot": "before", "again_at": 1e12}))
    settle(journal, things, patient=True)

    assert [] == journal.live()


def test_what_must_outlive_another_is_released_after_it() -> None:
    """The edge is that of the obligation."""
    things = Things()
    journal = owing(things, "disk")
    things.there.add("vm")
    journal.append(intent(Obligation("id-vm", "thing", "vm", "things")))
    journal.append(intent(Obligation("id-net", "thing", "net", "things", outlives=("id-vm", "id-disk"))))
    things.there.add("net")
    settle(journal, things)

    assert "net" == things.calls[-1][0]


def test_what_must_outlive_a_failed_one_stays() -> None:
    """A network is not torn down under a machine that could not be stopped."""
    things = Things(ReleaserError("no"))
    journal = owing(things, "vm")
    things.there.add("net")
    journal.append(intent(Obligation("id-net", "thing", "net", "things", outlives=("id-vm",))))
    settle(journal, things)

    assert {"vm", "net"} == things.there


def test_one_job_is_walked_from_the_newest_to_the_oldest() -> None:
    """The order is fixed, whatever could run side by side."""
    things = Things()
    settle(owing(things, *"abcdefgh"), things, chained=True)

    assert list("hgfedcba") == [call[0] for call in things.calls]


def test_what_the_journal_cannot_take_is_said_and_the_release_goes_on() -> None:
    """A thing that can be released is, and the next recovery finds it gone."""
    things, said = Things(), []
    journal = owing(things, "a")
    journal.close()
    settle(journal, things, said)

    assert set() == things.there
    assert 2 == len(said)


def test_a_name_with_odd_letters_is_shown_and_not_obeyed() -> None:
    """A key is hostile input."""
    things = Things()
    journal = owing(things, "a\n\x1b[31mred" + "x" * 500)

    assert [State.RELEASED] == [each.state for each in settle(journal, things)]


@pytest.mark.parametrize("count", [300])
def test_many_are_released_in_one_run(count: int) -> None:
    """More than there are threads."""
    things = Things()
    journal = owing(things, *map(str, range(count)))

    assert {State.RELEASED} == {each.state for each in settle(journal, things)}


def test_a_releaser_that_raises_after_it_has_released_is_believed_by_what_is_there() -> None:
    """The next attempt finds nothing, and settles it."""
    things = Things()

    class Late(Things):
        def release(self, obligation: Obligation, token: int, ctx) -> None:
            """Release, and raise all the same."""
            super().release(obligation, token, ctx)
            raise OSError("the answer was lost")

    things = Late()
    journal = owing(things, "a")
    settle(journal, things)

    assert 1 == len(things.calls)
    assert [] == journal.live()


def test_a_releaser_that_hangs_is_left_behind_and_the_others_go_on() -> None:
    """Its obligation stays, with an attempt that has no end."""
    never = threading.Event()

    class Hanging(Things):
        def release(self, obligation: Obligation, token: int, ctx) -> None:
            """Hang, if it is the one."""
            if obligation.key == "a":
                never.wait()
            super().release(obligation, token, ctx)

    things = Hanging()
    journal = owing(things, "a", "b")
    settled = settle(journal, things, window=1.0)
    never.set()

    assert [Outcome.ABANDONED, Outcome.DONE] == [each.outcome for each in settled]


def test_a_pause_that_is_longer_than_the_longest_is_over() -> None:
    """A clock that jumped, or another time namespace, wrote it; the thing must not stay owed for ever."""
    journal = MemoryJournal()
    journal.append(intent(Obligation("1", "thing", "k", "r")))
    journal.append(Entry(Kind.FAILED, "1", {"error": "busy", "boot": "boot", "again_at": SystemClock().now() + 1e6}))
    settler = Settler(journal, lambda _name: None, SystemClock(), "boot", lambda _text: None)

    assert settler.due(journal.live()[0], patient=True)


def chain(things: Things, *outlives: tuple[str, tuple[str, ...]]) -> MemoryJournal:
    """Return a journal that owes a thing for each key, each with those that must be gone before."""
    journal = MemoryJournal()
    for number, (key, before) in enumerate(outlives):
        things.there.add(key)
        ids = tuple(f"id-{each}" for each in before)
        journal.append(
            intent(Obligation(f"id-{key}", "thing", key, "things", outlives=ids, created=float(number), job=key[0]))
        )
    return journal


def test_a_thing_is_kept_in_every_recovery_while_a_dead_letter_that_must_be_gone_before_is_there() -> None:
    """The second recovery does not try the dead letter again, and releases nothing out of turn."""
    things = Things(ReleaserError("no"))
    journal = chain(things, ("a", ()), ("b", ("a",)), ("c", ("b",)))
    journal.append(Entry(Kind.FAILED, "id-a", {"error": "no", "dead": True}))
    settle(journal, things)
    settled = settle(journal, things)

    assert {"a", "b", "c"} == things.there
    assert ["no", "it must outlive thing a, which is still there", "it must outlive thing b, which is still there"] == [
        each.error for each in settled
    ]


def test_a_thing_is_kept_while_what_must_be_gone_before_is_in_its_pause() -> None:
    """A patient recovery leaves both alone."""
    things = Things(*[Transient("busy")] * 3)
    journal = chain(things, ("a", ()), ("b", ("a",)))
    settle(journal, things)
    settle(journal, things, patient=True)

    assert {"a", "b"} == things.there


def test_a_thing_is_kept_while_what_must_be_gone_before_belongs_to_another_job() -> None:
    """The other job is not touched, so its things are still there."""
    things = Things()
    journal = chain(things, ("a", ()), ("b", ("a",)))
    settler = Settler(journal, lambda _name: things, SystemClock(), "boot", print)
    of_job = [each for each in journal.live() if each.obligation.job == "b"]
    Recovery(SystemClock(), 20.0).run([Estate(settler, of_job)], chained=True)

    assert {"a", "b"} == things.there


def test_a_thing_is_kept_while_what_must_be_gone_before_is_in_another_journal() -> None:
    """Its owner may live."""
    things = Things()
    journal = chain(things, ("b", ("a",)))
    elsewhere = chain(things, ("a", ()))
    settle(journal, things, others=elsewhere.live())

    assert {"a", "b"} == things.there


def test_things_that_must_outlive_each_other_are_dead_letters_and_hold_up_nobody() -> None:
    """No order would do for them; the rest is released."""
    things = Things()
    journal = chain(things, ("a", ("b",)), ("b", ("a",)), ("c", ("c",)), ("d", ("a",)), ("e", ()))
    settled = settle(journal, things)

    assert [State.DEAD, State.DEAD, State.DEAD, State.INTENDED, State.RELEASED] == [each.state for each in settled]
    assert "it must outlive itself" in settled[0].error
    assert {"a", "b", "c", "d"} == things.there


def test_a_job_is_walked_from_the_newest_to_the_oldest_over_all_its_journals() -> None:
    """Whatever the order of the journals; what must be gone before comes first all the same."""
    things = Things()
    late, early = chain(things, ("x", ())), MemoryJournal()
    for key, created, outlives in (("old", -5.0, ()), ("middle", -3.0, ()), ("newest", 7.0, ("id-old",))):
        early.append(intent(Obligation(f"id-{key}", "thing", key, "things", created=created, outlives=outlives)))
        things.there.add(key)
    settlers = [Settler(each, lambda _name: things, SystemClock(), "boot", print) for each in (late, early)]
    estates = [Estate(settler, settler.journal.live()) for settler in settlers]
    Recovery(SystemClock(), 20.0).run(estates, chained=True)

    assert ["x", "middle", "old", "newest"] == [key for key, _, _ in things.calls]


def test_what_must_outlive_another_thing_cannot_be_released_before() -> None:
    """Also by who releases it itself."""
    things = Things()
    home = Obligations(SystemClock(), MemoryJournal)
    home.register("things", things)
    things.there |= {"a", "b"}
    first = home.make("thing", "a", "things", {}, "", ()).acquire()
    last = home.make("thing", "b", "things", {}, "", [first]).acquire()
    with pytest.raises(ObligationError, match="it must outlive thing a"):
        last.release()

    assert {"a", "b"} == things.there


def test_leaving_a_job_releases_what_must_be_gone_before_first() -> None:
    """Though it is older."""
    things = Things()
    home = Obligations(SystemClock(), MemoryJournal)
    home.register("things", things)
    things.there |= {"a", "b"}

    def make(kind: str, *, key: str, outlives, job: str, **_fields) -> Held:
        return home.make(kind, key, "things", {}, job, outlives)

    with Scope("job", make) as scope:
        first = scope.obligation("thing", key="a").acquire()
        scope.obligation("thing", key="b", outlives=[first]).acquire()

    assert ["a", "b"] == [key for key, _, _ in things.calls]


class Slow(Things):
    """A releaser that waits in the middle until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def release(self, obligation: Obligation, token: int, ctx) -> None:
        """Wait, then remove it."""
        self.begun.set()
        self.may_end.wait(20.0)
        super().release(obligation, token, ctx)


def owned_by(things: Things) -> tuple[Obligations, Held]:
    """Return the obligations of a process, and one of them."""
    home = Obligations(SystemClock(), MemoryJournal)
    home.register("things", things)
    things.there.add("a")
    return home, home.make("thing", "a", "things", {}, "").acquire()


def test_of_two_threads_that_release_one_thing_the_second_waits_and_finds_it_gone() -> None:
    """The releaser never runs twice at once, and nobody is told of an error."""
    things = Slow()
    home, held = owned_by(things)
    said: list[str] = []
    home.complain = said.append
    failed: list[BaseException] = []

    def release() -> None:
        try:
            held.release()
        except BaseException as error:  # it is asserted below
            failed.append(error)

    threads = [threading.Thread(target=release) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert things.begun.wait(20.0)
    things.may_end.set()
    for thread in threads:
        thread.join(20.0)

    assert ([], [], 1) == (failed, said, len(things.calls))


def test_the_end_of_the_process_waits_for_a_block_that_releases_the_same_thing() -> None:
    """Both call the same releaser, one after the other."""
    things = Slow()
    home, held = owned_by(things)
    thread = threading.Thread(target=held.release)
    thread.start()
    assert things.begun.wait(20.0)
    recovery = Recovery(SystemClock(), 20.0)
    settler = home._settler
    assert settler is not None
    threading.Timer(0.1, things.may_end.set).start()
    settled = recovery.run([Estate(settler, settler.journal.live())])
    thread.join(20.0)

    assert [State.RELEASED] == [each.state for each in settled]
    assert 1 == len(things.calls)


def test_what_is_settled_by_hand_while_it_is_released_is_settled() -> None:
    """The end of the releaser adds nothing to that."""
    things = Slow()
    _, held = owned_by(things)
    failed: list[BaseException] = []

    def release() -> None:
        try:
            held.release()
        except BaseException as error:  # it is asserted below
            failed.append(error)

    thread = threading.Thread(target=release)
    thread.start()
    assert things.begun.wait(20.0)
    held.settle()
    things.may_end.set()
    thread.join(20.0)

    assert [] == failed


def test_a_releaser_that_releases_its_own_obligation_is_refused_and_does_not_wait_for_itself() -> None:
    """It would wait for ever."""
    home = Obligations(SystemClock(), MemoryJournal)
    held: list[Held] = []
    home.register("again", lambda _obligation: held[0].release())
    held.append(home.make("thing", "a", "again", {}, "").acquire())

    with pytest.raises(ObligationError, match="its own releaser asks for it"):
        held[0].release()


@pytest.mark.parametrize("chained", [False, True])
def test_a_copy_of_a_journal_changes_nothing_for_the_things_in_it(chained: bool) -> None:
    """Each is released once, one after the other, and neither journal owes it any more."""
    things = Things()
    journals = [chain(things, ("a", ()), ("b", ("a",))) for _ in range(3)]
    settlers = [Settler(each, lambda _name: things, SystemClock(), "boot", print) for each in journals]
    estates = [Estate(each, each.journal.live()) for each in settlers]
    settled = Recovery(SystemClock(), 20.0).run(estates, chained=chained)

    assert [State.RELEASED] * 6 == [each.state for each in settled]
    assert ["a", "b"] == [key for key, _, _ in things.calls]


def test_ids_that_end_alike_are_told_apart() -> None:
    """A record of hostile hands must not keep the others from being released."""
    things = Things()
    journal = MemoryJournal()
    for id_ in ("one-aaaaaaaaaaaa", "two-aaaaaaaaaaaa"):
        journal.append(intent(Obligation(id_, "thing", "a", "things")))
    settled = settle(journal, things)

    assert [State.RELEASED] * 2 == [each.state for each in settled]


def test_arguments_that_are_nested_too_deeply_are_refused_before_they_are_owed() -> None:
    """A script gets a sentence, and no trace of a stack."""
    home = Obligations(SystemClock(), MemoryJournal)
    home.register("things", Things())
    deep: list[object] = []
    # Deep enough for what looks for passwords, and not for what writes JSON.
    for _ in range(900):
        deep = [deep]

    with pytest.raises(ObligationError, match="nested too deeply"):
        home.make("thing", "a", "things", {"deep": deep}, "")
