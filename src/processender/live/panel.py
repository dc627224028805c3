"""
What a terminal is told so that a picture stands in its last lines, and everybody else goes on writing above. Pure.

Theory of operation. The program that ends, its children and its libraries write to the same terminal, at any time and
without knowing of us; a picture that is drawn where the cursor is would be torn by their lines, and would tear them.
So the lines of the picture are taken out of the scrolling region (DECSTBM): whatever others write scrolls above. Each
text here leaves the cursor where it was, and is to be written by one call, which a terminal does not mix with others.
What is taken must be given back: a process that is killed leaves the region behind, and `reset` gives it back then.
"""

from __future__ import annotations

from collections.abc import Sequence

_KEEP, _BACK, _DOWN = "\x1b7", "\x1b8", "\x1bD"


def opened(rows: int, height: int) -> str:
    """Return what takes *height* lines out of a terminal with *rows*; what stands there moves up."""
    # To go down keeps the column, in which somebody may be in the middle of a line.
    return f"{_DOWN * height}\x1b[{height}A{_KEEP}\x1b[1;{rows - height}r{_BACK}"


def drawn(rows: int, height: int, lines: Sequence[str]) -> str:
    """Return what draws *lines* in place of what is there."""
    padded = [*lines[:height], *[""] * (height - len(lines))]
    parts = [f"\x1b[{rows - height + 1 + place};1H\x1b[2K{text}" for place, text in enumerate(padded)]
    return f"{_KEEP}{''.join(parts)}{_BACK}"


def closed(rows: int, height: int) -> str:
    """Return what takes the picture away and gives its lines back."""
    parts = [f"\x1b[{row};1H\x1b[2K" for row in range(rows - height + 1, rows + 1)]
    return f"{_KEEP}\x1b[r{''.join(parts)}{_BACK}"


def lost() -> str:
    """Return what gives all lines back on a terminal that has another size now; what is below the cursor goes."""
    return f"{_KEEP}\x1b[r{_BACK}\x1b[J"
