"""The run in the journal: what began and what ended, so that the next one can tell how far a process came."""

from __future__ import annotations

from ..core.events import AttemptStarted, Event, HandlerEnded, NoticeHeard, RunEnded, RunStarted
from ..core.obligation import Entry, Kind
from ..hints import Any
from ..keepers import Journal

NOTICE = "notice"
"""The id of an entry that tells who asked for something."""
MOST = 20
"""How many obligations a report names."""


class JournalObserver:
    """Writes the beginnings and the ends of runs and handlers; a start without its end is unfinished."""

    def __init__(self, journal: Journal) -> None:
        """Write into *journal*."""
        self._journal = journal

    def observe(self, event: Event) -> None:
        """Take one event; raise `JournalError` when it cannot be kept."""
        match event:
            case RunStarted():
                self._write(Kind.RUN, event.run, begun=True, cause=event.notice.cause, sender=event.notice.sender)
            case NoticeHeard(notice=notice) if notice.sender:
                # The notice that begins a run comes just before it; this tells of the others, too.
                asked = {"cause": notice.cause, "action": str(notice.action), "sender": notice.sender}
                self._write(Kind.RUN, NOTICE, asked=asked)
            case RunEnded():
                self._write(Kind.RUN, event.run, begun=False, verdict=str(event.verdict))
            case AttemptStarted():
                self._write(Kind.HANDLER, event.handler, begun=True, attempt=event.attempt)
            case HandlerEnded():
                result = event.result
                self._write(Kind.HANDLER, result.handler, begun=False, outcome=str(result.outcome), error=result.error)
            case _:
                return

    def _write(self, kind: Kind, id_: str, **data: object) -> None:
        self._journal.append(Entry(kind, id_, data))


def as_event(entry: Entry) -> dict[str, Any]:
    """Return an *entry* of a run as it is told in the account of a crash."""
    data = dict(entry.data)
    if entry.id == NOTICE and entry.kind is Kind.RUN:
        asked = data.get("asked")
        told = asked if isinstance(asked, dict) else {}
        text = f"{told.get('cause')} ({told.get('action')}) by {told.get('sender')}"
        return {"key": "notice.heard", "text": text}
    verb = "started" if data.pop("begun", False) else "ended"
    more = ", ".join(f"{name}={value}" for name, value in data.items() if value)
    return {"key": f"{entry.kind}.{verb}", "text": f"{entry.id} {verb}" + (f" ({more})" if more else "")}


def still_owed(journal: Journal) -> dict[str, Any]:
    """Return, for the report, how much *journal* still owes, and the first of it with the reason."""
    live = journal.live()
    shown = [
        {"id": each.obligation.id, "what": each.obligation.label, "state": str(each.state), "error": each.error}
        for each in live[:MOST]
    ]
    return {"owed": len(live), "first": shown}
