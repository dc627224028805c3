"""The matrix of a rehearsal: every scenario with every seed, several at a time, and at last one verdict."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

from ..core.record import Record
from ..engine.clock import SystemClock
from .evidence import STARTS, Evidence, Finding
from .judge import judge
from .part import House, Part
from .play import Play

_LEAVE_S = 10.0
HOPELESS = 3
"""After how many runs of a scenario that all had to be killed no other of it is tried: each takes the whole window."""


class Tried(Record):
    """What came of one run."""

    scenario: str
    """The name of its scenario."""
    seed: int
    """Its seed."""
    findings: tuple[Finding, ...]
    """What is wrong."""
    evidence: Evidence
    """What was seen."""
    took: float = 0.0
    """How long the whole run took, seconds."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


class Verdict(Record):
    """What came of all."""

    tried: tuple[Tried, ...]
    """Every run, in the order of the matrix."""
    left_out: int = 0
    """How many were not tried, because the program does not start, or has to be killed each time."""
    seconds: float = 0.0
    """How long all of them took."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong in any of them."""
        return bool(self.tried) and all(each.passed for each in self.tried)


Tell = Callable[[int, int, int], object]
"""Is told, after each run, how many were tried, of how many, and how many are bad."""
Attempt = Callable[[Part, House], Tried]
"""Carries one run through, on any thread, and returns what came of it."""


def carry_through(
    parts: Iterable[Part], jobs: int, tell: Tell = lambda _done, _all, _bad: None, attempt: Attempt | None = None
) -> Verdict:
    """
    Carry all *parts* through and return the verdict.

    Args:

        parts: The runs.

        jobs: How many at the same time.

        tell: Is told how far it is.

        attempt: Carries one through and judges it, instead of `try_part`.
    """
    matrix = _Matrix(list(parts), tell, attempt or try_part)
    began = matrix.clock.now()
    try:
        matrix.begin(jobs)
        # No join: one that is interrupted takes a thread that works for one that has ended.
        matrix.over.wait()
    except BaseException:
        # Whoever is interrupted leaves nothing running.
        matrix.stop()
        matrix.over.wait(_LEAVE_S)
        raise
    if matrix.error is not None:
        raise matrix.error
    tried = [each for each in matrix.tried if each is not None]
    return Verdict(tuple(tried), len(matrix.parts) - len(tried), matrix.clock.now() - began)


class _Matrix:
    """What the threads share."""

    def __init__(self, parts: list[Part], tell: Tell, attempt: Attempt) -> None:
        self.parts = parts
        self.tried: list[Tried | None] = [None] * len(parts)
        self.clock = SystemClock()
        self.error: BaseException | None = None
        self.over = threading.Event()
        self._working = 0
        self._tell = tell
        self._try = attempt
        self._waiting = deque(range(len(parts)))
        self._house = House()
        self._lock = threading.Lock()

    def begin(self, jobs: int) -> None:
        """Let so many threads work."""
        self._working = jobs
        for _ in range(jobs):
            threading.Thread(target=self._work, name="processender-rehearsal", daemon=True).start()

    def stop(self) -> None:
        """Begin no other run, and end those that are on."""
        with self._lock:
            self._waiting.clear()
        self._house.close()

    def _work(self) -> None:
        self._take_all()
        with self._lock:
            self._working -= 1
            if not self._working:
                self.over.set()

    def _take_all(self) -> None:
        """Take one run after the other until none is left."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                number = self._waiting.popleft()
            try:
                tried = self._try(self.parts[number], self._house)
                with self._lock:
                    self.tried[number] = tried
                    self._count(tried)
            except BaseException as error:
                with self._lock:
                    self.error = error
                    self._waiting.clear()
                return

    def _count(self, tried: Tried) -> None:
        known = [each for each in self.tried if each is not None]
        same = [each for each in known if each.scenario == tried.scenario]
        if any(each.assertion == STARTS for each in tried.findings):
            self._waiting.clear()
        elif len(same) >= HOPELESS and all(each.evidence.killed and not each.passed for each in same):
            for number in [n for n in self._waiting if self.parts[n].scenario == tried.scenario]:
                self._waiting.remove(number)
        self._tell(len(known), len(self.parts), sum(not each.passed for each in known))


def try_part(part: Part, house: House) -> Tried:
    """Carry one run through and judge it."""
    clock = SystemClock()
    began = clock.now()
    with Play(part, house) as play:
        seen = play.run()
    return Tried(part.scenario, part.seed, tuple(judge(part.wanted, seen)), seen, clock.now() - began)
