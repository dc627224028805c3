"""`processender journal`: look into the journals of this host, and let dead letters be tried again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from ..core.graph import nearest
from ..core.obligation import Entry, Standing, State
from ..errors import ProcessEnderError
from ..hints import Any
from ..recovering import Look, journal_root, look, try_again
from . import output
from .options import Options
from .places import places
from .recover import shown

SCHEMA = 1
DAMAGED = 1
"""The exit code of `verify` for a damaged journal, and of `dead` when there are any."""
_MISTAKE = 2
_VERBS = {
    "ls": "list the journals, their owners, and how much each owes",
    "show": "show what is owed, of one journal or of all",
    "verify": "read every record and say what is damaged",
    "export": "print every record as a line of JSON",
    "dead": "list what keeps failing and waits for you",
    "retry": "let the next recovery try dead letters again: those with these ids, or all",
}
_USAGE = "processender journal ls|show|verify|export|dead|retry [DIR | ID ...] [--service NAME] [--json]"


_EPILOG = """\
exit codes: 0 well, 1 `verify` found damage or `dead` found letters, 2 a mistake in what was given

examples:
  processender journal ls
  processender journal dead --service orders
  processender journal retry\
"""


def main(argv: Sequence[str]) -> int:
    """Do what *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.verb not in _VERBS:
        parser.error(f"there is no {options.verb!r}{nearest(options.verb, _VERBS)}")
    try:
        if options.verb == "retry":
            return _retry(options)
        chosen = _journals(options)
        if options.verb == "export":
            for directory in chosen:
                look(directory, lambda entry: output.say(json.dumps(_line(entry))))
            return 0
        return _show(options, {directory: _look(directory) for directory in chosen})
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE


def _look(directory: str) -> Look:
    try:
        return look(directory)
    except ProcessEnderError as error:
        return Look((), (str(error),), 0, 0)


def _journals(options: Any) -> list[str]:
    if options.what:
        missing = [each for each in options.what if not os.path.isdir(each)]
        if missing:
            raise ProcessEnderError(f"there is no journal {missing[0]!r}; `processender journal ls` lists them")
        return list(options.what)
    found = []
    for place in places(options.service).values():
        root = journal_root(place)
        names = sorted(os.listdir(root)) if os.path.isdir(root) else []
        found += [os.path.join(root, name) for name in names if os.path.isdir(os.path.join(root, name))]
    return found


def _line(entry: Entry) -> dict[str, Any]:
    return {"kind": str(entry.kind), "id": entry.id, "data": dict(entry.data)}


def _show(options: Any, looks: dict[str, Look]) -> int:
    damaged = any(each.troubles for each in looks.values())
    dead = [each for found in looks.values() for each in found.standings if each.state is State.DEAD]
    if options.json:
        output.say_json({"schema": SCHEMA, "journals": [_as_data(name, found) for name, found in looks.items()]})
    elif options.verb == "ls":
        rows = [
            ["journal", "records", "owed"],
            *([name, str(f.entries), str(len(f.standings))] for name, f in looks.items()),
        ]
        output.say(output.table(rows, right=frozenset({1, 2})) if looks else "there is no journal")
    elif options.verb == "verify":
        for name, found in looks.items():
            output.say(f"{name}: {found.entries} records, {'; '.join(found.troubles) or 'all valid'}")
    else:
        meant = dead if options.verb == "dead" else [each for found in looks.values() for each in found.standings]
        output.say(standings_as_text(meant))
    if options.verb == "verify":
        return DAMAGED if damaged else 0
    return DAMAGED if options.verb == "dead" and dead else 0


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
    about = each.obligation.as_dict() | {"args": dict(each.obligation.args), "outlives": list(each.obligation.outlives)}
    return {**about, "state": str(each.state), "attempts": each.attempts, "error": each.error}


def _as_data(name: str, found: Look) -> dict[str, Any]:
    owed = [standing_as_data(each) for each in found.standings]
    return {
        "directory": name,
        "records": found.entries,
        "last": found.last,
        "troubles": list(found.troubles),
        "owed": owed,
    }


def _retry(options: Any) -> int:
    done = [id_ for place in places(options.service).values() for id_ in try_again(place, options.what)]
    missing = [id_ for id_ in options.what if id_ not in done]
    if missing:
        text = f"there is no failed or dead {missing[0]!r} among what the dead have left"
        raise ProcessEnderError(f"{text}; `processender journal dead` lists them")
    if options.json:
        output.say_json({"schema": SCHEMA, "retry": done})
    else:
        output.say(f"{len(done)} will be tried again by the next `processender recover`")
    return 0


def _parser() -> Options:
    verbs = "\n".join(f"  {name:7} {text}" for name, text in _VERBS.items())
    parser = Options(
        "journal", usage=_USAGE, description=f"Look into the journals of this host.\n\n{verbs}", code=_MISTAKE,
        epilog=_EPILOG,
    )  # fmt: skip
    parser.add_argument("verb", metavar="ls|show|verify|export|dead|retry", help="what to do")
    parser.add_argument("what", nargs="*", metavar="DIR|ID", help="journals, or for `retry` the ids of obligations")
    parser.add_argument("--service", default="", metavar="NAME", help="only those of this service")
    parser.add_argument("--json", action="store_true", help="print data")
    return parser
