"""What a benchmark returns, and how it is shown."""

from __future__ import annotations

import sys
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number."""

    name: str
    """What was measured."""
    value: float
    """The number."""
    unit: str
    """Its unit."""
    bar: float | None = None
    """The most it may be; None where it is only told."""
    at_least: float | None = None
    """The least it may be; None where there is no such limit."""
    beside: str = ""
    """The peer, or the limit, measured in the same run; or why there is no number."""

    @property
    def ok(self) -> bool:
        """Whether the bar is held."""
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.bar is None or self.value <= self.bar)

    def row(self) -> tuple[str, str, str, str, str]:
        """Return the cells of a line."""
        bar = (
            f"<= {self.bar:g}" if self.bar is not None else f">= {self.at_least:g}" if self.at_least is not None else ""
        )
        judged = "" if not bar else "ok" if self.ok else "MISSED"
        return self.name, f"{self.value:.4g} {self.unit}".rstrip(), bar, judged, self.beside

    def as_dict(self) -> dict[str, object]:
        """Return the figure for the results file."""
        return {**self._asdict(), "ok": self.ok}


def say(text: str) -> None:
    """Show progress on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def table(rows: list[tuple[str, ...]]) -> str:
    """Return *rows* as aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
