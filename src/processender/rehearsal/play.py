"""
One run, carried through: the program is started, loaded, brought to its end as the script says, and looked at.

A program that a fault has killed is started once more in the same place, as a platform would do it, and ends well: what
counts is what the second life leaves.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

from ..agent.durations import parse_duration
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..faults.handlers import VARIABLE, as_text
from ..hints import Any, Self
from ..looking import journals_of, look
from ..stage.program import Program
from ..stage.readiness import is_ready
from ..stage.sequences import Replayed, replay
from .drawing import Faults, fill
from .evidence import Evidence
from .load import Load
from .part import HOST, House, Part
from .prompting import Prompter

_LOOK_S = 0.01
_SETTLED_S = 0.3
"""How long a program runs that tells nobody when it has started, before its end comes."""
_LAST_WORDS_S = 5.0
_LINGER_S = 0.3
"""How much later than the program its children may be gone."""
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
        self.port, self.probe_port = house.free(), house.free()
        self.prompter = Prompter(part, stack)
        self.names = {
            "port": str(self.port),
            "probe_port": str(self.probe_port),
            "work": self.work,
            "seed": str(part.seed),
            **self.prompter.addresses,
        }
        """What the words of the configuration stand for."""

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
            return self._life(Faults(), again=True).replace(answers=answered)
        text = "the process was to be killed, and was not: what it was to be killed at has not happened"
        return seen.replace(missed=text)

    def _life(self, faults: Faults, *, again: bool = False) -> Evidence:
        """Start the program, end it, and return what was seen."""
        part = self.part
        environ = self.place.environ(part, faults)
        try:
            with Program(part.command(self.place.names), env=environ, cwd=part.cwd) as program:
                self._house.enter(program, program.kill)
                try:
                    trouble = self._start(program)
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
        settled = self._clock.now() + _SETTLED_S
        while not self._has_started(program, settled):
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
        if self.ready and not _is_url(self.ready):
            return f"it did not write {self.ready!r}"
        return f"{self.ready} did not answer 200" if self.ready else f"nothing listened at {self.url}"

    def _has_started(self, program: Program, settled: float) -> bool:
        ready, url = self.ready, self.url
        if ready and not (is_ready(ready) if _is_url(ready) else ready in program.output):
            return False
        if url and not _listens(url):
            return False
        return bool(ready or url) or (self._clock.now() > settled and not program.ended)

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
        if load is not None:
            load.start()
        if load is not None and self._config.load.requests:
            load.await_all(parse_duration(self._config.start_within))
        threading.Event().wait(self.part.lead)
        prompter = self.place.prompter
        if load is not None:
            if _is_url(self.ready):
                load.leave_when(lambda: is_ready(self.ready), parse_duration(self._config.propagation, zero=True))
            else:
                # Nothing tells that it is no longer ready, so a platform takes it out of traffic beforehand.
                load.leave()
        began, written = self._clock.now(), set(self._reports())
        there = {pid: _named(pid) for pid in program.left()}
        prompter.begin(faults, there, self.place.fill)
        try:
            replayed = replay(self.part.sequence, program.pid, linger=_LINGER_S)
        finally:
            prompter.end()
        if load is not None:
            load.close(parse_duration(self._config.load.timeout) + _LAST_WORDS_S)
        return self._seen(program, replayed, load, began, set(self._reports()) - written, there)

    def _load(self) -> Load:
        config = self._config.load
        return Load(config, self.url, str(self.part.seed), parse_duration(config.timeout), self._clock)

    def _seen(
        self,
        program: Program,
        replayed: Replayed,
        load: Load | None,
        began: float,
        written: set[str],
        there: dict[int, str],
    ) -> Evidence:
        """Return what was seen of an end that *began* at an instant, and has *written* reports, with those *there*."""
        code = program.wait()
        killed = any(step.signal == "KILL" for step in replayed.sent)
        sent = tuple(signal.Signals[f"SIG{step.signal}"] for step in replayed.sent if step.signal != "KILL")
        kept = self._config.load.kept
        return Evidence(
            exit=code,
            seconds=replayed.gone_at,
            window=self.part.sequence.window,
            killed=killed,
            signals=tuple(int(each) for each in sent),
            began=began,
            answers=() if load is None else tuple(load.answers),
            accounts=_accounts(written),
            left=() if killed else tuple(self._left(program, replayed, there)),
            kept=_read(self.place.fill(kept)) if kept else None,
            output=program.output[-_TAIL:],
            missed="; ".join(self.place.prompter.troubles),
        )

    def _reports(self) -> list[str]:
        """Return the files of all reports, also of those that are not done."""
        return glob.glob(f"{glob.escape(self.place.state)}/*/reports/[!.l]*.json")

    def _left(self, program: Program, replayed: Replayed, there: dict[int, str]) -> Iterator[str]:
        """Tell what is left: processes, of whom *there* has the names, files, and what the journals owe."""
        for pid in sorted({*replayed.left, *program.left()}):
            yield f"the process {pid}{there.get(pid) or _named(pid)}"
        for pattern in self._config.gone:
            for path in sorted(glob.glob(self.place.fill(pattern))):
                yield f"the file {path}"
        for name in sorted(os.listdir(self.place.state)):
            try:
                journals = journals_of(os.path.join(self.place.state, name))
                standings = [each for path in journals for each in look(path).standings]
            except ProcessEnderError as error:
                yield f"a journal that cannot be read ({error})"
                continue
            for each in standings:
                yield f"{each.obligation.kind} {each.obligation.what!r}, {each.state} in a journal,"


def _last_words(program: Program) -> str:
    output = program.output[-_TAIL:].rstrip()
    return f"it has written:\n{output}" if output else "it has written nothing"


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), 1.0):
            return True
    except OSError:
        return False


def _accounts(paths: set[str]) -> tuple[dict[str, Any], ...]:
    """Return the reports that stand in the files *paths*."""
    found = []
    for path in sorted(paths):
        with contextlib.suppress(ValueError, OSError), open(path, encoding="utf-8") as file:
            found.append(json.load(file))
    return tuple(found)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _named(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return f" ({words[:80]})" if words else ""
