"""The panels of the dashboard, as data: what each shows, and by which expressions."""

from __future__ import annotations

from typing import NamedTuple

OF = 'service=~"$service"'
STEP, SPAN = "$__interval", "$__range"


class Panel(NamedTuple):
    """One panel."""

    title: str
    """Its title."""
    shape: str
    """`stat`, `ranks`, `bars` or `lines`."""
    width: int
    """How wide it is, of 24."""
    unit: str
    """The unit of its values, in Grafana's words."""
    text: str
    """What it says."""
    queries: tuple[tuple[str, str], ...]
    """Its expressions, each with the legend of what comes of it."""


def grown(name: str, by: str = "", span: str = STEP, where: str = OF) -> str:
    """Return the expression for how much a counter has grown in a *span*, *by* some labels."""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (increase(processender_{name}_total{{{where}}}[{span}]))"


def quantile(of: float, name: str, by: str = "service", span: str = "6h") -> str:
    """Return the expression for a quantile of a histogram over a *span*."""
    return f"histogram_quantile({of}, sum by ({by}, le) (rate(processender_{name}_bucket{{{OF}}}[{span}])))"


def halves(name: str) -> tuple[tuple[str, str], ...]:
    """Return the queries for the time that half of them, and all but a twentieth, took."""
    return tuple((quantile(of, name), f"{{{{service}}}} p{of * 100:g}") for of in (0.5, 0.95))


CLEAN = grown("shutdowns_completed", "", SPAN, f'{OF},verdict="clean"')
CANCELLED = grown("shutdowns_completed", "", SPAN, f'{OF},verdict="cancelled"')
BEGUN = grown("shutdowns_initiated", "", SPAN)
KILLED = f"clamp_min({BEGUN} - {grown('shutdowns_completed', '', SPAN)}, 0)"
UNDONE = grown("handler_outcomes", "service, handler, outcome", SPAN, f'{OF},outcome!="done"')
SLOWEST = quantile(0.95, "handler_duration_seconds", "service, handler", SPAN)
WINDOW = f"min by (service) (processender_shutdown_window_seconds{{{OF}}})"
FOLDED = f"sum by (figure) (increase(processender_folded_total[{STEP}]))"

NUMBERS = (
    Panel(
        "Graceful",
        "stat",
        4,
        "percentunit",
        "The share of all ends in this time that were clean.",
        ((f"{CLEAN} / ({BEGUN} - {CANCELLED})", "graceful"),),
    ),
    Panel(
        "Graceful, ever",
        "stat",
        4,
        "percentunit",
        "The same since counting began.",
        ((f"processender_graceful_ratio{{{OF}}}", "{{service}}"),),
    ),
    Panel(
        "Killed",
        "stat",
        4,
        "none",
        "Runs that have begun and of which nothing was heard again: what SIGKILL leaves.",
        ((KILLED, "killed"),),
    ),
    Panel(
        "Owed now",
        "stat",
        4,
        "none",
        "Things that must still be released.",
        ((f"sum(processender_obligations_open{{{OF}}})", "open"),),
    ),
    Panel(
        "Dead letters",
        "stat",
        4,
        "none",
        "Things that nobody tries to release any more: a human must look.",
        ((f"sum(processender_obligations_dead{{{OF}}})", "dead"),),
    ),
    Panel(
        "Crashes",
        "stat",
        4,
        "none",
        "Processes that died without a run, or in the middle of one.",
        ((grown("crashes", "", SPAN), "crashes"),),
    ),
)
ENDS = (
    Panel(
        "Ends by verdict",
        "bars",
        12,
        "none",
        "How they ended.",
        ((grown("shutdowns_completed", "verdict"), "{{verdict}}"),),
    ),
    Panel(
        "Ends by cause",
        "bars",
        12,
        "none",
        "What they began with.",
        ((grown("shutdowns_initiated", "cause"), "{{cause}}"),),
    ),
    Panel(
        "How long an end takes",
        "lines",
        12,
        "s",
        "Half of them, all but a twentieth, and the window that they have.",
        (*halves("shutdown_duration_seconds"), (WINDOW, "{{service}} window")),
    ),
    Panel(
        "What is left of the window",
        "lines",
        12,
        "s",
        "Half of them, and all but a twentieth, have at least so much left.",
        (
            (quantile(0.5, "shutdown_remaining_seconds"), "{{service}} p50"),
            (quantile(0.05, "shutdown_remaining_seconds"), "{{service}} p5"),
        ),
    ),
)
HANDLERS = (
    Panel(
        "Slowest handlers",
        "ranks",
        12,
        "s",
        "All but a twentieth of their runs took at most so long.",
        ((f"topk(15, {SLOWEST})", "{{service}} {{handler}}"),),
    ),
    Panel(
        "Handlers that were not done",
        "ranks",
        12,
        "none",
        "Failed, timed out, abandoned or skipped.",
        ((f"topk(15, {UNDONE} > 0)", "{{service}} {{handler}} {{outcome}}"),),
    ),
    Panel(
        "Retries",
        "bars",
        8,
        "none",
        "Attempts of handlers after their first.",
        ((grown("handler_retries", "handler"), "{{handler}}"),),
    ),
    Panel(
        "Waiting for traffic and work",
        "lines",
        8,
        "s",
        "Until traffic was left and work in progress was over.",
        halves("drain_wait_seconds"),
    ),
    Panel(
        "Work in progress",
        "bars",
        8,
        "none",
        "What was in progress as the end began, and what of it was cut.",
        (
            (grown("work_in_flight", "service"), "{{service}} in flight"),
            (grown("work_cut", "service"), "{{service}} cut"),
        ),
    ),
)
AFTERWARDS = (
    Panel("Crashes by cause", "bars", 8, "none", "What is known of why.", ((grown("crashes", "cause"), "{{cause}}"),)),
    Panel(
        "Obligations",
        "bars",
        8,
        "none",
        "What was released, and what went to the dead-letter list.",
        ((grown("obligations_settled", "state"), "{{state}}"),),
    ),
    Panel(
        "How late a recovery comes",
        "lines",
        8,
        "s",
        "From a crash to the end of its recovery.",
        halves("recovery_lag_seconds"),
    ),
    Panel(
        "How wrong plans are",
        "lines",
        8,
        "s",
        "Between what was foretold and what it took.",
        halves("plan_error_seconds"),
    ),
    Panel(
        "Troubles",
        "bars",
        8,
        "none",
        "What could not be done as wished, by its code.",
        ((grown("troubles", "code"), "{{code}}"),),
    ),
    Panel(
        "Signals that were taken away",
        "bars",
        8,
        "none",
        "And figures put together because there were too many names.",
        ((grown("signal_thefts", "service"), "{{service}} thefts"), (FOLDED, "{{figure}} folded")),
    ),
)
PANELS = (*NUMBERS, *ENDS, *HANDLERS, *AFTERWARDS)
"""All of them, in the order in which they are read."""
VERSIONS = f"count by (service, version, deployment) (processender_service_info{{{OF}}})"
"""What changes when another version runs; it is marked in all panels."""
