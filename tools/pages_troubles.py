"""The table of the codes of troubles; one that the source says and nobody has explained is an error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import processender

TROUBLES = {
    "cancel-failed": "What a handler wants called when it must give way has raised.",
    "crash": "Something of the account of a crash, or of what follows it, could not be done.",
    "crashed": "The process before this one, or the command, has died without an end; the text is its summary.",
    "cut-failed": "A piece of work could not be broken off.",
    "cycle": "Handlers wait for one another in a circle; one of the waits is left out.",
    "deaf-server": "A server could not be asked to stop.",
    "does-not-fit": "The plan does not fit into its window.",
    "duplicate": "Two handlers have one name.",
    "end": "Something that follows the end of an agent could not be done.",
    "export": "An exporter has not delivered an account; it waits, or was put aside.",
    "gave-up": "The command is not started again: it has ended too often.",
    "history": "What earlier runs took cannot be read, or kept; plans go by guesses.",
    "hook": "A hook has failed, or could not be run.",
    "internal": "A bug in ProcessEnder: please report it.",
    "journal": "Something could not be noted in the journal of what is owed.",
    "last-resort": "Nothing can end the process while its Python code does not run.",
    "no-agent": "The agent around cannot be joined, or is gone; the Ender ends by itself.",
    "no-cgroup": "The agent has no cgroup for its command, and looks for its processes by their parents.",
    "no-stacks": "Stacks cannot be written.",
    "no-state": "There is no directory for the state: no report is kept, and nothing is learned.",
    "not-carried-out": "A handler, or what was wanted of it, could not be started.",
    "not-main-thread": "Signals are not heard, since only the main thread can take them.",
    "not-recovered": "What a dead process has left could not be released.",
    "not-resumed": "A handler of the drain could not be brought back; traffic may still be away.",
    "not-started": "The command could not be started.",
    "observer-failed": "An observer has raised; the run goes on.",
    "on-crash": "What runs after a crash has failed.",
    "output": "What the command writes could not be passed on.",
    "phase-order": "A handler needs one of a later phase; that wait is left out.",
    "plain-end": "The agent could not load its engine, and ends the command without a plan.",
    "recovery": "A recovery could not do all that it wanted.",
    "reload": "The configuration was not, or not wholly, taken over.",
    "require": "What the order requires does not follow from the plan.",
    "restart": "The command has ended, and is started again, or will be.",
    "short": "The platform gives less time than the Ender was given, and it cannot end within that.",
    "signal": "The command could not be sent a signal.",
    "signal-stolen": "Something else in the process has taken a signal away.",
    "source-away": "Nobody answers where a source listens, or looks.",
    "source-bug": "A source has failed by a bug, and is not heard.",
    "source-refused": "What a source asks refuses to answer.",
    "source-slow": "What a source asks does not answer in time.",
    "source-stale": "What a source sees is too old, and taken for none.",
    "source-unclear": "A source cannot understand what it was told.",
    "stop-step": "A step that asks the command to end has failed, or was waited for long enough.",
    "systemd": "Something that the command says to systemd could not be done.",
    "too-late": "A notice that takes the end back, or moves it, has come too late.",
    "unknown-handler": "A handler waits for one that there is not; that wait is left out.",
    "unknown-lane": "A handler names a lane that there is not.",
    "unknown-phase": "A handler names a phase that there is not, and runs in the last.",
    "unrecorded": "The first record took too long, and the run has begun without it.",
    "unseen": "A sidecar cannot see its application.",
    "wrong-token": "Somebody has asked the control face for something without a valid token.",
}  # fmt: skip
"""What each code says."""
INTRODUCTION = """
A trouble is something that could not be done as wished; the end goes on without it. Its code is in its name, in
`processender.trouble.code`, and in the label of `processender_troubles_total`; its text says what, why, and what next.
A source of your own may have other codes.
"""
_CODE = re.compile("[a-z]+(-[a-z]+)*")
_SAYS = {"trouble", "Trouble", "tell", "say", "complain"}


def troubles_table() -> str:
    """Return the section of the codes."""
    said = set(_said(Path(processender.__file__).parent))
    if said - TROUBLES.keys():
        raise SystemExit(f"tools/pages_troubles.py does not explain {', '.join(sorted(said - TROUBLES.keys()))}")
    if TROUBLES.keys() - said:
        raise SystemExit(f"tools/pages_troubles.py explains what nobody says: {sorted(TROUBLES.keys() - said)}")
    rows = "".join(f"| `{code}` | {text} |\n" for code, text in sorted(TROUBLES.items()))
    return f"\n## The troubles\n{INTRODUCTION}\n| code | what it says |\n|---|---|\n{rows}"


def _said(root: Path) -> Iterator[str]:
    """Give the codes in the source below *root*: what is handed to who tells, and to the problems of a plan."""
    for path in root.rglob("*.py"):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", "")).lstrip("_")
                place = {"Trouble": 1, "Problem": 0}.get(name, 0)
                many = name == "Problem" or (name in _SAYS and len(node.args) >= 2)
                yield from _codes(node.args[: place + 2]) if many else ()
            elif isinstance(node, ast.Tuple) and len(node.elts) == 3 and path.name == "listening.py":
                yield from _codes(node.elts[1:2])


def _codes(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
            yield node.value
