"""What follows from a pod before any rule asks: how its hooks spend the grace, and what its agents have planned."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping

from ..agent.decide import contradictions, with_flags
from ..agent.files import PREFIX
from ..agent.flags import mistake as mistake_of
from ..agent.flags import parse
from ..agent.settings import Settings
from ..core.pods import left_of, stop_limit
from ..core.record import Record
from .configuration import Configuration, Text, mistake, read_configuration, read_variables, worst_case
from .documents import Node
from .finding import Finding, Place
from .words import FLAGS, Ours, expand, ours, slept
from .workload import Container, Pod

FILE = "processender.toml"
"""The name of a configuration."""
_MOST = 100
"""How many volumes of a pod are looked at."""


class Hook(Record):
    """A preStop hook."""

    seconds: float = 0.0
    """How long it takes, at least."""
    binary: bool = False
    """Whether it needs a `sleep` in the image."""
    native: bool = False
    """Whether it is the action `sleep`."""
    ours: Ours | None = None
    """The call of `processender` in it."""


class Agent(Record):
    """A container with an agent or a sidecar of ours, and what that has planned. Times are seconds."""

    verb: str
    """`run` or `sidecar`."""
    settings: Settings
    """What it is told, as far as it can be seen."""
    worst: float
    """What its plan takes if each handler takes all of its time."""
    unseen: str = ""
    """The configuration that it reads and that was not given."""


class Shelf(Record):
    """What lies beside the manifests."""

    configurations: tuple[Configuration, ...] = ()
    """The configurations that were given as files."""
    maps: Mapping[str, Mapping[str, Node]] = {}
    """The files of each ConfigMap, by its name."""
    sources: Mapping[str, str] = {}
    """The text of each manifest, by its file."""


class Facts(Record):
    """What follows from a pod."""

    hooks: Mapping[str, Hook]
    """The preStop hook of each container that has one."""
    agents: Mapping[str, Agent]
    """The containers with an agent, by name."""
    findings: tuple[Finding, ...] = ()
    """What is wrong with their configurations."""

    def left(self, pod: Pod, container: Container) -> int:
        """Return the seconds that *container* has from the stop signal to KILL, after its own hook."""
        hook = self.hooks.get(container.name, Hook())
        # Ours holds until the drain is done; both spend the same window.
        spent = 0.0 if hook.ours else min(hook.seconds, pod.grace)
        return stop_limit(left_of(pod.grace, spent))


def facts_of(pod: Pod, shelf: Shelf) -> Facts:
    """Work out what follows from *pod*."""
    hooks = {each.name: _hook(each) for each in pod.living if each.hook}
    agents, findings = {}, []
    for container in pod.living:
        if container.ours is not None and container.ours.verb in {"run", "sidecar"}:
            agents[container.name], found = _agent(pod, container, container.ours, shelf)
            findings += found
    return Facts(hooks, agents, tuple(findings))


def _hook(container: Container) -> Hook:
    seconds = container.hook.get("sleep", "seconds").number()
    if seconds is not None:
        return Hook(float(seconds), native=True)
    said = container.hook.get("exec", "command").each()[:_MOST]
    words = [expand(each.text(), container.variables) for each in said]
    taken, binary = slept(words)
    return Hook(taken, binary=binary, ours=ours(words))


def _agent(pod: Pod, container: Container, call: Ours, shelf: Shelf) -> tuple[Agent, list[Finding]]:
    found: list[Finding] = []
    settings, unseen, problems = Settings(), "", list[str]()
    known = {name: value for name, value in container.variables.items() if "$(" not in value}
    text = _text(pod, container, call, shelf)
    if text is not None:
        profile = call.options.get("--profile", "")
        read = read_configuration(text, known, "" if "$(" in profile else profile, ("kubernetes",))
        settings, found = (read.settings, found) if isinstance(read, Configuration) else (settings, read)
        # What a variable says wrong does not stand in the file.
        problems = [each.what for each in found if each.what.startswith(PREFIX)]
        found = [each for each in found if each.what not in problems]
    else:
        settings, problems = read_variables(known)
        unseen = call.options.get("--config", "")
    settings, wrong = _of_flags(call, settings, sure=not (found or problems or unseen))
    worst = max(worst_case(settings)[0], settings.drain_delay)
    told = [mistake(_place_of(each, container), pod.subject(container), each) for each in (*problems, *wrong)]
    if container.variables.get("PROCESSENDER_DISABLE") == "1":
        told = []
    return Agent(call.verb, settings, worst, unseen), [*found, *told]


def _of_flags(call: Ours, settings: Settings, *, sure: bool) -> tuple[Settings, list[str]]:
    """Return *settings* changed by the flags, and what is wrong with these; all is known of *settings* if *sure*."""
    wrong = mistake_of(call.said, FLAGS[call.verb])
    said = None if wrong else parse([*call.said, "--", "command"], FLAGS[call.verb])
    if said is None:
        # What stands for a word may be one of the choices.
        unknown = any("$(" in word for word in call.said)
        return settings, [] if unknown or not call.exact else [wrong]
    flags = {name: value for name, value in vars(said).items() if "$(" not in str(value)}
    changed, problems = with_flags(settings, flags)
    if not (sure and call.exact):
        return changed, problems if call.exact else []
    return changed, problems or contradictions(changed, {})


def _place_of(problem: str, container: Container) -> Place:
    """Return where the variable stands that *problem* begins with, or the call."""
    name = problem.partition(":")[0]
    named = (each.get("value") for each in container.node.get("env").each() if each.get("name").text() == name)
    return next(named, container.runs_at).place


def _text(pod: Pod, container: Container, call: Ours, shelf: Shelf) -> Text | None:
    """Return the configuration that *container* reads: out of a ConfigMap, or the file beside the manifests."""
    wanted = call.options.get("--config", "")
    for path, node in _mounted(pod, container, shelf):
        directory = container.node.get("workingDir").text()
        if path == os.path.join(directory, wanted or FILE) or (not directory and _same(path, wanted)):
            return text_of(node, shelf.sources)
    texts = [each.text for each in shelf.configurations]
    named = [each for each in texts if _same(each.file, wanted)]
    return next(iter(named), texts[0] if len(texts) == 1 and not wanted else None)


def _same(path: str, wanted: str) -> bool:
    return os.path.basename(path) == os.path.basename(wanted or FILE)


def _mounted(pod: Pod, container: Container, shelf: Shelf) -> Iterator[tuple[str, Node]]:
    """Yield the files that a container finds in ConfigMaps of the same files, each with its path."""
    volumes = {each.get("name").text(): each.get("configMap") for each in pod.spec.get("volumes").each()[:_MOST]}
    for mount in container.node.get("volumeMounts").each()[:_MOST]:
        volume = volumes.get(mount.get("name").text())
        files = shelf.maps.get(volume.get("name").text(), {}) if volume else {}
        place, part = mount.get("mountPath").text(), mount.get("subPath").text()
        items = volume.get("items").each()[:_MOST] if volume else []
        renamed = {each.get("key").text(): each.get("path").text() for each in items}
        for name, node in list(files.items())[:_MOST]:
            shown = renamed.get(name, name)
            if not part or part == shown:
                yield (place if part else os.path.join(place, shown)), node


def text_of(node: Node, sources: Mapping[str, str]) -> Text:
    """Return the configuration in *node* of a ConfigMap; its lines are those of the manifest where that can be told."""
    place = node.place
    if node.style != "|":
        return Text(place.file, node.text(), at=place)
    lines = sources.get(place.file, "").splitlines()
    first = next((each for each in lines[place.line :] if each.strip()), "")
    return Text(place.file, node.text(), above=place.line, indent=len(re.match(r" *", first)[0]))  # type: ignore[index]
