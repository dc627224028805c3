"""Who keeps books: each module takes the accounts, a provisional one and the final one, and notes what it needs."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.events import Event
from ..demand import load
from .facts import Accounted


class Bookkeeper:
    """An observer that hands each account which is kept here to some modules."""

    def __init__(self, books: Sequence[str]) -> None:
        """Take the names of the *books*, modules with `take(directory, account)`."""
        self._books = books

    def prepare(self) -> None:
        """Load the books, so that nothing is loaded at the end."""
        for name in self._books:
            load(name)

    def observe(self, event: Event) -> None:
        """Hand an account on to all books; raise what the first has raised for which it could not be written down."""
        if not isinstance(event, Accounted) or not event.directory:
            return
        failed: Exception | None = None
        for name in self._books:
            try:
                load(name).take(event.directory, event.account)
            except Exception as error:  # one book is not in the way of the other
                failed = failed or error
        if failed is not None:
            raise failed
