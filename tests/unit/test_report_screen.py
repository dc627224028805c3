"""What a screen can show, and how text is fitted to it."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as some

from processender.cli.columns import Column, table_lines
from processender.screen import Line, Screen, columns, screen_of

ANY_TEXT = some.text(max_size=60)


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str) -> None:
        """Write nowhere, in *encoding*."""
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        """Return that it is."""
        return super().isatty() or True


def text_of(line: Line) -> str:
    """Return the text of a line."""
    return "".join(text for text, _ in line)


class TestScreenOf:
    def test_a_terminal_has_colour(self) -> None:
        """And blocks, where its encoding has them."""
        screen = screen_of(Terminal("utf-8"), {"TERM": "xterm", "COLUMNS": "100"})

        assert (100, True, True) == (screen.width, screen.colour, screen.signs)

    @pytest.mark.parametrize("environ", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
    def test_there_is_no_colour_where_it_is_not_wanted(self, environ: dict[str, str]) -> None:
        """NO_COLOR, or a terminal that has none."""
        assert not screen_of(Terminal("utf-8"), environ).colour

    def test_a_pipe_has_no_colour(self) -> None:
        """Nor a width of its own."""
        screen = screen_of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), {"TERM": "xterm"})

        assert (80, False) == (screen.width, screen.colour)

    def test_colour_can_be_forced_upon_a_pipe(self) -> None:
        """For a log that shows it; NO_COLOR wins."""
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")

        assert screen_of(stream, {"FORCE_COLOR": "1"}).colour
        assert not screen_of(stream, {"FORCE_COLOR": "1", "NO_COLOR": "1"}).colour

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
    def test_without_the_encoding_there_are_letters_only(self, encoding: str) -> None:
        """A block would be an escape of six letters."""
        assert not screen_of(Terminal(encoding), {"TERM": "xterm"}).signs

    @pytest.mark.parametrize(("told", "width"), [("5", 20), ("20", 20), ("100000", 80), ("wide", 80), ("400", 160)])
    def test_the_width_is_bounded(self, told: str, width: int) -> None:
        """Whatever the environment says."""
        assert width == screen_of(Terminal("utf-8"), {"COLUMNS": told}).width

    def test_there_may_be_no_stream(self) -> None:
        """As in a process without standard output, or one that closed it."""
        closed = Terminal("utf-8")
        closed.close()

        assert [False, False] == [screen_of(each, {"TERM": "xterm"}).colour for each in (None, closed)]


class TestText:
    def test_what_steers_a_terminal_is_written_out(self) -> None:
        """Names are hostile input."""
        assert "a\\x1b[2J\\nb" == Screen().clean("a\x1b[2J\nb")

    def test_what_cannot_be_encoded_is_written_out(self) -> None:
        """In the width that it then has."""
        assert "caf\\xe9" == Screen(encoding="ascii").clean("café")

    @pytest.mark.parametrize(("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1)])
    def test_the_width_of_text_is_that_of_a_terminal(self, text: str, width: int) -> None:
        """Not its length."""
        assert width == columns(text)

    @given(ANY_TEXT, some.integers(1, 40), some.booleans())
    def test_text_is_fitted_to_exactly_its_width(self, text: str, width: int, right: bool) -> None:
        """Whatever is in it."""
        assert width == columns(Screen().fit(text, width, right=right))

    @given(ANY_TEXT, some.integers(20, 60))
    def test_wrapped_text_is_never_wider_than_the_screen(self, text: str, width: int) -> None:
        """But for letters that take two columns, which the library does not know."""
        text = text.encode("ascii", "backslashreplace").decode()

        assert all(columns(line) <= width for line in Screen(width).wrapped(text, "  ! ", "    "))

    def test_ten_thousand_letters_are_cut(self) -> None:
        """With a sign that there is more."""
        assert "x" * 19 + "…" == Screen().cut("x" * 10_000, 20)
        assert "x" * 19 + "~" == Screen(signs=False).cut("x" * 10_000, 20)


class TestTables:
    HEADS = (Column("name", right=False), Column("runs"), Column("least", rank=9), Column("some", rank=1))

    def shown(self, width: int, name: str = "shop") -> list[str]:
        """Return the lines of a table with one row."""
        rows = [[name, "12", "unimportant", ("34", "red")]]
        return [text_of(line).rstrip() for line in table_lines(self.HEADS, rows, Screen(width))]

    def test_all_is_there_where_there_is_room(self) -> None:
        """Numbers stand to the right."""
        assert ["  name  runs        least  some", "  shop    12  unimportant    34"] == self.shown(60)

    def test_what_matters_least_goes_first(self) -> None:
        """On a screen that is too narrow for all."""
        assert ["  name                        runs  some", "  a name that is not short …    12    34"] == self.shown(
            40, "a name that is not short at all"
        )

    def test_on_a_narrow_screen_a_row_is_a_few_lines(self) -> None:
        """So that all of it can be read."""
        assert ["name", "shop", "  runs 12, least", "  unimportant, some", "  34"] == self.shown(20)

    def test_a_column_that_says_nothing_is_left_out(self) -> None:
        """But for those that always stand."""
        lines = table_lines(self.HEADS, [["shop", "", "", ""]], Screen())

        assert "  name  runs" == text_of(next(lines)).rstrip()

    @given(some.lists(some.lists(ANY_TEXT, min_size=4, max_size=4), min_size=1, max_size=4), some.integers(40, 160))
    def test_no_line_is_wider_than_the_screen(self, rows: list[list[str]], width: int) -> None:
        """As long as what must stand is not."""
        rows = [[name, number[:4], *rest] for name, number, *rest in rows]

        for line in table_lines(self.HEADS, rows, Screen(width)):
            assert columns(text_of(line)) <= max(width, 10 + 2 + 4 * 10)
