"""
The `server` lines of an nginx configuration: which there are, and one of them put down and brought back, as text.

Source: `ngx_conf_read_token` in nginx's source. Words end at blanks and `;`, `{`, `}`; a `#` begins a comment and a
quote a quoted word only where a word may begin; a backslash takes the next sign as it is. All that is not the line in
question stays as it is, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ...core.record import Record

DOWN = " # down by processender"
"""The mark behind the `;` of a line that was put down."""
BACK = " # back by processender"
"""The mark of a line that is up again in the file, and not yet for certain in nginx."""
_CUT = ", cut here\n"
"""What stands behind a mark where the line goes on: a comment would take in the rest."""
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<comment>\#[^\n]*)|(?P<stop>[;{}])
    |(?P<quoted>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)
    |(?P<word>(?:\$\{|[^\s;{\\]|\\.|\\\Z)+)""",
    re.VERBOSE | re.DOTALL,
)
_DEFAULT_PORT = ":80"


class Line(Record):
    """One `server` directive of an upstream."""

    address: str
    """Its address with its port, in small letters."""
    down: bool
    """Whether it says `down`."""
    end: int
    """Where its `;` stands."""
    mark: str
    """`DOWN`, `BACK`, or an empty text."""
    marked: str
    """The mark, and the end of the line if it has needed one."""


def lines(text: str) -> list[Line]:
    """Return all `server` lines, in order; a block `server { }` is none."""
    found = []
    for words, end in _directives(text):
        if len(words) >= 2 and words[0] == "server":
            mark = next((each for each in (DOWN, BACK) if text.startswith(each, end + 1)), "")
            cut = _CUT if mark and text.startswith(_CUT, end + 1 + len(mark)) else ""
            found.append(Line(plain(words[1]), "down" in words[2:], end, mark, mark + cut))
    return found


def plain(address: str) -> str:
    """Return *address* as it is compared: nginx takes port 80 where none is said."""
    address = address.lower()
    has_port = address.startswith("unix:") or re.search(r":\d+$", address.rpartition("]")[2] or address)
    return address if has_port else address + _DEFAULT_PORT


def put_down(text: str, address: str) -> str:
    """Return *text* with each line of *address* that is up put down and marked."""

    def change(before: str, line: Line, after: str) -> str:
        return f"{before};{line.marked}{after}" if line.down else f"{before} down;{_marked(DOWN, after)}{after}"

    return _changed(text, address, change)


def bring_back(text: str, address: str) -> str:
    """Return *text* with each line of *address* that carries our mark up again, and marked as such."""

    def change(before: str, line: Line, after: str) -> str:
        if line.mark == DOWN and before.endswith(" down"):
            return f"{before.removesuffix(' down')};{line.marked.replace(DOWN, BACK)}{after}"
        return f"{before};{line.marked}{after}"

    return _changed(text, address, change)


def unmark(text: str, address: str) -> str:
    """Return *text* without the marks of lines of *address* that are back."""

    def change(before: str, line: Line, after: str) -> str:
        return f"{before};{'' if line.mark == BACK else line.marked}{after}"

    return _changed(text, address, change)


def _changed(text: str, address: str, change: Callable[[str, Line, str], str]) -> str:
    # From the last line to the first, so that the places of those before stay true.
    for line in reversed(lines(text)):
        if line.address == plain(address):
            text = change(text[: line.end], line, text[line.end + 1 + len(line.marked) :])
    return text


def _marked(mark: str, after: str) -> str:
    """Return *mark*, and an end of the line where something that must not become a comment stands *after* it."""
    rest = after.partition("\n")[0].strip()
    return mark if not rest or rest.startswith("#") else mark + _CUT


def _directives(text: str) -> Iterator[tuple[list[str], int]]:
    """Return the words of each directive that ends with a `;`, and where that stands."""
    words: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        at = match.end()
        if match.lastgroup == "stop":
            if match[0] == ";":
                yield words, match.start()
            words = []
        elif match.lastgroup == "word":
            words.append(re.sub(r"\\(.)", r"\1", match[0], flags=re.DOTALL))
        elif match.lastgroup == "quoted":
            words.append(re.sub(r"\\(.)", r"\1", match[0][1:].removesuffix(match[0][0]), flags=re.DOTALL))
