"""
A world with a time of its own: while all of its threads wait, its clock jumps to the next instant at which one goes on.

Theory of operation. Who enters a world is its first thread, and every thread that one of them starts is another. One of
them runs at a time. Where it would block - in a sleep, a condition, an event, a queue, a join, an event loop - it says
for what and how long, and hands over; `standins` has what stands in for all that blocks. A thread of the world's own,
the stage hand, looks who can go on, one after another; if nobody can, it moves the clock. So an hour passes in no time,
and the same program does the same things in the same order.

A thread may block where nobody sees it: in a socket, a lock, in C. It keeps its turn for `PATIENCE_S` real seconds, in
which no time passes in the world; then it counts as away, and the others go on without it. The kernel is asked whether
it truly sleeps: one that a busy machine does not let run is no thread that blocks. Where an event loop has sockets, the
real network is given time to speak before the clock jumps, the more the further it would.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import ProcessEnderError

PATIENCE_S = 0.5
"""How long a thread may block for real before the others go on without it, seconds."""
MOST_PATIENCE_S = 10.0
"""The same for one that sleeps and wakes all the time, and says nothing."""
NETWORK_S, MOST_NETWORK_S = 0.05, 5.0
"""How long the real network may at least, and at most, take to speak before the clock jumps, seconds."""
NETWORK_SHARE = 0.05
"""The same, of the jump."""
STALLED_S = 10.0
"""How long everybody may wait for something that the clock does not bring, seconds."""
_GLIMPSE_S = 0.0002
_LOOKS = 5
NEVER = float("inf")


class StalledError(ProcessEnderError):
    """All threads wait, and none of them for a time: whatever it is, it does not come."""

    code = "stalled"


class _Thread:
    """One thread of the world."""

    def __init__(self) -> None:
        """Wait for the first turn."""
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.ready: Callable[[], object] = lambda: True
        self.until = NEVER
        self.waits = True
        self.networked = False
        self.came = True
        self.id = 0
        self.error: Exception | None = None


class World:
    """A world with a time of its own; entered and left by one thread."""

    def __init__(self, now: float) -> None:
        """Begin at the instant *now*, seconds."""
        self.now = now
        """What time it is."""
        self.over = False
        """Whether its threads live in the real time again."""
        self._threads: dict[int, _Thread] = {}
        self._order: list[_Thread] = []
        self._lock = _thread.allocate_lock()
        self._running: _Thread | None = None
        self._back = _thread.allocate_lock()
        self._back.acquire()
        self._quiet = False
        self._hand = threading.Thread(target=self._serve, name="processender-world", daemon=True)

    def enter(self) -> None:
        """Let the calling thread be the first one."""
        self._first = self._running = first = self.expect()
        first.waits, first.id = False, _thread.get_native_id()
        # Its own thread is none of the world.
        self._hand.start()
        self._threads[_thread.get_ident()] = first

    def leave(self) -> None:
        """Let time be real again, for everybody; to be called by the thread that has entered."""
        with self._lock:
            self.over = True
            self._threads.clear()
            for each in self._order:
                if each.waits:
                    each.gate.release()
            if self._back.locked():
                self._back.release()
        self._hand.join()

    def has(self, ident: int) -> bool:
        """Tell whether the thread of this identifier is one of this world."""
        return ident in self._threads

    # Threads that come and go.

    def expect(self) -> _Thread:
        """Return a place for a thread that is about to start."""
        made = _Thread()
        with self._lock:
            self._order.append(made)
        return made

    def arrive(self, place: _Thread) -> None:
        """Let the calling thread take its *place*, and wait for its first turn."""
        self._threads[_thread.get_ident()], place.id = place, _thread.get_native_id()
        place.gate.acquire()

    def depart(self, place: _Thread) -> None:
        """Let the thread of this *place* be gone."""
        self._threads.pop(_thread.get_ident(), None)
        self._hand_over(place, gone=True)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Let the calling thread block for real, for the length of a block."""
        ident = _thread.get_ident()
        place = self._threads.pop(ident)
        try:
            yield
        finally:
            if not self.over:
                self._threads[ident] = place

    # Waiting.

    def wait(self, ready: Callable[[], object], seconds: float | None, *, networked: bool = False) -> bool | None:
        """
        Let the calling thread wait until *ready*, which may not block, says so, at most so many *seconds*.

        Return whether it was ready; None if the world is over, and the rest of it is to be waited for in real time.
        """
        place = self._threads.get(_thread.get_ident())
        if place is None:
            return None
        place.ready, place.networked = ready, networked
        place.until = NEVER if seconds is None else self.now + max(0.0, seconds)
        self._hand_over(place)
        place.gate.acquire()
        if place.error is not None:
            error, place.error = place.error, None
            raise error
        return None if self.over else place.came

    def _hand_over(self, place: _Thread, *, gone: bool = False) -> None:
        with self._lock:
            place.waits = not gone
            if gone and place in self._order:
                self._order.remove(place)
            if self.over:
                if place.waits:
                    place.gate.release()
            elif self._running is place:
                self._running = None
                self._back.release()

    # The stage hand.

    def _serve(self) -> None:
        while not self.over:
            if not self._comes_back():
                self._go_on_without()
            if not self.over and not self._give_turn():
                self._stall()

    def _comes_back(self) -> bool:
        """Wait until the turn is given back; return whether it is, or whoever has it blocks for real."""
        still, seen, waited = 0, "", 0.0
        while still < _LOOKS and waited < MOST_PATIENCE_S:
            if self._back.acquire(True, PATIENCE_S / _LOOKS):
                return True
            place, before = self._running, seen
            seen = _sleeping(place.id) if place is not None else "away"
            still = still + 1 if seen and seen == before else 0
            waited += PATIENCE_S / _LOOKS
        return False

    def _go_on_without(self) -> None:
        """Let the others go on without the thread that has its turn and blocks for real."""
        with self._lock:
            if self._running is None:
                self._back.acquire(False)
            self._running = None

    def _give_turn(self) -> bool:
        """Find who can go on, whatever the clock must be for that; return whether there was anybody."""
        waited = 0.0
        while not self.over:
            if self._turn():
                return True
            next_ = self._next()
            pause = _GLIMPSE_S if next_ < NEVER else _GLIMPSE_S * 10
            self._back.acquire(True, pause)  # nobody has a turn, so that it only takes its time
            waited += pause
            if self._turn():
                return True
            if next_ < NEVER and waited >= self._network(next_ - self.now):
                self._quiet = True
                self.now = max(self.now, next_)
            elif next_ == NEVER and waited > STALLED_S:
                return False
        return True

    def _next(self) -> float:
        """Return the next instant at which anybody goes on."""
        with self._lock:
            return min((each.until for each in self._order if each.waits), default=NEVER)

    def _network(self, jump: float) -> float:
        """Return how long the network is given before a *jump*; nothing if it has been given that, and is silent."""
        with self._lock:
            if self._quiet or not any(each.waits and each.networked for each in self._order):
                return 0.0
        return min(MOST_NETWORK_S, max(NETWORK_S, NETWORK_SHARE * jump))

    def _turn(self) -> bool:
        with self._lock:
            if self.over:
                return True
            for place in self._order:
                if place.waits and ((came := bool(place.ready())) or place.until <= self.now):
                    place.came, place.waits = came, False
                    self._order.remove(place)
                    self._order.append(place)
                    self._quiet = self._quiet and not place.networked
                    self._running = place
                    place.gate.release()
                    return True
        return False

    def _stall(self) -> None:
        """Tell the first thread that nothing comes any more."""
        with self._lock:
            first = self._first
            if first.waits:
                first.waits, self._running = False, first
                first.error = StalledError(
                    f"all threads wait, none of them for a time, and nothing has come for {STALLED_S:.0f} s: "
                    "what they wait for must be done by a thread that was started inside"
                )
                first.gate.release()


def _sleeping(id_: int) -> str:
    """Return how often a thread has slept so far, as text, if it sleeps now; empty if it runs, or would like to."""
    try:
        with open(f"/proc/self/task/{id_}/status", encoding="ascii") as file:
            told = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    except OSError:
        return "gone"
    return told["voluntary_ctxt_switches"] if told["State"][0] in "SD" else ""
