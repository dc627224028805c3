"""From texts to findings: read all of them, then ask every rule."""

from __future__ import annotations

import os.path
from collections.abc import Collection, Iterable, Mapping

from ..core.record import Record
from ..hints import Any
from .configuration import Configuration, Text, has_table, read_configuration, variants
from .documents import Node, ignored, read_documents
from .facts import FILE, Shelf, facts_of, text_of
from .finding import Finding, Unreadable
from .rules import POD_RULES
from .rules_configurations import CONFIGURATION_RULES
from .workload import Budget, Pod, files_of, objects, pod_of

SCHEMA = 1
"""The version of what `as_data` gives."""


class Audit(Record):
    """What was read, and what was found."""

    findings: tuple[Finding, ...]
    """What was found, in the order of the files."""
    unread: tuple[str, ...]
    """What could not be read, each a sentence with its place."""
    workloads: int
    """How many workloads were checked."""
    configurations: int
    """How many configurations were checked."""

    def as_data(self) -> dict[str, Any]:
        """Return it as what `--json` prints."""
        return {
            "schema": SCHEMA,
            "checked": {"workloads": self.workloads, "configurations": self.configurations},
            "findings": [finding.as_data() for finding in self.findings],
            "unread": list(self.unread),
        }


def audit(texts: Mapping[str, str], unread: Iterable[str] = (), without: Collection[str] = ()) -> Audit:
    """
    Return what is wrong with the files *texts*, by their names.

    Args:

        texts: The text of each file by its name; one that ends with `.toml` is a configuration, any other a manifest.

        unread: What could not be read already.

        without: The codes of findings that nobody wants to see.
    """
    reading = _Reading(list(unread))
    for file, text in texts.items():
        try:
            reading.take(file, text)
        except Unreadable as error:
            reading.unread.append(str(error))
    found = [*reading.findings, *_of_configurations(reading.configurations), *_of_pods(reading, texts)]
    meant = {(file, line, code) for file, text in texts.items() for line, code in ignored(text)}
    wanted = [each for each in found if each.code not in without and not _is_meant(each, meant)]
    order = {file: number for number, file in enumerate(texts)}
    # One thing is told once, also of a configuration that several containers read.
    kept = dict.fromkeys(sorted(wanted, key=lambda each: (order[each.place.file], each.place.line, each.place.column)))
    return Audit(tuple(kept), tuple(reading.unread), len(reading.pods), reading.count)


class _Reading:
    """What has been read so far."""

    def __init__(self, unread: list[str]) -> None:
        self.unread = unread
        self.findings: list[Finding] = []
        self.configurations: list[Configuration] = []
        self.pods: list[Pod] = []
        self.maps: dict[str, Mapping[str, Node]] = {}
        self.count = 0

    def take(self, file: str, text: str) -> None:
        """Read one file."""
        if file.endswith(".toml"):
            self._configuration(file, text)
            return
        documents, findings = read_documents(text, file)
        budget = Budget()
        things = [thing for document in documents for thing in objects(document, budget)]
        if any(thing.get("kind") for thing in things):
            self.findings += findings
        for thing in things:
            self._map(thing, file, text)
        self.pods += [pod for pod in (pod_of(thing, budget) for thing in things) if pod is not None]

    def _map(self, thing: Node, file: str, text: str) -> None:
        files = files_of(thing)
        if not files:
            return
        self.maps[thing.get("metadata", "name").text()] = files
        if files.get(FILE):
            self.count += 1
            read = read_configuration(text_of(files[FILE], {file: text}))
            self.findings += read if isinstance(read, list) else _of_configurations([read])

    def _configuration(self, file: str, text: str) -> None:
        is_project = os.path.basename(file) == "pyproject.toml"
        if is_project and not has_table(text):
            return
        self.count += 1
        read = read_configuration(Text(file, text, ("tool", "processender") if is_project else ()))
        if isinstance(read, Configuration):
            self.configurations.append(read)
        else:
            self.findings += read


def _of_configurations(configurations: Iterable[Configuration]) -> list[Finding]:
    found = []
    for read in configurations:
        made, wrong = variants(read)
        found += [
            *wrong,
            *(finding for each in (read, *made) for rule in CONFIGURATION_RULES for finding in rule(each)),
        ]
    return found


def _of_pods(reading: _Reading, sources: Mapping[str, str]) -> list[Finding]:
    shelf = Shelf(tuple(reading.configurations), reading.maps, sources)
    found: list[Finding] = []
    for pod in reading.pods:
        facts = facts_of(pod, shelf)
        found += facts.findings
        found += [finding for rule in POD_RULES for finding in rule(pod, facts)]
    return found


def _is_meant(finding: Finding, meant: Collection[tuple[str, int, str]]) -> bool:
    file, line = finding.place.file, finding.place.line
    return any((file, each, finding.code) in meant for each in (line, line - 1))
