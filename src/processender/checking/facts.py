"""What follows from a pod before any rule asks: how its hooks spend the grace, and what its agents have planned."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping

from ..agent.config import load
from ..agent.durations import parse_duration
from ..agent.errors import ConfigError
from ..agent.settings import Settings
from ..core.pods import left_of, stop_limit
from ..core.record import Record
from .configuration import Configuration, Text, read_configuration, worst_case
from .documents import Node
from .finding import Finding
from .words import Ours, expand, ours, slept
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
    settings, unseen = Settings(), ""
    text = _text(pod, container, call, shelf)
    if text is not None:
        read = read_configuration(text, container.variables)
        settings, found = (read.settings, found) if isinstance(read, Configuration) else (settings, read)
    else:
        settings = _of_variables(container)
        unseen = call.options.get("--config", "")
    for name, field in (("--grace", "grace"), ("--drain-delay", "drain_delay")):
        try:
            settings = settings.replace(**{field: parse_duration(call.options[name], zero=field != "grace")})
        except (KeyError, ValueError):
            # Not said, or known only where it runs.
            continue
    settings = settings.replace(probe_listen=call.options.get("--probe-listen", settings.probe_listen))
    worst = max(worst_case(settings)[0], settings.drain_delay)
    return Agent(call.verb, settings, worst, unseen), found


def _of_variables(container: Container) -> Settings:
    try:
        return load(None, container.variables)
    except ConfigError:
        return Settings()


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
