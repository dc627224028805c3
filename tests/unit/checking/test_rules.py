"""Every rule about pods: a manifest that is well, which the API takes, and one that is not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from processender.agent.decide import decide
from processender.agent.errors import ConfigError
from processender.agent.flags import RUN, parse
from processender.checking import finding
from processender.checking.rules import POD_RULES
from tests.unit.checking.manifests import (
    AGENT,
    PRE_STOP,
    PROBE,
    SERVING,
    SIDECAR,
    SLEEP,
    codes,
    container,
    findings,
    pod,
)

SAID = re.compile(r'Finding\(.*?"([a-z]+(?:-[a-z]+)+)"')
GOOD = {
    "an agent": pod(container("shop", f"command: {AGENT}", SERVING, PROBE), grace=30),
    "a program with a hook": pod(container("shop", SERVING, PROBE, SLEEP), grace=30),
    "a worker": pod(container("work", 'command: ["./work"]')),
    "a native sidecar": pod(
        container("shop", SERVING, PROBE, SLEEP),
        inits=(container("side", f"command: {SIDECAR}", "restartPolicy: Always", PRE_STOP),),
        grace=30,
    ),
    "a plain sidecar": pod(container("shop", SERVING, PROBE, SLEEP), container("side", f"command: {SIDECAR}", PRE_STOP)),
    "a native proxy": pod(
        container("shop", 'command: ["./work"]'),
        inits=(container("envoy", "restartPolicy: Always", image="envoyproxy/envoy:v1.34"),),
    ),
    "a mesh": pod(
        container("shop", 'command: ["./work"]'),
        linkerd_io__inject="enabled",
        config_beta_linkerd_io="x",
    ).replace("linkerd_io/inject: enabled", "linkerd.io/inject: enabled").replace(
        "config_beta_linkerd_io: x", 'config.beta.linkerd.io/proxy-enable-native-sidecar: "true"'
    ),
    "an exec": pod(container("shop", 'command: ["sh", "-c", "cd / && exec ./server"]')),
    "an initialisation in a shell": pod(
        container("shop", 'command: ["./work"]'), inits=(container("first", 'command: ["sh", "-c", "a; b"]'),)
    ),
    "another hook": pod(
        container("shop", SERVING, PROBE, "lifecycle: {preStop: {httpGet: {path: /drain, port: 8080}}}"), grace=60
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_nothing_is_found_in_what_is_well(text: str) -> None:
    """And the API takes it."""
    kubernetes_validate.validate(yaml.safe_load(text), kubernetes_validate.latest_version(), strict=True)

    assert {} == codes(text)


BAD = {
    "no time at all": (pod(container("w"), grace=0), "grace-too-short", "error", "0"),
    "the time of everybody": (pod(container("w"), grace=2), "grace-too-short", "warning", "2"),
    "less than the agent plans with": (
        pod(container("w", 'command: ["processender", "run", "--grace", "50s", "--", "./w"]')),
        "grace-shorter-than-plan", "error", "50s, and has 30 s",
    ),
    "less after the hook": (
        pod(container("w", 'command: ["processender", "run", "--grace=20s", "./w"]', SLEEP), grace=24),
        "grace-shorter-than-plan", "error", "20s, and has 19 s: the pod has 24 s, 5s of it",
    ),
    "a variable": (
        pod(container("w", 'command: ["processender", "run", "./w"]', "env: [{name: PROCESSENDER_GRACE, value: 45s}]")),
        "grace-shorter-than-plan", "error", "45s, and has 30 s",
    ),
    "a variable in a flag": (
        pod(container("w", 'args: ["processender", "run", "--grace", "$(G)", "./w"]', "env: [{name: G, value: 46s}]")),
        "grace-shorter-than-plan", "error", "46s, and has 30 s",
    ),
    "a flag that is none": (
        pod(container("w", 'command: ["processender", "run", "--gracee", "20s", "--", "./w"]'), grace=40),
        "config-mistake", "error", "no option '--gracee'; did you mean '--grace'?",
    ),
    "a flag without its unit": (
        pod(container("w", 'command: ["processender", "run", "--grace", "20", "--", "./w"]'), grace=40),
        "config-mistake", "error", "--grace: '20'",
    ),
    "a flag of another choice": (
        pod(container("w", 'command: ["processender-init", "--restart=sometimes", "./w"]'), grace=40),
        "config-mistake", "error", "--restart: 'sometimes' is none of never, on-failure, always",
    ),
    "a flag without its value": (
        pod(container("w", 'command: ["processender", "sidecar", "--watch-name", "w", "--silence"]'), grace=40),
        "config-mistake", "error", "--silence lacks its value",
    ),
    "flags that contradict one another": (
        pod(container("w", f"command: {AGENT}".replace('"5s"', '"20s"')), grace=40),
        "config-mistake", "error", "drain_delay, 20s, is not shorter than grace, 20s",
    ),
    "a variable without its unit": (
        pod(container("w", 'command: ["processender", "run", "./w"]',
                      'env: [{name: PROCESSENDER_GRACE, value: "20"}]'), grace=40),
        "config-mistake", "error", "PROCESSENDER_GRACE: ",
    ),
    "a variable that is none": (
        pod(container("w", 'command: ["processender", "run", "./w"]',
                      "env: [{name: PROCESSENDER_DRAIN_DELAI, value: 5s}]"), grace=40),
        "config-mistake", "error", "PROCESSENDER_DRAIN_DELAI: there is no such key: drain_delai; did you mean",
    ),
    "both by default": (
        pod(container("w", 'command: ["tini", "--", "processender", "run", "--", "./w"]')),
        "grace-without-margin", "warning", "30s, and has 30 s",
    ),
    "a sidecar longer than the pod": (
        pod(container("w"), inits=(container("s", f"command: {SIDECAR}", "restartPolicy: Always", PRE_STOP),), grace=10),
        "grace-shorter-than-plan", "error", "20s, and has 10 s",
    ),
    "a configuration that is not there": (
        pod(container("w", 'command: ["processender", "run", "-c", "/etc/p.toml", "--", "./w"]'), grace=40),
        "config-unseen", "note", "/etc/p.toml",
    ),
    "a hook of half the grace": (
        pod(container("w", "lifecycle: {preStop: {sleep: {seconds: 15}}}")),
        "pre-stop-eats-grace", "warning", "15s of the 30 s",
    ),
    "a hook of all of it": (
        pod(container("w", 'lifecycle: {preStop: {exec: {command: ["bash", "-c", "sleep 20; sleep 0.5m"]}}}')),
        "pre-stop-eats-grace", "error", "50s of the 30 s",
    ),
    "a sleep of the image": (
        pod(container("w", 'lifecycle: {preStop: {exec: {command: ["/bin/sleep", "5"]}}}')),
        "sleep-needs-binary", "note", "`sleep` of the image",
    ),
    "no readiness": (pod(container("w", SERVING, SLEEP)), "no-readiness-probe", "warning", "ports"),
    "readiness by default": (
        pod(container("w", f"command: {AGENT}", SERVING, "readinessProbe: {httpGet: {path: /readyz, port: 8080}}")),
        "slow-readiness-probe", "warning", "up to 30 s to fail, and the drain delay is 5s",
    ),
    "readiness of the program": (
        pod(container("w", f"command: {AGENT}", SERVING, "readinessProbe: {tcpSocket: {port: 8080}}")),
        "readiness-elsewhere", "note", "not the agent",
    ),
    "an agent without delay": (
        pod(container("w", 'command: ["processender", "run", "--grace", "9s", "./w"]', SERVING, PROBE)),
        "no-drain-delay", "warning", "agent",
    ),
    "a program without delay": (pod(container("w", SERVING, PROBE)), "no-drain-delay", "note", "nothing here waits"),
    "a list in a shell": (
        pod(container("w", 'command: ["/bin/sh", "-c", "./prepare; ./server; true"]')),
        "shell-keeps-signal", "error", "sh runs a script",
    ),
    "a pipeline": (
        pod(container("w", 'command: ["bash", "-c", "./server 2>&1 | tee log"]')),
        "shell-keeps-signal", "error", "bash runs a script",
    ),
    "a script": (
        pod(container("w", 'command: ["bash", "start.sh"]')),
        "shell-keeps-signal", "warning", "bash runs start.sh",
    ),
    "a shell behind an init": (
        pod(container("w", 'command: ["tini", "--", "sh", "-c", "./server"]')),
        "shell-keeps-signal", "warning", "sh runs a script",
    ),
    "a sidecar that never ends": (
        pod(container("w"), inits=(container("s", f"command: {SIDECAR}"),)),
        "sidecar-not-native", "error", "restartPolicy",
    ),
    "a native sidecar that is not told": (
        pod(container("w"), inits=(container("s", f"command: {SIDECAR}", "restartPolicy: Always"),)),
        "sidecar-without-pre-stop", "error", "pre-stop",
    ),
    "a sidecar that is not held": (
        pod(container("w"), container("s", f"command: {SIDECAR}")),
        "sidecar-without-pre-stop", "error", "pre-stop",
    ),
    "a proxy that goes first": (
        pod(container("w"), container("mesh", image="envoyproxy/envoy:v1.34")),
        "sidecar-ends-first", "warning", "mesh is a proxy",
    ),
    "a mesh that goes first": (
        pod(container("w"), x="1").replace("x: 1", 'sidecar.istio.io/inject: "true"'),
        "mesh-proxy-not-native", "note", "Istio",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "severity", "words"), BAD.values(), ids=BAD)
def test_what_is_not_well_is_found(text: str, code: str, severity: str, words: str) -> None:
    """Once, with its severity, what was seen, why it matters and what to do."""
    found = [each for each in findings(text) if each.code == code]

    assert [severity] == [each.severity for each in found]
    assert words in found[0].what
    assert found[0].why
    assert found[0].step


@pytest.mark.parametrize(
    ("flags", "variables"),
    [(["--grace", "20"], {}), (["--drain-delay", "31s"], {}), (["--parent-death", "TREM"], {}),
     ([], {"PROCESSENDER_GRACE": "20"}), ([], {"PROCESSENDER_GRACE": "20s", "PROCESSENDER_SERVICES": "x"})],
)  # fmt: skip
def test_a_mistake_is_told_in_the_words_of_the_agent(flags: list[str], variables: dict[str, str]) -> None:
    """Both read the same, so both refuse the same."""
    env = f"env: {json.dumps([{'name': name, 'value': value} for name, value in variables.items()])}"
    words = json.dumps(["processender", "run", *flags, "--", "./w"])
    found = [each.what for each in findings(pod(container("w", f"command: {words}", env), grace=90))]
    with pytest.raises(ConfigError) as refused:
        decide("", vars(parse([*flags, "--", "./w"], RUN)), variables)

    assert list(refused.value.problems) == found


@pytest.mark.parametrize(
    "lines",
    [
        ('command: ["processender", "run", "--grace", "$(ELSEWHERE)", "--exit", "$(ELSEWHERE)", "./w"]',),
        ('command: ["sh", "-c", "exec processender run --grace $GRACE -- ./w"]',),
        ('command: ["processender", "run", "./w"]', 'env: [{name: PROCESSENDER_GRACE, value: "$(ELSEWHERE)"}]'),
        ('command: ["processender", "run", "./w"]', "env: [{name: PROCESSENDER_GRACE, valueFrom: {}}]"),
        ('command: ["processender", "run", "./w"]',
         'env: [{name: PROCESSENDER_GRACE, value: "20"}, {name: PROCESSENDER_DISABLE, value: "1"}]'),
        ('command: ["processender", "run", "--drain-delay", "40s", "-c", "/etc/unseen.toml", "./w"]',),
    ],
)  # fmt: skip
def test_what_is_known_only_where_it_runs_is_no_mistake(lines: tuple[str, ...]) -> None:
    """What stands for it is no value."""
    assert "config-mistake" not in codes(pod(container("w", *lines), grace=90))


def test_a_mistake_of_a_variable_stands_at_the_variable() -> None:
    """Also where there is a file that says the rest."""
    env = "env: [{name: PROCESSENDER_GRACE, value: '20'}]"
    text = pod(container("w", 'command: ["processender", "run", "./w"]', env), grace=90)
    (found,) = findings(text, processender_toml='service = "shop"')

    line = text.splitlines()[found.place.line - 1]
    assert ("config-mistake", "'20'") == (found.code, line[found.place.column - 1 :][:4])


def test_every_rule_has_its_bad_manifest() -> None:
    """None of the table is left out above."""
    found_by = {
        rule.__name__ for rule in POD_RULES for text, *_ in BAD.values() if rule.__name__ in rules_that_find(text)
    }

    assert {rule.__name__ for rule in POD_RULES} == found_by


def rules_that_find(text: str) -> set[str]:
    """Return the names of the rules that find something in *text*."""
    from processender.checking.documents import read_documents
    from processender.checking.facts import Shelf, facts_of
    from processender.checking.workload import Budget, pod_of

    (document,), _ = read_documents(text, "pod.yaml")
    read = pod_of(document, Budget())
    assert read is not None
    return {rule.__name__ for rule in POD_RULES if list(rule(read, facts_of(read, Shelf())))}


def test_every_finding_is_known_by_its_code() -> None:
    """So that nobody leaves out what there is not: the table is what the rules say."""
    source = Path(finding.__file__).parent
    said = {code for file in source.glob("*.py") for code in SAID.findall(file.read_text(encoding="utf-8"))}

    assert said == finding.CODES


def test_every_finding_is_on_the_page() -> None:
    """With its code."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "check.md").read_text(encoding="utf-8")

    assert set() == {code for _, code, *_ in BAD.values() if f"| `{code}` |" not in page}


def test_a_finding_stands_where_the_eye_should_go() -> None:
    """Line and column of the value, from 1."""
    (found,) = findings(pod(container("w"), grace=1))

    assert "pod.yaml:6:34" == str(found.place)
    assert "Pod/shop" == found.subject


def test_a_job_serves_nobody() -> None:
    """Nothing is said about its readiness, but its shell swallows the signal all the same."""
    text = pod(container("w", SERVING, 'command: ["sh", "-c", "dump | gzip"]'))
    job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  template:\n"
    job += "\n".join("    " + line for line in text.splitlines()[4:])

    assert {"shell-keeps-signal": "error"} == codes(job)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ["spec", "template"]),
        ("StatefulSet", ["spec", "template"]),
        ("DaemonSet", ["spec", "template"]),
        ("ReplicaSet", ["spec", "template"]),
        ("Job", ["spec", "template"]),
        ("Rollout", ["spec", "template"]),
        ("CronJob", ["spec", "jobTemplate", "spec", "template"]),
        ("Pod", []),
    ],
)
def test_the_pod_is_found_in_every_kind_of_workload(kind: str, path: list[str]) -> None:
    """Also in kinds that nobody knows, at the usual place."""
    inner: dict[str, object] = {"spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "w"}]}}
    for key in reversed(path):
        inner = {key: inner}
    text = yaml.safe_dump({"kind": kind, "metadata": {"name": "x"}, **inner})

    assert [f"{kind}/x"] == [each.subject for each in findings(text)]


def test_a_list_and_json_are_read_as_well() -> None:
    """With tabs, as some print it."""
    text = '{\n\t"kind": "List",\n\t"items": [\n\t\t{"kind": "Pod", "metadata": {"name": "x"}, "spec": {\n'
    text += '\t\t\t"terminationGracePeriodSeconds": 0,\n\t\t\t"containers": [{"name": "w"}]}}]\n}\n'

    assert ["pod.yaml:5:37"] == [str(each.place) for each in findings(text)]
