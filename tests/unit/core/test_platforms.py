"""Which platforms a process runs on: the signs of each, several at once, and what only looks like one."""

from __future__ import annotations

import pytest

from processender.core.platforms import BIOS, CGROUP, CHASSIS, DOCKER, NAMES, PODMAN, PRODUCT, VENDOR, find, unit_of
from processender.platforms import here

AZURE = "7783-7084-3265-9085-8269-3286-77\n"
POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
TASK = {"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/1"}
FUNCTION = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "AWS_LAMBDA_FUNCTION_NAME": "orders"}
RUN = {"K_SERVICE": "orders", "K_REVISION": "orders-1", "K_CONFIGURATION": "orders", "PORT": "8080"}
APP = {"CONTAINER_APP_NAME": "orders", "CONTAINER_APP_REVISION": "orders--1"}
UNIT = {CGROUP: "0::/system.slice/orders.service\n"}


def names(
    environ: dict[str, str] | None = None, files: dict[str, str] | None = None, *, tty: bool = False
) -> list[str]:
    """Return the names of what is found."""
    return [each.name for each in find(environ or {}, files or {}, terminal=tty)]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"GITHUB_ACTIONS": "true"}, ["github-actions"]),
        ({"GITLAB_CI": "true"}, ["gitlab-ci"]),
        ({"BUILDKITE": "true"}, ["buildkite"]),
        ({"JENKINS_URL": "https://ci.example/"}, ["jenkins"]),
        (FUNCTION, ["lambda"]),
        (RUN, ["cloud-run"]),
        ({"CLOUD_RUN_JOB": "nightly", "CLOUD_RUN_TASK_INDEX": "0"}, ["cloud-run"]),
        (RUN | {"FUNCTION_TARGET": "main"}, ["cloud-functions", "cloud-run"]),
        (APP, ["container-apps"]),
        ({"FUNCTIONS_WORKER_RUNTIME": "python", "WEBSITE_SITE_NAME": "orders"}, ["azure-functions"]),
        (TASK | {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}, ["fargate", "ecs"]),
        (TASK | {"AWS_EXECUTION_ENV": "AWS_ECS_EC2"}, ["ecs"]),
        (POD, ["kubernetes"]),
        ({"NOMAD_ALLOC_ID": "8a1c"}, ["nomad"]),
        ({"NOTIFY_SOCKET": "/run/systemd/notify"}, ["systemd"]),
        ({"container": "podman"}, ["podman"]),
        ({"PATH": "/bin"}, []),
    ],
)
def test_each_is_known_by_its_variables(environ: dict[str, str], expected: list[str]) -> None:
    """Without any file."""
    assert expected == names(environ)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({DOCKER: ""}, ["docker"]),
        ({PODMAN: ""}, ["podman"]),
        (UNIT, ["systemd"]),
        ({CGROUP: "9:memory:/a.slice\n1:name=systemd:/system.slice/orders.service\n"}, ["systemd"]),
        ({CGROUP: "0::/user.slice/user-1000.slice/session-3.scope\n"}, []),
        ({CGROUP: "0::/system.slice/docker-1f.scope\n"}, []),
        ({CGROUP: "3:cpuset:/system.slice/orders.service\n"}, []),
        ({CGROUP: "no cgroup at all"}, []),
        ({VENDOR: "Amazon EC2\n", PRODUCT: "m7g.large\n"}, ["ec2"]),
        ({VENDOR: "Xen\n", BIOS: "4.11.amazon\n"}, ["ec2"]),
        ({VENDOR: "Google\n", PRODUCT: "Google Compute Engine\n"}, ["gce"]),
        ({VENDOR: "Microsoft Corporation\n", CHASSIS: AZURE}, ["azure"]),
        ({VENDOR: "Microsoft Corporation\n", CHASSIS: "None\n"}, []),
        ({VENDOR: "Alibaba Cloud\n", PRODUCT: "Alibaba Cloud ECS\n"}, ["alibaba"]),
        ({VENDOR: "QEMU\n", PRODUCT: ""}, []),
    ],
)
def test_each_is_known_by_its_files(files: dict[str, str], expected: list[str]) -> None:
    """Hyper-V elsewhere is made by the same firm as a machine of Azure."""
    assert expected == names(files=files)


@pytest.mark.parametrize(
    ("environ", "files", "expected"),
    [
        (POD, {VENDOR: "Amazon EC2\n"}, ["kubernetes", "ec2"]),
        (POD, {DOCKER: "", PODMAN: ""}, ["kubernetes"]),
        (POD | RUN, {}, ["kubernetes"]),
        (POD | APP, {CHASSIS: AZURE}, ["container-apps"]),
        (FUNCTION, {VENDOR: "Amazon EC2\n"}, ["lambda"]),
        (TASK, {VENDOR: "Amazon EC2\n", DOCKER: ""}, ["ecs", "ec2"]),
        (TASK | {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}, {VENDOR: "Amazon EC2\n"}, ["fargate", "ecs"]),
        (RUN, {PRODUCT: "Google Compute Engine\n", DOCKER: ""}, ["cloud-run"]),
        ({"GITHUB_ACTIONS": "true"} | POD, {}, ["github-actions", "kubernetes"]),
        ({"GITHUB_ACTIONS": "true"}, UNIT | {CHASSIS: AZURE}, ["github-actions", "systemd", "azure"]),
        ({"NOMAD_ALLOC_ID": "1"}, {DOCKER: ""}, ["nomad"]),
        ({"NOTIFY_SOCKET": "/run/notify"}, {PODMAN: ""}, ["podman"]),
        ({}, UNIT | {DOCKER: ""}, ["systemd", "docker"]),
    ],
)
def test_whoever_ends_the_process_first_comes_first(
    environ: dict[str, str], files: dict[str, str], expected: list[str]
) -> None:
    """What does not hold below another is not told."""
    assert expected == names(environ, files)


@pytest.mark.parametrize(
    "environ",
    [
        {"KUBERNETES_SERVICE_HOST": ""},
        {"GITHUB_ACTIONS": "false"},
        {"GITLAB_CI": ""},
        {"BUILDKITE": "0"},
        {"AWS_LAMBDA_FUNCTION_NAME": "called by this program"},
        {"ECS_CONTAINER_METADATA_URI": "http://169.254.170.2/v3"},
        {"K_SERVICE": "orders"},
        {"FUNCTION_TARGET": "main"},
        {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"},
        # What Kubernetes, or a link of Docker's, makes of Services with such names.
        {"KUBERNETES_PORT": "tcp://10.96.0.1:443", "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1"},
        {"JENKINS_SERVICE_HOST": "10.0.0.4", "JENKINS_PORT": "tcp://10.0.0.4:80", "JENKINS_URL_PORT": "80"},
        {"BUILDKITE_PORT": "80", "GITLAB_CI_SERVICE_HOST": "10.0.0.5", "NOMAD_ALLOC_ID_SERVICE_PORT": "1"},
    ],
)
def test_what_only_looks_like_a_sign_is_none(environ: dict[str, str]) -> None:
    """An empty variable, one with another value, or one that only begins alike."""
    assert [] == names(environ)


def test_a_terminal_is_one_too() -> None:
    """The shell of a desktop stands in the unit of its terminal, which does not end what it starts."""
    assert ["terminal"] == names({}, {CGROUP: "0::/user.slice/gnome-terminal-server.service\n"}, tty=True)
    assert ["docker", "terminal"] == names({}, {DOCKER: ""}, tty=True)


def test_each_sign_is_told_in_words() -> None:
    """So that a person can say why it is wrong."""
    pod, machine = find(POD, {VENDOR: "Amazon EC2\n"})

    assert "KUBERNETES_SERVICE_HOST is set" == pod.sign
    assert "/sys/class/dmi/id/sys_vendor says 'Amazon EC2'" == machine.sign
    assert "its cgroup is that of orders.service" == find({}, UNIT)[0].sign
    assert ("/system.slice/orders.service", "") == (unit_of(UNIT), unit_of({}))


def test_this_process_is_looked_at_without_asking_anybody() -> None:
    """The environment can be another one; the files are those of this host."""
    found = here(POD)

    assert "kubernetes" == found[0].name
    assert {each.name for each in here()} <= set(NAMES)
