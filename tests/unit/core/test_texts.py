"""Numbers and lists of things, in a sentence."""

from __future__ import annotations

import pytest

from processender.core.texts import counted, listed


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 processes"), (1, "1 process"), (2, "2 processes")],
)
def test_a_noun_has_the_plural_that_it_is_given(number: int, text: str) -> None:
    """Everything but one is many."""
    assert text == counted(number, "process", "processes")


def test_a_plural_is_made_with_an_s_otherwise() -> None:
    """As most are."""
    assert ["1 file", "3 files"] == [counted(1, "file"), counted(3, "file")]


def test_a_long_list_names_ten_and_counts_the_others() -> None:
    """A report is read by humans."""
    assert "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more" == listed(str(number) for number in range(12))
    assert "a, b" == listed(["a", "b"])
