"""
Whether the end is idempotent: each handler run twice, and killed half-way, or at its end, and run again, leaves the
same state.

The state is what a command of the user's prints, or the content of files. What is compared with is a run in which
nothing goes wrong, under the same requests.
"""

from __future__ import annotations

import glob
import hashlib
import os
import subprocess
from collections.abc import Iterator

from ..agent.builtin import COMMAND, DRAIN_DELAY, READINESS
from ..core.drain import BODY, CALL_NOTHING
from ..core.texts import counted, listed
from ..engine.clock import SystemClock
from ..faults.handlers import Fault
from .drawing import Faults, RehearsalError
from .evidence import Finding
from .judge import judge
from .matrix import Tell, Tried, carry_through
from .part import House, Part
from .play import Play

_REQUESTS = 20
_CHECK_S = 60.0
_OWN = {COMMAND, DRAIN_DELAY, READINESS, BODY, *CALL_NOTHING}
"""Handlers that are nobody's."""
ASSERTION = "idempotent"


def is_asked(part: Part) -> bool:
    """Tell whether *part* is of a rehearsal that asserts it; raise `RehearsalError` where no state is named."""
    config = part.config
    scenario = config.scenarios.get(part.scenario)
    own = None if scenario is None else scenario.assertions
    asked = ASSERTION in ((config.assertions or ()) if own is None else own)
    if asked and not (config.state or config.check):
        text = 'give state = ["{work}/*.db"], patterns of files, or check = ["./state.sh"], a command that prints it'
        raise RehearsalError(f"cannot assert {ASSERTION!r}: nobody knows what the state is; {text}")
    return asked


def try_idempotent(part: Part, jobs: int, tell: Tell) -> list[Tried]:
    """
    Run *part* well, then with each handler twice, and with each killed; return what came of each.

    Args:

        part: What is run; its faults are left out.

        jobs: How many runs at the same time.

        tell: Is told how far it is.
    """
    base = _quiet(part)
    first, state, handlers = _state_after(base, House())
    nothing = _nothing_to_compare(base, state, handlers)
    if not first.passed or nothing:
        return [first.replace(findings=(*first.findings, *(Finding(ASSERTION, text) for text in nothing)))]
    faulty = [
        base.replace(faults=Faults((fault,)), scenario=f"{part.scenario}, {name} {_how(fault)}")
        for name, seconds in handlers.items()
        for fault in _faults(name, seconds, part.seed)
    ]

    def attempt(each: Part, house: House) -> Tried:
        then, other, _ = _state_after(each, house)
        return _compared(then, state, other, each.faults.inside[0])

    return [first, *carry_through(faulty, jobs, tell, attempt).tried]


def _nothing_to_compare(part: Part, state: str, handlers: dict[str, float]) -> list[str]:
    """Tell what is not there, so that nothing could be found: that must not pass."""
    found = []
    if not handlers:
        found.append("no report tells of a handler, so none could be run twice; only those of an Ender or an agent can")
    if not state:
        found.append(f"there is no state to compare: no file fits {listed(map(repr, part.config.state))}")
    return found


_NEVER_S = 3600.0


def _how(fault: Fault) -> str:
    if fault.kind == "twice":
        return "run twice"
    return f"killed {'at its end' if fault.seconds == _NEVER_S else 'half-way'} and run again"


def _faults(name: str, seconds: float, seed: int) -> Iterator[Fault]:
    yield Fault("twice", name)
    # Another share of the way for each seed; and the worst moment of all, when it is done and nobody knows.
    yield Fault("killed", name, seconds=seconds * (0.5 if seed == 1 else (seed % 10) / 10))
    yield Fault("killed", name, seconds=_NEVER_S)


def _quiet(part: Part) -> Part:
    """Return *part* with the same requests in each run, one after the other, all of them before the end."""
    load = part.config.load
    config = part.config
    if load.url:
        changed = {name: getattr(load, name) for name in load.__struct_fields__} | {
            "requests": load.requests or _REQUESTS,
            "clients": 1,
        }
        fields = {name: getattr(config, name) for name in config.__struct_fields__}
        config = type(config)(**fields | {"load": type(load)(**changed)})
    return part.replace(config=config, faults=Faults())


def _state_after(part: Part, house: House) -> tuple[Tried, str, dict[str, float]]:
    """Return what came of a run, the state that it has left, and the handlers with how long they took."""
    clock = SystemClock()
    began = clock.now()
    with Play(part, house) as play:
        seen = play.run()
        state = "" if seen.trouble else _state(play)
    own = [each for each in seen.stretches if each.short not in _OWN and each.began is not None]
    handlers = {each.name: (each.ended or 0.0) - (each.began or 0.0) for each in own if each.ended is not None}
    tried = Tried(part.scenario, part.seed, tuple(judge(part.wanted, seen)), seen, clock.now() - began)
    return tried, state, handlers


def _state(play: Play) -> str:
    """Return the state in the place of *play*, as text whose lines can be compared."""
    config, place = play.part.config, play.place
    lines = []
    for pattern in config.state:
        for path in sorted(glob.glob(place.fill(pattern), recursive=True)):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    data = file.read()
                # As much of it as tells two contents apart.
                digest = hashlib.sha256(data).hexdigest()[:12]
                lines.append(f"{path.replace(place.work, '{work}')} of {counted(len(data), 'byte')} ({digest})")
    if config.check:
        environ = os.environ | place.environ(play.part, Faults())
        command = [place.fill(word) for word in config.check]
        try:
            ran = subprocess.run(
                command, env=environ, cwd=play.part.cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                timeout=_CHECK_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RehearsalError(f"cannot ask {command[0]!r} for the state: {error}") from error
        lines += [f"exit code {ran.returncode}", *ran.stdout.decode("utf-8", "replace").splitlines()]
    return "\n".join(lines)


def _compared(tried: Tried, state: str, other: str, fault: Fault) -> Tried:
    findings = list(tried.findings)
    if state != other and not tried.evidence.trouble:
        before, after = state.splitlines(), other.splitlines()
        gone = [line for line in before if line not in after][:3]
        come = [line for line in after if line not in before][:3]
        shown = "; ".join([*(f"without: {line}" for line in gone), *(f"with: {line}" for line in come)])
        text = f"{fault.handler!r} {_how(fault)} leaves another state"
        where = shown or "the same lines, not as often or in another order"
        step = "let it do only what is not done yet"
        if fault.kind == "killed":
            step += ", and keep beforehand what stands in memory alone: the kill takes it"
        findings.append(Finding(ASSERTION, f"{text} ({where}); {step}"))
    return tried.replace(findings=tuple(findings))
