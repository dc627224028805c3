"""
Where each key of a TOML text stands.

`tomllib` tells a line for errors of syntax only, and a mistake in a value wants its line as well. This walks over a
text that `tomllib` has accepted, so it never has to judge what is valid: it only skips values and counts lines.
"""

from __future__ import annotations

from bisect import bisect_left

Path = tuple[str | int, ...]
"""The keys from the root to a value; an element of an array has its number, from 0."""

_END_OF_TOKEN = frozenset(",]}#\r\n")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


def locate(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every table, key and array element of *text*, which is valid TOML."""
    return _Scanner(text).scan()


class _Scanner:
    """A position in the text; each method leaves it behind what it has read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}
        self.ends = [position for position, letter in enumerate(text) if letter == "\n"]

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self.skip():
            if self.peek() == "[":
                table = self.header()
            else:
                self.pair(table)
        return self.found

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip(self) -> bool:
        """Skip spaces, line ends and comments; tell whether anything is left."""
        while self.at < len(self.text):
            if self.peek() == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.peek() in " \t\r\n":
                self.at += 1
            else:
                return True
        return False

    def note(self, path: Path) -> None:
        """Note that *path*, and what contains it, stands on this line, unless it has been seen before."""
        line = bisect_left(self.ends, self.at) + 1
        for length in range(1, len(path) + 1):
            self.found.setdefault(path[:length], line)

    def header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        start, width = self.at, 2 if is_array else 1
        self.at += width
        path: Path = ()
        keys = self.keys()
        for position, key in enumerate(keys):
            path += (key,)
            if is_array and position == len(keys) - 1:
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                path += (self.counts[path] - 1,)
        end, self.at = self.at + width, start
        self.note(path)
        self.at = end
        return path

    def pair(self, table: Path) -> None:
        start = self.at
        path = table + tuple(self.keys())
        end, self.at = self.at, start
        self.note(path)
        self.at = end + 1  # the equals sign
        self.skip()
        self.value(path)

    def keys(self) -> list[str]:
        """Read a key with its dots, up to the sign behind it."""
        found: list[str] = []
        while True:
            self.skip()
            if self.peek() in {'"', "'"}:
                found.append(self.string())
            elif self.peek() == ".":
                self.at += 1
            elif self.peek() in {"=", "]", ""}:
                return found
            else:
                start = self.at
                while self.peek() and self.peek() not in ".=] \t\"'":
                    self.at += 1
                found.append(self.text[start : self.at])

    def string(self) -> str:
        """Read a string of any of the four kinds; its text counts only where it is a key."""
        quote = self.peek()
        if self.text.startswith(quote * 3, self.at):
            self.at += 3
            return self.until(quote * 3, escapes=quote == '"')
        self.at += 1
        return self.until(quote, escapes=quote == '"')

    def until(self, end: str, *, escapes: bool) -> str:
        parts: list[str] = []
        while self.peek() and not self.text.startswith(end, self.at):
            if escapes and self.peek() == "\\":
                parts.append(self.escape())
            else:
                parts.append(self.peek())
                self.at += 1
        self.at += len(end)
        # A long string may end with one or two quotes of its own right before the three that close it.
        while len(end) == 3 and self.peek() == end[0]:
            self.at += 1
        return "".join(parts)

    def escape(self) -> str:
        letter = self.text[self.at + 1 : self.at + 2]
        width = {"x": 2, "u": 4, "U": 8}.get(letter, 0)
        digits = self.text[self.at + 2 : self.at + 2 + width]
        self.at += 2 + width
        return chr(int(digits, 16)) if width else _ESCAPES.get(letter, letter)

    def value(self, path: Path) -> None:
        if self.peek() in {'"', "'"}:
            self.string()
        elif self.peek() == "[":
            self.array(path)
        elif self.peek() == "{":
            self.inline(path)
        else:
            while self.peek() and self.peek() not in _END_OF_TOKEN:
                self.at += 1

    def array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while self.skip() and self.peek() != "]":
            if self.peek() == ",":
                self.at += 1
                continue
            self.note((*path, number))
            self.value((*path, number))
            number += 1
        self.at += 1

    def inline(self, path: Path) -> None:
        self.at += 1
        while self.skip() and self.peek() != "}":
            if self.peek() == ",":
                self.at += 1
            else:
                self.pair(path)
        self.at += 1
