"""JSON written without `json`."""

from __future__ import annotations

import json
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.written import as_text

DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(DATA)
def test_data_is_written_as_json_itself_would(value: object) -> None:
    """The text is the same, sign by sign."""
    assert json.dumps(value) == as_text(value)


@pytest.mark.parametrize("text", ['"\\/', "\x00\x1f\x7f\x80", "\n\r\t\b\f", "\u2028\ud800\U0001f600", "plain"])
def test_no_sign_needs_another_alphabet_than_ascii(text: str) -> None:
    """Control signs, quotes and all beyond ASCII are escaped, and come back."""
    written = as_text(text)

    assert written.isascii()
    assert json.dumps(text) == written


def test_a_word_of_an_enumeration_is_its_text() -> None:
    """As it is for `json`."""
    kind = StrEnum("kind", ["ONE"])

    assert '{"one": "one"}' == as_text({kind.ONE: kind.ONE})


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_cannot_say_is_null(number: float) -> None:
    """`Infinity` could be read by nobody else."""
    assert "[null]" == as_text([number])


def test_what_is_no_data_is_refused() -> None:
    """Nothing is written that would come back as something else."""
    with pytest.raises(TypeError, match="set as JSON"):
        as_text({"names": {1, 2}})
