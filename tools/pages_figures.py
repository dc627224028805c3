"""The page of the figures: from the table of kinds, that of the agent's face, and the room of Prometheus."""

from __future__ import annotations

import inspect

from describing import function

from processender.accounts.figures import LABEL
from processender.accounts.kinds import COUNTER, HISTOGRAM, KINDS, LAG, SECONDS, Kind
from processender.accounts.plain import LATE_S
from processender.accounts.tally import MOST
from processender.agent.scraped import AGENT, SIGNALS
from processender.core.labels import OTHERS
from processender.integrations import prometheus

HEAD = "| name | kind | unit | labels | what it says |\n|---|---|---|---|---|\n"
UNITS = {"s": "seconds", "1": "1", "{crash}": "crashes"}
ABOUT = """
What is counted of the ends of a service, in the words of Prometheus; exporters of OpenTelemetry send the same. How to
get and use them is told in [another guide](../how-to/observe.md). The totals of a service are kept on disk and outlast
its processes, so what is scraped tells of all lives before this one.
"""


def listed(bounds: tuple[float, ...]) -> str:
    """Return *bounds* in a line."""
    return ", ".join(f"{bound:g}" for bound in bounds)


BOUNDS = f"""
The buckets of the times end at {listed(SECONDS)} seconds;
those of `processender_recovery_lag_seconds` at {listed(LAG)}.
A figure has at most {MOST} different sets of labels for each service; what comes then is counted with `{OTHERS}` in
place of the cause, the handler or the code, and `processender_folded_total` says how much that is. A label is at most
{LABEL} characters long.
"""
ZEROS = f"""
Every counter of a service is there with 0 before its first event, since Prometheus does not see the growth of a counter
that begins with 1; causes and handlers that nobody can know are there as they come. `processender_graceful_ratio`
counts a run that has not ended as not graceful once its window has been over for {LATE_S:g} seconds.
"""


def metrics_page(note: str) -> str:
    """Return the page, with *note* below its title."""
    rows = [_row(kind) for kind in KINDS.values()]
    own = [(*row[:3], "") for row in AGENT] + [(*SIGNALS, "`signal`")]
    texts = (
        note,
        ABOUT,
        f"## Of a service\n\n{HEAD}{''.join(rows)}",
        BOUNDS,
        ZEROS,
        "## Of an agent\n\nThese stand beside them at `/metrics` of an agent, and are of its present life.\n",
        "| name | kind | labels | what it says |\n|---|---|---|---|",
        "".join(f"| `processender_{name}` | {kind} | {labels} | {text} |\n" for name, kind, text, labels in own),
        f"## `processender.integrations.prometheus`\n\n{inspect.getdoc(prometheus)}\n",
        function("expose_totals", prometheus.expose_totals),
    )
    return "\n".join(("# Metrics\n", *texts)) + "\n"


def _row(kind: Kind) -> str:
    unit = UNITS.get(kind.unit, f"{kind.unit[1:-1]}s")
    labels = ", ".join(f"`{label}`" for label in kind.labels)
    assert kind.name.endswith("_total") == (kind.kind == COUNTER)
    assert bool(kind.buckets) == (kind.kind == HISTOGRAM)
    return f"| `{kind.name}` | {kind.kind} | {unit} | {labels} | {kind.meaning} |\n"
