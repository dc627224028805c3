"""What others have named, in lines and in reports."""

from __future__ import annotations

import pytest

from processender.core.labels import MOST, Several, in_line, labels, printable


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("GET /café", "GET /café"),
        ("GET /\nWARN bad", "GET /\\nWARN bad"),
        ("\x1b[J\u2028\udc80", "\\x1b[J\\u2028\\udc80"),
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 17 + "..."),
        ("\n" * 9_000_000, "\\n" * 8 + "\\..."),
    ],
)
def test_a_label_is_one_short_line(given: str, shown: str) -> None:
    """A client chooses its path, and could else write lines of its own into a log."""
    assert shown == printable(given, 20)


def test_of_many_only_the_first_are_made() -> None:
    """The rest is counted."""
    made: list[int] = []

    class Request:
        def __str__(self) -> str:
            made.append(1)
            return "GET /"

    assert (("GET /",) * MOST, 9900) == labels([Request()] * (MOST + 9900))
    assert MOST == len(made)


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_what_has_no_text_is_named_by_its_type(kind: type[BaseException]) -> None:
    """Without it there would be no report at all."""

    class Request:
        def __str__(self) -> str:
            raise kind

    assert ((f"Request (its text raises {kind.__name__})", "b"), 0) == labels([Request(), "b"])


@pytest.mark.parametrize(
    ("shown", "more", "line"), [(("a", "b"), 0, "a, b"), (("a", "b", "c"), 0, "a, b and 1 more"), (("a",), 3, "a and 3 more")]
)  # fmt: skip
def test_a_line_names_a_few(shown: tuple[str, ...], more: int, line: str) -> None:
    """And counts the others."""
    assert line == in_line(shown, more, 2)


def test_a_list_of_a_report_ends_with_a_count() -> None:
    """Where it would become too long."""
    several = Several()
    several.add(*"ab")
    short = several.shown(str)
    several.add(*"c" * MOST, more=5)

    assert (["a", "b"], [*"ab", *"c" * (MOST - 2), "and 7 more"]) == (short, several.shown(str))
