"""What a report shows on a screen, and as data."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from processender.accounts.timeline import timeline
from processender.archive.advice import advice
from processender.archive.answers import Mark, Overview
from processender.cli.moments import moment
from processender.cli.report_advice import advice_lines
from processender.cli.report_data import HEAD, advice_data, csv_text, entry_row, last_data, overview_data
from processender.cli.report_last import last_lines, seconds_text
from processender.cli.report_overview import overview_lines
from processender.screen import Screen, columns
from tests.unit.archive.overviews import FIRST, counts, days, entry, group, handler, overview, troubled

WIDTHS = [20, 33, 49, 50, 60, 80, 90, 160]
EVIL = '<script>alert("1")</script>\n\x1b[2J\r' + "x" * 10_000
PLAIN = Screen(100, signs=False, encoding="ascii")


def handlers() -> list[dict[str, Any]]:
    """Return five handlers of a run: one after another, beside one another, tried twice, failed, never begun."""
    usual = {"importance": "should", "outcome": "done", "reason": "", "error": "", "attempts": 1, "needs": []}
    return [
        {**usual, "name": "leave", "phase": "drain", "started_s": 0.0, "ended_s": 2.0},
        {**usual, "name": "flush", "phase": "flush", "started_s": 2.0, "ended_s": 6.0, "attempts": 2},
        {**usual, "name": "metrics", "phase": "flush", "started_s": 2.0, "ended_s": 3.0},
        {**usual, "name": "pool", "phase": "close", "started_s": 6.0, "ended_s": 8.0, "outcome": "failed", "error": "OSError: no"},
        {**usual, "name": "audit", "phase": "close", "started_s": None, "ended_s": 8.0, "outcome": "skipped", "reason": "no room"},
    ]  # fmt: skip


def account(**more: Any) -> dict[str, Any]:
    """Return the account of a run of 8 s in a window of 10 s, but for what *more* says."""
    return {
        "id": "6b0ac168-6e5d1579d020", "service": "shop", "version": "1.4.2", "cause": "SIGTERM", "verdict": "degraded",
        "started": FIRST, "ended": FIRST + 8, "seconds": 8.0, "handlers": handlers(),
        "window": {"length_s": 10.0, "work_s": 9.0, "reserve_s": 0.5},
        "retries": [{"handler": "flush", "error": "OSError: away", "at_s": 3.0, "attempt": 1, "again_s": 4.0}],
        **more,
    }  # fmt: skip


def last(screen: Screen = PLAIN, **more: Any) -> list[str]:
    """Return the lines that show the run of an account with *more*."""
    return ["".join(text for text, _ in line).rstrip() for line in last_lines(timeline(account(**more)), screen)]


def shown(overview: Overview, screen: Screen = PLAIN) -> list[str]:
    """Return the lines that show an overview."""
    return ["".join(text for text, _ in line).rstrip() for line in overview_lines(overview, screen)]


class TestLast:
    def test_the_run_is_a_chart(self) -> None:
        """Bars where something ran, dots where it waited, the critical path in other signs, both ends of the window."""
        assert [
            "shop 1.4.2  degraded  after SIGTERM  8.00 s of 10 s  2026-11-25 00:00:00 UTC  6b0ac168-6e5d1579d020",
            "",
            "          0 s          2            4            6            8           10",
            "drain                                                               :      |",
            "  leave   #############                                             :      |   2.00 s",
            "flush                                                               :      |",
            "  flush                ######.......#############                   :      |   4.00 s  2 attempts",
            "  metrics              ======                                       :      |   1.00 s",
            "close                                                               :      |",
            "  pool                                           ############x      :      |   2.00 s  failed",
            "  audit                                                             :      |           skipped",
            "# critical  = other  . waits to try again  x not done  : end for handlers  | end of the window",
            "",
            "critical path: leave > flush > pool",
            "window: handlers had 9 s, and it ended at 10 s; 2.00 s were left",
            "not done: pool: failed: OSError: no",
            "          audit: skipped: no room",
            "tried again: flush: attempt 1 failed after 1.00 s: OSError: away",
        ] == last()

    def test_the_scale_is_broken_before_a_window_that_is_far_longer(self) -> None:
        """Else there would be nothing to be seen of the run."""
        lines = last(window={"length_s": 3600.0, "work_s": 3500.0})

        assert lines[3].endswith("8//3600")
        assert lines[5].endswith(" : |   2.00 s")

    def test_a_run_that_never_ended_says_what_was_planned(self) -> None:
        """Of what ran nothing is known."""
        unknown = [{"name": each["name"], "phase": each["phase"], "outcome": None} for each in handlers()]
        lines = last(ended=None, seconds=None, verdict="forced", handlers=unknown, retries=[])

        assert any(line.startswith("shop 1.4.2  killed  after SIGTERM  no end of 10 s") for line in lines)
        assert any(line.startswith("no end: it began, and nothing was heard of it again") for line in lines)
        assert "planned: leave, flush, metrics, pool, audit" in lines

    def test_an_application_that_has_joined_has_a_part_of_its_own(self) -> None:
        """With its phases, and its own critical path."""
        joined = {"service": "orders", "started": FIRST + 2, "handlers": [
            {**handlers()[0], "name": "orders/leave"}, {**handlers()[1], "name": "orders/flush"}]}  # fmt: skip
        lines = last(command=joined, retries=[])

        assert ["orders: drain", "orders: flush"] == [
            line.split(" :")[0].rstrip() for line in lines if "orders: " in line
        ]
        assert "critical path: leave > flush > pool" in lines
        assert "               orders/leave > orders/flush" in lines

    def test_a_run_that_took_too_long_says_by_how_much(self) -> None:
        """It was to be cut, and was not."""
        assert "window: handlers had 5 s, and it ended at 6 s; 2.00 s too late" in last(
            window={"length_s": 6.0, "work_s": 5.0}
        )

    @pytest.mark.parametrize("width", WIDTHS)
    @pytest.mark.parametrize("signs", [True, False])
    def test_no_line_is_wider_than_the_screen(self, width: int, signs: bool) -> None:
        """Whatever the names are."""
        evil = [{**each, "name": EVIL[n:], "phase": EVIL, "error": EVIL} for n, each in enumerate(handlers())]
        screen = Screen(width, signs=signs, encoding="utf-8" if signs else "ascii")
        lines = last(screen, handlers=evil, service=EVIL, version=EVIL, cause=EVIL, id=EVIL)

        assert [] == [line for line in lines if columns(line) > width]
        assert all(line.isprintable() for line in lines)

    @pytest.mark.parametrize("wrong", [None, 3, "x", [], {"started": "x"}, [[]], {"name": 3}])
    def test_a_damaged_account_is_shown_as_far_as_it_can_be(self, wrong: object) -> None:
        """In any of its parts."""
        for name in account():
            assert last(**{name: wrong})

    @pytest.mark.parametrize(("seconds", "text"), [(0.0, "0 ms"), (0.0042, "4 ms"), (1.234, "1.23 s"), (45.67, "45.7 s"), (640.2, "640 s")])  # fmt: skip
    def test_times_have_three_digits(self, seconds: float, text: str) -> None:
        """More says nothing."""
        assert text == seconds_text(seconds)


class TestOverview:
    def test_the_share_stands_above(self) -> None:
        """With its bounds, and how many ended how."""
        lines = shown(overview(counts=counts(200, 190, killed=3)))

        assert lines[:2] == ["shop", "200 shutdowns, 2026-11-25 00:00 to 2026-11-28 00:00 UTC"]
        assert "  graceful  95.0 %  ######################################--" in lines
        assert "            95 % sure: 91.0 % to 97.3 %" in lines
        assert "  190 clean  7 degraded  3 killed  p50 0.50 s  p95 2.00 s" in lines

    def test_the_trend_has_a_cell_for_each_day_and_the_marks_below(self) -> None:
        """A day on which nothing ended has one, too."""
        first, second, _, last = days((10, 10), (10, 9), (1, 1), (10, 2))
        lines = shown(overview(days=(first, second, last), marks=(Mark(FIRST + 86400, "deployment", "v2"),)))

        assert "  by day    999 999 ... 222   11-25 to 11-28" in lines
        assert "                ^" in lines
        assert "            ^ 11-26 deployment v2" in lines

    def test_what_it_says_in_sentences_is_there(self) -> None:
        """The gravest first."""
        text = " ".join(" ".join(shown(troubled())).split())

        assert "! worse since 1.4.2: 79.9 % of 334 graceful, with 1.4.1 99.2 % of 478" in text
        assert "! preempted often in zone b: 44.3 % of 212 ends, elsewhere 3.0 % of 600" in text

    def test_a_handler_says_how_much_slower_it_became(self) -> None:
        """In the newest version, against the one before."""
        slow = handler(version="2", newest_p95_s=2.0, before_p95_s=1.0, outcomes={"done": 90, "timed_out": 10})
        (line,) = [each for each in shown(overview(handlers=(slow,))) if each.startswith("  flush  ")]

        assert ["flush", "0.50", "s", "0.20", "s", "+100%", "100", "10"] == line.split()

    def test_the_longest_tables_are_cut_and_it_is_said(self) -> None:
        """So that the page stays one."""
        lines = shown(overview(zones=tuple(group(f"z{n}", 10, 10) for n in range(20))))

        assert "  and 12 other zones: --json has all" in lines

    @pytest.mark.parametrize("width", WIDTHS)
    def test_no_line_is_wider_than_the_screen(self, width: int) -> None:
        """Neither of an overview with much to say, nor of one with hostile names."""
        evil = troubled().replace(
            services=(group(EVIL, 10, 5), group("b", 10, 5)), versions=(group(EVIL, 10, 5),), handlers=(handler(EVIL),),
            marks=(Mark(FIRST, EVIL, EVIL),), troubles=(EVIL,), recent=(entry(cause=EVIL, version=EVIL, id=EVIL),),
        )  # fmt: skip
        lines = [
            *shown(troubled(), Screen(width)),
            *shown(evil, Screen(width)),
            *shown(troubled(), Screen(width, signs=False)),
        ]

        assert [] == [line for line in lines if columns(line) > width]
        assert all(line.isprintable() for line in lines)

    def test_nothing_known_is_no_error(self) -> None:
        """Not even a share."""
        assert "  graceful  -" in shown(overview(counts=counts(0, 0), services=()))


class TestAdvice:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_each_says_what_and_why(self, width: int) -> None:
        """On a screen of any width."""
        lines = [
            "".join(text for text, _ in line) for line in advice_lines({"shop": advice(troubled())}, Screen(width))
        ]

        assert "shop" == lines[0]
        assert "timeout 60s → 1s" in " ".join(" ".join(lines).split())
        assert [] == [line for line in lines if columns(line) > width]

    def test_that_there_is_none_is_said(self) -> None:
        """Rather than nothing at all."""
        lines = ["".join(text for text, _ in line) for line in advice_lines({"shop": ()}, Screen())]

        assert lines[1].startswith("  nothing to change")

    def test_too_few_runs_are_not_taken_for_all_being_well(self) -> None:
        """Nobody knows yet."""
        told = list(advice_lines({"shop": ()}, Screen(), {"shop": 3}))

        assert "  3 runs, too few to advise anything: it takes 10 of them" == told[1][0][0]


class TestData:
    def test_an_overview_is_json(self) -> None:
        """With what it says, and without numbers that JSON does not have."""
        data = json.loads(json.dumps(overview_data(troubled()), allow_nan=False))

        assert 741 / 812 == data["graceful"]["share"] == data["counts"]["graceful"]
        assert "worse since 1.4.2" in " ".join(each["text"] for each in data["sentences"])
        assert {"cause": "spot", "zone": "b"} == {name: data["pairs"][3][name] for name in ("cause", "zone")}
        assert data["question"]["until"] is None

    def test_a_run_and_advice_are_json(self) -> None:
        """The account as it is kept."""
        told = account()
        run, advised = last_data(told, timeline(told)), advice_data({"shop": advice(troubled())})
        data = json.loads(json.dumps([run, advised], allow_nan=False))

        assert told == data[0]["account"]
        assert ["leave", "flush", "pool"] == data[0]["timeline"]["critical"]
        assert "audit" == data[1]["advice"]["shop"][0]["about"]

    def test_runs_are_rows(self) -> None:
        """Each in one line, even if a name has several."""
        text = csv_text([HEAD, entry_row(entry(cause='a "b"\nc', seconds=None))])
        head, row = csv.reader(io.StringIO(text))

        assert HEAD == head
        assert ("6b0ac168-6e5d1579d020", 'a "b"\nc', "", "2026-11-25 00:00:00") == (row[0], row[5], row[3], row[-1])

    @pytest.mark.parametrize("formula", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)"])
    def test_no_cell_is_a_formula(self, formula: str) -> None:
        """A spreadsheet would compute it."""
        assert f"'{formula}" == csv_text([[formula]])


class TestMoments:
    NOW = FIRST + 86400.0

    @pytest.mark.parametrize(
        ("text", "back"),
        [("now", 0), ("7d", 7 * 86400), ("12h", 43200), ("90m", 5400), ("1.5d", 129600), ("2w", 14 * 86400),
         ("2026-11-25", 86400), ("2026-11-25T12:00", 43200), ("2026-11-25 12:00:01Z", 43199)],
    )  # fmt: skip
    def test_an_instant_is_a_length_of_time_back_or_a_date(self, text: str, back: float) -> None:
        """Dates are in UTC."""
        assert pytest.approx(self.NOW - back) == moment(text, self.NOW)

    @pytest.mark.parametrize(
        "text", ["", "d", "7", "7x", "-3d", "yesterday", "2026-13-01", "1e9d", "²d", "1..5d", ".d"]
    )
    def test_what_is_none_is_told_how_to_be_written(self, text: str) -> None:
        """With examples."""
        with pytest.raises(ValueError, match="write one like '7d'"):
            moment(text, self.NOW)
