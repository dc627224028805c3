"""What other programs write as a length of time."""

from __future__ import annotations

import pytest

from processender.core.spans import LONGEST_S, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0), ("30s", 30.0), (" 1m30s ", 90.0), ("1m 30s", 90.0), ("1.5 m", 90.0), ("500ms", 0.5), ("1h2m3.5s", 3723.5), ("0", 0.0), ("2.5", 2.5),
        ("", None), ("s", None), ("3x", None), ("1.2.3s", None), ("-1", None), ("10 s", 10.0), ("1m30", None),
        (".5s", None), ("nan", None), ("1e3", None), ("٣s", None), (str(LONGEST_S + 1), None),
    ],
)  # fmt: skip
def test_a_length_of_time_is_a_number_or_numbers_with_units(text: str, seconds: float | None) -> None:
    """What is none, or is not believed, is None."""
    assert seconds == seconds_of(text)
