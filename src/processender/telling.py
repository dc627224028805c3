"""Who is told of what happens in one life: the report first, then whoever keeps books, then everybody else."""

from __future__ import annotations

import os
from collections.abc import Callable

from .core.events import Event
from .demand import load
from .engine.observers import Outlets
from .hints import Any
from .settings import Settings
from .telemetry.facts import Accounted
from .telemetry.report import ReportWriter
from .telemetry.state import state_place

BOOKS = ("archive.lines", "telemetry.totals")
"""The modules that keep books; each has `take(directory, account)`, and is loaded before the end."""


class Bookkeeper:
    """An observer that hands each account which is kept here, the provisional one and the final one, to the books."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._ready = False
        self._put_off: Accounted | None = None

    def prepare(self) -> None:
        """Load the books, so that nothing is loaded at the end."""
        for name in BOOKS:
            load(name)
        self._ready = True
        if self._put_off is not None:
            # The command was over at once, and the clean-up behind it is not.
            self.observe(self._put_off)

    def observe(self, event: Event) -> None:
        """Hand an account on to all books; raise what the first has raised for which it could not be written down."""
        if not isinstance(event, Accounted) or not event.directory:
            return
        if self._is_nothing(event.account):
            self._put_off = event
            return
        failed: Exception | None = None
        for name in BOOKS:
            try:
                load(name).take(event.directory, event.account)
            except Exception as error:  # one book is not in the way of the other
                failed = failed or error
        if failed is not None:
            raise failed

    def _is_nothing(self, account: dict[str, Any]) -> bool:
        """Tell whether a command was over at once, and well: nobody has ended it, and the books would take longer."""
        return not self._ready and account["cause"] == "exit" and account["verdict"] in {"clean", "forced"}


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
        bookkeeper = Bookkeeper()
        if not settings.in_front:
            # A program may be over in a moment, and counts; in front of a command its own thread does it.
            bookkeeper.prepare()
        outlets.add(bookkeeper)
    else:
        trouble("no-state", place.trouble)
    report.emit = outlets.emit
    if settings.exporters:
        load("exporting").export_all(settings.exporters, outlets, place.path)
    return place.path
