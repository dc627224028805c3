"""What a terminal can show: how wide it is, in which signs, and whether in colour; and text that is fitted to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from unicodedata import combining, east_asian_width

from .core.record import Record
from .hints import Any

LEAST, USUAL, MOST = 20, 80, 160
"""How wide a screen is at least, where nobody knows, and how wide text becomes at most, in columns."""
_SIGNS = "█▓░·▁▂▃▄▅▆▇┊┃▲…→✗"
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
"""What a terminal is told for each word of a style."""
Span = tuple[str, str]
"""Some text, and its style: a few words of `bold dim red green yellow blue`, empty for none."""
Line = tuple[Span, ...]
"""A line of a screen."""


class Screen(Record):
    """What can be shown."""

    width: int = USUAL
    """How wide it is, in columns."""
    colour: bool = False
    """Whether in colour."""
    encoding: str = "utf-8"
    """In which encoding."""
    signs: bool = True
    """Whether there are blocks and lines; else only the letters of ASCII."""

    def clean(self, text: str) -> str:
        """Return *text* with all written out that would steer the terminal, or that it cannot show."""
        if text.isascii() and text.isprintable():
            return text
        return "".join([each if each.isprintable() and self._shows(each) else ascii(each)[1:-1] for each in text])

    def cut(self, text: str, most: int) -> str:
        """Return *text*, cleaned, in at most *most* columns, with a sign where something is left out."""
        text = self.clean(text[: 8 * MOST])
        if columns(text) <= most:
            return text
        kept, left = [], most - 1
        for each in text:
            left -= columns(each)
            if left < 0:
                break
            kept.append(each)
        return "".join(kept) + ("…" if self.signs else "~") if most > 0 else ""

    def fit(self, text: str, width: int, *, right: bool = False) -> str:
        """Return *text* in exactly *width* columns."""
        text = self.cut(text, width)
        fill = " " * (width - columns(text))
        return fill + text if right else text + fill

    def wrapped(self, text: str, first: str = "", rest: str = "") -> list[str]:
        """Return *text* in as many lines as it takes, *first* before the first of them and *rest* before the others."""
        import textwrap  # noqa: PLC0415 - 4 ms, and every command loads this room

        most = max(self.width, LEAST)
        # A space that must not be broken is none that a terminal prints.
        text = "\xa0".join([self.clean(each) for each in text[:2000].split("\xa0")])
        lines = textwrap.wrap(text, most, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
        return [each.replace("\xa0", " ") for each in lines]

    def pick(self, sign: str, plain: str) -> str:
        """Return the *sign*, or what stands for it in *plain* letters."""
        return sign if self.signs else plain

    def _shows(self, letter: str) -> bool:
        try:
            letter.encode(self.encoding)
        except (UnicodeError, LookupError):
            return False
        return True


def columns(text: str) -> int:
    """Return how many columns *text* takes: a letter of China takes two, a mark over another none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def screen_of(stream: Any, environ: Mapping[str, str]) -> Screen:
    """Return what *stream* can show, as far as it and *environ* tell; one that is closed, or none, shows little."""
    try:
        terminal = bool(stream.isatty())
        encoding = stream.encoding or "ascii"
    except (AttributeError, ValueError):
        terminal, encoding = False, "ascii"
    try:
        _SIGNS.encode(encoding)
        signs = True
    except (UnicodeError, LookupError):
        signs = False
    colour = terminal and environ.get("TERM", "") not in {"dumb", ""}
    if environ.get("FORCE_COLOR", "0") not in {"0", ""}:
        colour = True
    if environ.get("NO_COLOR"):
        colour = False
    return Screen(_width(stream if terminal else None, environ), colour, encoding, signs)


def _width(terminal: Any, environ: Mapping[str, str]) -> int:
    told = environ.get("COLUMNS", "")
    width = int(told) if told.isascii() and told.isdigit() and len(told) < 5 else 0
    if not width and terminal is not None:
        try:
            width = os.get_terminal_size(terminal.fileno()).columns
        except (OSError, ValueError):
            width = 0
    return min(max(width or USUAL, LEAST), MOST)


def lines_of(texts: Iterable[str], style: str = "") -> list[Line]:
    """Return *texts* as lines of one *style*."""
    return [((text, style),) for text in texts]


def side_by_side(parts: Iterable[Span], screen: Screen, indent: str = "") -> Iterator[Line]:
    """Give *parts* beside each other, with a gap between two and *indent* before the first of each line."""
    line: list[Span] = []
    used = 0
    for text, style in parts:
        shown = screen.cut(text, screen.width - len(indent))
        if line and used + 2 + columns(shown) > screen.width:
            yield tuple(line)
            line = []
        gap = "  " if line else indent
        used = (used if line else 0) + len(gap) + columns(shown)
        line += [(gap, ""), (shown, style)] if gap else [(shown, style)]
    yield tuple(line)


def plain(text: str, but: str = "\n\t") -> str:
    """Return *text* with all written out that a terminal would not print but obey: records are hostile input."""
    return "".join([each if each.isprintable() or each in but else ascii(each)[1:-1] for each in text])


def painted(line: Line, screen: Screen) -> str:
    """Return *line* as a terminal takes it, in colour if the *screen* has it."""
    joined: list[Span] = []
    for text, style in line:
        before = joined.pop()[0] if joined and joined[-1][1] == style else ""
        joined.append((before + text, style))
    return "".join([_coded(plain(text, but=""), style, screen) for text, style in joined])


def _coded(text: str, style: str, screen: Screen) -> str:
    codes = ";".join([_CODES[word] for word in style.split()]) if screen.colour and text.strip() else ""
    return f"\x1b[{codes}m{text}\x1b[0m" if codes else text
