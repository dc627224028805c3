"""
The engine of the agent: the Ender with all that its plan needs, and what the main thread must know of its run.

It is loaded before the command starts, so that nothing is imported at the worst moment; `--lean` puts that off until
the end begins, and spares a command that ends by itself the time and the memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ..bare import BareEnder
from ..core.events import Event, Trouble
from ..core.handler import Handler
from ..core.notice import Action, Notice
from ..core.outcome import Verdict
from ..demand import load
from ..engine.clock import SystemClock
from ..engine.delay import drain_delay
from ..hints import Any
from ..ports import Context, Observer
from . import kernel
from .builtin import COMMAND, DRAIN_DELAY, READINESS
from .drain import fail_readiness, pass_readiness
from .durations import format_duration
from .health import Health
from .ladder import Ladder
from .lines import Lines
from .oom import kills
from .settings import Settings
from .voice import Voice
from .watch import RunWatch, Watched
from .wiring import Calls, build_ender, calls_of_nothing, command_budget, handlers_of, tellers

HEARD_S = 1.0
HEARD_SHARE = 0.05
"""How long, and which part of the time, the signal waits for those that have joined to hear of the end before it."""
LAST_WORDS_S = 2.0
"""How long the reports are waited for of those that have joined and ended."""
_ENDED_S = 5.0
_LATE_S = 0.1
"""How long the agent's own copy of a signal is waited for that all processes of a unit get, one after the other."""


class Engine(Watched):
    """The Ender of one agent; its run happens on threads of its own."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        command: Any,
        health: Health,
        observers: Sequence[Observer] = (),
        joined: Any = None,
        ladder: Any = None,
    ) -> None:  # fmt: skip
        """
        Take everything up except signals and files.

        Args:

            settings: What was decided.

            name: The name of the service.

            command: What is to be brought to its end: a `Command`, or an `Application` that is not ours.

            health: What the probes say.

            observers: Who else is told of every event.

            joined: The applications that have joined; None as long as none can have.

            ladder: What brings it to its end, instead of a `Ladder`.
        """
        self._settings = settings
        self._name = name
        self._command = command
        self._clock = SystemClock()
        talkative = bool(settings.handlers) or ladder is not None
        self._heard: set[int] = set()
        self._ladder = ladder = ladder or self._new_ladder()
        self._renewal: Ladder | None = None
        self.tracked: tuple[Handler, ...] = ()
        """What releases that of which the command's shells have let this process keep track."""
        self._watch = RunWatch(kernel.wake, ladder.hurry, lambda: command.kill(everything=True))
        self._watch.story.tell(settings, lambda: [] if self._joined is None else self._joined.courses())
        lines = Lines(as_json=settings.json_lines, talkative=talkative, verbosity=settings.verbosity)
        self._voice = Voice(lines)
        self._joined = joined
        self._health = health
        self._code: Callable[[Verdict | None], int] | None = None
        self._message: Any = None
        told: list[Any] = [lines, self._watch, *observers, *tellers(settings, name)]
        if settings.termination_log and os.path.exists(settings.termination_log):
            # The kubelet makes the file before the container starts; nobody else has it.
            made = load("integrations.kubernetes").TerminationMessage
            self._message = made(settings.termination_log, name, self._exit_code)
            told.append(self._message)
        self.ender: BareEnder = build_ender(settings, name, self._calls(settings), told)

    def _calls(self, settings: Settings) -> Calls:
        """Return what the agent's own handlers call."""
        return {
            READINESS: fail_readiness(self._health),
            f"resume {READINESS}": pass_readiness(self._health),
            DRAIN_DELAY: drain_delay(settings.drain_delay, settings.grace, self._command.when_gone),
            COMMAND: self._end_command,
        }

    def _end_command(self, ctx: Context) -> None:
        """Tell those that have joined how long they have, and bring the command to its end."""
        notice = self._watch.notice
        if self._joined is not None:
            self._joined.tell(ctx.cause, "" if notice is None else notice.sender, "stop", ctx.remaining())
            self._joined.await_heard(min(HEARD_S, HEARD_SHARE * ctx.remaining()))
        try:
            self._ladder.stop(ctx)
        finally:
            if self._joined is not None:
                self._joined.await_reports(min(LAST_WORDS_S, ctx.remaining()))

    def _new_ladder(self) -> Ladder:
        return Ladder(self._command, self._settings.steps, self._emit, wait_tree=self._settings.wait_tree)

    def end_of_command(self) -> Callable[[Context], None]:
        """Return what brings the command to its end although it will be started again."""
        # Not the one of the end of all, which may come meanwhile: two cannot listen to one bell.
        self._renewal = self._renewal or self._new_ladder()
        return self._renewal.stop

    def arm(self, code: Callable[[Verdict | None], int]) -> None:
        """Begin to take notices; *code* tells the exit code for the report."""
        self._code = code
        self.ender.install()
        self.ender.returns(code)
        self.ender.embeds(lambda: None if self._joined is None else self._joined.account())
        for misfit in self.ender.plan().misfits:
            self.tell("does-not-fit", f"{misfit.reason}; see `processender plan`")

    @property
    def budget(self) -> str:
        """The time that the command will have from its stop signal to KILL."""
        return format_duration(command_budget(self.ender))

    @property
    def seconds(self) -> float:
        """The same, as seconds."""
        return command_budget(self.ender)

    def tell(self, code: str, text: str) -> None:
        """Tell the observers that something could not be done."""
        self._emit(Trouble(self._clock.now(), code, text))

    def _emit(self, event: Event) -> None:
        self.ender.tell(event)

    def hear(self, heard: kernel.Heard) -> None:
        """Take a signal that means the end."""
        self._heard.add(heard.number)
        name = kernel.name_of(heard.number)
        self.take(Notice(name, "signals", self._clock.now(), signum=heard.number, sender=heard.sender))

    def take(self, notice: Notice) -> None:
        """Take what somebody says or asks for; those that have joined leave traffic, and come back, with the agent."""
        whole = notice.action is Action.RESUME and not notice.key  # see `Listeners.observe`
        if self._joined is not None and (notice.action is Action.DRAIN or whole):
            self._joined.tell(notice.cause, notice.sender, str(notice.action))
        self.ender.notify(notice)

    def join(self, joined: Any) -> None:
        """Take the applications that join from now on."""
        self._joined = joined

    def change(self, settings: Settings) -> None:
        """Take over *settings* as far as they are about the end; raise `ProcessEnderError` and change nothing else."""
        handlers = handlers_of(settings, self._calls(settings))
        gone = [each.name for each in handlers_of(self._settings, calls_of_nothing())]
        self.ender.exchange(gone, handlers, settings.grace)
        self._settings = settings
        if self._health.ready:
            self.ender.come_back()

    @property
    def withdrawable(self) -> bool:
        """Whether there is something to take back, and nothing beyond the drain has begun."""
        return self.ender.withdrawable

    def command_ended(self) -> None:
        """Take note that the command has ended by itself: so does the agent."""
        if not self.ender.stopping.is_set():
            self.ender.stop("exit")

    def finish(self) -> None:
        """Wait until the report is written."""
        self.ender.ending().wait(_ENDED_S)

    def _exit_code(self, verdict: Verdict | None) -> int:
        return 0 if self._code is None else self._code(verdict)

    def observe(self, event: Event) -> None:
        """Tell of an event that comes after the run."""
        self._voice.observe(event)

    def crashed(self) -> bool:
        """Tell whether the command has ended as it should not. Main thread only."""
        status, notice = self._command.status, None if self.kill_at is None else self._watch.notice
        code = -status + 128 if status and status < 0 else status
        if not status or code in self._settings.expect_exit:
            return False
        asked = bool(self._heard) or (notice is not None and notice.origin != "api") or self._asked_late(status)
        # Who was asked to end may leave with any code, and die of what the agent has sent, or has heard itself.
        return not (asked and (status > 0 or -status in {*self._ladder.signals, *self._heard}))

    def _asked_late(self, status: int) -> bool:
        """Tell whether the end is asked for just now: who signals all at once may have reached the command first."""
        number = -status if status < 0 else status - 128
        wait = _LATE_S if self._settings.policy.get(number) == "stop" else 0.0
        until = self._clock.now() + wait
        while (heard := kernel.take(until - self._clock.now())) is not None:
            if self._settings.policy.get(heard.number) == "stop":
                self._heard.add(heard.number)
                return True
        return False

    def after_crash(self, cause: str = "", restarts: int = 0) -> None:
        """
        Account for a crash of the command, and release what its dead have left.

        Args:

            cause: Why the agent itself has ended it; empty if it has not.

            restarts: How often it was started again before.
        """
        command = self._command
        status = command.status or 0
        facts = {"status": status, "pid": command.pid, "program": command.argv[0], "core": command.core}
        facts |= {"cause": cause or self._oom(status), "restarts": restarts}
        try:
            crash = load("agent.crash").Crash(self._name, os.environ, self._settings, self.observe)
            report = crash.handle(facts, self._watch.last)
            if self._message is not None:
                self._message.crashed(report)
        except Exception as error:  # the exit code of the command matters more
            text = f"cannot do all that follows a crash: {error}; run `processender recover`"
            self.observe(Trouble(self._clock.now(), "crash", text))
        self._voice.flush()

    def _oom(self, status: int) -> str:
        """Return `oom` where the kernel has killed the command, or what it waited for, for want of memory."""
        killed = status in {-kernel.KILL, 128 + kernel.KILL} and kernel.KILL not in self._command.sent
        return "oom" if killed and kills() > self._command.ooms >= 0 else ""

    def tracker(self) -> Any:
        """Return who keeps, in a journal of this process, what the command's shells track."""
        tracking = load("agent.tracking")
        return tracking.tracker_of_agent(
            self._name, os.environ, self._add_tracked, lambda text: self.tell("journal", text)
        )

    def _add_tracked(self, handler: Handler) -> None:
        self.ender.add(handler)
        self.tracked = (handler,)
