"""
Reads words as getopt of the C library does, which is what users of these programs know.

Flags of one letter can be joined (`-vvg`), a value can stand behind its flag or be the next word, names of more letters
can be cut short while they are the only ones that begin so, and where words may be mixed the flags among the arguments
are found too, up to the first `--`, unless POSIXLY_CORRECT is set.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WRONG = "?"
"""Stands in the place of a flag that is none; its value says why."""


def read(
    words: Sequence[str], short: str, long: Mapping[str, str] | None = None, *, mixed: bool = False
) -> tuple[list[tuple[str, str]], list[str]]:
    """
    Return the flags in their order, each with its value, and the other words; behind a mistake nothing is read.

    Args:

        words: What was said.

        short: The letters; a colon behind one says that it takes a value.

        long: The letter that each name of more letters stands for.

        mixed: Whether flags may stand behind the first word that is none.
    """
    flags: list[tuple[str, str]] = []
    others: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            others.append(word)
            if not mixed:
                break
            continue
        flags += _long(word, left, short, long) if word.startswith("--") and long else _short(word, left, short)
        if flags[-1][0] == WRONG:
            break
    return flags, others + left


def _short(word: str, left: list[str], short: str) -> list[tuple[str, str]]:
    flags: list[tuple[str, str]] = []
    for at, letter in enumerate(word[1:], 2):
        where = short.find(letter) if letter != ":" else -1
        if where < 0:
            return [*flags, (WRONG, f"invalid option -- '{letter}'")]
        if short[where + 1 : where + 2] != ":":
            flags.append((letter, ""))
            continue
        if word[at:]:
            return [*flags, (letter, word[at:])]
        if left:
            return [*flags, (letter, left.pop(0))]
        return [*flags, (WRONG, f"option requires an argument -- '{letter}'")]
    return flags


def _long(word: str, left: list[str], short: str, long: Mapping[str, str]) -> list[tuple[str, str]]:
    name, equals, value = word[2:].partition("=")
    found = [name] if name in long else [full for full in long if full.startswith(name)]
    if not found:
        return [(WRONG, f"unrecognized option '--{name}'")]
    if len(found) > 1:
        listed = " ".join(f"'--{full}'" for full in found)
        return [(WRONG, f"option '{word}' is ambiguous; possibilities: {listed}")]
    letter = long[found[0]]
    if f"{letter}:" not in short:
        return [(WRONG, f"option '--{found[0]}' doesn't allow an argument")] if equals else [(letter, "")]
    if equals:
        return [(letter, value)]
    return [(letter, left.pop(0))] if left else [(WRONG, f"option '--{found[0]}' requires an argument")]
