"""An Ender learns from its own ends, and is not harmed by what it finds."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from processender import Ender
from processender.core.estimates import FEW, Sample
from processender.core.events import RunEnded
from processender.core.handler import Handler
from processender.core.plan import Plan
from processender.core.reserve import NAME
from processender.core.window import usual_reserve
from processender.errors import StateError
from processender.telemetry.history import joined, read, received, remember
from processender.testing.sources import until


def end(state: Path, *handlers: Handler, grace: float = 5.0, version: str = "1") -> dict[str, object]:
    """Live and end with *handlers* and return the report."""
    ender = Ender("shop", grace=grace, state=str(state), observers=(), version=version)
    for handler in handlers:
        ender.add(handler)
    with ender:
        pass
    assert ender.report is not None
    return ender.report


def noop() -> None:
    """Do nothing."""


def test_what_a_run_took_is_known_to_the_next(tmp_path: Path) -> None:
    """By name, with the version of the service."""
    end(tmp_path, Handler("flush", noop))
    end(tmp_path, Handler("flush", noop), version="2")
    history, trouble = read(str(tmp_path / "shop" / "history.tsv"))

    assert ("", ["1", "2"]) == (trouble, [sample.version for sample in history["flush"]])


def test_who_is_cut_is_remembered_as_cut(tmp_path: Path) -> None:
    """It would have taken longer."""

    def slow(ctx: object) -> None:
        while not ctx.cancelled:  # type: ignore[attr-defined]
            time.sleep(0.01)
        raise TimeoutError

    report = end(tmp_path, Handler("slow", slow, timeout=0.2))
    history, _ = read(str(tmp_path / "shop" / "history.tsv"))

    assert "degraded" == report["verdict"]
    assert [True] == [sample.censored for sample in history["slow"]]


def test_a_size_is_remembered(tmp_path: Path) -> None:
    """Which the handler says while it runs."""
    end(tmp_path, Handler("flush", lambda ctx: ctx.size(300)))
    history, _ = read(str(tmp_path / "shop" / "history.tsv"))

    assert [300.0] == [sample.size for sample in history["flush"]]


def test_the_report_says_how_right_the_plan_was(tmp_path: Path) -> None:
    """What was expected, and what came."""
    report = end(tmp_path, Handler("flush", noop, expected=0.5))
    plan = report["plan"]

    assert 0.5 == plan["handlers"]["flush"]["expected_s"]  # type: ignore[index]
    assert plan["handlers"]["flush"]["took_s"] < 0.5  # type: ignore[index]
    assert json.loads((tmp_path / "shop" / "reports" / "last.json").read_text())["plan"] == plan


@pytest.mark.parametrize("data", [b"", b"\x00\xffpoison", b"processender history 99\n", b"{}"])
def test_a_history_that_cannot_be_used_is_said_in_the_report(tmp_path: Path, data: bytes) -> None:
    """The run is clean all the same, and the next has a history again."""
    (tmp_path / "shop").mkdir(mode=0o700)
    (tmp_path / "shop" / "history.tsv").write_bytes(data)
    report = end(tmp_path, Handler("flush", noop))
    history, trouble = read(str(tmp_path / "shop" / "history.tsv"))

    assert "clean" == report["verdict"]
    assert "history" in [each["code"] for each in report["troubles"]]  # type: ignore[attr-defined]
    assert ("", 1) == (trouble, len(history["flush"]))


def test_a_state_that_is_gone_at_the_end_harms_nobody(tmp_path: Path) -> None:
    """The handlers ran; the account is in memory."""

    def away() -> None:
        os.rename(tmp_path / "shop", tmp_path / "gone")

    report = end(tmp_path, Handler("flush", away))

    assert "clean" == report["verdict"]


def test_a_short_window_keeps_what_matters(tmp_path: Path) -> None:
    """Learned from runs in which the `may` took far too long; it is given up before anything starts."""
    (tmp_path / "shop").mkdir(mode=0o700)
    path = str(tmp_path / "shop" / "history.tsv")
    for _ in range(6):
        remember(path, {"audit": Sample(30.0), "commit": Sample(0.01)})
    order: list[str] = []
    made = (
        Handler("audit", lambda: order.append("audit"), importance="may"),  # type: ignore[arg-type]
        Handler("commit", lambda: order.append("commit"), after=("audit",), importance="must"),  # type: ignore[arg-type]
    )
    looking, ender = (Ender("shop", grace=2.0, state=str(tmp_path), observers=(), version="1") for _ in range(2))
    for handler in made:
        looking.add(handler)
        ender.add(handler)
    plan, trouble = looking.forecast(2.0)

    assert ("", {"audit"}) == (trouble, plan.skips.keys())
    assert isinstance(plan, Plan)
    with ender:
        deadline = time.monotonic() + 20
        while ender._session._registry.plan(plan.window).skips == {} and time.monotonic() < deadline:  # type: ignore[union-attr]
            time.sleep(0.02)

    assert ["commit"] == order
    assert ender.report is not None
    assert ender.report["skipped"]["audit"].startswith("no room: with it the plan ends at 30.0")


class SlowAtTheEnd:
    """An exporter that takes its time for the end of a run, as long as it does."""

    def __init__(self, seconds: float) -> None:
        """Take so many *seconds*."""
        self._seconds = seconds

    def observe(self, event: object) -> None:
        """Wait at the end."""
        if isinstance(event, RunEnded):
            time.sleep(self._seconds)


def test_the_reserve_learns_what_the_record_and_the_flush_take(tmp_path: Path) -> None:
    """A slow exporter has more of the next window, and quick ones leave more of it to the handlers."""
    reserves = {}
    for name, seconds, ends in (("slow", 0.3, 1), ("quick", 0.0, FEW)):
        state = tmp_path / name
        for _ in range(ends):
            ender = Ender("shop", grace=4.0, state=str(state), observers=(SlowAtTheEnd(seconds),), version="1")
            ender.add(Handler("flush", noop))
            with ender:
                pass
        plan, _ = Ender("shop", grace=4.0, state=str(state), version="1").forecast()
        reserves[name] = plan.window.reserve

    assert reserves["slow"] > 2 * 0.3 > usual_reserve(4.0) > reserves["quick"]


def test_the_reserve_that_was_learned_is_that_of_the_run(tmp_path: Path) -> None:
    """Once the history is read, in the background."""
    (tmp_path / "shop").mkdir(mode=0o700)
    for _ in range(FEW):
        remember(str(tmp_path / "shop" / "history.tsv"), {"flush": Sample(0.01), NAME: Sample(0.4)})
    ender = Ender("shop", grace=10.0, state=str(tmp_path), observers=(), version="1")
    ender.add(Handler("flush", noop))
    with ender:
        deadline = time.monotonic() + 20
        while ender._session._registry.reserve is None and time.monotonic() < deadline:  # type: ignore[union-attr]
            time.sleep(0.02)

    assert ender.report is not None
    assert 1.2 == ender.report["window"]["reserve_s"]


def test_a_handler_whose_time_grew_tenfold_since_yesterday(tmp_path: Path) -> None:
    """What matters more still ends, the report says how far off the plan was, and the next plan counts with it."""
    (tmp_path / "shop").mkdir(mode=0o700)
    path = str(tmp_path / "shop" / "history.tsv")
    for _ in range(12):
        remember(path, {"flush": Sample(0.02), "commit": Sample(0.005)})
    ender, next_one = (Ender("shop", grace=4.0, state=str(tmp_path), observers=(), version="") for _ in range(2))
    for each in (ender, next_one):
        each.add(lambda: time.sleep(0.2), name="flush", phase="flush")
        each.add(noop, name="commit", phase="commit", importance="must")
    with ender:
        deadline = time.monotonic() + 20
        while not ender._session._registry.estimates and time.monotonic() < deadline:  # type: ignore[union-attr]
            time.sleep(0.02)
    report = ender.report
    assert report is not None
    told = report["plan"]["handlers"]["flush"]
    after, _ = next_one.forecast()

    assert ("clean", True, True) == (report["verdict"], told["done"], report["plan"]["handlers"]["commit"]["done"])
    assert told["took_s"] > 5 * told["expected_s"]
    assert after.estimates["flush"].quantile(0.95) >= 0.2 > after.estimates["flush"].quantile(0.5)


def taught(state: Path, history: object, *handlers: Handler) -> Ender:
    """Return an Ender, not entered yet, that begins with a history from elsewhere."""
    ender = Ender("shop", grace=2.0, state=str(state), observers=())
    for handler in handlers:
        ender.add(handler)
    ender.learn_from(history)  # type: ignore[arg-type]
    return ender


def shipped(tmp_path: Path, seconds: float = 0.5) -> Path:
    """Return the file of a history in which `flush` took so long, a link as in many deployments."""
    path = tmp_path / "shipped.tsv"
    for _ in range(8):
        remember(str(path), {"flush": Sample(seconds, version="1")})
    (tmp_path / "link.tsv").symlink_to(path)
    return tmp_path / "link.tsv"


@pytest.mark.parametrize("how", ["file", "text", "bytes"])
def test_a_history_from_elsewhere_is_the_first_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Shipped with the program, or fetched from remote state."""
    monkeypatch.setattr("processender.engine.beforehand.SETTLE_S", 0.0)
    path = shipped(tmp_path)
    source = {"file": path, "text": path.read_text, "bytes": path.read_bytes}[how]
    with taught(tmp_path, source, Handler("flush", noop)) as ender:
        until(lambda: ender._registry.estimates, "nothing was learnt")

    assert ender.report is not None
    assert 0.4 < ender.report["plan"]["handlers"]["flush"]["expected_s"] < 0.6


def test_what_this_place_has_seen_counts_as_later(tmp_path: Path) -> None:
    """Both are one history; each handler keeps its last 64."""
    older = {"a": [Sample(1.0)] * 60, "b": [Sample(2.0)]}
    newer = {"a": [Sample(3.0)] * 10, "c": [Sample(4.0)]}

    both = joined(older, newer)

    assert [54, 10] == [sum(each.seconds == seconds for each in both["a"]) for seconds in (1.0, 3.0)]
    assert {"a": 64, "b": 1, "c": 1} == {name: len(samples) for name, samples in both.items()}


def test_a_history_that_never_comes_holds_up_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the start nor the end waits for remote state that is down."""
    monkeypatch.setattr("processender.engine.beforehand.SETTLE_S", 0.0)
    asked, never = threading.Event(), threading.Event()

    def fetch() -> str:
        asked.set()
        never.wait(60)
        return ""

    with taught(tmp_path, fetch, Handler("flush", noop)) as ender:
        assert asked.wait(20)
    hung = not never.is_set()
    never.set()

    assert ender.report is not None
    assert (True, "clean") == (hung, ender.report["verdict"])


@pytest.mark.parametrize("source", [lambda: "poison", lambda: 1 / 0, lambda: b"\xff", "/nowhere/history.tsv"])
def test_a_history_from_elsewhere_that_cannot_be_used_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: object
) -> None:
    """The run is clean all the same."""
    monkeypatch.setattr("processender.engine.beforehand.SETTLE_S", 0.0)
    with taught(tmp_path, source, Handler("flush", noop)) as ender:
        until(lambda: "processender-plans" not in [each.name for each in threading.enumerate()], "it still plans")

    assert ender.report is not None
    assert "clean" == ender.report["verdict"]
    (told,) = [each for each in ender.report["troubles"] if each["code"] == "history"]
    assert "cannot be used" in told["text"]


@pytest.mark.parametrize("nothing", [None, "", b""])
def test_where_nothing_was_kept_yet_nothing_is_wrong(nothing: object) -> None:
    """As at the first start."""
    assert ({}, "") == received(lambda: nothing)


def test_a_plan_that_is_only_asked_for_knows_it_too(tmp_path: Path) -> None:
    """As `processender plan` does."""
    ender = Ender("shop", grace=2.0, state=str(tmp_path), observers=())
    ender.add(Handler("flush", noop))
    ender.learn_from(shipped(tmp_path))
    plan, trouble = ender.forecast()

    assert ("", True) == (trouble, 0.4 < plan.makespan < 0.6)


def test_it_is_said_before_the_ender_is_armed(tmp_path: Path) -> None:
    """Later the plans are made."""
    refusal = "cannot learn from a history: the Ender is armed already; say so before"
    with taught(tmp_path, lambda: None) as ender, pytest.raises(StateError, match=refusal):
        ender.learn_from("history.tsv")
