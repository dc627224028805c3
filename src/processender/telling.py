"""Who is told of what happens in one life: the report first, then whoever keeps books, then everybody else."""

from __future__ import annotations

import os
from collections.abc import Callable

from .demand import load
from .engine.observers import Outlets
from .hints import Any
from .settings import Settings
from .telemetry.bookkeeping import Bookkeeper
from .telemetry.report import ReportWriter
from .telemetry.state import state_place


def tell_all(settings: Settings, outlets: Outlets, report: ReportWriter, trouble: Callable[[str, str], object]) -> str:
    """
    Add everybody to *outlets* and open the *report*; return the state directory, empty where there is none.

    Args:

        settings: What the Ender was told.

        outlets: Who tells.

        report: Who writes the account.

        trouble: Is told, with a code, what is wrong.
    """
    outlets.add(report, before_effect=True)
    usual: tuple[Any, ...] = ()
    if settings.observers is None:
        usual = (load("telemetry.structured").LoggingObserver(settings.name),)
    for observer in settings.observers or usual:
        outlets.add(observer)
    environ = os.environ if settings.state is None else {"PROCESSENDER_STATE": settings.state}
    place = state_place(settings.place_name, environ)
    if place.path:
        report.open(place.path)
        bookkeeper = Bookkeeper(BOOKS)
        if settings.exit != "return":
            # A program may be over in a moment; in front of a command the thread of the bookkeeper does it.
            bookkeeper.prepare()
        outlets.add(bookkeeper)
    else:
        trouble("no-state", place.trouble)
    report.emit = outlets.emit
    if settings.exporters:
        load("exporting").export_all(settings.exporters, outlets, place.path)
    return place.path


BOOKS = ("archive.lines", "telemetry.totals")
"""The modules that keep books; each has `take(directory, account)`, and is loaded before the end."""
