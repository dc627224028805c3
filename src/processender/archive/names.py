"""The numbers that stand for names in an archive; how many different ones there are is bounded, whatever comes in."""

from __future__ import annotations

import re

from ..core.labels import OTHERS
from . import sql
from .sql import Database

MOST_SERVICES = 1000
MOST_VALUES = {"version": 1000, "zone": 100, "deployment": 200, "cause": 64}
"""How many different values of each kind a service can have."""
MOST_CELLS = 5000
"""How many different combinations of them a service can have."""
MOST_HANDLERS = 600
"""How many different handlers a cell can have."""
MOST_REASONS = 20
"""How many different reasons a handler of a cell can have."""
_NUMBERS = re.compile(r"\d+\.\d+")
_KINDS = tuple(MOST_VALUES)
Cell = tuple[str, str, str, str, str]
"""Service, version, zone, deployment and cause."""


class Names:
    """The numbers of cells, handlers and reasons, each service read when it comes up; new ones wait for `write`."""

    def __init__(self, database: Database) -> None:
        """Take the *database*, which nobody else changes until `write` is done."""
        self._database = database
        self._services = {row[0]: False for row in database.rows("SELECT DISTINCT service FROM cells")}
        self._next = {name: _next(database, name) for name in ("cells", "handlers", "reasons")}
        self._cells: dict[Cell, int] = {}
        self._values: dict[tuple[str, str], set[str]] = {}
        self._handlers: dict[int, dict[tuple[str, str, str], int]] = {}
        self._reasons: dict[int, dict[str, int]] = {}
        self._of_service: dict[str, int] = {}
        self._new: dict[str, list[tuple[object, ...]]] = {"cells": [], "handlers": [], "reasons": []}

    def cell(self, wanted: Cell) -> int:
        """Return the number of the cell, which may stand for others too."""
        known = self._cells.get(wanted)
        if known is not None:
            return known
        service = wanted[0]
        if not self._services.get(service):
            if service not in self._services and len(self._services) >= MOST_SERVICES:
                service = OTHERS
            self._read(service)
        values = [self._room(service, kind, value) for kind, value in zip(_KINDS, wanted[1:], strict=True)]
        cell = (service, *values)
        if cell not in self._cells and self._of_service[service] >= MOST_CELLS:
            cell = (service, OTHERS, OTHERS, OTHERS, values[3])
        return self._cells.get(cell) or self._add_cell(cell)  # type: ignore[arg-type]

    def handler(self, cell: int, name: str, phase: str, importance: str) -> int:
        """Return the number of a handler of a cell."""
        handlers = self._handlers[cell]
        key = (name, phase, importance)
        if key not in handlers and len(handlers) >= MOST_HANDLERS:
            key = (OTHERS, "", "")
        known = handlers.get(key)
        if known is None:
            known = handlers[key] = self._number("handlers")
            self._reasons[known] = {}
            self._new["handlers"].append((known, cell, *key))
        return known

    def reason(self, handler: int, why: str) -> int:
        """Return the number of a reason of a handler, 0 for none."""
        if not why:
            return 0
        kind = kind_of(why)
        reasons = self._reasons[handler]
        if kind not in reasons and len(reasons) >= MOST_REASONS:
            kind = why = OTHERS
        known = reasons.get(kind)
        if known is None:
            known = reasons[kind] = self._number("reasons")
            self._new["reasons"].append((known, handler, why))
        return known

    def write(self) -> None:
        """Write the new ones."""
        for table, statement in (
            ("cells", sql.ADD_CELLS),
            ("handlers", sql.ADD_HANDLERS),
            ("reasons", sql.ADD_REASONS),
        ):
            if self._new[table]:
                self._database.many(statement, self._new[table])
                self._new[table] = []

    def _number(self, table: str) -> int:
        self._next[table] += 1
        return self._next[table]

    def _room(self, service: str, kind: str, value: str) -> str:
        """Return *value*, or what stands for it where there are too many of its kind."""
        known = self._values.setdefault((service, kind), set())
        return value if value in known or len(known) < MOST_VALUES[kind] else OTHERS

    def _add_cell(self, cell: Cell) -> int:
        number = self._number("cells")
        self._know(number, cell)
        self._new["cells"].append((number, *cell))
        return number

    def _know(self, number: int, cell: Cell) -> None:
        self._cells[cell] = number
        self._handlers[number] = {}
        self._of_service[cell[0]] = self._of_service.get(cell[0], 0) + 1
        for kind, value in zip(_KINDS, cell[1:], strict=True):
            self._values.setdefault((cell[0], kind), set()).add(value)

    def _read(self, service: str) -> None:
        """Read what is known of *service*."""
        if self._services.get(service):
            return
        self._services[service] = True
        self._of_service.setdefault(service, 0)
        rows = self._database.rows
        chosen = "SELECT id FROM cells WHERE service = ?"
        cells = "SELECT id, service, version, zone, deployment, cause FROM cells WHERE service = ?"
        for number, *cell in list(rows(cells, (service,))):
            self._know(number, tuple(cell))
        handlers = f"SELECT id, cell, name, phase, importance FROM handlers WHERE cell IN ({chosen})"
        for number, cell, *key in list(rows(handlers, (service,))):
            self._handlers[cell][tuple(key)] = number
            self._reasons[number] = {}
        of_handlers = f"SELECT id FROM handlers WHERE cell IN ({chosen})"
        reasons = f"SELECT id, handler, text FROM reasons WHERE handler IN ({of_handlers})"
        for number, handler, why in list(rows(reasons, (service,))):
            self._reasons[handler][kind_of(why)] = number


def kind_of(why: str) -> str:
    """Return what the reason *why* has in common with others: "2.31 s after the notice" is another text each time."""
    return _NUMBERS.sub("N", why)


def _next(database: Database, table: str) -> int:
    ((last,),) = list(database.rows(f"SELECT coalesce(max(id), 0) FROM {table}"))
    return int(last)
