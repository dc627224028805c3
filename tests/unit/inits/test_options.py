"""Words read as getopt of the C library reads them."""

from __future__ import annotations

import pytest

from processender.inits.options import WRONG, read

LONG = {"help": "h", "rewrite": "r", "verbose": "v", "version": "V"}


@pytest.mark.parametrize(("words", "flags", "others"), [
    ([], [], []),
    (["-v", "a", "-v"], [("v", "")], ["a", "-v"]),
    (["-vh", "--", "-v"], [("v", ""), ("h", "")], ["-v"]),
    (["-r1", "a"], [("r", "1")], ["a"]),
    (["-r", "-v", "a"], [("r", "-v")], ["a"]),
    (["-vr", "--", "a"], [("v", ""), ("r", "--")], ["a"]),
    (["-", "-v"], [], ["-", "-v"]),
    (["--rew=1:2", "--help", "a"], [("r", "1:2"), ("h", "")], ["a"]),
    (["--rewrite", "--", "--", "a"], [("r", "--")], ["a"]),
    (["--rewrite="], [("r", "")], []),
    (["-v", "-x", "-h"], [("v", ""), (WRONG, "invalid option -- 'x'")], ["-h"]),
    (["-:"], [(WRONG, "invalid option -- ':'")], []),
    (["-vr"], [("v", ""), (WRONG, "option requires an argument -- 'r'")], []),
    (["--ver"], [(WRONG, "option '--ver' is ambiguous; possibilities: '--verbose' '--version'")], []),
    (["--no"], [(WRONG, "unrecognized option '--no'")], []),
    (["--no=1"], [(WRONG, "unrecognized option '--no'")], []),
    (["--help=1"], [(WRONG, "option '--help' doesn't allow an argument")], []),
    (["--rewrite"], [(WRONG, "option '--rewrite' requires an argument")], []),
])  # fmt: skip
def test_flags_end_at_the_first_word_that_is_none(
    words: list[str], flags: list[tuple[str, str]], others: list[str]
) -> None:
    """A mistake ends them too."""
    assert (flags, others) == read(words, "hvVr:", LONG)


@pytest.mark.parametrize(("words", "flags", "others"), [
    (["a", "-v", "b"], [("v", "")], ["a", "b"]),
    (["a", "-r", "1", "--", "-v", "--", "b"], [("r", "1")], ["a", "-v", "--", "b"]),
    (["--", "a", "-v"], [], ["a", "-v"]),
    (["a", "--help"], [(WRONG, "invalid option -- '-'")], ["a"]),
])  # fmt: skip
def test_flags_among_the_words_are_found(words: list[str], flags: list[tuple[str, str]], others: list[str]) -> None:
    """Where they may be mixed, up to the two dashes."""
    assert (flags, others) == read(words, "hvr:", mixed=True)
