"""The page of the archive: where it lies, what its lines and its tables hold, and how large it gets."""

from __future__ import annotations

import inspect
import json

from describing import function

from processender.accounts import entry, plain
from processender.archive import days, exporter, index, lines, names, postgres, sql
from processender.core.labels import OTHERS

_DEED = ("name", "phase", "importance", "outcome", "seconds", "retries", "reason", "time-out in seconds")
_ACCOUNT = {
    "id": "6b0ac168-6e5d1579d020", "service": "shop", "version": "1.4.2", "zone": "b", "node": "n7", "cause": "SIGTERM",
    "instance": "shop-1", "window": {"length_s": 30.0}, "started": 1795866146.618, "verdict": "clean",
    "handlers": [
        {"name": "flush", "phase": "flush", "importance": "must", "outcome": "done", "started_s": 0.2, "ended_s": 0.57,
         "timeout_s": 5.0},
    ],
}  # fmt: skip
_GRANTS = """\
CREATE ROLE reader LOGIN;
GRANT USAGE ON SCHEMA processender TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA processender TO reader;\
"""


def archive_page(note: str) -> str:
    """Return the page, with the *note* that it is generated."""
    ended = {**_ACCOUNT, "ended": 1795866149.033, "seconds": 2.415}
    marked = entry.mark_line("deployment", "1.4.2", 1795866000.0, "shop")
    shown = [entry.line_of(_ACCOUNT), entry.line_of(ended), marked]
    text = "\n".join(json.dumps(each) for each in shown)
    killed = (
        f"A run of which nothing is heard for {plain.LATE_S:.0f} s after its window was `{plain.KILLED}`, until it is."
    )
    parts = [
        "# The archive\n",
        note,
        "How it is asked is told [elsewhere](../how-to/report.md).\n",
        f"## On a host\n\n{_body(lines)}\n",
        f"```json fragment: what is written\n{text}\n```\n",
        f"Of a handler there are, in this order: {', '.join(_DEED)}.\n{killed}\n",
        _body(index) + "\n",
        f"## In PostgreSQL\n\n{_body(postgres)}\n",
        f"A role that may only ask:\n\n```sql fragment: for a server of yours\n{_GRANTS}\n```\n",
        "| table | columns |\n|---|---|",
        *(f"| `{name}` | {columns} |" for name, columns in _tables()),
        "\nNothing is removed there; what is deleted from `runs`, `opened` and `accounts` stays counted.\n",
        function("archive.exporter.exporter", exporter.exporter),
        f"## How large it gets\n\n{_bounds()}\n",
    ]
    return "\n".join(parts)


def _body(module: object) -> str:
    return inspect.getdoc(module) or ""


def _tables() -> list[tuple[str, str]]:
    rows = []
    for statement in sql.making():
        if statement.startswith("CREATE TABLE"):
            name, _, columns = statement.removeprefix("CREATE TABLE IF NOT EXISTS ").partition(" ")
            kept = columns.strip("()").partition(", PRIMARY KEY (")[0].split(", ")
            if name != "sources":
                rows.append((name, ", ".join(f"`{each.split()[0]}`" for each in kept)))
    return rows


def _bounds() -> str:
    values = ", ".join(f"{most} for {name}" for name, most in names.MOST_VALUES.items())
    rows = [
        ("a segment", f"{lines.SEGMENT_BYTES >> 20} MB"),
        ("segments of a service", lines.SEGMENTS),
        ("signs of a name", entry.LONGEST),
        ("handlers of a run", entry.MOST_HANDLERS),
        ("services", names.MOST_SERVICES),
        ("different values that a service can have", values),
        ("different combinations of them", names.MOST_CELLS),
        ("runs that an index keeps one by one; older ones stay counted", index.MOST_RUNS),
        ("days that an index keeps once it has more runs than that", days.MOST_DAYS),
    ]
    table = "\n".join(f"| {what} | {most} |" for what, most in rows)
    said = f"What is beyond is counted as `{OTHERS}`, and the report says so."
    return f"{said}\n\n| what | at most |\n|---|---|\n{table}"
