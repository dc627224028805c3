"""What waits is delivered: which first, for how long it is tried, and what is said of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processender import Ender
from processender.core.events import Event, Trouble
from processender.engine.clock import SystemClock
from processender.engine.observers import Outlets
from processender.errors import AccountRefused, HandlerError, Unreachable
from processender.exporting import Delivery, Keeper, Sender, deliver_within
from processender.telemetry.delivered import CrashAccounted, Delivered, Undelivered
from processender.telemetry.facts import Accounted
from processender.testing.recorder import Recorder
from tests.waits import until


class Shelf:
    """An exporter that remembers, and fails as it is told."""

    name = "shelf"

    def __init__(self, fails: Callable[[str], Exception | None] = lambda _id: None) -> None:
        self.got: list[str] = []
        self.keys: list[str] = []
        self._fails = fails

    def send(self, account: dict[str, Any], ctx: Any) -> None:
        """Remember it, and fail if that is to be."""
        self.got.append(account["id"])
        self.keys.append(ctx.idempotency_key)
        error = self._fails(account["id"])
        if error is not None:
            raise error


def accounted(number: int, directory: str = "") -> Accounted:
    """Return the final account of a run."""
    return Accounted(1.0, {"id": f"{number:03d}", "verdict": "clean", "ended": 2.0}, directory)


def made(exporter: Any, place: Path | str, waiting: int = 0) -> tuple[Delivery, Recorder]:
    """Return a delivery, for which so many wait, and who is told."""
    told = Recorder()
    delivery = Delivery(exporter, str(place), SystemClock(), told.observe)
    delivery.open()
    for number in range(waiting):
        delivery.put(accounted(number))
    return delivery, told


def texts(told: Recorder) -> list[str]:
    """Return what went wrong."""
    return [each.text for each in told.of(Trouble)]


def test_the_end_of_now_goes_before_those_that_wait(tmp_path: Path) -> None:
    """They follow as they are old; each has its id as the key by which a repetition is told."""
    shelf = Shelf()
    delivery, told = made(shelf, tmp_path, waiting=2)
    delivery.take(accounted(7))

    assert ["007", "000", "001"] == shelf.got == shelf.keys == [each.id for each in told.of(Delivered)]
    assert 0 == delivery.deliver()


def test_one_that_fails_blocks_no_other(tmp_path: Path) -> None:
    """It stays, and is tried again the next time; it is said."""
    shelf = Shelf(lambda id_: RuntimeError("poison") if id_ == "000" else None)
    delivery, told = made(shelf, tmp_path, waiting=3)

    assert 2 == delivery.deliver()
    assert ["000", "001", "002"] == shelf.got
    assert ["RuntimeError: poison" in text for text in texts(told)] == [True]
    assert delivery.outbox is not None
    assert ["000.json"] == delivery.outbox.waiting()


@pytest.mark.parametrize(("error", "tries"), [(Unreachable("gone"), 1), (TimeoutError(), 1), (OSError("odd"), 3)])
def test_a_server_that_is_not_there_is_not_asked_for_each(tmp_path: Path, error: Exception, tries: int) -> None:
    """The rest is left for later."""
    shelf = Shelf(lambda _id: error)
    delivery, _ = made(shelf, tmp_path, waiting=5)

    assert 0 == delivery.deliver()
    assert tries == len(shelf.got)


def test_what_is_refused_is_put_aside_and_counts_for_nothing(tmp_path: Path) -> None:
    """However many there are, the others go."""
    shelf = Shelf(lambda id_: AccountRefused("no") if id_ < "004" else None)
    delivery, told = made(shelf, tmp_path, waiting=6)

    assert 2 == delivery.deliver()
    assert 4 == len(texts(told))
    assert 4 == len(os.listdir(tmp_path / "outbox" / "shelf" / "refused"))


def test_what_is_damaged_is_put_aside(tmp_path: Path) -> None:
    """And said; the others go."""
    shelf = Shelf()
    delivery, told = made(shelf, tmp_path, waiting=2)
    (tmp_path / "outbox" / "shelf" / "000.json").write_text("{")

    assert 1 == delivery.deliver()
    assert ["it is put aside" in text for text in texts(told)] == [True]


def test_without_a_directory_it_is_sent_and_may_be_lost(tmp_path: Path) -> None:
    """That is said, too."""
    shelf = Shelf(lambda _id: OSError("odd"))
    delivery, told = made(shelf, "")
    delivery.take(accounted(1))

    assert ["001"] == shelf.got
    assert ["it is lost" in text for text in texts(told)] == [True]
    assert 0 == delivery.deliver()


def test_a_sender_hears_what_is_for_it(tmp_path: Path) -> None:
    """A provisional account is kept and not sent; a crash, and what waits for it and for no other, let it deliver."""
    shelf = Shelf()
    delivery, _ = made(shelf, tmp_path)
    keeper, sender = Keeper([delivery]), Sender(delivery)
    begun = Accounted(1.0, {**accounted(1).account, "ended": None, "started": 0.0, "window": {"length_s": 1}}, "")
    others: list[Event] = [begun, Undelivered(1.0, "other", 1)]
    for event in others:
        keeper.observe(event)
        sender.observe(event)
    assert not shelf.got

    sender.observe(Undelivered(1.0, "shelf", 1))
    keeper.observe(accounted(2))
    sender.observe(CrashAccounted(1.0, {"id": "c", "cause": "killed"}))

    assert ["001", "002"] == shelf.got


def test_what_is_left_is_tried_again_while_the_process_lives(tmp_path: Path) -> None:
    """The collector may be back only after the start; then there is an end of it."""
    bad_days = [Unreachable("gone"), Unreachable("gone")]
    shelf, told = Shelf(lambda _id: bad_days.pop() if bad_days else None), Recorder()
    outlets = Outlets(SystemClock())
    delivery = Delivery(shelf, str(tmp_path), SystemClock(), outlets.emit)
    delivery.open()
    delivery.put(accounted(1))
    for observer in (Sender(delivery, pause=0.001), told):
        outlets.add(observer)
    delivery.announce()

    until(lambda: told.of(Delivered))
    assert 3 == len(shelf.got) == len(told.of(Undelivered))
    outlets.close()


def test_all_that_waits_is_sent_side_by_side(tmp_path: Path) -> None:
    """And it comes back when all of it is."""
    shelf = Shelf()
    made(shelf, tmp_path, waiting=2)
    deliver_within(60.0, [shelf], str(tmp_path), SystemClock(), lambda _event: None)

    assert ["000", "001"] == shelf.got


def test_an_exporter_of_anybody_is_told_of_each_end(tmp_path: Path) -> None:
    """All it needs is a name and `send`."""
    shelf = Shelf()
    with Ender("orders", exporters=[shelf], state=str(tmp_path), signals=(), exit="return", observers=()) as ender:
        ender.add(lambda: None, name="close")

    assert ender.report is not None
    until(lambda: [ender.report["id"]] == shelf.got if ender.report else False)


@pytest.mark.parametrize(("exporters", "says"), [(["otlp"], "exporter"), ([Shelf(), Shelf()], "one name")])
def test_what_cannot_export_is_refused(exporters: list[Any], says: str) -> None:
    """At once."""
    with pytest.raises(HandlerError, match=says):
        Ender("orders", exporters=exporters)


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit()])
def test_an_exporter_that_raises_what_is_no_exception_is_one_that_fails(tmp_path: Path, error: BaseException) -> None:
    """It is said, the account stays, and the lock is given back."""
    shelf = Shelf(lambda _id: error)  # type: ignore[arg-type,return-value]
    delivery, told = made(shelf, tmp_path, waiting=1)

    assert [0, 0] == [delivery.deliver(), delivery.deliver()]
    assert [type(error).__name__ in text for text in texts(told)] == [True, True]
    assert 1 == delivery.waiting


def test_an_outbox_that_cannot_be_used_harms_nobody(tmp_path: Path) -> None:
    """A lock that is a directory: it is said, and what waits stays."""
    delivery, told = made(Shelf(), tmp_path, waiting=1)
    (tmp_path / "outbox" / "shelf" / "lock").mkdir()

    assert 0 == delivery.deliver()
    assert ["cannot use what waits" in text for text in texts(told)] == [True]
    assert 1 == delivery.waiting


def test_an_account_that_cannot_be_read_just_now_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor was left: it is not put aside, and the others go."""
    delivery, told = made(Shelf(), tmp_path, waiting=2)
    assert delivery.outbox is not None
    read = delivery.outbox.read

    def fails(name: str) -> Any:
        if name == "000.json":
            raise OSError(24, "Too many open files")
        return read(name)

    monkeypatch.setattr(delivery.outbox, "read", fails)

    assert 1 == delivery.deliver()
    assert ["000.json"] == delivery.outbox.waiting()
    assert ["Too many open files" in text for text in texts(told)] == [True]


def test_two_exporters_whose_names_are_one_directory_are_refused(tmp_path: Path) -> None:
    """What one has delivered would be gone for the other."""
    one, two = Shelf(), Shelf()
    one.name, two.name = "a/b", "a b"

    with pytest.raises(HandlerError, match="two exporters of one name"):
        Ender("orders", state=str(tmp_path), exporters=[one, two])
