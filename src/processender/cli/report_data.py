"""What a report says, as data: JSON for programs, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from ..accounts.timeline import Timeline
from ..archive.advice import Advice
from ..archive.answers import Counts, Entry, Overview
from ..archive.days import instant_of
from ..archive.sentences import sentences, share
from ..core.record import Record
from ..hints import Any

SCHEMA = 1
HEAD = [*Entry.fields, "began_utc"]
"""The columns of the CSV."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the begin of a formula, and compute."""


def overview_data(overview: Overview) -> dict[str, Any]:
    """Return *overview* as `--json` prints it: all of it, and what it says in sentences."""
    counts = overview.counts
    low, high = share(counts).bounds()
    return {
        "schema": SCHEMA,
        **{name: _plain(value) for name, value in overview.as_dict().items()},
        "pairs": [{"cause": cause, "zone": zone, "counts": _plain(each)} for cause, zone, each in overview.pairs],
        "graceful": {"share": counts.graceful, "least": round(low, 6), "most": round(high, 6)},
        "sentences": [_plain(each) for each in sentences(overview)],
    }


def last_data(account: Mapping[str, Any], run: Timeline) -> dict[str, Any]:
    """Return one run as `--json` prints it: its account as it is kept, and its timeline."""
    return {"schema": SCHEMA, "account": dict(account), "timeline": _plain(run)}


def advice_data(found: Mapping[str, Sequence[Advice]]) -> dict[str, Any]:
    """Return what to change as `--json` prints it."""
    return {"schema": SCHEMA, "advice": {service: [_plain(each) for each in all_] for service, all_ in found.items()}}


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return *rows* as lines of CSV, without the last line break; no cell of them is a formula to a spreadsheet."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([_cell(each) for each in row] for row in rows)
    return written.getvalue().removesuffix("\n")


def entry_row(entry: Entry) -> list[object]:
    """Return one run as a row of the CSV."""
    return [*entry.as_dict().values(), instant_of(entry.began)]


def _cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None else value


def _plain(value: Any) -> Any:
    """Return *value* with its records as tables, and without a number that JSON does not have."""
    if isinstance(value, Counts):
        return {**value.as_dict(), "graceful": value.graceful}
    if isinstance(value, Record):
        return {name: _plain(each) for name, each in value.as_dict().items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        return None
    return value
