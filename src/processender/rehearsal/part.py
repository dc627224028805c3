"""One run, before it begins: what is started, what is done to it, and what is asserted, drawn for one seed."""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
from collections.abc import Callable, Mapping

from ..agent.durations import parse_duration
from ..core.record import Record
from ..integrations.ci import Step
from ..stage import sequences
from ..stage.sequences import Sequence
from .drawing import Faults, RehearsalError, draw_faults, draw_span, fill
from .judge import BY_DEFAULT, Wanted
from .schema import RehearsalConfig, ScenarioConfig, StepConfig

PORTS = range(20_000, 32_000)
"""Below the ports that the kernel gives to outgoing connections, so that no client takes one of them."""
HOST = "127.0.0.1"
PLAIN = "plain"
"""The name of the scenario where none is described."""


class Deed(Record):
    """A step of the script that is no signal."""

    at: float
    """When, seconds since the first step."""
    step: StepConfig
    """What is done."""


class Part(Record):
    """One run of the rehearsal."""

    scenario: str
    """The name of the scenario."""
    seed: int
    """The seed."""
    config: RehearsalConfig
    """What is said of all runs."""
    faults: Faults
    """What goes wrong."""
    sequence: Sequence
    """The signals, the kill at last."""
    deeds: tuple[Deed, ...]
    """The other steps of the script."""
    lead: float
    """How long the load is on before the end, seconds."""
    wanted: Wanted
    """What is asserted."""
    agent: tuple[str, ...] = ()
    """The options of the agent around the command, with its program; empty without one."""
    cwd: str = "."
    """The working directory."""

    def command(self, places: Mapping[str, str]) -> list[str]:
        """Return the argv."""
        return [fill(word, places) for word in (*self.agent, *self.config.command)]


def parts_of(
    config: RehearsalConfig, seeds: Callable[[], list[int]], agent: tuple[str, ...], window: float, cwd: str
) -> list[Part]:
    """
    Return every run of the matrix, all scenarios of a seed behind one another.

    Args:

        config: What is said of all runs.

        seeds: Tells the seeds.

        agent: The agent around the command.

        window: After how long the program is killed, seconds, where no scenario says another.

        cwd: The working directory.
    """
    scenarios = config.scenarios or {PLAIN: ScenarioConfig()}
    return [
        _part(name, scenario, seed, config, agent, window, cwd)
        for seed in seeds()
        for name, scenario in scenarios.items()
    ]


def _part(
    name: str, scenario: ScenarioConfig, seed: int, config: RehearsalConfig, agent: tuple[str, ...], window: float,
    cwd: str,
) -> Part:  # fmt: skip
    # Nothing is secret here, and the same seed must draw the same.
    chance = random.Random(f"{name}/{seed}").random  # noqa: S311
    window = parse_duration(scenario.window) if scenario.window else window
    named = scenario.assertions if scenario.assertions is not None else config.assertions
    steps = scenario.end or ([] if scenario.platform else config.end)
    try:
        sequence, deeds = _script(steps, scenario.platform or config.platform, window, chance)
        lead = draw_span(config.lead, chance)
    except ValueError as error:
        raise RehearsalError(f"cannot hold the scenario {name!r}: {error}") from error
    wanted = Wanted(
        tuple(each for each in (BY_DEFAULT if named is None else named) if each != "idempotent"),
        order=tuple(map(tuple, config.order)),
        needs=tuple(map(tuple, config.needs)),
        exit=_codes(scenario.exit if scenario.exit is not None else config.exit),
        explicit=named is not None,
    )
    faults = draw_faults(scenario.faults, config.upstreams, chance)
    wanted = wanted.replace(faulty=tuple(each.handler for each in faults.inside if each.handler))
    return Part(name, seed, config, faults, sequence, deeds, lead, wanted, agent, cwd)


def _codes(codes: list[int] | None) -> tuple[int, ...] | None:
    return None if codes is None else tuple(codes)


def _script(
    steps: list[StepConfig], platform: str, window: float, chance: Callable[[], float]
) -> tuple[Sequence, tuple[Deed, ...]]:
    """Return the signals and the other deeds of the script."""
    if platform and not steps:
        known = {each.name: each for each in sequences.ALL}
        if platform not in known:
            raise RehearsalError(f"there is no platform {platform!r}; known: {', '.join(known)}")
        return known[platform], ()
    signals, deeds = [], []
    for step in steps or [StepConfig(signal="TERM")]:
        at = draw_span(step.at, chance)
        given = [key for key in ("signal", "write", "post", "run") if getattr(step, key) is not None]
        if len(given) != 1:
            raise RehearsalError("a step of the end is one of signal, write, post or run")
        if step.signal is not None:
            signals.append(Step(at, step.signal.removeprefix("SIG")))
        else:
            deeds.append(Deed(at, step))
    signals.sort(key=lambda each: each.at)
    late = max([*(each.at for each in signals), *(each.at for each in deeds)], default=0.0)
    if late >= window:
        raise RehearsalError(f"a step comes {late:g} s after the first, and the kill after {window:g} s")
    return Sequence("script", (*signals, Step(window, "KILL"))), tuple(deeds)


class House:
    """Gives free ports, none of them twice, and knows whom to end when everybody must leave. Safe for threads."""

    def __init__(self) -> None:
        """Begin with nobody inside."""
        self._given: set[int] = set()
        self._inside: dict[object, Callable[[], object]] = {}
        self._closed = False
        self._lock = threading.Lock()

    def enter(self, who: object, leave: Callable[[], object]) -> None:
        """Let *who* in, whom *leave* ends, from any thread; at once where everybody has to leave."""
        with self._lock:
            self._inside[who] = leave
            closed = self._closed
        if closed:
            leave()

    def left(self, who: object) -> None:
        """Take note that *who* has left."""
        with self._lock:
            self._inside.pop(who, None)

    def close(self) -> None:
        """End all that is inside."""
        with self._lock:
            self._closed = True
            inside = list(self._inside.values())
        for leave in inside:
            leave()

    def free(self) -> int:
        """Return a port that nobody listens on."""
        with self._lock:
            while True:
                port = random.choice(PORTS)  # noqa: S311 - nothing is secret here
                if port not in self._given and _is_free(port):
                    self._given.add(port)
                    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def agent_around(file: str, probes: bool) -> tuple[str, ...]:
    """Return what stands before the command so that the agent runs it, with the configuration *file*."""
    of_file = ("-c", os.path.abspath(file)) if file else ()
    listen = ("--probe-listen", f"{HOST}:{{probe_port}}") if probes else ()
    return (sys.executable, "-m", "processender", "run", *of_file, *listen, "--")
