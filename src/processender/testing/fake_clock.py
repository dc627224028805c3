"""
A clock that jumps: your own Ender, with its handlers, ends in a window of 30 s, and the test takes milliseconds.

    with FakeClock() as clock:
        ran = clock.run(ender, "30s")
        assert ran.verdict == "clean"

Everything is the real thing: the handlers, their retries, the threads and event loops of the engine. Only the time is
not: whatever waits, as `time.sleep`, `asyncio.sleep`, time-outs, events, queues and joins do, waits no longer than it
takes the others to wait, too. What blocks in a socket, a lock or in C takes no time of this clock for half a second,
and then counts as hanging; a name that a module has imported, `from time import sleep`, is the real one.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from ..ender import Ender
from ..engine.callables import is_async
from ..engine.clock import SystemClock, series
from ..errors import StateError
from ..faults.handlers import VARIABLE, Fault, as_text
from .notices import Notices, Said, span
from .ran import Ran
from .standins import standing_in
from .world import World


class FakeClock:
    """A clock that jumps, for the thread that enters it and all threads that come of it."""

    def __init__(self, *, chance: Callable[[], float] | None = None) -> None:
        """
        Be a real clock until it is entered.

        Args:

            chance: Gives the numbers in [0, 1) from which pauses are drawn; None for the same ones in each run.
        """
        self.left: list[int] = []
        """The codes by which the process would have been left by force so far; the first is what it would have."""
        self._chance = chance
        self._world: World | None = None
        self._undo = ExitStack()
        self._begun = 0.0

    def __enter__(self) -> Self:
        """Let time jump."""
        real = SystemClock()
        self._begun = real.now()
        self._world = world = World(self._begun)
        state = tempfile.TemporaryDirectory(prefix="processender-test-", ignore_cleanup_errors=True)
        self._undo.callback(_replace({"PROCESSENDER_STATE": self._undo.enter_context(state)}, drop="PROCESSENDER_"))
        chance = self._chance or series()
        self._undo.enter_context(standing_in(world, real.wall() - self._begun, chance, self.left.append))
        self._undo.callback(world.leave)
        world.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let time be real again."""
        self._undo.close()

    @property
    def passed(self) -> float:
        """How many seconds have passed since it was entered."""
        return self._entered().now - self._begun

    def advance(self, seconds: float | str) -> None:
        """Let time pass, and all happen that happens meanwhile."""
        self._entered().wait(lambda: False, span(seconds))

    def run(
        self, ender: Ender, within: float | str | None = None, *, cause: str = "SIGTERM",
        notices: Notices | None = None, faults: Iterable[Fault] = (),
    ) -> Ran:  # fmt: skip
        """
        Enter *ender*, let it hear of its end, and return what came of it.

        Args:

            ender: The Ender, with its handlers and resources, not entered yet.

            within: The seconds until the process will be gone, or a text like `30s`; None for the grace of the Ender.

            cause: Why it ends.

            notices: What is said of the end, instead of one notice.

            faults: What goes wrong with its handlers, see `processender.testing.faults`.
        """
        lines: list[Said] = list(notices or (Said(0.0, cause, within=None if within is None else span(within)),))
        left = len(self.left)
        restore = _replace({VARIABLE: as_text(faults)})
        try:
            self._live(ender, lines)
        finally:
            restore()
        account = ender.report
        if account is None:
            raise StateError(f"no run of {ender.name!r} has begun: nothing that was said has asked for its end")
        return Ran(account, left=self.left[left:], killed_at=notices.killed_at if notices is not None else None)

    def _live(self, ender: Ender, lines: list[Said]) -> None:
        """Let *ender* live as long as the *lines* let it, on a loop of its own where it has anything for one."""
        world = self._entered()
        said = threading.Event()

        def say() -> None:
            begun = world.now
            for line in lines:
                world.wait(lambda: False, begun + line.at - world.now)
                ender.notify(line.notice(world.now))
            said.set()

        def work() -> None:
            threading.Thread(target=say, name="test-notices", daemon=True).start()
            # The body leaves when it is asked to, and what is said later is heard during the end.
            world.wait(lambda: ender.stopping.is_set() or said.is_set(), None)

        try:
            if _needs_loop(ender):
                asyncio.run(_live_on_loop(ender, work))
            else:
                with ender:
                    work()
        except SystemExit as error:
            self.left.append(error.code if isinstance(error.code, int) else 1)

    def _entered(self) -> World:
        if self._world is None or self._world.over:
            raise StateError("the clock is the real one: enter it first, or take the fixture fake_clock")
        return self._world


def _needs_loop(ender: Ender) -> bool:
    """Tell whether *ender* has handlers, or resources, that are async."""
    handlers = ender.plan().graph.handlers
    resources = ender._resources  # noqa: SLF001 - it asks in the stead of the application, which knows its resources
    return any(each.is_async for each in resources) or any(each.call and is_async(each.call) for each in handlers)


async def _live_on_loop(ender: Ender, work: Callable[[], None]) -> None:
    """Live as an async application does, whose body is cancelled, or leaves when its *work* is over."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def wait() -> None:
        work()
        with suppress(RuntimeError):  # the loop may be gone
            loop.call_soon_threadsafe(over.set)

    async with ender:
        threading.Thread(target=wait, name="test-body", daemon=True).start()
        await over.wait()


def _replace(new: Mapping[str, str], *, drop: str = "") -> Callable[[], object]:
    """Set the variables *new*, without those that begin with *drop*; return what takes that back."""
    gone = [name for name in os.environ if drop and name.startswith(drop)]
    before = {name: os.environ.get(name) for name in (*gone, *new)}
    for name in gone:
        del os.environ[name]
    os.environ.update(new)

    def restore() -> None:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    return restore
