"""`processender track`: what a script has made is owed by the agent around it, or by a process that it names."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from ..agent.control import VARIABLE
from ..agent.tracking import Tracker
from ..core.graph import nearest
from ..core.obligation import State, standing_from
from ..engine.clock import SystemClock
from ..errors import JournalError, ObligationError, ProcessEnderError
from ..hints import Any
from ..identity import Identity, identify
from ..journal.directory import kept_for
from ..journal.memory import MemoryJournal
from ..looking import journal_root, look
from ..obligations import Obligations
from ..telemetry.state import file_name, state_place, state_root
from . import output
from .client import ask
from .journal import standing_as_data, standings_as_text
from .kept import Kept
from .options import Options

SCHEMA = 1
DEAD = 1
"""The exit code of `dead` when there are any."""
_MISTAKE = 2
_VERBS = {
    "add": "write down that a thing must be released, before it is made, and print its id: add KIND KEY",
    "settle": "say that things are gone: settle ID ..., or settle --job ID",
    "list": "show what is owed",
    "dead": "show what keeps failing and waits for you",
    "retry": "let what is dead or has failed begin anew: those with these ids, of this job, or all",
}
_USAGE = """\
processender track add KIND KEY [--releaser NAME] [--arg NAME=VALUE] [--job ID] [--outlives ID]
       processender track settle|list|dead|retry [ID ...] [--job ID]
       each with [--owner-pid PID] [--service NAME] [--json]"""
_EPILOG = """\
It is owed by the `processender run` around the script, or with --owner-pid by that process, never by this command;
it is released when the run ends, or by `processender recover` when the owner is dead. A VALUE that is JSON is taken as
such, any other is text. No secrets: --arg 'password={"env": "PGPASSWORD"}' names where one is found.

exit codes: 0 done, 1 `dead` found letters, 2 a mistake in what was given, or it cannot be done

examples:
  id=$(processender track add tree /tmp/build --arg root=/tmp --job build-4711)
  processender track settle "$id"
  processender track add file /run/app.lock --arg root=/run --owner-pid $$\
"""


def main(argv: Sequence[str]) -> int:
    """Do what *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_intermixed_args(argv)
    if options.verb not in _VERBS:
        parser.error(f"there is no {options.verb!r}{nearest(options.verb, _VERBS)}")
    if options.verb == "add" and len(options.what) != 2:
        parser.error("add takes a KIND and a KEY, like `processender track add file /tmp/x --arg root=/tmp`")
    if options.verb == "settle" and not options.what and not options.job:
        parser.error("settle takes an ID or --job ID; `processender track list` shows them")
    try:
        return _show(options, _ask(options, _request(options)))
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE


def _request(options: Any) -> dict[str, Any]:
    """Return what is asked for."""
    if options.verb == "add":
        kind, key = options.what
        return {
            "do": "add", "kind": kind, "key": key, "releaser": options.releaser, "job": options.job,
            "args": dict(map(_argument, options.arg)), "outlives": options.outlives,
        }  # fmt: skip
    verb = "list" if options.verb == "dead" else options.verb
    return {"do": verb, "ids": options.what, "job": options.job}


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ObligationError(f"cannot read --arg {text!r}: it has no name or no value; write --arg NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def _ask(options: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of the owner to *request*."""
    if options.owner_pid:
        return _of_process(options, request)
    path = os.environ.get(VARIABLE, "")
    if not path:
        text = "cannot tell who owes it: there is no `processender run` around this shell"
        raise ObligationError(f"{text}; start the script under it, or say --owner-pid $$")
    if options.service:
        raise ObligationError("cannot choose a service inside `processender run`: its own counts; leave --service out")
    answer = ask(path, request, "it may have ended: then `processender recover` releases what it owed")
    if "error" in answer:
        raise ObligationError(str(answer["error"]))
    return answer


def _of_process(options: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Do what *request* asks for in the journal that is kept for the process that was named."""
    identity = identify(options.owner_pid) if options.owner_pid > 0 else None
    if identity is None:
        text = f"cannot track for process {options.owner_pid}: there is none"
        raise ObligationError(f"{text}; name one that lives as long as the thing, such as $$")
    root = os.path.join(state_root(os.environ), file_name(options.service or "tracked"))
    try:
        kept = kept_for(journal_root(root), identity)
        if request["do"] == "add":
            return _write(_made(options), identity, request)
        if request["do"] == "list" or not kept:
            # Who only asks leaves nothing behind.
            return _read(kept, request)
        return _write(root, identity, request)
    except OSError as error:
        text = f"cannot track it: {error.filename or root}: {error.strerror or error}"
        raise JournalError(f"{text}; set PROCESSENDER_STATE to a place that can be written to") from error


def _made(options: Any) -> str:
    """Return the directory of the service, which is made if there is none."""
    place = state_place(options.service or "tracked", os.environ)
    if not place.path:
        raise JournalError(place.trouble)
    if place.warning:
        output.complain(place.warning)
    return place.path


def _read(directory: str, request: dict[str, Any]) -> dict[str, Any]:
    journal = MemoryJournal()
    if directory:
        for text in look(directory, journal.append).troubles:
            output.complain(text)
    return Tracker(Obligations(SystemClock(), lambda: journal)).answer(request)


def _write(place: str, identity: Identity, request: dict[str, Any]) -> dict[str, Any]:
    with Kept(place, identity) as home:
        return Tracker(home).answer(request)


def _show(options: Any, answer: dict[str, Any]) -> int:
    if "owed" not in answer:
        if options.json:
            output.say_json({"schema": SCHEMA, **answer})
        elif options.verb == "add":
            output.say(str(answer["id"]))
        elif options.verb == "settle":
            output.say(f"{len(answer['settled'])} settled")
        else:
            output.say(f"{len(answer['retry'])} will be tried again")
        return 0
    owed = [standing_from(each) for each in answer["owed"]]
    if options.verb == "dead":
        owed = [each for each in owed if each.state is State.DEAD]
    if options.json:
        output.say_json({"schema": SCHEMA, "owed": [standing_as_data(each) for each in owed]})
    else:
        output.say(standings_as_text(owed))
    return DEAD if options.verb == "dead" and owed else 0


def _parser() -> Options:
    verbs = "\n".join(f"  {name:7} {text}" for name, text in _VERBS.items())
    about = "Track what a script makes, so that it is released whatever becomes of the script."
    parser = Options("track", usage=_USAGE, description=f"{about}\n\n{verbs}", epilog=_EPILOG, code=_MISTAKE)
    parser.add_argument("verb", metavar="add|settle|list|dead|retry", help="what to do")
    parser.add_argument("what", nargs="*", default=[], metavar="KIND KEY | ID", help="the thing, or the ids")
    parser.add_argument("--releaser", default="", metavar="NAME", help="what releases it (default: the KIND)")
    parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="what the releaser needs")
    parser.add_argument("--job", default="", metavar="ID", help="the job that it belongs to")
    parser.add_argument("--outlives", action="append", default=[], metavar="ID", help="what must be gone before it")
    parser.add_argument("--owner-pid", type=int, default=0, metavar="PID", help="the process that owes it")
    parser.add_argument("--service", default="", metavar="NAME", help="with --owner-pid (default: tracked)")
    parser.add_argument("--json", action="store_true", help="print data")
    return parser
