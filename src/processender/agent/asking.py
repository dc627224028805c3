"""
Carries out the steps that ask a command to end, on the worker of the engine that climbs the ladder.

Theory of operation. A deed that can hang, and a look at a condition, has a thread of its own, and the worker waits for
the bell: so it hears at once that the command is gone, that the deed is done, or that it must hurry. A deed that fails
or hangs is told, and the next step comes at once; when it was the last one, the command is still asked by TERM.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..core.events import Event, RoomEvent, Trouble
from ..engine.brief import BriefContext
from ..engine.clock import SystemClock
from ..hints import ClassVar
from ..ports import Context
from . import kernel
from .command import Command
from .deed import Deed
from .steps import Step, lengths

LOOK_S = 0.1
"""How long lies between two looks at the conditions of a step."""
_TAIL_S, _TAIL_SHARE = 1.0, 0.1
_GIVE_WAY_S = 0.25


class StopStep(RoomEvent):
    """A step to the end of the command has begun."""

    key: ClassVar[str] = "stop.step"
    words: ClassVar[dict[str, str]] = {
        "step": "processender.stop.step",
        "number": "processender.stop.number",
        "of": "processender.stop.steps",
    }

    step: str
    """What is done."""
    number: int
    """Its number, from 1."""
    of: int
    """How many there are."""

    @property
    def text(self) -> str:
        """Which step it is."""
        return f"step {self.number} of {self.of} to the end of the command: {self.step}"


class Pace:
    """The time that the steps have, and the bell that tells that something has happened."""

    def __init__(self, ctx: Context, need: float, wait: Callable[[float], object], ring: Callable[[], object]) -> None:
        """
        Take what the ladder knows.

        Args:

            ctx: The context of the handler.

            need: How much of its time is not for the steps, seconds.

            wait: Waits for the bell, at most some seconds.

            ring: Rings it.
        """
        self.ctx = ctx
        self.wait = wait
        self.ring = ring
        self._need = need

    def left(self) -> float:
        """Return the seconds that are left for the steps."""
        return max(0.0, self.ctx.remaining() - self._need)


class Asking:
    """The steps of one command."""

    def __init__(self, command: Command, steps: Sequence[Step], tell: Callable[[Event], object]) -> None:
        """Take the *command*, the *steps*, and who is told of each and of what fails."""
        self._command = command
        self._steps = tuple(steps)
        self._tell = tell
        self._clock = SystemClock()
        self._hurried = False

    @property
    def signals(self) -> tuple[int, ...]:
        """The signals that the steps send."""
        return tuple(step.signum for step in self._steps if step.signum)

    def hurry(self) -> None:
        """Let what a step does give way when the bell rings next."""
        self._hurried = True

    def carry_out(self, pace: Pace) -> None:
        """Take one step after the other; return when the command is gone or the time is up."""
        failed = False
        for number, step in enumerate(self._steps):
            if self._over(pace):
                break
            failed = not self._take(number, step, pace)
        if failed:
            self._signal(kernel.TERM)
        while not self._over(pace):
            pace.wait(pace.left())

    def _take(self, number: int, step: Step, pace: Pace) -> bool:
        """Do what a step does and wait until it is time for the next; return False at once when that failed."""
        rest = self._steps[number + 1 :]
        length = lengths([each.wait for each in self._steps[number:]], pace.left())[0]
        until = self._clock.now() + length
        if len(self._steps) > 1 or not step.signum:
            self._tell(StopStep(self._clock.now(), step.shown, number + 1, len(self._steps)))
        # When the last deed hangs, there must be time for TERM.
        tail = 0.0 if rest else min(_TAIL_S, _TAIL_SHARE * length)
        why = self._do(step, BriefContext.part_of(pace.ctx, str(number + 1), until - tail, self._clock), pace)
        if why and not self._command.gone:
            self._say(f"{step.shown}: {why}; {f'next: {rest[0].shown}' if rest else 'TERM is sent instead'}")
        if not why:
            self._await_next(step, BriefContext.part_of(pace.ctx, "until", until, self._clock), pace)
        return not why

    def _over(self, pace: Pace) -> bool:
        # The main thread rings when it has waited for the command, and the engine when the time is up.
        return self._command.gone or pace.left() <= 0

    def _do(self, step: Step, ctx: BriefContext, pace: Pace) -> str:
        """Do what a step does; return why that failed, an empty text when it did not."""
        if step.signum:
            self._signal(step.signum, first=step is self._steps[0])
            return ""
        # Who is stopped hears nothing before it goes on.
        self._command.send(kernel.CONT)
        if step.close_stdin:
            return "" if self._command.close_stdin() else "the agent does not hold its other end"
        call, pid = step.call, self._command.pid
        if call is None:
            return "there is nothing to do"
        deed = Deed(lambda given: call(given, pid), ctx, pace.ring)
        # It may have more to do when the command is gone already.
        while not deed.done and min(ctx.remaining(), pace.left()) > 0 and not self._hurried:
            pace.wait(min(ctx.remaining(), pace.left()))
        if deed.done:
            return deed.why
        ctx.cancel()
        until = self._clock.now() + _GIVE_WAY_S
        while not deed.done and self._clock.now() < until:
            # It ends the processes that it has started.
            pace.wait(until - self._clock.now())
        return "it did not end in its time"

    def _signal(self, signum: int, *, first: bool = False) -> None:
        self._command.send(signum, first=first)
        # Who is stopped hears nothing before it goes on.
        self._command.send(kernel.CONT)

    def _await_next(self, step: Step, ctx: BriefContext, pace: Pace) -> None:
        """Wait until it is time for the next step."""
        looks = _Looks(step, self._command.pid)
        deed = Deed(looks.look, ctx, pace.ring) if step.until else None
        while not self._over(pace) and ctx.remaining() > 0 and not (deed is not None and deed.done):
            pace.wait(min(ctx.remaining(), pace.left()))
        if deed is None:
            return
        ctx.cancel()
        why = deed.why or looks.why
        if why and not self._command.gone:
            self._say(f"{step.shown}: {why}; it was waited for long enough")

    def _say(self, text: str) -> None:
        self._tell(Trouble(self._clock.now(), "stop-step", text))


class _Looks:
    """The looks at the conditions of a step."""

    def __init__(self, step: Step, pid: int) -> None:
        self.why = f"the first look ({', '.join(until.shown for until in step.until)}) has not come to its end"
        self._step = step
        self._pid = pid

    def look(self, ctx: BriefContext) -> None:
        """Look until all conditions hold or the time is up."""
        while ctx.remaining() > 0:
            self.why = next(filter(None, (until.look(ctx, self._pid) for until in self._step.until)), "")
            if not self.why:
                return
            ctx.pause(LOOK_S)
