"""What the words of a rehearsal mean for one seed: times that are drawn, faults, and places that are filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

from ..agent.durations import parse_duration
from ..core.events import Event, RoomEvent
from ..core.graph import nearest
from ..core.record import Record
from ..errors import ProcessEnderError
from ..faults.handlers import KINDS, Fault, name_of
from ..faults.line import Line

EVENTS = tuple(name_of(each) for each in get_args(Event) if each is not RoomEvent)
"""The events at which a process can be killed."""
OF_HANDLERS = tuple(each for each in KINDS if each != "kill")
"""The faults of handlers."""
_OF_UPSTREAMS = ("black-hole", "reset", "half-open", "refuse", "latency")
_EXAMPLES = (
    "'flush fails 2', 'flush hangs', 'flush slow 200ms', 'disk full' or 'kill at run-started', or with one of"
    " [rehearsal.upstreams] 'db black-hole' or 'db latency=200ms'"
)


class RehearsalError(ProcessEnderError, ValueError):
    """A rehearsal cannot be held as it was described."""

    code = "rehearsal"


class NetworkFault(Record):
    """What the network to an upstream does from the begin of the end."""

    upstream: str
    """Its name."""
    line: Line
    """What it is like."""


class Faults(Record):
    """All that goes wrong in one run."""

    inside: tuple[Fault, ...] = ()
    """What goes wrong in the process."""
    network: tuple[NetworkFault, ...] = ()
    """What goes wrong with the network."""
    disk_full: bool = False
    """Whether no file can grow."""

    @property
    def kills(self) -> bool:
        """Whether the process is killed, so that it must be started again."""
        return any(each.kind in {"killed", "kill"} for each in self.inside)


def draw_span(text: str, chance: Callable[[], float]) -> float:
    """Return the seconds that *text*, one length of time or two with `..` between, means for a draw of *chance*."""
    first, dots, last = text.partition("..")
    low = parse_duration(first, zero=True)
    high = parse_duration(last, zero=True) if dots else low
    if high < low:
        raise ValueError(f"{text!r} ends before it begins; write it like '0s..500ms'")
    return low + (high - low) * chance() if dots else low


def draw_faults(texts: list[str], upstreams: Mapping[str, str], chance: Callable[[], float]) -> Faults:
    """Return what *texts* say goes wrong; raise `RehearsalError` for what nobody understands."""
    inside: list[Fault] = []
    network: list[NetworkFault] = []
    full = False
    for text in texts:
        words = text.split()
        try:
            if words == ["disk", "full"]:
                full = True
            elif words[:2] == ["kill", "at"] and len(words) in {3, 4}:
                if words[2] not in EVENTS:
                    raise RehearsalError(f"there is no event {words[2]!r}{nearest(words[2], EVENTS)}")
                inside.append(Fault("kill", event=words[2], handler=words[3] if len(words) == 4 else ""))
            elif words and words[0] in upstreams:
                network.append(NetworkFault(words[0], Line.parse(" ".join(words[1:]))))
            elif len(words) == 2 and words[1].partition("=")[0] in _OF_UPSTREAMS:
                raise RehearsalError(_no_upstream(words[0], upstreams))
            elif len(words) in {2, 3} and words[1] in OF_HANDLERS:
                inside.append(_of_handler(words, chance))
            else:
                raise RehearsalError(f"write it like {_EXAMPLES}")
        except ValueError as error:
            raise RehearsalError(f"cannot understand the fault {text!r}: {error}") from error
    return Faults(tuple(inside), tuple(network), full)


def _no_upstream(name: str, upstreams: Mapping[str, str]) -> str:
    step = f'give its address in [rehearsal.upstreams], {name} = "127.0.0.1:5432"'
    return f"there is no upstream {name!r}{nearest(name, upstreams)}; {step}"


def _of_handler(words: list[str], chance: Callable[[], float]) -> Fault:
    name, kind, *more = words
    if kind == "slow" and not more:
        raise RehearsalError("how slow? write it like 'flush slow 200ms'")
    if kind == "fails":
        if more and not (more[0].isdecimal() and int(more[0])):
            raise RehearsalError(f"{more[0]!r} is not how often it fails; write it like 'flush fails 2'")
        return Fault(kind, name, times=int(more[0]) if more else 0)
    if kind in {"hangs", "twice"} and more:
        raise RehearsalError(f"{kind!r} takes nothing behind it; write '{name} {kind}'")
    return Fault(kind, name, seconds=draw_span(more[0], chance) if more else 0.0)


def fill(text: str, places: Mapping[str, str]) -> str:
    """Return *text* with each `{name}` of *places* replaced; other braces stay, since they may be of the program."""
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text
