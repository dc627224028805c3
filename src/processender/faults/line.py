"""What a network does to the connections that go through it, as data."""

from __future__ import annotations

from ..core.record import Record
from ..core.spans import seconds_of
from ..errors import ProcessEnderError
from ..hints import Any, Self

STATES = ("open", "reset", "black-hole", "half-open", "refuse")
"""What may be so of a line."""
_TIMES = ("latency", "jitter", "slow-close")


class FaultError(ProcessEnderError, ValueError):
    """A fault cannot be injected as it was described."""

    code = "fault"


class Line(Record):
    """
    One network between a client and a server. Times are seconds.

    | state | connections that are there | new connections |
    |---|---|---|
    | `open` | go on | are made |
    | `reset` | break, for both sides at once | break as soon as they are made |
    | `black-hole` | say nothing any more, and go on when the line is open again | hang in connecting |
    | `half-open`, gone `server` | the server's end breaks, the client hears of nothing | are made, and nobody answers |
    | `half-open`, gone `client` | the client's end breaks, the server hears of nothing | are made |
    | `refuse` | go on | are refused |
    """

    state: str = "open"
    """One of the states above."""
    latency: float = 0.0
    """How long what is sent is on its way, in each direction."""
    jitter: float = 0.0
    """How much longer at most; how much, is drawn for each piece."""
    slow_close: float = 0.0
    """How much later than the last byte the end of a connection is passed on."""
    after: int = 0
    """How many bytes each connection still brings to its client before `reset`, `black-hole` or `half-open` strikes."""
    gone: str = "server"
    """Which side is gone from a `half-open` line."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Return the line that *text* describes: a state and settings, `reset after=1024` or `latency=200ms jitter=50ms`.

        Raise `FaultError` for what is none.
        """
        given: dict[str, Any] = {}
        for word in text.replace(",", " ").split():
            name, is_setting, value = word.partition("=")
            if not is_setting:
                given["state"] = name
            elif name in _TIMES:
                given[name.replace("-", "_")] = _seconds(word, value)
            elif name == "after" and value.isdigit():
                given[name] = int(value)
            elif name == "gone":
                given[name] = value
            else:
                raise FaultError(
                    f"cannot inject the fault {word!r}: write a state, {', '.join(STATES)}, or a setting: "
                    "latency=200ms, jitter=50ms, slow-close=1s, after=1024 (bytes), gone=client"
                )
        return cls(**given)

    def check(self) -> None:
        """Raise `FaultError` for a state, a side or a number that makes no sense."""
        if self.state not in STATES:
            raise FaultError(f"no line is {self.state!r}; it is one of {', '.join(STATES)}")
        if self.gone not in {"client", "server"}:
            raise FaultError(f"cannot let {self.gone!r} be gone: it is the client or the server")
        for name in ("latency", "jitter", "slow_close", "after"):
            if getattr(self, name) < 0:
                raise FaultError(f"{name} cannot be {getattr(self, name)}: nothing arrives before it was sent")

    @property
    def strikes(self) -> bool:
        """Whether what has come through may matter to a connection."""
        return self.state in {"reset", "black-hole", "half-open"}


def _seconds(word: str, value: str) -> float:
    found = seconds_of(value)
    if found is None:
        raise FaultError(f"cannot inject the fault {word!r}: write a time with its unit, such as 200ms or 1.5s")
    return found


OPEN = Line()
"""A line without faults."""
