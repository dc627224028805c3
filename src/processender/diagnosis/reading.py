"""What can be read, or asked, about the window of one platform; a provider for each, to be replaced by a better one."""

from __future__ import annotations

import re

from ..core.platforms import unit_of
from ..core.spans import LONGEST_S
from ..demand import load
from ..engine.clock import SystemClock
from ..integrations.ci import runner
from .finding import CONFIGURED, TOLD, Said, Scene, Unreadable

ANNOTATION = "processender.dev/grace-seconds"
ANNOTATIONS = "/etc/podinfo/annotations"
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:us|ms|s|min|h|d|w) ?)+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-z]+)")


def kubernetes(scene: Scene) -> Said | None:
    """Return what the downward API says, in a variable or a file."""
    text = scene.environ.get("POD_GRACE_SECONDS", "")
    if text:
        return _given(text, "the variable POD_GRACE_SECONDS")
    pairs = (line.partition("=") for line in scene.read(ANNOTATIONS).splitlines())
    text = next((value.strip('"') for name, _, value in pairs if name == ANNOTATION), "")
    return _given(text, f"the annotation {ANNOTATION} in {ANNOTATIONS}") if text else None


def cluster(scene: Scene, limit: float) -> Said | None:
    """Ask the API of the cluster, where the source of the pod was told that it is."""
    told = scene.sources.get("kubernetes", {})
    options = {name: str(told[name]) for name in ("pod", "namespace", "endpoint", "account") if name in told}
    options.setdefault("pod", scene.environ.get("POD_NAME", ""))
    found = load("integrations.kubernetes").read_grace(SystemClock(), limit, **options)
    return Said(found.seconds, found.known_from, CONFIGURED)


def engine(scene: Scene) -> Said | None:
    """Return what a container was told of its stop time-out."""
    text = scene.environ.get("PROCESSENDER_STOP_TIMEOUT", "")
    return _given(text, "the variable PROCESSENDER_STOP_TIMEOUT") if text else _of_source(scene, "docker")


def ecs(scene: Scene) -> Said | None:
    """Return the stopTimeout that the source of the task was told; its metadata has none."""
    return _of_source(scene, "aws-ecs")


def buildkite(scene: Scene) -> Said | None:
    """Return what the agent of Buildkite says in its variables."""
    return _of_runner(scene, "BUILDKITE")


def gitlab(scene: Scene) -> Said | None:
    """Return what follows where GitLab runs each job in a container of its own."""
    found = _of_runner(scene, "GITLAB_CI")
    return found if scene.environ.get("CI_DISPOSABLE_ENVIRONMENT") == "true" else None


def function(scene: Scene) -> Said | None:
    """Return what Lambda gives to a function, of which an extension outside of it has the rest."""
    found = load("integrations.aws_lambda").window(scene.environ)
    return None if found is None else Said(found[1], found[2], TOLD)


def systemd(scene: Scene, limit: float) -> Said | None:
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
    source = f"TimeoutStopUSec of {name}"
    if text == "infinity":
        return Said(None, source, CONFIGURED)
    seconds = span(text)
    return None if seconds is None else Said(seconds, source, CONFIGURED)


def span(text: str) -> float | None:
    """Return the seconds that *text* means, as systemd (`1min 30s`) and Buildkite (`10s`, or `10`) write them."""
    text = text.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _of_source(scene: Scene, kind: str) -> Said | None:
    text = scene.sources.get(kind, {}).get("stop_timeout", "")
    return _given(str(text), f"stop_timeout of the source {kind}") if text else None


def _of_runner(scene: Scene, sign: str) -> Said | None:
    """Return what the variables say of the runner that is known by *sign*, None where they say nothing."""
    found = runner({**scene.environ, sign: "true"})
    if found is None:
        return None
    better = "" if found.kind is CONFIGURED else f"to have it longer: {found.longer}"
    return Said(found.window, found.known_from, found.kind, better)


def _given(text: str, where: str) -> Said:
    seconds = span(text)
    if seconds is None or seconds > LONGEST_S:
        raise Unreadable(f"{where} is {text[:40]!r}, which is no length of time: write a number of seconds, like 30")
    return Said(seconds, where, CONFIGURED)
