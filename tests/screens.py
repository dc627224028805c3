"""A terminal as far as the tests need one: what is written becomes what a person sees."""

from __future__ import annotations

import re

_PART = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b([78D])|([\s\S])")


class Seen:
    """The lines that a person sees after all that was written; lines that have scrolled away are kept as `past`."""

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        """Begin with an empty screen and the cursor in its first place."""
        self.rows, self.columns = rows, columns
        self.past: list[str] = []
        self.top, self.bottom = 0, rows - 1
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self._kept = (0, 0)

    def write(self, text: str) -> Seen:
        """Take *text* as a terminal does; return the screen."""
        for found in _PART.finditer(text):
            numbers, letter, simple, sign = found.groups()
            if letter:
                self._steer([int(each or 0) for each in numbers.lstrip("?").split(";")], letter)
            elif simple:
                self._simple(simple)
            else:
                self._put(sign)
        return self

    @property
    def lines(self) -> list[str]:
        """What is to be seen, without what is blank at the end of each line."""
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def told(self) -> list[str]:
        """All lines, also those that have scrolled away, without empty ones."""
        return [line for line in (*self.past, *self.lines) if line]

    @property
    def whole(self) -> bool:
        """Whether the terminal scrolls as a whole, as it was found."""
        return (self.top, self.bottom) == (0, self.rows - 1)

    def _put(self, sign: str) -> None:
        if sign == "\n":
            self._column = 0
            self._down()
        elif sign == "\r":
            self._column = 0
        elif sign.isprintable():
            if self._column == self.columns:
                self._put("\n")
            self._cells[self._row][self._column] = sign
            self._column += 1

    def _down(self) -> None:
        if self._row == self.bottom:
            gone = self._cells.pop(self.top)
            self.past.append("".join(gone).rstrip())
            self._cells.insert(self.bottom, [" "] * self.columns)
        else:
            self._row = min(self._row + 1, self.rows - 1)

    def _simple(self, letter: str) -> None:
        if letter == "7":
            self._kept = (self._row, self._column)
        elif letter == "8":
            self._row, self._column = self._kept
        else:
            self._down()

    def _steer(self, numbers: list[int], letter: str) -> None:
        match letter:
            case "A":
                self._row = max(self._row - (numbers[0] or 1), 0)
            case "H":
                self._row, self._column = (numbers[0] or 1) - 1, (numbers[-1] or 1) - 1
            case "K":
                self._blank(self._row, 0 if numbers[0] == 2 else self._column)
            case "J":
                self._blank(self._row, self._column)
                for row in range(self._row + 1, self.rows):
                    self._blank(row, 0)
            case "r":
                self.top, self.bottom = (numbers[0] or 1) - 1, (numbers[-1] or self.rows) - 1
                self._row = self._column = 0
            case "m":
                return
            case _:
                raise AssertionError(f"nobody knows CSI {letter}")

    def _blank(self, row: int, first: int) -> None:
        self._cells[row][first:] = [" "] * (self.columns - first)
