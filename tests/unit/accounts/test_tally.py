"""Totals: each run counts once, however many names there are, and what was written is read."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from processender.accounts.exposition import exposition, of_account
from processender.accounts.figures import Figure, of_crash, of_recovery
from processender.accounts.kinds import KINDS
from processender.accounts.tally import MOST, RUNS, Tally, read, written
from processender.core.labels import OTHERS
from tests.unit.accounts.test_figures import account

BEGUN, ENDED = "processender_shutdowns_initiated_total", "processender_shutdowns_completed_total"


def counted(*accounts: dict[str, object]) -> Tally:
    """Return the tally of *accounts*."""
    tally = Tally()
    for each in accounts:
        tally.count(each)
    return tally


def sums(tally: Tally) -> tuple[float, float]:
    """Return how many runs have begun and how many have ended."""
    begun, ended = (sum(tally.values.get(name, {}).values()) for name in (BEGUN, ENDED))
    return begun, ended


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([None], (1, 0)),
        ([None, 5.0], (1, 1)),
        ([5.0], (1, 1)),
        ([None, None, 5.0, 5.0], (1, 1)),
        ([5.0, None], (1, 1)),
    ],
    ids=["killed", "begun and ended", "the end alone", "each twice", "the wrong way round"],
)
def test_a_run_counts_once(told: list[float | None], expected: tuple[int, int]) -> None:
    """Its beginning and its end, however often and in whichever order an account comes."""
    assert expected == sums(counted(*(account(ended=ended) for ended in told)))


def test_a_tally_that_was_written_counts_on_when_it_is_read() -> None:
    """Another process has the same counters, and knows which runs they hold."""
    tally = read(written(counted(account(), account(id="2-b", ended=None))))
    tally.count(account())
    tally.count(account(id="2-b"))

    assert (2, 2) == sums(tally)
    assert written(tally) == written(read(written(tally)))


@example([("\x1f", "", 0.0), ("\ud7fc", "", 0.0)])
@given(st.lists(st.tuples(st.text(), st.text(), st.floats(0, 1e6)), max_size=20))
def test_whatever_the_names_are_the_text_is_read_again(rows: list[tuple[str, str, float]]) -> None:
    """No name gets out of its line."""
    tally = counted(*(account(id=run, cause=cause, seconds=seconds) for run, cause, seconds in rows))

    assert written(tally) == written(read(written(tally)))


def test_a_million_names_are_a_few_hundred_lines() -> None:
    """The rest is counted under one name, and how much that is, is told; no sum is lost."""
    tally = Tally()
    figures = (Figure(BEGUN, 1.0, ("shop", f"cause-{number}")) for number in range(1_000_000))
    tally.take(figures)
    found = tally.values[BEGUN]

    assert (1_000_000, MOST + 1) == (sum(found.values()), len(found))
    assert 1_000_000 - MOST == found[("shop", OTHERS)] == tally.values["processender_folded_total"][(BEGUN,)]


def test_a_label_of_few_values_stays_when_the_others_are_too_many() -> None:
    """Which verdict it was is known, though not of which cause."""
    tally = Tally()
    tally.take(Figure(ENDED, 1.0, ("shop", f"{number}", "clean")) for number in range(2 * MOST))

    assert MOST == tally.values[ENDED][("shop", OTHERS, "clean")]


def test_even_a_label_of_few_values_may_have_too_many() -> None:
    """Whoever writes accounts is not trusted."""
    tally = Tally()
    tally.take(Figure(ENDED, 1.0, (f"s{number}", "x", f"v{number}")) for number in range(5 * MOST))

    assert (2 * MOST + 1, 5 * MOST) == (len(tally.values[ENDED]), sum(tally.values[ENDED].values()))


def test_as_many_runs_are_remembered_as_may_be_told_of_twice() -> None:
    """The oldest are forgotten."""
    assert RUNS == len(counted(*(account(id=f"{number}") for number in range(RUNS + 50))).runs)


def test_a_gauge_of_a_service_replaces_the_one_before() -> None:
    """A new version does not stand beside the old one."""
    tally = counted(account(), account(id="2", version="2.0.0"))

    assert {("shop", "2.0.0", "blue", "b", "n1"): 1.0} == tally.values["processender_service_info"]


@pytest.mark.parametrize(
    ("now", "ratio"),
    [(1010.0, 1.0), (1000.0 + 30.0 + 61.0, 0.5)],
    ids=["while it may still end", "when it is too late for that"],
)
def test_a_killed_run_is_not_graceful_once_its_time_is_over(now: float, ratio: float) -> None:
    """One that still runs says nothing, nor does one that was taken back."""
    tally = counted(account(verdict="clean"), account(id="2", verdict="cancelled"), account(id="3", ended=None))

    assert [ratio] == [each.value for each in tally.derived(now)]


def test_tallies_of_two_services_can_be_put_together() -> None:
    """Counters and histograms are added up."""
    one, other = counted(account()), counted(account(id="2"), account(id="3", service="other"))
    one.add(other)

    assert (3, 3) == sums(one)
    assert 2 == sum(one.spreads["processender_shutdown_duration_seconds"][("shop", "SIGTERM")].counts)


def test_what_is_seeded_is_there_with_nothing_and_takes_nothing_away() -> None:
    """A counter that begins with 1 has not grown for Prometheus."""
    tally = counted(account())
    tally.seed([Figure(BEGUN, 0.0, ("shop", "SIGINT")), Figure(BEGUN, 0.0, ("shop", "SIGTERM"))])

    assert {("shop", "SIGTERM"): 1.0, ("shop", "SIGINT"): 0.0} == tally.values[BEGUN]


@pytest.mark.parametrize(
    "damage",
    ["", "processender totals 9\n", "\0\1", "processender totals 1\nodd\n", "processender totals 1\nrun\tx\tnan\n",
     f"processender totals 1\n{BEGUN}\tshop\tx\t-1\n"],
)  # fmt: skip
def test_what_is_no_tally_is_refused(damage: str) -> None:
    """A wrong number would never go away again."""
    with pytest.raises(ValueError, match=r".+"):
        read(damage)


def test_a_figure_of_another_version_is_left_out() -> None:
    """One that this version does not know, or with other labels or buckets."""
    text = "processender totals 1\nprocessender_news_total\tx\t1.0\n"
    text += f"{BEGUN}\tshop\t1.0\nprocessender_plan_error_seconds\tshop\t1.0 1 2 3\n"
    tally = read(text)

    assert ({}, {}) == (tally.values, tally.spreads)


@pytest.mark.parametrize("name", ['quo"te', "line\nbreak", "<script>", "x" * 10_000, "back\\slash", "{}=,"])
def test_prometheus_reads_what_is_exposed(name: str) -> None:
    """Its own parser finds each family with its kind, and each label as it was."""
    tally = counted(account(cause=name))
    tally.take((*of_crash("shop", "oom"), *of_recovery("shop", 2, 1, (3.0, 90.0))))
    families = {each.name: each for each in text_string_to_metric_families(exposition(tally))}
    causes = {each.labels["cause"] for each in families["processender_shutdowns_initiated"].samples}
    lag = {
        each.labels.get("le", each.name[-3:]): each.value
        for each in families["processender_recovery_lag_seconds"].samples
    }

    assert all(
        families[name.removesuffix("_total")].type == kind.kind for name, kind in KINDS.items() if name in tally.values
    )
    assert {name.replace("\n", "\\n")} == causes or len(causes.pop()) == 120
    assert (0, 1, 2, 2, 93.0) == (lag["1.0"], lag["5.0"], lag["300.0"], lag["+Inf"], lag["sum"])


def test_one_account_can_be_exposed_alone() -> None:
    """For a gateway, which keeps the last of what it was given."""
    assert f'{ENDED}{{service="shop",cause="SIGTERM",verdict="degraded"}} 1\n' in of_account(account())
