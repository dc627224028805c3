"""The matrix as text: one line a cell for the terminal, one table for the README."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path

from .cases import CASES, GRACE, LIMIT, Case
from .driver import COLUMNS, Cell

PATH = Path(__file__).with_name("SCOREBOARD.md")
RESULTS = Path(__file__).with_name("results.json")
PACKAGES = ("uvicorn", "gunicorn", "hypercorn", "aiorun", "winddown", "kstlib")

HEAD = """\
# Does it really stop?

Each row is a real program that meets a bad moment. It is started, told to end, and watched: `plain` for {limit:g} seconds,
with ProcessEnder for its window of {grace:g} seconds. *Clean-up* is the critical step of the program, such as giving back a lease;
with ProcessEnder it is a handler with `importance="must"`. `library` is the same program with an `Ender` inside,
`agent` the plain program behind `processender run --grace {grace:g}s`.

Written by `python -m bench.torture`, on Python {python}: {versions}.

{passed} of {all} ProcessEnder cells stopped inside their window with the critical step run, or reported as not run.

| program | what is wrong | told | plain | library | agent |
|---|---|---|---|---|---|
"""


def told(case: Case) -> str:
    """Return the signals of *case* as a person would say them."""
    return ", ".join(
        name.replace("/child", " to the child") + (f" at {at:g} s" if at else "") for at, name in case.signals
    )


def describe(cell: Cell) -> str:
    """Return how *cell* ended, in a few words."""
    if cell.trouble:
        return f"not measured: {cell.trouble}"
    parts = [f"{cell.seconds:.2f} s, exit {cell.code}" if cell.stopped else f"alive at {cell.seconds:.0f} s"]
    parts.append("clean-up ran" if cell.released else f"clean-up {_reported(cell) or 'never ran'}")
    if cell.left:
        parts.append(f"{cell.left} of its processes left")
    return ", ".join(parts)


def _reported(cell: Cell) -> str:
    return f"reported as {cell.reported}" if cell.reported else ""


def line(cell: Cell) -> str:
    """Return the line of *cell* for a terminal; only ProcessEnder's are judged."""
    judged = "" if cell.column == "plain" else "PASS" if cell.ok else "FAIL"
    return f"{cell.case:22} {cell.column:8} {judged:5} {describe(cell)}"


def markdown(cells: Iterable[Cell]) -> str:
    """Return the scoreboard; of several rounds the worst cell counts."""
    worst: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        key = (cell.case, cell.column)
        if key not in worst or (cell.ok, -cell.seconds) < (worst[key].ok, -worst[key].seconds):
            worst[key] = cell
    ours = [cell for cell in worst.values() if cell.column != "plain"]
    python = next((cell.python for cell in worst.values()), "")
    text = HEAD.format(
        limit=LIMIT, grace=GRACE, python=python, versions=", ".join(_versions()),
        passed=sum(cell.ok for cell in ours), all=len(ours),
    )  # fmt: skip
    for case in CASES:
        row = [_markdown(worst.get((case.name, column))) for column in COLUMNS]
        if any(row):
            text += f"| {case.group} | {case.text} | {told(case)} | {' | '.join(row)} |\n"
    return text + _remarks()


def _remarks() -> str:
    """Return where the library stands when it is not outermost, and what is to be said beside the figures."""
    lines: dict[str, list[str]] = {}
    for case in CASES:
        for remark in filter(None, (case.stands and f"the library stands {case.stands}", case.note)):
            lines.setdefault(remark, []).append(f"`{case.name}`")
    return "\n" + "".join(f"- {', '.join(names)}: {remark}.\n" for remark, names in lines.items())


def _markdown(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return describe(cell) if cell.ok else f"**{describe(cell)}**"


def _versions() -> Iterable[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{package} not installed"


def write(cells: Iterable[Cell]) -> None:
    """Write the scoreboard and the results beside this file."""
    cells = list(cells)
    PATH.write_text(markdown(cells), encoding="utf-8")
    results = [{key: value for key, value in cell.as_dict().items() if key != "log"} for cell in cells]
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
