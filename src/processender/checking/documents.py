"""
From YAML or JSON to nodes that know where they stand.

The text may be of hostile hands. So the events of the parser are put together here, without recursion, to a bounded
depth and number; an alias is the same node again and is never copied, and who walks over nodes follows known keys only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..core.record import Record
from ..hints import Any
from .finding import ERROR, Finding, Place, Unreadable

DEEPEST = 100
"""How deep a manifest may be nested."""
MOST = 1_000_000
"""How many nodes a file may have."""
_MERGED = 50
"""How many nodes are looked into for the keys of one that merges others."""
_NUMBER = re.compile(r"[-+]?[0-9]{1,12}")
_INSTALL = "install it with `pip install 'processender[check]'`"


class Node(Record):
    """A value with its place; what is not there is a node without a value, so that a path can be followed blindly."""

    place: Place
    """Where it stands."""
    value: Any = None
    """A dict of nodes, a list of nodes, a text, or None."""
    plain: bool = False
    """Whether it is a text without quotes, which may mean a number."""
    style: str = ""
    """How the text is written: the sign that opens it."""

    def __bool__(self) -> bool:
        """Tell whether it is there."""
        return self.value is not None

    def get(self, *keys: str) -> Node:
        """Return what stands below *keys*."""
        node = self
        for key in keys:
            node = node._one(key)
        return node

    def _one(self, key: str) -> Node:
        waiting, seen = [self], 0
        while waiting and seen < _MERGED:
            node, seen = waiting.pop(0), seen + 1
            if isinstance(node.value, dict):
                if key in node.value:
                    found: Node = node.value[key]
                    return found
                merged = node.value.get("<<")
                waiting += [merged] if merged is not None else []
            elif isinstance(node.value, list) and node is not self:
                waiting += node.value[:_MERGED]
        return Node(self.place)

    def each(self) -> list[Node]:
        """Return its elements, none if it is no list."""
        return self.value if isinstance(self.value, list) else []

    def pairs(self) -> dict[str, Node]:
        """Return its keys and what they hold, none if it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    def text(self) -> str:
        """Return its text, empty if it has none."""
        return self.value if isinstance(self.value, str) else ""

    def number(self) -> int | None:
        """Return the whole number that it is, None if it is none."""
        return int(self.value) if self.plain and _NUMBER.fullmatch(self.text()) else None


def read_documents(text: str, file: str) -> tuple[list[Node], list[Finding]]:
    """Return the documents of *text*, and what is wrong with their form; raise `Unreadable`."""
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise Unreadable(f"{file}: cannot be read: PyYAML is not there; {_INSTALL}") from error
    if text.lstrip()[:1] in {"{", "["}:
        # Between the values of JSON a tab is a space, inside of them there is none; YAML takes no tabs.
        text = text.replace("\t", " ")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    maker = _Maker(file)
    try:
        for event in yaml.parse(text, Loader=loader):
            maker.take(event)
    except yaml.YAMLError as error:
        raise Unreadable(_told(error, text, file)) from error
    return maker.documents, maker.findings


def _told(error: Any, text: str, file: str) -> str:
    mark = getattr(error, "problem_mark", None)
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is not understood"
    step = "it looks like a template: render it first, as with `helm template`" if "{{" in text else "mend it"
    return f"{place}: is not YAML: {why}; {step}"


class _Maker:
    """Puts nodes together from the events of a parser."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.documents: list[Node] = []
        self.findings: list[Finding] = []
        self.open: list[tuple[Node, list[Node]]] = []
        """The collections that are not closed yet, each with the key that waits for its value."""
        self.named: dict[str, Node] = {}
        self.count = 0

    def take(self, event: Any) -> None:
        """Take the next event, by its name: it is of one of two classes, with or without the C library."""
        kind = type(event).__name__
        mark = event.start_mark
        if kind == "DocumentStartEvent":
            self.named = {}
        elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
            self.open.pop()
        elif kind == "AliasEvent":
            if event.anchor not in self.named:
                raise Unreadable(f"{self._place(mark)}: the alias *{event.anchor} names nothing; mend it")
            self._put(self.named[event.anchor])
        elif kind == "ScalarEvent":
            value = None if event.implicit[0] and event.value in {"", "~", "null"} else event.value
            self._add(Node(self._place(mark), value, event.implicit[0], event.style or ""), event.anchor)
        elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
            node = Node(self._place(mark), {} if kind == "MappingStartEvent" else [])
            self._add(node, event.anchor)
            self.open.append((node, []))
            if len(self.open) > DEEPEST:
                raise Unreadable(f"{node.place}: is nested more than {DEEPEST} deep: that is no manifest; leave it out")

    def _place(self, mark: Any) -> Place:
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _add(self, node: Node, anchor: str | None) -> None:
        self.count += 1
        if self.count > MOST:
            raise Unreadable(f"{node.place}: has more than {MOST} values; split the file")
        self._put(node)
        if anchor:
            self.named[anchor] = node

    def _put(self, node: Node) -> None:
        if not self.open:
            self.documents.append(node)
            return
        holder, waiting = self.open[-1]
        if isinstance(holder.value, list):
            holder.value.append(node)
        elif not waiting:
            waiting.append(node)
        else:
            self._pair(holder.value, waiting.pop(), node)

    def _pair(self, pairs: dict[str, Node], key: Node, node: Node) -> None:
        name = key.text()
        if name in pairs and name != "<<":
            what = f"the key {name!r} stands here again, first in line {pairs[name].place.line}"
            why = "the API server takes the last one, or none, and who reads the file may look at the first"
            self.findings.append(
                Finding(key.place, ERROR, "duplicate-key", self.file, what, why, "keep the one that is meant")
            )
        # What has no value of its own is looked for where its key stands.
        pairs[name] = node if node or node.place.line == key.place.line else node.replace(place=key.place)


def ignored(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines, from 1, in which a comment says that a finding is meant, and its code."""
    for number, line in enumerate(text.splitlines(), 1):
        if "processender: ignore" in line:
            for code in re.split(r"[,\s]+", line.partition("processender: ignore")[2].strip()):
                yield number, code
