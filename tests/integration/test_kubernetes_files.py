"""The manifests of `deploy/kubernetes` against the API's own schema, and what they run against the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from processender.agent.durations import parse_duration
from processender.agent.flags import RUN
from processender.cli import sidecar
from processender.integrations.kubernetes.grace import ANNOTATION, VARIABLE
from processender.integrations.kubernetes.reading import NAME, UID
from processender.testing.cluster import LIST_PODS, WATCH_PODS

EVERY = sorted((Path(__file__).parents[2] / "deploy" / "kubernetes").glob("*.yaml"))
RIGHTS = "rbac"
"""The file with the service account, and no pod."""
FILES = [path for path in EVERY if path.stem != RIGHTS]
NATIVE = "1.29"
"""The first version that starts native sidecars without a feature gate."""


def pod_of(path: Path) -> dict[str, Any]:
    """Return the specification of the pod."""
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return found


def containers(path: Path) -> list[dict[str, Any]]:
    """Return all containers of the pod that run processender."""
    pod = pod_of(path)
    every = [*pod.get("initContainers", []), *pod["containers"]]
    return [each for each in every if each["command"][0] == "processender"]


@pytest.mark.parametrize("version", [NATIVE, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_the_api_takes_the_manifest(path: Path, version: str) -> None:
    """No field is unknown to the strict schema, and none has the wrong type."""
    for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        assert version.startswith(kubernetes_validate.validate(manifest, version, strict=True))


def test_the_schema_refuses_a_field_that_it_does_not_know() -> None:
    """The check can fail: a misspelt field is found."""
    manifest = yaml.safe_load(FILES[0].read_text(encoding="utf-8"))
    manifest["spec"]["template"]["spec"]["terminationGracePeriod"] = 35

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, NATIVE, strict=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_pod_hears_of_its_end_with_the_rights_that_are_granted(path: Path) -> None:
    """Its service account may list and watch pods, and it is told who it is and how long it has."""
    account, role, binding = yaml.safe_load_all((path.parent / f"{RIGHTS}.yaml").read_text(encoding="utf-8"))
    (container,) = containers(path)
    given = {each["name"]: each.get("value") or each["valueFrom"]["fieldRef"]["fieldPath"] for each in container["env"]}
    template = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["template"]

    assert account["metadata"]["name"] == template["spec"]["serviceAccountName"] == binding["subjects"][0]["name"]
    assert [{LIST_PODS, WATCH_PODS}] == [
        {(verb, what) for verb in rule["verbs"] for what in rule["resources"]} for rule in role["rules"]
    ]
    assert role["metadata"]["name"] == binding["roleRef"]["name"]
    assert ("kubernetes", "metadata.name", "metadata.uid") == (
        given["PROCESSENDER_SOURCES__POD__LISTEN"], given[NAME], given[UID],
    )  # fmt: skip
    assert f"metadata.annotations['{ANNOTATION}']" == given[VARIABLE]
    assert str(template["spec"]["terminationGracePeriodSeconds"]) == template["metadata"]["annotations"][ANNOTATION]


def test_the_three_forms_are_there() -> None:
    """Entrypoint, native and plain sidecar."""
    assert ["entrypoint", "native-sidecar", "plain-sidecar"] == [path.stem for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_pod_has_more_time_than_the_agent(path: Path) -> None:
    """The agent's own grace ends before the kubelet's, so the plan is never cut."""
    (container,) = containers(path)
    words = container["command"]
    grace = parse_duration(words[words.index("--grace") + 1])

    assert grace + 2 <= pod_of(path)["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_option_of_a_manifest_is_known(path: Path) -> None:
    """The command line knows each of them."""
    (container,) = containers(path)
    verb, options = container["command"][1], container["command"][2:]
    known = {name for names, _ in RUN for name in names} | {"--"}
    if verb == "sidecar":
        known = set(sidecar.parser()._option_string_actions)

    assert {word for word in options if word.startswith("--")} <= known


@pytest.mark.parametrize("path", FILES[1:], ids=lambda path: path.stem)
def test_a_sidecar_has_its_hook(path: Path) -> None:
    """`pre-stop` of the same service, in the same container."""
    (container,) = containers(path)
    hook = container["lifecycle"]["preStop"]["exec"]["command"]
    words = container["command"]

    assert ["processender", "pre-stop", "--service", words[words.index("--service") + 1]] == hook
