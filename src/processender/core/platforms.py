"""
Which platforms a process runs on, by the signs that they leave: variables, and a few files that are there or not.

Theory of operation. A sign is the value of a variable of exactly this name: an empty one is none, and what only begins
like it is none either, since Kubernetes makes variables out of the names of any Services. A process stands on several
platforms at once, like a step of a runner in a container on a machine in a cloud. Whoever ends it first comes first:
the runner its steps, a serverless platform what it lends, an orchestrator its containers, systemd its units, an engine
its containers, a person what runs at a terminal, and last the machine, which takes all of them along. Some platforms
hide others: below them the rules of the other do not hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from .record import Record

CGROUP = "/proc/self/cgroup"
DOCKER = "/.dockerenv"
PODMAN = "/run/.containerenv"
_DMI = "/sys/class/dmi/id"
VENDOR, PRODUCT = f"{_DMI}/sys_vendor", f"{_DMI}/product_name"
BIOS, CHASSIS = f"{_DMI}/bios_version", f"{_DMI}/chassis_asset_tag"
FILES = (CGROUP, DOCKER, PODMAN, VENDOR, PRODUCT, BIOS, CHASSIS)
"""The files that tell something."""

_VARIABLES: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("github-actions", {"GITHUB_ACTIONS": "true"}),
    ("gitlab-ci", {"GITLAB_CI": "true"}),
    ("buildkite", {"BUILDKITE": "true"}),
    ("jenkins", {"JENKINS_URL": ""}),
    ("lambda", {"AWS_LAMBDA_RUNTIME_API": ""}),
    ("cloud-functions", {"FUNCTION_TARGET": "", "K_SERVICE": ""}),
    ("cloud-run", {"K_SERVICE": "", "K_REVISION": ""}),
    ("cloud-run", {"CLOUD_RUN_JOB": ""}),
    ("azure-functions", {"FUNCTIONS_WORKER_RUNTIME": "", "WEBSITE_SITE_NAME": ""}),
    ("container-apps", {"CONTAINER_APP_NAME": "", "CONTAINER_APP_REVISION": ""}),
    ("fargate", {"ECS_CONTAINER_METADATA_URI_V4": "", "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}),
    ("ecs", {"ECS_CONTAINER_METADATA_URI_V4": ""}),
    ("kubernetes", {"KUBERNETES_SERVICE_HOST": ""}),
    ("nomad", {"NOMAD_ALLOC_ID": ""}),
)
"""The variables by which a platform is known, each with its value, or an empty text for any but an empty one."""
_MACHINES = (
    ("ec2", VENDOR, "Amazon EC2"),
    ("ec2", BIOS, ".amazon"),
    ("gce", PRODUCT, "Google Compute Engine"),
    ("azure", CHASSIS, "7783-7084-3265-9085-8269-3286-77"),
    ("alibaba", PRODUCT, "Alibaba Cloud ECS"),
)
"""The machines, each with the file and how its text ends. Others of Microsoft's have another tag on their chassis."""
_ENGINES = ("docker", "podman")
_HIDES: Mapping[str, tuple[str, ...]] = {
    "lambda": ("ec2",),
    "cloud-functions": ("gce", *_ENGINES),
    "cloud-run": ("gce", *_ENGINES),
    "azure-functions": ("azure", *_ENGINES),
    "container-apps": ("kubernetes", "azure", *_ENGINES),
    "fargate": ("ec2", *_ENGINES),
    "ecs": _ENGINES,
    # What has the variables of Cloud Run in a cluster is Knative, whose pods end as all others do.
    "kubernetes": ("cloud-run", "cloud-functions", *_ENGINES),
    "nomad": _ENGINES,
}
"""What is not told of beside a platform: its metadata is out of reach there, or its rules are not those that hold."""
NAMES = (*dict.fromkeys(name for name, _ in _VARIABLES), "systemd", *_ENGINES, "terminal",
         *dict.fromkeys(name for name, _, _ in _MACHINES))  # fmt: skip
"""All platforms that are known, in the order in which they are told."""


class Platform(Record):
    """A platform that a process runs on."""

    name: str
    """Its name, such as `kubernetes`."""
    sign: str
    """By what it is known, in words."""

    def __str__(self) -> str:
        """Return the name."""
        return self.name


def find(environ: Mapping[str, str], files: Mapping[str, str], *, terminal: bool = False) -> tuple[Platform, ...]:
    """
    Return the platforms, whoever ends the process first before the others.

    Args:

        environ: The environment of the process.

        files: The text of each of `FILES` that is there.

        terminal: Whether the process has a terminal in front of it.
    """
    signs: dict[str, str] = {}
    for name, variables in _VARIABLES:
        if all(_says(environ, each, value) for each, value in variables.items()):
            signs.setdefault(name, " and ".join(_shown(each, value) for each, value in variables.items()))
    signs |= _nearby(environ, files, terminal=terminal)
    for name, path, end in _MACHINES:
        text = files.get(path, "").strip()
        if text.endswith(end):
            signs.setdefault(name, f"{path} says {text!r}")
    hidden = {other for name in signs for other in _HIDES.get(name, ()) if not _is_hidden(name, signs)}
    return tuple(Platform(name, signs[name]) for name in NAMES if name in signs and name not in hidden)


def unit_of(files: Mapping[str, str]) -> str:
    """Return the path of the unit of systemd in whose own cgroup the process is; empty if it is in none."""
    for line in files.get(CGROUP, "").splitlines():
        number, _, rest = line.partition(":")
        kind, _, path = rest.partition(":")
        if (number == "0" or kind == "name=systemd") and path.endswith(".service"):
            return path
    return ""


def _nearby(environ: Mapping[str, str], files: Mapping[str, str], *, terminal: bool) -> dict[str, str]:
    """Return what is known of whoever has started the process on this host."""
    signs = {}
    if DOCKER in files:
        signs["docker"] = f"{DOCKER} is there"
    if PODMAN in files or environ.get("container") == "podman":
        signs["podman"] = f"{PODMAN} is there" if PODMAN in files else "container=podman"
    unit = unit_of(files).rpartition("/")[2]
    # What is started by hand, in the terminal of a desktop, stands in the unit of that terminal.
    if unit and not terminal:
        signs["systemd"] = f"its cgroup is that of {unit}"
    elif environ.get("NOTIFY_SOCKET") and not signs:
        # Podman hands the socket on into a container, which the manager of the unit does not end itself.
        signs["systemd"] = "NOTIFY_SOCKET is set"
    if terminal:
        signs["terminal"] = "standard input is a terminal"
    return signs


def _is_hidden(name: str, signs: Mapping[str, str]) -> bool:
    return any(name in _HIDES.get(other, ()) for other in signs)


def _says(environ: Mapping[str, str], name: str, value: str) -> bool:
    found = environ.get(name, "")
    return found == value if value else bool(found)


def _shown(name: str, value: str) -> str:
    return f"{name}={value}" if value else f"{name} is set"
