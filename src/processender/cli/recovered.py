"""What `processender recover` says of what it has done."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from ..core.events import Event, HandlerEnded
from ..core.obligation import Standing, State
from ..core.outcome import Outcome
from ..core.texts import counted
from ..engine.recovery import Settled
from ..errors import JournalError
from ..hints import Any
from ..keepers import Releaser
from ..looking import journals_of, look
from ..recovering import Recovered
from ..telemetry.state import state_root
from . import output

SCHEMA = 1
NOT_ALL = 1
"""The exit code when something is still owed by the dead, or may be: a journal could not be read."""
ALIVE = 3
"""The exit code when the journal that was named belongs to a process that lives."""


class Progress:
    """Shows on a terminal how far a recovery has come."""

    def __init__(self) -> None:
        """Nothing is done."""
        self._done = self._all = 0

    def begin(self, standings: Sequence[Standing]) -> None:
        """Say what was found."""
        self._all += len(standings)
        if standings:
            output.complain(f"releasing {len(standings)} things that the dead have left")

    def observe(self, event: Event) -> None:
        """Say each that has ended."""
        if isinstance(event, HandlerEnded):
            self._done += 1
            how = "released" if event.result.outcome is Outcome.DONE else str(event.result.outcome)
            output.complain(f"[{self._done}/{self._all}] {event.result.handler}: {how}")


def exit_code(found: Mapping[str, Recovered], options: Any) -> int:
    """Return how a recovery with *options* that *found* this ends."""
    left = [each for recovered in found.values() for each in recovered.left]
    if options.journal and any(each.alive for each in left):
        return ALIVE
    unread = any(not each.alive for each in left) or any(recovered.troubles for recovered in found.values())
    return NOT_ALL if unread or any(recovered.open for recovered in found.values()) else 0


def as_data(found: Mapping[str, Recovered]) -> dict[str, Any]:
    """Return what was *found* as `--json` prints it."""
    services = {
        name: {
            "obligations": [_one(each) for each in recovered.settled],
            "left_alone": [each.as_dict() for each in recovered.left],
            "troubles": list(recovered.troubles),
        }
        for name, recovered in found.items()
    }
    return {"schema": SCHEMA, "services": services}


def _one(each: Settled) -> dict[str, Any]:
    obligation = each.obligation
    outcome = None if each.outcome is None else str(each.outcome)
    return {
        **obligation.about(),
        "state": str(each.state),
        "outcome": outcome,
        "error": each.error,
        "seconds": round(each.seconds, 3),
    }


def as_text(
    found: Mapping[str, Recovered], options: Any, find: Callable[[str], Releaser | None], places: Mapping[str, str]
) -> str:
    """Return what was *found* for a human who has given *options*; *find* tells which releasers are known here."""
    rows = [["service", "kind", "what", "job", "state" if options.dry_run else "outcome"]]
    rows += [
        [name, each.obligation.kind, shown(each.obligation.what), each.obligation.job or "-",
         _word(each, dry_run=options.dry_run)]
        for name, recovered in found.items() for each in recovered.settled
    ]  # fmt: skip
    lines = [output.table(rows)] if len(rows) > 1 else []
    for name, recovered in found.items():
        lines += [f"left alone: {each.directory}: {each.why}" for each in recovered.left]
        lines += [f"trouble with {name}: {text}" for text in recovered.troubles]
    settled = [each for recovered in found.values() for each in recovered.settled]
    parts = _rehearsed(settled) if options.dry_run else _counted(settled, find)
    if unread := sum(not each.alive for recovered in found.values() for each in recovered.left):
        parts.append(f"{counted(unread, 'journal')} could not be recovered")
    if troubled := sum(len(recovered.troubles) for recovered in found.values()):
        parts.append(f"{counted(troubled, 'trouble')} told above")
    if not any(recovered.open for recovered in found.values()) and not unread and not troubled:
        lives = options.journal and any(recovered.left for recovered in found.values())
        parts.append("nothing was touched" if lives else _nothing_left(options, places))
    return "\n".join([*lines, "; ".join(parts)])


def _rehearsed(settled: Sequence[Settled]) -> list[str]:
    """Say what would be done."""
    dead = sum(each.state is State.DEAD for each in settled)
    would = [f"{len(settled) - dead} would be released, nothing was touched"] if len(settled) > dead else []
    return would + ([f"{dead} dead: `processender journal dead` shows them"] if dead else [])


def _counted(settled: Sequence[Settled], find: Callable[[str], Releaser | None]) -> list[str]:
    """Say how many are released, and what the others wait for."""
    kept = [each for each in settled if each.state is not State.RELEASED]
    dead = sum(each.state is State.DEAD for each in kept)
    unknown = sum(each.state is not State.DEAD and find(each.obligation.releaser) is None for each in kept)
    again = len(kept) - dead - unknown
    texts = {
        f"{len(settled) - len(kept)} of {len(settled)} released": len(kept),
        f"{len(settled)} released": len(settled) if not kept else 0,
        f"{dead} dead: `processender journal dead` shows them": dead,
        f"{again} will be tried again by the next `processender recover`": again,
        f"{unknown} can be released by --app MODULE:ENDER or an installed plugin only": unknown,
    }
    return [text for text, count in texts.items() if count]


def _nothing_left(options: Any, places: Mapping[str, str]) -> str:
    """Say that nothing of what was asked for is left, and what else is owed."""
    if not places:
        return f"there is no state in {state_root(os.environ)}, so there is nothing to release"
    directories = [directory for place in places.values() for directory in journals_of(place)]
    if options.job and (same := sum(_owed(each, options.job) for each in directories)):
        return f"nothing of job {options.job!r} is left by the dead; the living owe {counted(same, 'thing')} of it"
    others = sum(map(_owed, directories))
    asked = [f"of job {options.job!r}"] if options.job else []
    asked += [f"in {options.journal}"] if options.journal else []
    if not others:
        return f"nothing {asked[0]} is left behind" if asked else "nothing is left behind"
    if asked:
        return f"nothing {' '.join(asked)} is left; {counted(others, 'other thing')} owed: `processender journal show`"
    return f"nothing of the dead is left; the living owe {counted(others, 'thing')}: `processender journal show`"


def _owed(directory: str, job: str = "") -> int:
    try:
        return sum(job in {"", each.obligation.job} for each in look(directory).standings)
    except JournalError:
        # Whoever has it has said so, or will.
        return 0


def _word(each: Settled, *, dry_run: bool) -> str:
    if dry_run:
        return str(each.state)
    return "released" if each.state is State.RELEASED else f"{each.state}: {shown(each.error)}"


def shown(text: str) -> str:
    """Return *text* without what would disturb a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
