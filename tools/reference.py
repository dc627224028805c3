"""Write the reference pages from docstrings, tables and help texts; `--check` only tells whether they are stale."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
import typing
from pathlib import Path

import pages_archive
import pages_export
import pages_figures
import pages_rehearsal
import room_pages
from describing import fields, function, has, public, thing
from pages_troubles import troubles_table
from pages_words import events_tables, rooms, words_pages

import processender
from processender import platforms, testing
from processender.cli.main import COMMANDS
from processender.core import cells, events, obligation
from processender.core.grace import Grace
from processender.core.record import Record
from processender.core.words import Words
from processender.plugins import GROUP, find_releaser, releaser_names

PAGES = Path(__file__).parent.parent / "docs" / "reference"
BLOCKS = {
    "files": ["atomic_write", "file_args"],
    "locks": ["lock_args"],
    "processes": ["process_args"],
    "postgres": ["session", "advisory_lock"],
    "sql": ["transaction"],
    "redis": ["lock"],
    "s3": ["upload"],
}
"""What an application uses of the rooms, beside the releasers."""
NOTIFIERS = [
    ("http.cloudevents", "cloudevent"), ("systemd", "crash_status"), ("kubernetes", "termination_message"),
    ("command.notifier", "crash_command"),
]  # fmt: skip
STORES = [("redis", "RedisStore"), ("postgres", "PostgresStore"), ("s3", "S3Store")]
"""Where `ender.save` may keep its states instead of a file."""
NOTE = "<!-- Written by tools/reference.py; do not edit. -->\n"


def describe_class(cls: type) -> str:
    """Return the docstring of a class with its fields or its methods."""
    parts = [f"## `{cls.__name__}`\n\n{inspect.getdoc(cls) or ''}\n"]
    if issubclass(cls, Record | Words):
        parts.append(fields(cls))
    elif not issubclass(cls, BaseException):
        parts.append(function(cls.__name__, cls.__init__))
    return "\n".join([*parts, *has(cls)])


def library_page() -> str:
    """Return the page of the public names."""
    parts = ["# The library\n", NOTE]
    names = [(name, getattr(processender, name)) for name in processender.__all__]
    parts += [describe_class(each) if inspect.isclass(each) else function(name, each, 2) for name, each in names]
    parts.append(f"# `processender.platforms`\n\n{inspect.getdoc(platforms)}\n")
    parts += [function("here", platforms.here), describe_class(platforms.Platform)]
    parts.append("# How long a platform gives\n\nWhat `find_grace` and `ask_grace` of the rooms of platforms return.\n")
    parts.append(describe_class(Grace))
    return "\n".join(parts)


def events_page() -> str:
    """Return the page of the events and the states of a handler."""
    parts = ["# Events\n", NOTE, events_tables() + troubles_table()]
    parts.append("# As records\n\nWhat an observer is handed. Times are seconds on the monotonic clock.\n")
    parts += [describe_class(each) for each in (*typing.get_args(events.Event), *rooms())]
    parts.append("# The life of a handler in a run\n\n| state | told | becomes |\n|---|---|---|\n")
    rows = [(s, told, then) for s, moves in cells.TRANSITIONS.items() for told, then in moves.items()]
    parts[-1] += "".join(f"| {state} | {told} | {then} |\n" for state, told, then in rows)
    return "\n".join(parts)


def journal_page() -> str:
    """Return the page of what a journal holds, and of the releasers that come with the package."""
    parts = [
        "# The journal\n",
        NOTE,
        "How it lies on the disk is told [elsewhere](../explanation/journal-format.md).\n",
    ]
    parts += [describe_class(each) for each in (obligation.Obligation, obligation.State, obligation.Kind)]
    parts.append(
        "## Releasers\n\nA package makes a releaser of its own known by an entry point of the group "
        f"`{GROUP}`: its name is\nthat of the releaser, its value a class without arguments. "
        "`processender.testing.releasers.check_releaser` tries it;\n"
        "`examples/plugin_releaser` is a whole package.\n"
    )
    for name in releaser_names():
        releaser = find_releaser(name)
        parts.append(f"### `{name}`\n\n{inspect.getdoc(type(releaser)) or ''}\n")
    parts.append("## Blocks that owe what they hold\n")
    for room, names in BLOCKS.items():
        found = importlib.import_module(f"processender.integrations.{room}")
        parts += [function(f"{room}.{name}", getattr(found, name)) for name in names]
    parts.append("## Who is told of a crash\n")
    for room, name in NOTIFIERS:
        found = importlib.import_module(f"processender.integrations.{room}")
        parts.append(function(f"{room}.{name}", getattr(found, name)))
    parts.append(
        "# Where small states are kept\n\nIn a file of the host, or with `Ender(store=...)` in one of these.\n"
    )
    for room, name in STORES:
        parts.append(describe_class(getattr(importlib.import_module(f"processender.integrations.{room}"), name)))
    return "\n".join(parts)


def command_page() -> str:
    """Return the page of the command line: what `--help` prints."""
    parts = ["# The command line\n", NOTE]
    for command in ([], *([name] for name in COMMANDS)):
        environ = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "PYTHON_COLORS": "0"}
        arguments = [sys.executable, "-m", "processender", *command, "--help"]
        ran = subprocess.run(arguments, env=environ, capture_output=True, text=True, check=True)
        parts.append(f"## `processender {' '.join(command)}`\n\n```text\n{ran.stdout.rstrip()}\n```\n")
    return "\n".join(parts)


def testing_page() -> str:
    """Return the page of the test kit: each of its modules, with what there is in it."""
    parts = ["# The test kit\n", NOTE, f"{inspect.getdoc(testing)}\n"]
    for path in sorted(Path(testing.__file__).parent.glob("[a-z]*.py")):
        module = importlib.import_module(f"processender.testing.{path.stem}")
        parts.append(f"## `processender.testing.{path.stem}`\n\n{inspect.getdoc(module)}\n")
        parts += [thing(name, getattr(module, name), module) for name in public(module)]
    return "\n".join(parts)


def index_page() -> str:
    """Return the page that lists the others."""
    links = "- [The library](library.md)\n- [Events](events.md)\n- [Metrics](metrics.md)\n- [The journal](journal.md)\n"
    links += "- [The command line](command.md)\n- [Frameworks and servers](frameworks/index.md)\n"
    links += "- [The configuration](configuration.md)\n- [Logs](logs.md)\n"
    links += "- [Drainers](drainers/index.md)\n- [Resources](resources/index.md)\n- [Platforms](platforms/index.md)\n"
    links += "- [Exporters](exporters.md)\n- [The archive](archive.md)\n- [The test kit](testing.md)\n"
    links += "- [What a rehearsal may say](rehearsal.md)\n"
    return f"# Reference\n\n{NOTE}\n{links}"


def main() -> int:
    """Write the pages, or say which are stale."""
    pages = {"index": index_page(), "library": library_page(), "events": events_page(), "command": command_page(),
             "journal": journal_page(), "testing": testing_page(), **room_pages.pages(NOTE),
             "exporters": pages_export.exporters_page(NOTE), "metrics": pages_figures.metrics_page(NOTE),
             "archive": pages_archive.archive_page(NOTE), **pages_rehearsal.pages(NOTE)}  # fmt: skip
    stale = []
    pages |= words_pages(NOTE)
    for name, text in pages.items():
        path = PAGES / f"{name}.md"
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(f"{name}.md")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"stale: {', '.join(stale)}; run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
