"""Where the command line prints; nothing else does."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable

from ..core.events import Event, Trouble
from ..hints import Any
from ..screen import Line, Screen, painted, plain


def say(text: str) -> bool:
    """
    Print *text* on standard output, as far as that can encode it, and return whether somebody reads it.

    One that nobody reads any more is no error; who has much to say can stop.
    """
    return _write(plain(text))


def say_lines(lines: Iterable[Line], screen: Screen) -> bool:
    """Print *lines* on standard output, in colour if the *screen* has it, and return as `say` does."""
    return _write("\n".join([painted(line, screen).rstrip() for line in lines]))


def _write(text: str, end: str = "\n") -> bool:
    try:
        try:
            print(text, end=end)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding or "ascii"
            print(text.encode(encoding, "backslashreplace").decode(encoding), end=end)
        sys.stdout.flush()
    except (BrokenPipeError, AttributeError, ValueError):
        _give_up_stdout()
        return False
    return True


def steer(text: str) -> bool:
    """Tell the terminal behind standard output what no text does, and return as `say` does."""
    return _write(text, end="")


def say_json(value: Any) -> None:
    """Print *value* as JSON on standard output."""
    say(json.dumps(value, indent=2))


def complain(text: str) -> None:
    """Print *text* on standard error, with our name in front; there may be none."""
    try:
        print(f"processender: {plain(text)}", file=sys.stderr)
    except (OSError, AttributeError, ValueError):
        return


def complain_in_place(text: str, *, last: bool) -> None:
    """Print *text* on standard error in place of the former one, if that is a terminal; the *last* is taken away."""
    try:
        if sys.stderr.isatty():
            shown = "" if last else f"processender: {plain(text)}"
            print(f"\r\x1b[K{shown}", end="", file=sys.stderr, flush=True)
    except (OSError, AttributeError, ValueError):
        return


def complain_of(event: Event) -> None:
    """Print what went wrong beside, on standard error."""
    if isinstance(event, Trouble):
        complain(event.text)


def table(rows: list[list[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Return *rows*, the first of them the head, as text in columns; those with a number in *right* to the right."""
    rows = [[plain(cell, but="") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [text.rjust(widths[n]) if n in right else text.ljust(widths[n]) for n, text in enumerate(row)]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def _give_up_stdout() -> None:
    """Keep the interpreter from meeting the closed pipe again when it flushes at exit."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
