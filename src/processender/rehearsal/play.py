"""
One run, carried through: the program is started, loaded, brought to its end as the script says, and looked at.

A program that a fault has killed is started once more in the same place, as a platform would do it, and ends well: what
counts is what the second life leaves.
"""

from __future__ import annotations

import glob
import signal
import tempfile
import threading
from contextlib import ExitStack

from ..agent.durations import parse_duration
from ..engine.clock import SystemClock
from ..faults.handlers import VARIABLE, as_text
from ..hints import Self
from ..stage.program import Program
from ..stage.readiness import is_ready
from ..stage.sequences import Replayed, replay
from .drawing import Faults, fill
from .evidence import Evidence
from .load import Load, is_url, listens
from .part import HOST, House, Part
from .prompting import Prompter
from .traces import left_of, named, pulse, read_accounts, read_text

_LOOK_S = 0.01
_SETTLED_S, _LONGEST_SETTLED_S = 0.3, 10.0
"""How long a program that tells nobody when it has started is to compute nothing, before its end comes; and at most."""
_LAST_WORDS_S = 5.0
_LINGER_S = 1.0
"""How much later than the program its children may be gone; a busy machine lets them wait."""
_UNTOUCHED = ("sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh")
"""What a write to a full disk must not do is end the program, as the signal of its stand-in would."""
_OF_KILL = {-signal.SIGKILL, 128 + signal.SIGKILL}
"""How a program ends that was killed, and an agent whose command was."""
_TAIL = 2000
"""How much of what a program has written is kept, characters."""


class Place:
    """Where a run happens: its directory, its ports, the networks to its upstreams."""

    def __init__(self, part: Part, house: House, stack: ExitStack) -> None:
        """Make it; *stack* removes it."""
        self.work = stack.enter_context(tempfile.TemporaryDirectory(prefix="processender-rehearsal-"))
        self.state = stack.enter_context(tempfile.TemporaryDirectory(prefix="processender-rehearsal-state-"))
        self.port, self.probe_port = (self._port(house, stack) for _ in range(2))
        self.prompter = Prompter(part, stack)
        self.names = {
            "port": str(self.port),
            "probe_port": str(self.probe_port),
            "work": self.work,
            "seed": str(part.seed),
            **self.prompter.addresses,
        }
        """What the words of the configuration stand for."""

    @staticmethod
    def _port(house: House, stack: ExitStack) -> int:
        port = house.free()
        stack.callback(house.give_back, port)
        return port

    def fill(self, text: str) -> str:
        """Return *text* with what its words stand for."""
        return fill(text, self.names)

    def environ(self, part: Part, faults: Faults) -> dict[str, str]:
        """Return the variables of the program's environment."""
        own = {"PORT": str(self.port), "REHEARSAL_WORK": self.work, "PROCESSENDER_STATE": self.state}
        told = {name: self.fill(value) for name, value in part.config.env.items()}
        return own | ({VARIABLE: as_text(faults.inside)} if faults.inside else {}) | told


class Play:
    """One run. `with Play(part, house) as play: play.run()`; its directory is there until the block is left."""

    def __init__(self, part: Part, house: House) -> None:
        """Take what is to be run; nothing happens yet."""
        self.part = part
        self._config = part.config
        self._clock = SystemClock()
        self._house = house
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Make the place."""
        self.place = Place(self.part, self._house, self._stack)
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the place."""
        self._stack.close()

    def run(self) -> Evidence:
        """Carry the run through and return what was seen."""
        seen = self._life(self.part.faults)
        if not self.part.faults.kills or seen.trouble:
            return seen
        if seen.exit in _OF_KILL and not seen.killed:
            # What was lost in flight was lost by the kill; what was answered must still be there.
            answered = tuple(each for each in seen.answers if not each.lost)
            return self._life(Faults(), again=True).replace(answers=answered, loaded=seen.loaded, again=True)
        text = "the process was to be killed, and was not: what it was to be killed at has not happened"
        return seen.replace(missed=text)

    def _life(self, faults: Faults, *, again: bool = False) -> Evidence:
        """Start the program, end it, and return what was seen."""
        part = self.part
        environ = self.place.environ(part, faults)
        command = [*(_UNTOUCHED if faults.disk_full else ()), *part.command(self.place.names)]
        try:
            with Program(command, env=environ, cwd=part.cwd) as program:
                self._house.enter(program, program.kill)
                try:
                    trouble = self._start(program)
                    if trouble and faults.kills and program.ended and program.wait() in _OF_KILL:
                        return Evidence(exit=program.wait(), output=program.output[-_TAIL:])
                    if trouble:
                        return Evidence(trouble=trouble, output=program.output[-_TAIL:])
                    return self._end(program, faults, with_load=not again)
                finally:
                    self._house.left(program)
        except OSError as error:
            return Evidence(trouble=f"{part.config.command[0]!r} cannot be started: {error.strerror or error}")

    # The start.

    def _start(self, program: Program) -> str:
        """Wait until the program has started; return why it has not."""
        limit = parse_duration(self._config.start_within)
        until, pause = self._clock.now() + limit, threading.Event()
        self._begin_settling()
        # Who answers where the program has ended is somebody else.
        while not self._has_started(program) or program.ended:
            if program.ended:
                code = program.wait()
                forked = f", and {len(program.left())} processes of it go on" if program.left() else ""
                step = "; start it in the foreground, so that it can be ended" if forked else ""
                return f"it ended with {code} before it was ready{forked}{step}; {_last_words(program)}"
            if self._clock.now() > until:
                text = f"it was not ready within {limit:g} s: {self._missing()}"
                return f"{text}; give start_within more if it takes longer; {_last_words(program)}"
            pause.wait(_LOOK_S)
        return ""

    def _missing(self) -> str:
        """Return what has not come that tells that the program has started."""
        if self.ready and not is_url(self.ready):
            return f"it did not write {self.ready!r}"
        return f"{self.ready} did not answer 200" if self.ready else f"nothing listened at {self.url}"

    def _has_started(self, program: Program) -> bool:
        ready, url = self.ready, self.url
        if ready and not (is_ready(ready) if is_url(ready) else program.has_written(ready)):
            return False
        if url and not listens(url):
            return False
        return bool(ready or url) or self._has_settled(program)

    def _begin_settling(self) -> None:
        self._pulse, self._busy_at = "", self._clock.now()
        self._settled_at = self._busy_at + _LONGEST_SETTLED_S

    def _has_settled(self, program: Program) -> bool:
        """Tell whether nothing has been computed for a while; a busy machine may not even have let it begin."""
        now, before = self._clock.now(), self._pulse
        self._pulse = pulse(program.left())
        if not self._pulse or self._pulse != before:
            self._busy_at = now
        return now > min(self._busy_at + _SETTLED_S, self._settled_at)

    @property
    def ready(self) -> str:
        """What tells that the program is ready: a URL or a text."""
        config = self._config
        if not config.ready and self.part.agent and any("{probe_port}" in word for word in self.part.agent):
            return f"http://{HOST}:{self.place.probe_port}/readyz"
        return self.place.fill(config.ready)

    @property
    def url(self) -> str:
        """Where the load goes."""
        return self.place.fill(self._config.load.url)

    # The end.

    def _end(self, program: Program, faults: Faults, *, with_load: bool) -> Evidence:
        load = self._load() if with_load and self.url else None
        short = self._await_load(load) if load is not None else ""
        program.lives_for(self.part.lead)
        if program.ended:
            return self._closed(load, self._early(program))
        prompter = self.place.prompter
        if load is not None:
            if is_url(self.ready):
                load.leave_when(lambda: is_ready(self.ready), parse_duration(self._config.propagation, zero=True))
            else:
                # Nothing tells that it is no longer ready, so a platform takes it out of traffic beforehand.
                load.leave()
        began, written = self._clock.now(), set(self._reports())
        there = {pid: named(pid) for pid in program.left()}
        prompter.begin(faults, there, self.place.fill, program.environ)
        try:
            replayed = replay(self.part.sequence, program.pid, linger=_LINGER_S)
        finally:
            prompter.end()
        asked = self._closed(load, Evidence(missed=short))
        return self._seen(asked, program, replayed, began, set(self._reports()) - written, there)

    def _early(self, program: Program) -> Evidence:
        """Return what is seen of a program that has ended before its end came."""
        code, window = program.wait(), self.part.sequence.window
        text = f"it ended with {code} before its end came, and nobody had asked it to end"
        return Evidence(exit=code, window=window, began=self._clock.now(), output=program.output[-_TAIL:], missed=text)

    def _await_load(self, load: Load) -> str:
        """Put the *load* on; return what has not come of it before the end."""
        config = self._config.load
        load.start()
        timeout = parse_duration(config.timeout)
        if not config.requests:
            load.await_one(timeout + _LAST_WORDS_S)
            return ""
        limit = parse_duration(self._config.start_within) + timeout + 2 * config.requests / config.rate
        if load.await_all(limit):
            return ""
        made = len(load.answers)
        return (
            f"only {made} of {config.requests} requests were made within {limit:g} s, and all were to be before the end"
        )

    def _closed(self, load: Load | None, seen: Evidence) -> Evidence:
        """Return what was *seen*, with what became of the *load*."""
        if load is None:
            return seen
        load.close(parse_duration(self._config.load.timeout) + _LAST_WORDS_S)
        return seen.replace(loaded=True, answers=tuple(load.answers), blind=load.blind)

    def _load(self) -> Load:
        config = self._config.load
        return Load(config, self.url, str(self.part.seed), parse_duration(config.timeout), self._clock)

    def _seen(
        self, asked: Evidence, program: Program, replayed: Replayed, began: float, written: set[str],
        there: dict[int, str],
    ) -> Evidence:  # fmt: skip
        """Return, with what came of those who *asked*, an end that *began* then, and has *written* reports."""
        code = program.wait()
        killed = any(step.signal == "KILL" for step in replayed.sent)
        sent = tuple(signal.Signals[f"SIG{step.signal}"] for step in replayed.sent if step.signal != "KILL")
        kept = self._config.load.kept
        missed = [text for text in (asked.missed, *self.place.prompter.troubles) if text]
        if not sent and not killed and not self.part.deeds:
            missed.append(f"it ended with {code} by itself, as its end was about to come")
        return asked.replace(
            exit=code,
            seconds=replayed.gone_at,
            window=self.part.sequence.window,
            killed=killed,
            signals=tuple(int(each) for each in sent),
            began=began,
            accounts=read_accounts(written),
            left=() if killed else tuple(self._left(program, replayed, there)),
            kept=read_text(self.place.fill(kept)) if kept else None,
            output=program.output[-_TAIL:],
            missed="; ".join(missed),
        )

    def _reports(self) -> list[str]:
        """Return the files of all reports, also of those that are not done."""
        return glob.glob(f"{glob.escape(self.place.state)}/*/reports/[!.l]*.json")

    def _left(self, program: Program, replayed: Replayed, there: dict[int, str]) -> list[str]:
        """Tell what is left behind a while later; what came up last was in no tree yet."""
        clock, pause = self._clock, threading.Event()
        until = clock.now() + (0.0 if replayed.left else _LINGER_S)
        while program.left() and clock.now() < until:
            pause.wait(_LOOK_S)
        pids = {*replayed.left, *program.left()}
        return list(left_of(pids, there, map(self.place.fill, self._config.gone), self.place.state))


def _last_words(program: Program) -> str:
    output = program.output[-_TAIL:].rstrip()
    return f"it has written:\n{output}" if output else "it has written nothing"
