"""`processender journal`: look into the journals of this host, and say what becomes of dead letters."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from ..core.graph import nearest
from ..core.obligation import Entry, Standing, State
from ..crashing import Aftermath
from ..engine.clock import SystemClock
from ..engine.settle import UnknownReleaser
from ..errors import ProcessEnderError
from ..hints import Any
from ..journal.liveness import is_journal
from ..journal.owner import whose
from ..letters import Changed, settle_by_hand, try_again
from ..looking import Look, journals_of, look
from ..plugins import find_releaser
from . import output
from .options import Options
from .places import places
from .recovered import shown

SCHEMA = 1
DAMAGED = 1
"""The exit code when a journal is damaged or cannot be read, and of `dead` when there are any."""
_MISTAKE = 2
_VERBS = {
    "ls": "list the journals, their owners, and how much each owes",
    "show": "show what is owed, of one journal or of all",
    "verify": "read every record and say what is damaged",
    "export": "print every record as a line of JSON",
    "dead": "list what waits for you: what keeps failing, and what the dead owe that no releaser is known for here",
    "retry": "let the next recovery begin anew with what is dead or has failed: those with these ids, or all",
    "settle": "say that what the dead have left is gone, whatever its state: those with these ids; nothing is released",
}
_USAGE = "processender journal ls|show|verify|export|dead|retry|settle [DIR | ID ...] [--service NAME] [--json]"


_EPILOG = """\
exit codes: 0 well, 1 a journal is damaged or cannot be read, or `dead` found letters, 2 a mistake in what was given

examples:
  processender journal ls
  processender journal dead --service orders
  processender journal retry
  processender journal settle 0199f3a1b2c-6f1d2e3a4b5c\
"""


def main(argv: Sequence[str]) -> int:
    """Do what *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.verb not in _VERBS:
        parser.error(f"there is no {options.verb!r}{nearest(options.verb, _VERBS)}")
    try:
        if options.verb in {"retry", "settle"}:
            return _change(options)
        chosen = _journals(options)
        if options.verb == "export":
            return _told([text for directory in chosen for text in _export(directory)])
        return _show(options, {directory: _look(directory) for directory in chosen})
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE


def _export(directory: str) -> Sequence[str]:
    """Print every entry and return what is wrong."""
    try:
        return look(directory, lambda entry: output.say(json.dumps(_line(entry)))).troubles
    except ProcessEnderError as error:
        return (str(error),)


def _look(directory: str) -> Look:
    try:
        return look(directory)
    except ProcessEnderError as error:
        return Look((), (str(error),), 0, 0)


def _told(troubles: Sequence[str]) -> int:
    """Say the *troubles* and return the exit code."""
    for text in troubles:
        output.complain(text)
    return DAMAGED if troubles else 0


def _journals(options: Any) -> list[str]:
    if options.what:
        missing = [each for each in options.what if not is_journal(each)]
        if missing:
            raise ProcessEnderError(f"there is no journal {missing[0]!r}; `processender journal ls` lists them")
        return list(options.what)
    return [directory for place in places(options.service).values() for directory in journals_of(place)]


def _line(entry: Entry) -> dict[str, Any]:
    return {"kind": str(entry.kind), "id": entry.id, "data": dict(entry.data)}


def _show(options: Any, looks: dict[str, Look]) -> int:
    if options.verb == "dead":
        looks = {name: found.replace(standings=_letters(name, found)) for name, found in looks.items()}
    owed = [each for found in looks.values() for each in found.standings]
    if options.json:
        output.say_json({"schema": SCHEMA, "journals": [_as_data(name, found) for name, found in looks.items()]})
    elif options.verb == "ls":
        output.say(_listed(looks))
    elif options.verb == "verify":
        for name, found in looks.items():
            output.say(f"{name}: {found.entries} records, {'; '.join(found.troubles) or 'all valid'}")
            for note in found.notes:
                output.say(f"{name}: {note}")
    else:
        output.say(standings_as_text(owed))
    troubles = [f"{name}: {text}" for name, found in looks.items() for text in found.troubles]
    code = DAMAGED if troubles else 0
    if options.verb != "verify":
        _told(troubles)
    return DAMAGED if options.verb == "dead" and owed else code


def _letters(directory: str, found: Look) -> tuple[Standing, ...]:
    """Return those in *found* that wait for a human."""
    alive = whose(directory).alive
    return tuple(
        each if each.state is State.DEAD else each.replace(error=str(UnknownReleaser(each.obligation)))
        for each in found.standings
        # What a process that lives has registered itself is known to it alone.
        if each.state is State.DEAD or not (alive or find_releaser(each.obligation.releaser))
    )


def _listed(looks: dict[str, Look]) -> str:
    if not looks:
        return "there is no journal"
    rows = [["journal", "service", "pid", "lives", "records", "owed", "state"]]
    for name, found in looks.items():
        service, pid, lives = _owner(name)
        state = "damaged" if found.troubles else "sound"
        alive = "yes" if lives else "no"
        rows.append([name, service, str(pid), alive, str(found.entries), str(len(found.standings)), state])
    return output.table(rows, right=frozenset({2, 4, 5}))


def _owner(directory: str) -> tuple[str, int, bool]:
    """Return the service, the number of the owner, 0 if it is not known, and whether it lives."""
    found = whose(directory)
    service = os.path.basename(os.path.dirname(os.path.dirname(os.path.abspath(directory))))
    pid = found.owner.get("pid")
    return service, pid if isinstance(pid, int) else 0, found.alive


def standings_as_text(standings: Sequence[Standing]) -> str:
    """Return *standings* as a table for a human."""
    if not standings:
        return "nothing"
    rows = [["id", "kind", "what", "job", "state", "attempts", "error"]]
    for each in standings:
        obligation = each.obligation
        what = shown(obligation.what)
        rows.append(
            [
                obligation.id,
                obligation.kind,
                what,
                obligation.job or "-",
                str(each.state),
                str(each.attempts),
                shown(each.error),
            ]
        )
    return output.table(rows, right=frozenset({5}))


def standing_as_data(each: Standing) -> dict[str, Any]:
    """Return one standing as `--json` prints it."""
    return {**each.obligation.as_data(), "state": str(each.state), "attempts": each.attempts, "error": each.error}


def _as_data(name: str, found: Look) -> dict[str, Any]:
    owed = [standing_as_data(each) for each in found.standings]
    service, pid, lives = _owner(name)
    return {
        "directory": name,
        "service": service,
        "pid": pid,
        "lives": lives,
        "records": found.entries,
        "last": found.last,
        "troubles": list(found.troubles),
        "notes": list(found.notes),
        "owed": owed,
    }


def _change(options: Any) -> int:
    if options.verb == "settle" and not options.what:
        raise ProcessEnderError("cannot settle without an ID; `processender journal dead` shows them")
    changed = [_changed(options, name, place) for name, place in places(options.service).items()]
    done = [id_ for each in changed for id_ in each.ids]
    code = _told([text for each in changed for text in each.troubles])
    missing = [id_ for id_ in options.what if id_ not in done]
    if missing:
        kind = "failed or dead " if options.verb == "retry" else ""
        text = f"there is no {kind}{missing[0]!r} among what the dead have left"
        raise ProcessEnderError(f"{text}; `processender journal show` lists it all")
    if options.json:
        output.say_json({"schema": SCHEMA, "settled" if options.verb == "settle" else "retry": done})
    elif options.verb == "settle":
        output.say(f"{len(done)} settled")
    else:
        output.say(f"{len(done)} will be tried again by the next `processender recover`")
    return code


def _changed(options: Any, service: str, place: str) -> Changed:
    if options.verb == "retry":
        return try_again(place, options.what)
    # A journal that owes nothing any more is removed, and the account of its crash could not be made then.
    aftermath = Aftermath(place, service, find_releaser, SystemClock(), 0.0, output.complain_of)
    aftermath.account(told=False)
    return settle_by_hand(place, options.what, aftermath.unaccounted)


def _parser() -> Options:
    verbs = "\n".join(f"  {name:7} {text}" for name, text in _VERBS.items())
    parser = Options(
        "journal", usage=_USAGE, description=f"Look into the journals of this host.\n\n{verbs}", code=_MISTAKE,
        epilog=_EPILOG,
    )  # fmt: skip
    parser.add_argument("verb", metavar="|".join(_VERBS), help="what to do")
    parser.add_argument(
        "what", nargs="*", default=[], metavar="DIR|ID", help="journals; the ids for `retry` and `settle`"
    )
    parser.add_argument("--service", default="", metavar="NAME", help="only those of this service")
    parser.add_argument("--json", action="store_true", help="print data")
    return parser
