"""
Reads the flags of `run` without a parser: a table in, what was said out.

`argparse` costs a start as much as everything else together. It still explains every mistake and prints the help, from
the same table.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Table = Sequence[tuple[tuple[str, ...], Mapping[str, Any]]]


class Said:
    """What was said, each flag an attribute, and `command`."""

    def __init__(self, table: Table) -> None:
        """Begin with the defaults."""
        self.command: list[str] = []
        for names, how in table:
            flag = how.get("action") == "store_true"
            setattr(self, _attribute(names), False if flag else how.get("default"))


def parse(argv: Sequence[str], table: Table) -> Said | None:
    """Return what *argv* says, None when somebody else must explain it: a mistake, a question for help, no command."""
    known = {name: (_attribute(names), how) for names, how in table for name in names}
    said = Said(table)
    at, end = 0, end_of_options(argv, table)
    while at < end:
        name, equals, value = argv[at].partition("=")
        attribute, how = known.get(name, ("", {}))
        at += 1
        action = how.get("action", "store")
        if not attribute or (action == "store_true" and equals):
            return None
        if action == "store_true":
            setattr(said, attribute, True)
            continue
        if not equals:
            if at >= end:
                return None
            value, at = argv[at], at + 1
        if value not in how.get("choices", (value,)):
            return None
        setattr(said, attribute, [*(getattr(said, attribute) or ()), value] if action == "append" else value)
    said.command = list(argv[end + 1 :] if argv[end : end + 1] == ["--"] else argv[end:])
    return said if said.command else None


def end_of_options(argv: Sequence[str], table: Table) -> int:
    """Return where the options end: at the first `--`, or at the first word that is neither option nor value."""
    with_value = {name for names, how in table if how.get("action") != "store_true" for name in names}
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "--":
        at += 2 if argv[at] in with_value else 1
    return min(at, len(argv))


def _attribute(names: Sequence[str]) -> str:
    return names[-1].lstrip("-").replace("-", "_")
