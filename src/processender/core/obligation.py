"""What must be released one day: written down before the thing is used, settled when it is gone."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import ObligationError
from ..hints import Any
from .record import Record
from .words import Words

_READABLE = 24
_MOST = 1 << 62
"""No attempt and no token has ever a higher number."""


class State(Words):
    """How far an obligation has come."""

    INTENDED = "intended"
    """It is going to be acquired; whether it was, only its system can tell."""
    ACQUIRED = "acquired"
    """It is there, under its real id."""
    RELEASING = "releasing"
    """An attempt to release it has begun."""
    FAILED = "failed"
    """An attempt has failed and another will follow."""
    DEAD = "dead"
    """Its releaser keeps failing, or nobody knows it; it waits for a human in the dead-letter list."""
    RELEASED = "released"
    """It is gone."""


class Obligation(Record):
    """A thing that exists, or may exist, and must be released."""

    id: str
    """Unique in all journals; also the key under which its system can recognise a repeated request."""
    kind: str
    """The kind of resource, such as `file`."""
    key: str
    """What the thing can be found by when the crash fell before its real id was known: a path, a name, a tag."""
    releaser: str
    """The registered name of what releases it."""
    args: Mapping[str, Any] = {}
    """What its releaser needs beside; data of JSON, no secrets, only where they are found."""
    job: str = ""
    """The job that it belongs to, empty for none."""
    outlives: tuple[str, ...] = ()
    """The ids of those that must be gone before this one is released."""
    created: float = 0.0
    """When, seconds since 1970; for display, and for the order of a job between the journals of two owners."""
    ref: str = ""
    """The real id, known since it was acquired."""

    @property
    def what(self) -> str:
        """What a human knows it by: the key, and the real id if it says more and is short enough to be read."""
        more = self.ref and self.ref != self.key and len(self.ref) <= _READABLE
        return f"{self.key} ({self.ref})" if more else self.key

    @property
    def label(self) -> str:
        """The kind and what a human knows it by."""
        return f"{self.kind} {self.what}"

    def about(self) -> dict[str, Any]:
        """Return what tells it to whoever reads of it, without what its releaser needs; data of JSON."""
        return {name: getattr(self, name) for name in ("id", "kind", "key", "ref", "releaser", "job")}

    def as_data(self) -> dict[str, Any]:
        """Return all of it as data of JSON."""
        return {**self.as_dict(), "args": dict(self.args), "outlives": list(self.outlives)}


class Kind(Words):
    """What an entry of the journal says."""

    INTENT = "intent"
    """A thing is going to be acquired; durable before that happens."""
    ACQUIRED = "acquired"
    """It is there, and this is its real id, and what its releaser needs that was not known before."""
    RELEASING = "releasing"
    """An attempt to release it begins, with this number and this fencing token."""
    RELEASED = "released"
    """It is gone."""
    FAILED = "failed"
    """The attempt failed; when the next may be, that there is none (dead), or that the count begins anew (afresh)."""
    CHECKPOINT = "checkpoint"
    """The whole standing of one obligation, copied at a rotation."""
    RUN = "run"
    """A run began or ended."""
    HANDLER = "handler"
    """A handler began or ended."""
    SAVED = "saved"
    """A snapshot of the state under a key; in the log of the states only."""
    EXTENDED = "extended"
    """What was added behind a snapshot."""


class Entry(Record):
    """One record of the journal."""

    kind: Kind
    """What it says."""
    id: str
    """The obligation, the run or the handler that it speaks of."""
    data: Mapping[str, Any] = {}
    """The rest, data of JSON."""


DURABLE = frozenset({Kind.INTENT, Kind.ACQUIRED, Kind.CHECKPOINT})
"""What must survive the loss of power; the rest survives the process."""


class Standing(Record):
    """An obligation and what became of it so far."""

    obligation: Obligation
    """The thing."""
    state: State = State.INTENDED
    """How far it has come."""
    attempts: int = 0
    """How often its release was begun."""
    token: int = 0
    """The fencing token of the last attempt; it only grows."""
    error: str = ""
    """Why the last attempt failed."""
    again_at: float = 0.0
    """When the next attempt may be, seconds on the monotonic clock of *boot*."""
    boot: str = ""
    """The boot of the host in which *again_at* counts."""


_PASSING = {Kind.RUN, Kind.HANDLER, Kind.SAVED, Kind.EXTENDED}
"""What adds nothing to the live set."""
_BEGINNING = {Kind.INTENT, Kind.CHECKPOINT}
"""What needs nothing before it."""
_LEGAL = {
    Kind.ACQUIRED: {State.INTENDED, State.ACQUIRED},
    Kind.RELEASING: {State.INTENDED, State.ACQUIRED, State.RELEASING, State.FAILED, State.DEAD},
    Kind.FAILED: {State.INTENDED, State.ACQUIRED, State.RELEASING, State.FAILED, State.DEAD},
    Kind.RELEASED: {State.INTENDED, State.ACQUIRED, State.RELEASING, State.FAILED, State.DEAD},
}
"""From which states an entry of a kind may lead on."""

_COPIED = frozenset(State) - {State.RELEASED}
"""What a checkpoint may say."""


class Ledger:
    """
    The live set: what the entries of a journal, in their order, add up to.

    Most of what is read back is never looked at, so the beginning of an obligation stays an entry until it is.
    """

    def __init__(self) -> None:
        """Begin with nothing owed."""
        self._live: dict[str, Standing | Entry] = {}

    def check(self, entry: Entry) -> Standing | None:
        """Return where its obligation stands; raise `ObligationError` for an entry that contradicts those before it."""
        if entry.kind in _PASSING or entry.kind in _BEGINNING:
            return None
        standing = self.get(entry.id)
        if standing is None or standing.state not in _LEGAL[entry.kind]:
            state = "unknown" if standing is None else str(standing.state)
            raise ObligationError(f"cannot take {entry.kind} of the obligation {entry.id!r}: it is {state}")
        return standing

    def apply(self, entry: Entry) -> None:
        """Take *entry* in; raise `ObligationError` for one that contradicts those before it."""
        if entry.kind in _BEGINNING:
            self._live[entry.id] = entry
        elif entry.kind is Kind.RELEASED and entry.id in self._live:
            del self._live[entry.id]
        elif (standing := self.check(entry)) is not None:
            self._live[entry.id] = _advance(standing, entry)

    def live(self) -> list[Standing]:
        """Return all that is not released, in the order in which it was begun."""
        found = (self.get(id_) for id_ in tuple(self._live))
        return [standing for standing in found if standing is not None]

    def __len__(self) -> int:
        """Return how many obligations are live."""
        return len(self._live)

    def get(self, id_: str) -> Standing | None:
        """Return the standing of one obligation, None when it is released or was never there."""
        found = self._live.get(id_)
        # It is not kept: another thread may settle it meanwhile.
        return _begun(found) if isinstance(found, Entry) else found

    def snapshot(self) -> list[Entry]:
        """Return entries that add up to the same live set."""
        return [each if isinstance(each, Entry) else _checkpoint(each) for each in tuple(self._live.values())]


def _begun(entry: Entry) -> Standing:
    if entry.kind is Kind.CHECKPOINT:
        found = standing_from(entry.data)
        # What follows speaks of the id of the record, whatever its content says.
        same = found.obligation.id == entry.id
        return found if same else found.replace(obligation=found.obligation.replace(id=entry.id))
    return Standing(obligation_from({**entry.data, "id": entry.id}))


def _checkpoint(standing: Standing) -> Entry:
    return Entry(Kind.CHECKPOINT, standing.obligation.id, as_data(standing))


def _advance(standing: Standing, entry: Entry) -> Standing:
    data = entry.data
    if entry.kind is Kind.ACQUIRED:
        known = {**standing.obligation.args, **_of(dict, data.get("args"), {})}
        obligation = standing.obligation.replace(ref=_of(str, data.get("ref"), ""), args=known)
        return standing.replace(state=State.ACQUIRED, obligation=obligation)
    if entry.kind is Kind.RELEASING:
        token = max(standing.token + 1, _count(data.get("token")))
        return standing.replace(state=State.RELEASING, attempts=standing.attempts + 1, token=token)
    state = State.DEAD if data.get("dead") else State.FAILED
    return standing.replace(
        state=state,
        # A human has mended the cause: the attempts before count no longer.
        attempts=0 if data.get("afresh") else standing.attempts,
        error=_of(str, data.get("error"), ""),
        again_at=_number(data.get("again_at")),
        boot=_of(str, data.get("boot"), ""),
    )


def intent(obligation: Obligation) -> Entry:
    """Return the entry that begins *obligation*."""
    data = {name: value for name, value in obligation.as_dict().items() if name != "id" and value not in ("", (), {})}
    return Entry(Kind.INTENT, obligation.id, data)


def obligation_from(data: Mapping[str, Any]) -> Obligation:
    """
    Make an obligation of what a journal holds; nothing is raised, whatever that is.

    Fields that this version does not know are left out, and those of another type than they should have are empty.
    """
    texts = {name: _of(str, data.get(name), "") for name in ("id", "kind", "key", "releaser", "job", "ref")}
    outlives = tuple(each for each in _of((list, tuple), data.get("outlives"), ()) if isinstance(each, str))
    created = _number(data.get("created"))
    return Obligation(**texts, args=_of(dict, data.get("args"), {}), outlives=outlives, created=created)


def _of(kind: Any, value: Any, otherwise: Any) -> Any:
    return value if isinstance(value, kind) else otherwise


def _number(value: Any) -> float:
    try:
        number = float(_of((int, float), value, 0.0))
    except OverflowError:
        return 0.0
    # Neither infinite nor none at all: that has no place on a clock.
    return number if number - number == 0 else 0.0


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value <= _MOST else 0


def _state(value: Any) -> State:
    # What is released is not copied: a copy that says so contradicts itself, and the thing is looked at once more.
    return State(value) if isinstance(value, str) and value in _COPIED else State.INTENDED


def standing_from(data: Mapping[str, Any]) -> Standing:
    """Make a standing of what a checkpoint holds; nothing is raised, whatever that is."""
    return Standing(
        obligation_from(_of(dict, data.get("obligation"), {})),
        _state(data.get("state")),
        attempts=_count(data.get("attempts")),
        token=_count(data.get("token")),
        error=_of(str, data.get("error"), ""),
        again_at=_number(data.get("again_at")),
        boot=_of(str, data.get("boot"), ""),
    )


def retried(standing: Standing) -> Entry:
    """Return the entry by which the attempts at *standing* are counted anew."""
    return Entry(Kind.FAILED, standing.obligation.id, {"error": standing.error, "afresh": True})


def as_data(standing: Standing) -> dict[str, Any]:
    """Return *standing* as data of JSON."""
    return {**standing.as_dict(), "obligation": standing.obligation.as_data(), "state": str(standing.state)}
