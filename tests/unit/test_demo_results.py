"""What the demo makes of its figures: which outcome is the expected one, and the table."""

from __future__ import annotations

from collections import Counter

import pytest

from demo.results import Result, Scenario
from demo.table import align


@pytest.mark.parametrize(
    ("loses", "failed", "expected"),
    [(False, 0, True), (False, 1, False), (True, 1, True), (True, 0, False)],
    ids=["none lost", "lost where none may be", "lost where some must be", "measurement is blind"],
)
def test_run_is_as_expected_only_when_failures_are_where_they_must_be(loses, failed, expected) -> None:
    """A run that must lose requests and loses none is a failure of the measurement."""
    result = Result(Scenario("x", "x", loses=loses), requests=10, failures=Counter(refused=failed))

    assert expected == result.as_expected


def test_run_without_requests_proves_nothing() -> None:
    """No failure among no requests is not a success."""
    assert not Result(Scenario("x", "x")).as_expected


def test_quantile_of_nothing_is_zero() -> None:
    """A run without a good answer has no latency."""
    assert 0.0 == Result(Scenario("x", "x")).quantile(0.99)


def test_quantile_is_one_of_the_latencies() -> None:
    """The 99th of a hundred good answers decides the 99 % quantile."""
    result = Result(Scenario("x", "x"), latencies=[number / 100 for number in range(100)])

    assert 0.99 == result.quantile(0.99)


def test_columns_are_aligned() -> None:
    """Names stand to the left and figures to the right."""
    assert "run  failed\nab        7" == align([["run", "failed"], ["ab", "7"]], left={0})
