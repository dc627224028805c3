"""Configurations: each rule, and where a configuration is found."""

from __future__ import annotations

import pytest

from processender.checking.audit import audit
from tests.unit.checking.manifests import codes, container, findings, pod

NOTHING = "kind: Nothing\n"
CHAIN = """\
grace = "10s"
[handlers]
a = {run = ["a"], timeout = "4s"}
b = {run = ["b"], timeout = "4s", after = ["a"]}
c = {run = ["c"], timeout = "4s", after = ["b"]}
"""
GOOD = '[handlers.flush]\nrun = ["./flush"]\ntimeout = "5s"\n'


def test_nothing_is_found_in_a_configuration_that_is_well() -> None:
    """Handlers with timeouts that fit."""
    assert {} == codes(NOTHING, processender_toml=GOOD)


@pytest.mark.parametrize(
    ("text", "code", "severity", "line"),
    [
        ('grace = "5s"\n[handlers.a]\nrun = ["a"]\n', "handler-without-timeout", "warning", 2),
        ('grace = "10s"\n[handlers.a]\nrun = ["a"]\ntimeout = "6s"\n', "handler-takes-half", "warning", 4),
        ('grace = "10s"\n[handlers.a]\nrun = ["a"]\nexpected = "11s"\ntimeout = "20s"\n', "plan-does-not-fit", "error", 2),
        (
            CHAIN,
            "worst-case-over-grace", "warning", 1,
        ),
        ("a = 1\ngrace = '5s'\n", "config-mistake", "error", 1),
        ("[handlers.a]\nrun = 'a'\n", "config-mistake", "error", 2),
        ("a = \n", "config-mistake", "error", 1),
        ("a = " + "[" * 5000, "config-mistake", "error", 1),
    ],
)  # fmt: skip
def test_what_is_not_well_is_found(text: str, code: str, severity: str, line: int) -> None:
    """With the line of its key."""
    found = [each for each in findings(NOTHING, processender_toml=text) if each.code == code]

    assert (severity, line, "processender.toml") == (found[0].severity, found[0].place.line, found[0].place.file)


def test_what_is_known_only_where_it_runs_is_no_mistake() -> None:
    """Secrets in variables and files, and what the handlers start."""
    tokens = '[control.tokens.a]\nenv = "NOT_SET_HERE"\n[control.tokens.b]\nfile = "/not/there"\n'
    late = '[handlers.b]\nhttp = { url = "http://x/", headers_env = { Authorization = "NEITHER" } }\n'

    assert {"handler-without-timeout": "warning"} == codes(NOTHING, processender_toml=tokens + GOOD + late)


@pytest.mark.parametrize(
    "tokens",
    [
        '[control]\ntokens = { a = { file = "/not/there" } }\n',
        '[control.tokens]\na = { file = "/not/there" }\n',
        'control.tokens.a.file = "/not/there"\n',
        '[ control . tokens . "a" ] # [x\nfile = "/not/there"\n',
    ],
)
def test_nobody_looks_for_secrets_here(tokens: str) -> None:
    """However their table is written; what else is wrong is found, and where it stands."""
    text = f"{tokens}[handlers.b]\nrun = ['b']\n"
    (found,) = findings(NOTHING, processender_toml=text)

    assert ("handler-without-timeout", text.count("\n") - 1) == (found.code, found.place.line)


def test_a_token_without_a_place_is_a_mistake_anywhere() -> None:
    """That needs no secret to be seen."""
    (found,) = findings(NOTHING, processender_toml="[control.tokens.a]\n")

    assert ("config-mistake", True) == (found.code, "needs one of both" in found.what)


def test_a_drainer_has_a_limit_of_its_own() -> None:
    """It waits for its evidence no longer than it is told to."""
    text = '[handlers.balancer]\ndrain = "haproxy"\nwith = { socket = "/run/h.sock", server = "web/one" }\n'

    assert {} == codes(NOTHING, processender_toml=text)


def test_a_drainer_that_waits_for_longer_than_the_window_is_found() -> None:
    """Where that is said, although it has no timeout of its own."""
    text = 'grace = "30s"\n[handlers.lb]\ndrain = "haproxy"\n[handlers.lb.with]\nsocket = "/run/h.sock"\n'
    text += 'server = "web/one"\nwait = "2m"\n'
    found = {each.code: (each.place.line, each.step) for each in findings(NOTHING, processender_toml=text)}

    assert {"handler-takes-half", "worst-case-over-grace"} == {*found}
    assert (7, "give it a shorter wait, or a timeout, or the whole a longer grace") == found["handler-takes-half"]


PROFILES = """\
grace = "20s"
[handlers.a]
run = ["a"]
timeout = "5s"
[profile.lambda]
grace = "2s"
[profile.nomad.handlers.a]
timeout = "15s"
[profile.kubernetes]
grace = "50s"
"""


def test_each_profile_is_checked_as_if_it_held() -> None:
    """With the line in which it says what is wrong, and nothing twice."""
    found = [(each.code, each.place.line) for each in findings(NOTHING, processender_toml=PROFILES)]

    assert [("worst-case-over-grace", 6), ("handler-takes-half", 8), ("handler-takes-half", 4)] == sorted(
        found, key=lambda each: (each[1] == 4, each[1])
    )


def test_a_mistake_that_only_a_profile_makes_is_found() -> None:
    """Also one that needs the whole file to be understood."""
    text = '[handlers.a]\nrun = ["a"]\ntimeout = "5s"\n[profile.nomad.handlers.a]\nafter = ["gone"]\n'
    (found,) = findings(NOTHING, processender_toml=text)

    assert ("config-mistake", 5) == (found.code, found.place.line)
    assert "gone" in found.what


def test_a_pod_has_the_profile_of_its_platform_or_the_one_that_it_names() -> None:
    """By a flag or by a variable; where these lines are checked means nothing."""
    text = pod(container("w", 'command: ["processender", "run", "--", "./w"]'), grace=40)
    other = text.replace('"--"', '"--profile", "none", "--"')
    named = pod(
        container(
            "w", 'command: ["processender", "run", "--", "./w"]', "env: [{name: PROCESSENDER_PROFILE, value: lambda}]"
        ),
        grace=40,
    )

    def shorter(manifest: str) -> bool:
        return "grace-shorter-than-plan" in codes(manifest, processender_toml=PROFILES)

    assert [True, False, False] == [shorter(text), shorter(other), shorter(named)]


def test_a_project_has_its_configuration_below_its_name() -> None:
    """And one without it is passed over."""
    text = '[project]\nname = "x"\n[tool.processender.handlers.a]\nrun = ["a"]\n'
    (found,) = findings(NOTHING, pyproject_toml=text)

    assert ("handler-without-timeout", 3) == (found.code, found.place.line)
    assert 0 == audit({"pyproject.toml": "[tool.other]\n"}).configurations


def test_the_agent_of_a_pod_reads_the_file_beside_it() -> None:
    """The only one, if it names none, or the one with the name that it names."""
    text = pod(container("w", 'command: ["processender", "run", "--", "./w"]'), grace=40)
    named = text.replace('"--"', '"-c", "/etc/processender.toml", "--"')
    long = 'grace = "50s"\n'

    assert {} == codes(text)
    assert {"grace-shorter-than-plan": "error"} == codes(text, processender_toml=long)
    assert {"grace-shorter-than-plan": "error"} == codes(named, processender_toml=long)
    assert {"config-unseen": "note"} == codes(named, other_toml=long)


MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data:
  processender.toml: |

    grace = "50s"
    [handlers.flush]
    run = ["./flush"]
---
"""
MOUNTED = (
    'command: ["processender", "run", "-c", "/etc/p/processender.toml", "--", "./w"]',
    "volumeMounts: [{name: c, mountPath: /etc/p}]",
)


def test_the_agent_of_a_pod_reads_its_config_map() -> None:
    """Mounted as a directory; what is wrong in it stands in the lines of the manifest."""
    text = MAP + pod(container("w", *MOUNTED)) + "  volumes: [{name: c, configMap: {name: conf}}]\n"
    found = {each.code: str(each.place) for each in findings(text)}

    assert {
        "handler-without-timeout": "pod.yaml:8:5",
        "grace-shorter-than-plan": "pod.yaml:19:14",
    } == found


@pytest.mark.parametrize(
    ("mount", "volume"),
    [
        ("mountPath: /etc/p/processender.toml, subPath: processender.toml", "name: conf"),
        ("mountPath: /etc/p", "name: conf, items: [{key: processender.toml, path: processender.toml}]"),
    ],
)
def test_a_file_of_a_config_map_is_found_as_it_is_mounted(mount: str, volume: str) -> None:
    """Alone, or by the name that it is given."""
    line = f"volumeMounts: [{{name: c, {mount}}}]"
    text = MAP + pod(container("w", MOUNTED[0], line)) + f"  volumes: [{{name: c, configMap: {{{volume}}}}}]\n"

    assert "grace-shorter-than-plan" in codes(text)


def test_a_mistake_in_a_config_map_is_told_once() -> None:
    """However many containers read it."""
    text = MAP.replace("grace =", "grase =") + pod(container("w", *MOUNTED), container("v", *MOUNTED))
    text += "  volumes: [{name: c, configMap: {name: conf}}]\n"

    assert ["pod.yaml:7:5"] == [str(each.place) for each in findings(text) if each.code == "config-mistake"]
