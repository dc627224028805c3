"""
How long each platform gives, by what stands in its environment, by who can be asked, and by its rules.

Source: the platforms' documents and sources, see the page of each. A platform has a `Rule`; where its room, or a
source, knows how long it gives, a `Provider` in `READ` says so, and an `Asker` in `ASK` asks. The first that is sure is
believed; an assumption is better than none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.grace import Grace
from ..core.notice import DeadlineKind
from ..core.platforms import Platform
from ..core.record import Record
from .aside import side_by_side
from .reading import cluster, container, engine, kubernetes, of_source, room, systemd
from .scene import Asker, Provider, Scene

ASSUMED = DeadlineKind.ASSUMED
NOBODY = Grace(None, "nobody says how long", ASSUMED)


class Rule(Record):
    """What is always so on a platform."""

    usual: Grace = NOBODY
    """How long it is where nobody knows better; left out where the room of the platform always does."""
    signal: str = "SIGTERM"
    """The signal that comes first; empty for none."""
    sends: str = "SIGTERM, then SIGKILL"
    """What it sends, in words."""
    source: str = ""
    """The name of the source that hears the platform earlier, or better, than by a signal; empty for none."""
    tells: str = ""
    """What that tells."""


_ECS = Grace(
    30.0,
    "the default of stopTimeout",
    ASSUMED,
    "set stopTimeout in the task definition (on Fargate up to 120), and stop_timeout of the source aws-ecs to the same",
)
_CONTAINER = Rule(source="docker", tells="that the engine stops the container, and its time-out")
_TASK = Rule(_ECS, source="aws-ecs", tells="that the task is to stop")
_RULES: Mapping[str, Rule] = {
    "github-actions": Rule(
        signal="SIGINT",
        sends="SIGINT, after 7.5 s SIGTERM, after 10 s SIGKILL, and only to the step's first process: begin it with"
        " `exec`",
    ),
    "gitlab-ci": Rule(sends="SIGTERM to the process group, then SIGKILL"),
    "buildkite": Rule(),
    "jenkins": Rule(sends="SIGTERM to all that have its cookie, then SIGKILL"),
    "lambda": Rule(
        sends="SIGTERM with an extension, and nothing without; 30 % of the time is the function's",
        source="aws-lambda",
        tells="the instant of the end, and its reason",
    ),
    "cloud-functions": Rule(),
    "cloud-run": Rule(),
    "azure-functions": Rule(signal="", sends="SIGKILL, and nothing before it"),
    "container-apps": Rule(),
    "fargate": _TASK,
    "ecs": _TASK,
    "kubernetes": Rule(
        sends="preStop, SIGTERM, SIGKILL, all in one window",
        source="kubernetes",
        tells="the instant of the end, before SIGTERM where there is a preStop hook",
    ),
    "nomad": Rule(
        Grace(5.0, "the default of kill_timeout", ASSUMED, "set kill_timeout of the task, and the grace to the same"),
        "SIGINT",
        "SIGINT, or kill_signal of the task, then SIGKILL",
    ),
    "systemd": Rule(
        Grace(90.0, "the usual DefaultTimeoutStopSec", ASSUMED, "let `systemctl show` of this unit be asked from here"),
        sends="SIGTERM (KillSignal=), then SIGKILL",
        source="logind",
        tells="that the machine goes down, before any signal",
    ),
    "docker": _CONTAINER,
    "podman": _CONTAINER,
    "terminal": Rule(
        Grace(None, "a person waits, or presses Ctrl-C again", ASSUMED),
        "SIGINT",
        "SIGINT; SIGHUP when the terminal goes",
    ),
    "ec2": Rule(
        Grace(120.0, "the notice of a spot interruption, as far as AWS can", ASSUMED),
        source="aws",
        tells="spot interruptions, rebalancing, maintenance, and what an Auto Scaling group is about to do",
    ),
    "gce": Rule(
        Grace(30.0, "the time of a preempted machine; others have 120 s", ASSUMED),
        source="gcp",
        tells="preemption, maintenance and graceful shutdown",
    ),
    "azure": Rule(
        Grace(30.0, "the notice of a Preempt; others are longer", ASSUMED), source="azure", tells="Scheduled Events"
    ),
    "alibaba": Rule(
        Grace(300.0, "the usual notice of a spot interruption", ASSUMED), source="alibaba", tells="spot interruptions"
    ),
}
READ: Mapping[str, Provider] = {
    **dict.fromkeys(("github-actions", "gitlab-ci", "buildkite", "jenkins"), room("ci")),
    "lambda": room("aws_lambda"),
    **dict.fromkeys(("cloud-functions", "cloud-run"), room("cloud_run")),
    **dict.fromkeys(("azure-functions", "container-apps"), room("azure_apps")),
    **dict.fromkeys(("fargate", "ecs"), of_source("aws-ecs")),
    "kubernetes": kubernetes,
    **dict.fromkeys(("docker", "podman"), container),
}
"""Who says how long it is, without asking anybody."""
ASK: Mapping[str, Asker] = {"kubernetes": cluster, "systemd": systemd, **dict.fromkeys(("docker", "podman"), engine)}
"""Who asks how long it is."""
UNKNOWN = Rule(Grace(None, "no platform was found: nobody is known who would kill it", ASSUMED))


def rule_of(platforms: Sequence[Platform]) -> Rule:
    """Return the rule of whoever ends the process first."""
    return _RULES.get(platforms[0].name, UNKNOWN) if platforms else UNKNOWN


def rules_of(platforms: Sequence[Platform]) -> dict[str, Rule]:
    """Return the rule of each platform by its name."""
    return {each.name: _RULES[each.name] for each in platforms if each.name in _RULES}


def platforms_heard_by(source: str) -> list[str]:
    """Return the names of the platforms that the source *source* hears."""
    return [name for name, rule in _RULES.items() if rule.source == source]


def find_windows(platforms: Sequence[Platform], scene: Scene, limit: float) -> dict[str, Grace]:
    """
    Return how long each of *platforms* gives, by its name, in their order.

    Args:

        platforms: The platforms.

        scene: What can be looked at.

        limit: For how long those may be asked who can be, all at once, seconds; 0 asks nobody.
    """
    read = {each.name: _read(each.name, scene) for each in platforms}
    unsure = [name for name, found in read.items() if name in ASK and not found.is_sure]
    calls = {name: (lambda ask=ASK[name]: ask(scene, limit)) for name in unsure} if limit > 0 else {}
    asked = side_by_side(calls, limit)
    return {name: _better(found, asked.get(name)) for name, found in read.items()}


def _read(name: str, scene: Scene) -> Grace:
    """Return what is known without asking anybody."""
    found = READ[name](scene) if name in READ else None
    return found or _RULES[name].usual


def _better(found: Grace, answer: object) -> Grace:
    """Return what was *found*, or the *answer* of who was asked, which may be an error."""
    if isinstance(answer, BaseException):
        return found.replace(known_from=f"{found.known_from} (asked: {answer})")
    return answer if isinstance(answer, Grace) and answer.is_sure else found
