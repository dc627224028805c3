"""Runs the matrix, a few cells at a time: they wait most of their time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable

from .cases import CASES, Case
from .driver import COLUMNS, Cell, run_cell
from .interpreters import interpreter, why_not

HANDS = 3
"""How many cells run at the same time."""

Tell = Callable[[int, int, Cell], object]
"""Hears of the progress: how many of how many, and the last one."""


def jobs(
    cases: Iterable[Case], columns: Iterable[str], rounds: int, *, make: bool
) -> tuple[list[tuple[Case, str, str]], list[str]]:
    """Return what can be run, with the Python that runs it, and what cannot, with the reason."""
    can: list[tuple[Case, str, str]] = []
    cannot: list[str] = []
    for case in cases:
        python = interpreter(case.python, make=make)
        for column in columns:
            reason = why_not(case, column, python)
            if reason:
                cannot.append(f"{case.name}, {column}: {reason}")
            else:
                can += [(case, column, python)] * rounds
    return can, cannot


def run(
    tell: Tell, names: Iterable[str] = (), columns: Iterable[str] = COLUMNS, rounds: int = 1
) -> tuple[list[Cell], list[str]]:
    """Run the cells of the cases with these *names*, or of all; return them in order, and what was left out."""
    wanted = [case for case in CASES if not names or case.name in names]
    can, cannot = jobs(wanted, list(columns), rounds, make=True)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Cell | BaseException]] = queue.SimpleQueue()
    for number in range(len(can)):
        todo.put(number)
    for _ in range(HANDS):
        threading.Thread(target=_work, args=(todo, done, can), daemon=True).start()
    cells: dict[int, Cell] = {}
    while len(cells) < len(can):
        number, cell = done.get()
        if isinstance(cell, BaseException):
            raise cell
        cells[number] = cell
        tell(len(cells), len(can), cell)
    return [cells[number] for number in range(len(can))], cannot


def _work(todo: queue.SimpleQueue[int], done: queue.SimpleQueue, can: list[tuple[Case, str, str]]) -> None:
    while True:
        try:
            number = todo.get_nowait()
        except queue.Empty:
            return
        try:
            done.put((number, run_cell(*can[number])))
        except BaseException as error:
            done.put((number, error))
