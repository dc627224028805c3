"""
How long each platform gives, by its rules, by what stands in the environment, and by who can be asked.

Source: the platforms' documents and sources, see the page of each. A platform has a `Rule`; where more can be known, a
`Provider` in `READ` reads it, and an `Asker` in `ASK` asks for it. The first that knows something is believed: what was
read, what was asked, the rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.platforms import Platform
from ..core.record import Record
from .aside import side_by_side
from .finding import TOLD, Asker, Finding, Provider, Said, Scene, Unreadable
from .reading import buildkite, cluster, ecs, engine, function, gitlab, kubernetes, systemd


class Rule(Record):
    """What is always so on a platform."""

    said: Said
    """How long the window is where nobody knows better."""
    signal: str = "SIGTERM"
    """The signal that comes first; empty for none."""
    sends: str = "SIGTERM, then SIGKILL"
    """What it sends, in words."""
    source: str = ""
    """The name of the source that hears the platform earlier, or better, than by a signal; empty for none."""
    tells: str = ""
    """What that tells."""


_ECS = Said(
    30.0,
    "the default of stopTimeout",
    better="set stopTimeout in the task definition (on Fargate up to 120), and stop_timeout of the source aws-ecs to"
    " the same",
)
_RULES: Mapping[str, Rule] = {
    "github-actions": Rule(
        Said(10.0, "the runner's rule for a cancelled step", TOLD),
        "SIGINT",
        "SIGINT, after 7.5 s SIGTERM, after 10 s SIGKILL, and only to the step's first process: begin it with `exec`",
    ),
    "gitlab-ci": Rule(
        Said(
            600.0,
            "GracefulTimeout of the shell executor",
            better="set the grace to the time of another executor",
        ),
        sends="SIGTERM to the process group, then SIGKILL",
    ),
    "buildkite": Rule(
        Said(
            9.0,
            "the default of agent v3; v4 has 10 s",
            better="set BUILDKITE_CANCEL_SIGNAL_TIMEOUT (v4) or _GRACE_PERIOD (v3)",
        ),
    ),
    "jenkins": Rule(
        Said(
            5.0, "the default of SoftKillWaitSeconds", better="set the grace to the SoftKillWaitSeconds of this server"
        ),
        sends="SIGTERM to all that have its cookie, then SIGKILL",
    ),
    "lambda": Rule(
        Said(2.0, "at most, with an external extension; without any, SIGKILL comes at once", TOLD),
        sends="SIGTERM with an extension, and nothing without; 30 % of the time is the function's",
        source="aws-lambda",
        tells="the instant of the end, and its reason",
    ),
    "cloud-functions": Rule(Said(10.0, "the platform's rule", TOLD)),
    "cloud-run": Rule(Said(10.0, "the platform's rule", TOLD)),
    "container-apps": Rule(
        Said(
            30.0,
            "the default of terminationGracePeriodSeconds",
            better="set terminationGracePeriodSeconds in the app's template, and the grace to the same",
        )
    ),
    "fargate": Rule(_ECS, source="aws-ecs", tells="that the task is to stop"),
    "ecs": Rule(_ECS, source="aws-ecs", tells="that the task is to stop"),
    "kubernetes": Rule(
        Said(
            30.0,
            "the default of terminationGracePeriodSeconds",
            better="repeat it as the annotation processender.dev/grace-seconds, and mount that by the downward API as"
            " the variable POD_GRACE_SECONDS or below /etc/podinfo; or bind a Role with the verb `list` on pods",
        ),
        sends="preStop, SIGTERM, SIGKILL, all in one window",
        source="kubernetes",
        tells="the instant of the end, before SIGTERM where there is a preStop hook",
    ),
    "nomad": Rule(
        Said(5.0, "the default of kill_timeout", better="set kill_timeout of the task, and the grace to the same"),
        "SIGINT",
        "SIGINT, or kill_signal of the task, then SIGKILL",
    ),
    "systemd": Rule(
        Said(90.0, "the usual DefaultTimeoutStopSec", better="let `systemctl show` of this unit be asked from here"),
        sends="SIGTERM (KillSignal=), then SIGKILL",
        source="logind",
        tells="that the machine goes down, before any signal",
    ),
    "docker": Rule(
        Said(
            10.0,
            "the default of Docker on Linux, which tells a container nothing",
            better="set stop_grace_period (Compose) or --stop-timeout, and PROCESSENDER_STOP_TIMEOUT to the same",
        ),
        source="docker",
        tells="that the engine stops the container, and its time-out",
    ),
    "podman": Rule(
        Said(
            10.0,
            "podman's default, which it tells no container",
            better="set --stop-timeout, and PROCESSENDER_STOP_TIMEOUT to the same",
        ),
        source="docker",
        tells="that the engine stops the container, and its time-out",
    ),
    "terminal": Rule(
        Said(None, "a person waits, or presses Ctrl-C again"), "SIGINT", "SIGINT; SIGHUP when the terminal goes"
    ),
    "ec2": Rule(
        Said(120.0, "the notice of a spot interruption, as far as AWS can"),
        source="aws",
        tells="spot interruptions, rebalancing, maintenance, and what an Auto Scaling group is about to do",
    ),
    "gce": Rule(
        Said(30.0, "the time of a preempted machine; others have 120 s"),
        source="gcp",
        tells="preemption, maintenance and graceful shutdown",
    ),
    "azure": Rule(Said(30.0, "the notice of a Preempt; others are longer"), source="azure", tells="Scheduled Events"),
    "alibaba": Rule(
        Said(300.0, "the usual notice of a spot interruption"), source="alibaba", tells="spot interruptions"
    ),
}
READ: Mapping[str, Provider] = {
    "buildkite": buildkite,
    "gitlab-ci": gitlab,
    "lambda": function,
    "fargate": ecs,
    "ecs": ecs,
    "kubernetes": kubernetes,
    "docker": engine,
    "podman": engine,
}
"""Who reads how long it is."""
ASK: Mapping[str, Asker] = {"systemd": systemd, "kubernetes": cluster}
"""Who asks how long it is."""
UNKNOWN = Rule(Said(None, "no platform was found: nobody is known who would kill it"))


def rule_of(platforms: Sequence[Platform]) -> Rule:
    """Return the rule of whoever ends the process first."""
    return _RULES.get(platforms[0].name, UNKNOWN) if platforms else UNKNOWN


def rules_of(platforms: Sequence[Platform]) -> dict[str, Rule]:
    """Return the rule of each platform by its name."""
    return {each.name: _RULES[each.name] for each in platforms if each.name in _RULES}


def platforms_heard_by(source: str) -> list[str]:
    """Return the names of the platforms that the source *source* hears."""
    return [name for name, rule in _RULES.items() if rule.source == source]


def find_windows(platforms: Sequence[Platform], scene: Scene, limit: float) -> tuple[Finding, ...]:
    """
    Return how long each of *platforms* gives.

    Args:

        platforms: The platforms.

        scene: What can be looked at.

        limit: For how long those may be asked who can be, all at once, seconds; 0 asks nobody.
    """
    read, wrong = _read(platforms, scene)
    open_ones = [each.name for each in platforms if each.name in ASK and read.get(each.name) is None]
    calls = {name: (lambda ask=ASK[name]: ask(scene, limit)) for name in open_ones} if limit > 0 else {}
    asked = side_by_side(calls, limit)
    found = []
    for each in platforms:
        answer = asked.get(each.name)
        said = read.get(each.name) or (answer if isinstance(answer, Said) else None) or _RULES[each.name].said
        if isinstance(answer, BaseException):
            said = said.replace(source=f"{said.source} (asked: {answer})")
        said = said.replace(wrong=wrong.get(each.name, ""))
        found.append(Finding(each.name, each.sign, *said.as_dict().values()))
    return tuple(found)


def _read(platforms: Sequence[Platform], scene: Scene) -> tuple[dict[str, Said | None], dict[str, str]]:
    """Return what is written down about each of *platforms*, and what of it cannot be understood."""
    read: dict[str, Said | None] = {}
    wrong: dict[str, str] = {}
    for name in (each.name for each in platforms if each.name in READ):
        try:
            read[name] = READ[name](scene)
        except Unreadable as error:
            wrong[name] = str(error)
    return read, wrong
