"""What the demo prints, as plain text: the table of the runs and the timeline of one shutdown."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from .client import KINDS
from .results import Result, Setting

BAR = 40
"""How many characters the whole shutdown is wide."""


def progress(result: Result | None) -> None:
    """Show on a terminal's stderr how far a run is; None clears the line."""
    if not sys.stderr.isatty():
        return
    line = ""
    if result is not None:
        counts = f"{result.requests} requests, {result.failed} failed, {len(result.exits)} replaced"
        line = f"{result.scenario.title}: {counts}"
    print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def heading(setting: Setting) -> str:
    """Say what is measured."""
    return (
        "Rolling restart of two uvicorn replicas behind a client that balances over an endpoint list:\n"
        f"{setting.rate:g} requests/s, no retries; a change of readiness reaches the client "
        f"{setting.propagation:g} s late.\n"
    )


def summary(results: list[Result]) -> str:
    """Return the table of all runs."""
    kinds = [kind for kind in KINDS if any(result.failures[kind] for result in results)]
    rows = [["run", "restarts", "requests", "failed", *kinds, "p50", "p99"]]
    for result in results:
        failures = [result.failures[kind] for kind in kinds]
        counts = [len(result.exits), result.requests, result.failed, *failures]
        times = [f"{1000 * result.quantile(share):.0f} ms" for share in (0.5, 0.99)]
        rows.append([result.scenario.title, *map(str, counts), *times])
    return align(rows, left={0})


def align(rows: list[list[str]], left: set[int]) -> str:
    """Return *rows* as lines, the columns in *left* to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        pairs = enumerate(zip(row, widths, strict=True))
        cells = (cell.ljust(width) if place in left else cell.rjust(width) for place, (cell, width) in pairs)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def timeline(result: Result) -> str:
    """Return one shutdown of *result*, step by step: the agent's report, and what the client saw of it."""
    report = result.report
    if not report:
        return "\nno report of a shutdown was found\n"
    head = (
        f"\nOne shutdown under {result.scenario.title}:\n{report['service']}, cause {report['cause']}, "
        f"window {report['window']['length_s']:g} s, verdict {report['verdict']}, exit code {report['exit']};\n"
        "in brackets what the client saw\n"
    )
    steps = sorted(_steps(result))
    whole = max(end for _, end, _, _ in steps)
    rows = [["at", "took", "", "step", "outcome"]]
    for start, end, name, outcome in steps:
        took = f"{1000 * (end - start):.0f} ms" if end > start else ""
        rows.append([f"{1000 * max(start, 0.0):.0f} ms", took, _bar(start, end, whole), name, outcome])
    return head + "\n" + align(rows, left={2, 3, 4}) + "\n"


def _steps(result: Result) -> Iterator[tuple[float, float, str, str]]:
    """Yield start, end (seconds after the notice), name and outcome of each step, in no order."""
    for name, at in result.seen.items():
        since = at - result.report["started"]
        yield since, since, f"({name})", ""
    for handler in result.report["handlers"]:
        start = handler.get("started_s")
        if start is not None:
            yield start, handler["ended_s"], f"{handler['phase']}: {handler['name']}", handler["outcome"]


def _bar(start: float, end: float, whole: float) -> str:
    """Draw the stretch from *start* to *end* of *whole* seconds; an instant is a dot."""
    first = round(max(start, 0.0) / whole * (BAR - 1))
    length = round((end - max(start, 0.0)) / whole * (BAR - 1))
    return (" " * first + ("=" * length or ".")).ljust(BAR)
