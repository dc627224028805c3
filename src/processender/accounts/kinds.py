"""The table of all figures: what each is called, what it counts or measures, in which unit, and by what."""

from __future__ import annotations

from ..core.record import Record

COUNTER = "counter"
"""A sum that only grows."""
GAUGE = "gauge"
"""A value that replaces the one before it."""
HISTOGRAM = "histogram"
"""Values that are sorted into buckets."""

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""The upper bounds of the buckets of times, from a quick close to the longest grace of a platform."""
LAG = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0, 604800.0)
"""The same for a recovery, which may come after days."""


class Kind(Record):
    """One kind of figure."""

    name: str
    """Its name, that of Prometheus."""
    kind: str
    """`counter`, `gauge` or `histogram`."""
    unit: str
    """Its unit in the words of UCUM: `s`, `1` for a ratio, or what is counted, in braces."""
    labels: tuple[str, ...]
    """By what it is told apart, always in this order."""
    meaning: str
    """What it says."""
    buckets: tuple[float, ...] = ()
    """The upper bounds of the buckets of a histogram; the last one, without end, is not named."""


_ROWS = (
    ("shutdowns_initiated_total", COUNTER, "{run}", ("service", "cause"),
     "Runs that have begun. What is missing in `processender_shutdowns_completed_total` was killed, or runs now."),
    ("shutdowns_completed_total", COUNTER, "{run}", ("service", "cause", "verdict"),
     "Runs that came to their end, by how they ended: `clean`, `degraded`, `forced` or `cancelled`."),
    ("graceful_ratio", GAUGE, "1", ("service",),
     "The share of all runs that ended `clean`, from 0 to 1; those that were taken back do not count."),
    ("shutdown_duration_seconds", HISTOGRAM, "s", ("service", "cause"),
     "How long a run took.", SECONDS),
    ("shutdown_window_seconds", GAUGE, "s", ("service",),
     "How long the last run had, from its notice to the instant at which the process is gone."),
    ("shutdown_remaining_seconds", HISTOGRAM, "s", ("service",),
     "How much of its window was left as a run ended; 0 where there was nothing left.", SECONDS),
    ("handler_outcomes_total", COUNTER, "{handler}", ("service", "handler", "outcome"),
     "Handlers that have ended, by how: `done`, `failed`, `timed_out`, `abandoned` or `skipped`."),
    ("handler_duration_seconds", HISTOGRAM, "s", ("service", "handler"),
     "How long a handler that has begun took, with all its attempts.", SECONDS),
    ("handler_retries_total", COUNTER, "{attempt}", ("service", "handler"),
     "Attempts of a handler that came after its first."),
    ("drain_wait_seconds", HISTOGRAM, "s", ("service",),
     "How long after its notice a run had left traffic, and had waited for the work that was in progress.", SECONDS),
    ("work_in_flight_total", COUNTER, "{piece}", ("service",),
     "Pieces of work, such as requests, that were in progress as a run began."),
    ("work_cut_total", COUNTER, "{piece}", ("service",),
     "Pieces of work that were told to break off, or were not finished as a run ended."),
    ("obligations_open", GAUGE, "{obligation}", ("service",),
     ("Things that are owed now, without those in the dead-letter list; where that cannot be looked up, "
      "those that the last run has left.")),
    ("obligations_dead", GAUGE, "{obligation}", ("service",),
     "Things in the dead-letter list: nobody tries to release them any more, and a human must look."),
    ("obligations_settled_total", COUNTER, "{obligation}", ("service", "state"),
     "Things that were `released`, in a life or by a recovery, or that went to the dead-letter list (`dead`)."),
    ("crashes_total", COUNTER, "{crash}", ("service", "cause"),
     "Processes that died without a run, or in the middle of one, by what is known of why."),
    ("recovery_lag_seconds", HISTOGRAM, "s", ("service",),
     ("How long what a dead process owed has waited: from its crash, where somebody saw it, else from the last entry "
      "in its journal, to the end of its recovery."), LAG),
    ("signal_thefts_total", COUNTER, "{theft}", ("service",),
     "How often something else in the process took a signal away that the Ender had."),
    ("plan_error_seconds", HISTOGRAM, "s", ("service",),
     "How far the time that a plan foretold for the whole was from the time that it took.", SECONDS),
    ("troubles_total", COUNTER, "{trouble}", ("service", "code"),
     "What could not be done as wished, by the code of the trouble."),
    ("folded_total", COUNTER, "{figure}", ("figure",),
     "Figures that were counted under `(others)`, because there were too many different labels."),
    ("service_info", GAUGE, "1", ("service", "version", "deployment", "zone", "node"),
     "Always 1; the labels tell what the last run has said of itself."),
)  # fmt: skip

KINDS = {f"processender_{row[0]}": Kind(f"processender_{row[0]}", *row[1:]) for row in _ROWS}
"""All of them by name."""
