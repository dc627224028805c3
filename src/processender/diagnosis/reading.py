"""Who says how long a platform gives: the room of the platform, what its source was told, or who can be asked there."""

from __future__ import annotations

import re

from ..core.grace import Grace
from ..core.platforms import unit_of
from ..core.spans import seconds_of
from ..demand import load
from ..engine.clock import SystemClock
from .scene import Provider, Scene

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:us|ms|s|min|h|d|w) ?)+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-z]+)")


def room(name: str) -> Provider:
    """Return who goes by the environment alone: `find_grace` of the room *name*."""

    def provider(scene: Scene) -> Grace | None:
        found: Grace | None = load(f"integrations.{name}").find_grace(scene.environ)
        return found

    return provider


def kubernetes(scene: Scene) -> Grace | None:
    """Return what the downward API says, in a variable or a file."""
    grace = load("integrations.kubernetes.grace")
    found: Grace | None = grace.find_grace(scene.environ, f"{scene.root}{grace.PODINFO}")
    return found


def cluster(scene: Scene, limit: float) -> Grace | None:
    """Ask the API of the cluster, where the source of the pod was told that it is."""
    told = scene.sources.get("kubernetes", {})
    options = {name: str(told[name]) for name in ("pod", "namespace", "endpoint", "account") if name in told}
    options.setdefault("pod", scene.environ.get("POD_NAME", ""))
    found: Grace = load("integrations.kubernetes").ask_grace(SystemClock(), limit, **options)
    return found


def container(scene: Scene) -> Grace | None:
    """Return what a container was told of its stop time-out, or the usual one."""
    found: Grace = load("integrations.docker").find_grace(scene.environ)
    return found if found.is_sure else of_source("docker")(scene) or found


def engine(scene: Scene, limit: float) -> Grace | None:
    """Ask the engine, where its socket is mounted."""
    docker, told = load("integrations.docker"), scene.sources.get("docker", {})
    id_ = docker.own_container(scene.root or "/")
    if not id_ or told.get("container"):
        return None
    options = {"environ": scene.environ, "endpoint": str(told.get("endpoint", ""))}
    found: Grace = docker.ask_grace(SystemClock(), limit, container=id_, **options)
    return found


def systemd(scene: Scene, limit: float) -> Grace | None:
    """Ask the manager of the unit, by the program that comes with it."""
    import subprocess  # noqa: PLC0415 - for units only

    unit = unit_of(scene.files)
    if not unit:
        return None
    name = unit.rpartition("/")[2]
    manager = ["--user"] if "/user@" in unit else []
    argv = ["systemctl", *manager, "show", "--property=TimeoutStopUSec", "--value", "--", name]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=limit, check=False, stdin=subprocess.DEVNULL)
    text = done.stdout.strip()
    known_from = f"TimeoutStopUSec of {name}"
    if text == "infinity":
        return Grace(None, known_from)
    seconds = span(text)
    return None if seconds is None else Grace(seconds, known_from)


def span(text: str) -> float | None:
    """Return the seconds that *text* means, as `systemctl` prints them: `1min 30s`."""
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def of_source(kind: str) -> Provider:
    """Return who goes by what the source *kind* was told, since the platform itself tells it nowhere."""

    def provider(scene: Scene) -> Grace | None:
        seconds = seconds_of(str(scene.sources.get(kind, {}).get("stop_timeout", "")))
        return None if seconds is None else Grace(seconds, f"stop_timeout of the source {kind}")

    return provider
