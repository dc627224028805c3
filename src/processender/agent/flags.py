"""
The flags of `run`, and what reads them without a parser: a table in, what was said out.

`argparse` costs a start as much as everything else together. It still explains every mistake and prints the help, from
the same table.
"""

from __future__ import annotations

from ..core.graph import nearest
from ..hints import TYPE_CHECKING, Any
from .steps import PRESETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Table = Sequence[tuple[tuple[str, ...], Mapping[str, Any]]]


class Said:
    """What was said, each flag an attribute, and `command`."""

    def __init__(self, table: Table) -> None:
        """Begin with the defaults."""
        self.command: list[str] = []
        for names, how in table:
            flag = how.get("action") == "store_true"
            setattr(self, _attribute(names), False if flag else how.get("default"))


def parse(argv: Sequence[str], table: Table) -> Said | None:
    """Return what *argv* says, None when somebody else must explain it: a mistake, a question for help, no command."""
    known = {name: (_attribute(names), how) for names, how in table for name in names}
    said = Said(table)
    at, end = 0, end_of_options(argv, table)
    while at < end:
        name, equals, value = argv[at].partition("=")
        attribute, how = known.get(name, ("", {}))
        at += 1
        action = how.get("action", "store")
        if not attribute or (action == "store_true" and equals):
            return None
        if action == "store_true":
            setattr(said, attribute, True)
            continue
        if not equals:
            if at >= end:
                return None
            value, at = argv[at], at + 1
        if value not in how.get("choices", (value,)):
            return None
        setattr(said, attribute, [*(getattr(said, attribute) or ()), value] if action == "append" else value)
    said.command = list(argv[end + 1 :] if argv[end : end + 1] == ["--"] else argv[end:])
    return said if said.command else None


def mistake(argv: Sequence[str], table: Table) -> str:
    """Return why `parse` makes nothing of the options in *argv*; empty if it does."""
    known = {name: how for names, how in table for name in names}
    at, end = 0, end_of_options(argv, table)
    while at < end:
        name, equals, value = argv[at].partition("=")
        at += 1
        if name not in known:
            return f"there is no option {name!r}{nearest(name, known) if name.startswith('--') else ''}"
        if known[name].get("action") == "store_true":
            if equals:
                return f"{name} takes no value"
            continue
        if not equals:
            if at >= end:
                return f"{name} lacks its value"
            value, at = argv[at], at + 1
        choices = known[name].get("choices", (value,))
        if value not in choices:
            return f"{name}: {value!r} is none of {', '.join(choices)}"
    return ""


def end_of_options(argv: Sequence[str], table: Table) -> int:
    """Return where the options end: at the first `--`, or at the first word that is neither option nor value."""
    with_value = {name for names, how in table if how.get("action") != "store_true" for name in names}
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "--":
        at += 2 if argv[at] in with_value else 1
    return min(at, len(argv))


def _attribute(names: Sequence[str]) -> str:
    return names[-1].lstrip("-").replace("-", "_")


RUN: Table = (
    (("-c", "--config"), {"metavar": "FILE", "default": "", "help": "the configuration file"}),
    (("--profile",), {"metavar": "NAME", "help": "the profile that holds: a name, none, or auto (by the platform)"}),
    (("--grace",), {"metavar": "TIME", "help": "the whole time from the notice to the end (default 30s)"}),
    (
        ("--drain-delay",),
        {"metavar": "TIME", "help": "how long COMMAND still serves after readiness has failed (default 0s)"},
    ),
    (("--probe-listen",), {"metavar": "HOST:PORT", "help": "where to serve /livez, /readyz and /startupz"}),
    (
        ("--control-listen",),
        {"metavar": "HOST:PORT", "help": "where to serve /status, /metrics and, with a token, /drain /resume /stop"},
    ),
    (("--service",), {"metavar": "NAME", "help": "the name in lines and reports (default: that of COMMAND)"}),
    (
        ("--strict",),
        {"action": "store_true", "help": "leave with 70 when COMMAND ended with 0 and the shutdown was not clean"},
    ),
    (
        ("--exit",),
        {"choices": ("code", "reraise"), "help": "reraise: die of the signal that COMMAND died of"},
    ),
    (
        ("--expect-exit",),
        {"metavar": "CODE", "action": "append", "help": "leave with 0 when COMMAND ends with CODE, such as 143"},
    ),
    (
        ("--parent-death",),
        {"metavar": "SIGNAL", "help": "get SIGNAL when the process that has started this one ends; TERM stops"},
    ),
    (("-v", "--verbose"), {"action": "store_true", "help": "tell more on standard error"}),
    (("-q", "--quiet"), {"action": "store_true", "help": "tell only what goes wrong"}),
    (
        ("--restart",),
        {"choices": ("never", "on-failure", "always"), "help": "when to start COMMAND again after it has ended"},
    ),
    (("--json",), {"action": "store_true", "help": "write the lines on standard error as JSON"}),
    (
        ("--lean",),
        {"action": "store_true", "help": "load what only the end needs when it comes: less memory, a faster start"},
    ),
    (("--setsid",), {"action": "store_true", "help": "let COMMAND lead a session of its own (default: unless started "
                     "at the terminal of this one)"}),
    (("--no-setsid",), {"action": "store_true", "help": "let COMMAND stay in this session, with its job control"}),
    (("--kill-group",), {"action": "store_true", "help": "send signals to the whole process group of COMMAND"}),
    (
        ("--no-wait-tree",),
        {"action": "store_true", "help": "leave as soon as COMMAND has ended, whatever it leaves behind"},
    ),
    (
        ("--rewrite",),
        {"metavar": "A:B", "action": "append", "help": "send COMMAND signal B in the place of A; 0 for nothing"},
    ),
    (
        ("--on-signal",),
        {"metavar": "SIGNAL:WHAT", "action": "append",
         "help": "what a signal means: stop, forward, reload, ignore, or dump, which prints state and stacks "
         "(default: TERM, INT, QUIT and HUP stop)"},
    ),
    (("--capture",), {"action": "store_true", "help": "pass on the output of COMMAND by lines, each with its time"}),
    (("--preset",), {"choices": tuple(PRESETS), "help": "end COMMAND as this program wants to be ended"}),
    (
        ("--ready",),
        {"choices": ("started", "notify"), "help": "when systemd is told READY: as COMMAND is started (default), or as "
         "COMMAND says so on its NOTIFY_SOCKET"},
    ),
    (
        ("--watchdog",),
        {"choices": ("own", "pass"), "help": "pass: feed the watchdog of systemd only while COMMAND feeds its own"},
    ),
)  # fmt: skip
