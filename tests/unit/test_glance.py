"""How a look reads what a platform writes."""

from __future__ import annotations

import pytest

from processender.errors import SourceError
from processender.glance import Later, Unclear, instant

ROWS = [
    ("2017-09-18T08:22:00Z", 1505722920.0),
    ("2017-09-18T08:22:00.500Z", 1505722920.5),
    ("2017-09-18T10:22:00+02:00", 1505722920.0),
    ("2017-09-18T08:22:00", 1505722920.0),
    ("18 Sep 2017 08:22:00 GMT", 1505722920.0),
    ("Mon, 18 Sep 2017 08:22:00 GMT", 1505722920.0),
    ("Mon, 18 Sep 2017 10:22:00 +0200", 1505722920.0),
    ("9999-12-31T23:59:59Z", 253402300799.0),
]


@pytest.mark.parametrize(("text", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_a_time_is_an_instant(text: str, expected: float) -> None:
    """In both ways of writing it, and in any zone; without one it is UTC, whatever ours is."""
    assert expected == instant(text)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2017", "2017-13-01T00:00:00Z", "0000-00-00T00:00:00Z", "1 Foo 2017", "\0", None, 7, {}, "9" * 5000],
)
def test_what_is_no_time_is_told(text: object) -> None:
    """In few words, and never as another error."""
    with pytest.raises(Unclear, match="is no time") as caught:
        instant(text)

    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("url", ["", "here", "ftp://here", "http://", "http:///", "//here"])
def test_an_address_that_is_none_is_refused_when_it_is_written(url: str) -> None:
    """Not by a thread, later."""
    with pytest.raises(SourceError, match="must be a URL"):
        Later("GET", url)
