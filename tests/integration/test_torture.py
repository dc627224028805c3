"""The matrix of `bench/torture`: programs that do not stop, with an Ender inside and behind the agent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from bench.torture.cases import CASES, Case
from bench.torture.driver import Cell, run_cell
from bench.torture.interpreters import interpreter, why_not
from bench.torture.scoreboard import line

HANDS = 3
"""How many programs run at the same time: they wait most of their time."""

Key = tuple[str, str]
#: A case of a newer Python is tested when that Python tests.
CELLS = [
    pytest.param(case, column, id=f"{case.name}-{column}")
    for case in CASES
    for column in ("library", "agent")
    if interpreter(case.python)
]


class Cells:
    """Runs the cells that were asked for, in the background, in order."""

    def __init__(self, wanted: list[tuple[Case, str]]) -> None:
        self._todo = list(wanted)
        self._lock = threading.Lock()
        self._done = {(case.name, column): threading.Event() for case, column in wanted}
        self._cells: dict[Key, Cell | BaseException] = {}
        self._hands = [threading.Thread(target=self._work) for _ in range(HANDS)]
        for hand in self._hands:
            hand.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    return
                case, column = self._todo.pop(0)
            try:
                self._cells[case.name, column] = run_cell(case, column, interpreter(case.python))
            except BaseException as error:
                self._cells[case.name, column] = error
            self._done[case.name, column].set()

    def get(self, case: Case, column: str) -> Cell:
        """Return how this cell ended."""
        self._done[case.name, column].wait()
        cell = self._cells[case.name, column]
        if isinstance(cell, BaseException):
            raise cell
        return cell

    def close(self) -> None:
        """Start no more of them."""
        with self._lock:
            self._todo.clear()
        for hand in self._hands:
            hand.join()


@pytest.fixture(scope="module")
def cells(request: pytest.FixtureRequest) -> Iterator[Callable[[Case, str], Cell]]:
    """Run the selected cells side by side; each test waits for its own."""
    chosen = [item.callspec.params for item in request.session.items if item.path == request.path]
    wanted = [(params["case"], params["column"]) for params in chosen]
    running = Cells([(case, column) for case, column in wanted if not why_not(case, column, interpreter(case.python))])
    yield running.get
    running.close()


@pytest.mark.parametrize(("case", "column"), CELLS)
def test_it_stops_in_its_window_and_tells_of_its_critical_step(case, column, cells) -> None:
    """The process and all its children are gone in time, and the `must` handler ran or is reported as not run."""
    assert "" == why_not(case, column, interpreter(case.python))

    cell = cells(case, column)

    assert cell.ok, "\n".join([line(cell), *cell.log])
