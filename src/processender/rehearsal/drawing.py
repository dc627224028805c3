"""What the words of a rehearsal mean for one seed: times that are drawn, faults, and places that are filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..agent.durations import parse_duration
from ..core.graph import nearest
from ..core.record import Record
from ..errors import ProcessEnderError
from ..faults.handlers import Fault

OF_HANDLERS = ("fails", "hangs", "slow", "twice", "killed")
OF_NETWORK = ("latency", "resets", "black-hole", "half-open")
_EXAMPLES = "'flush fails 2', 'flush hangs', 'flush slow 200ms', 'db black-hole', 'disk full' or 'kill at run-started'"


class RehearsalError(ProcessEnderError, ValueError):
    """A rehearsal cannot be held as it was described."""

    code = "rehearsal"


class NetworkFault(Record):
    """What the network to an upstream does from the begin of the end."""

    upstream: str
    """Its name."""
    kind: str
    """One of `OF_NETWORK`."""
    seconds: float = 0.0
    """How late everything comes."""


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
                inside.append(Fault("kill", event=words[2], handler=words[3] if len(words) == 4 else ""))
            elif len(words) in {2, 3} and words[1] in OF_NETWORK:
                network.append(_of_network(words, upstreams, chance))
            elif len(words) in {2, 3} and words[1] in OF_HANDLERS:
                inside.append(_of_handler(words, chance))
            else:
                raise RehearsalError(f"write it like {_EXAMPLES}")
        except ValueError as error:
            raise RehearsalError(f"cannot understand the fault {text!r}: {error}") from error
    return Faults(tuple(inside), tuple(network), full)


def _of_handler(words: list[str], chance: Callable[[], float]) -> Fault:
    name, kind, *more = words
    if kind in {"slow"} and not more:
        raise RehearsalError("how slow? write it like 'flush slow 200ms'")
    if kind == "fails":
        return Fault(kind, name, times=int(more[0]) if more else 0)
    return Fault(kind, name, seconds=draw_span(more[0], chance) if more else 0.0)


def _of_network(words: list[str], upstreams: Mapping[str, str], chance: Callable[[], float]) -> NetworkFault:
    name, kind, *more = words
    if name not in upstreams:
        hint = nearest(name, upstreams) if upstreams else "; name it in [rehearsal.upstreams]"
        raise RehearsalError(f"there is no upstream {name!r}{hint}")
    if kind == "latency" and not more:
        raise RehearsalError("how late? write it like 'db latency 200ms'")
    return NetworkFault(name, kind, draw_span(more[0], chance) if more else 0.0)


def fill(text: str, places: Mapping[str, str]) -> str:
    """Return *text* with each `{name}` of *places* replaced; other braces stay, since they may be of the program."""
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text
