"""How long each platform gives: by its rule, by what can be read, and by who can be asked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from processender.core.grace import Grace
from processender.core.notice import DeadlineKind
from processender.core.platforms import CGROUP, NAMES, Platform, unit_of
from processender.diagnosis.aside import side_by_side
from processender.diagnosis.reading import span
from processender.diagnosis.scene import Scene
from processender.diagnosis.windows import UNKNOWN, find_windows, rule_of, rules_of
from processender.testing.engines import ID, Engine

TOLD, CONFIGURED, ASSUMED = DeadlineKind.TOLD, DeadlineKind.CONFIGURED, DeadlineKind.ASSUMED
SIGNS = {
    "github-actions": {"GITHUB_ACTIONS": "true"},
    "gitlab-ci": {"GITLAB_CI": "true"},
    "buildkite": {"BUILDKITE": "true"},
    "jenkins": {"JENKINS_URL": "x"},
    "lambda": {"AWS_LAMBDA_RUNTIME_API": "x"},
    "cloud-functions": {"FUNCTION_TARGET": "x", "K_SERVICE": "x", "K_REVISION": "x"},
    "cloud-run": {"K_SERVICE": "x", "K_REVISION": "x"},
    "azure-functions": {"FUNCTIONS_WORKER_RUNTIME": "python", "WEBSITE_SITE_NAME": "x"},
    "container-apps": {"CONTAINER_APP_NAME": "x", "CONTAINER_APP_REVISION": "x"},
    "kubernetes": {"KUBERNETES_SERVICE_HOST": "x"},
}
"""The variables of the platforms whose rooms go by them."""
UNIT = {CGROUP: "0::/system.slice/orders.service\n"}
PODINFO = 'processender.dev/team="shop"\nprocessender.dev/grace-seconds="45"\n'


def scene(
    environ: dict[str, str] | None = None, files: dict[str, str] | None = None, **sources: dict[str, str]
) -> Scene:
    """Return what can be looked at."""
    told = {name.replace("_", "-"): table for name, table in sources.items()}
    return Scene(environ or {}, files or {}, "/nowhere", told)


def window(name: str, at: Scene, limit: float = 0.0) -> Grace:
    """Return what the platform *name* gives, by whose signs it is known."""
    at = at.replace(environ={**SIGNS.get(name, {}), **at.environ})
    return find_windows([Platform(name, "a sign")], at, limit)[name]


@pytest.mark.parametrize("name", NAMES)
def test_each_platform_has_a_rule(name: str) -> None:
    """It says how long it gives and, unless that is always so, what would tell it better."""
    found = window(name, scene())

    assert found.known_from
    assert found.better or found.kind is TOLD or name in {"terminal", "ec2", "gce", "azure", "alibaba"}
    assert [name] == list(rules_of([Platform(name, "")]))


@pytest.mark.parametrize(
    ("name", "seconds", "kind"),
    [
        ("kubernetes", 30.0, ASSUMED),
        ("systemd", 90.0, ASSUMED),
        ("docker", 10.0, ASSUMED),
        ("cloud-run", 10.0, TOLD),
        ("cloud-functions", 5.0, ASSUMED),
        ("azure-functions", 0.0, TOLD),
        ("lambda", 2.0, TOLD),
        ("github-actions", 10.0, TOLD),
        ("gitlab-ci", 600.0, ASSUMED),
        ("buildkite", 9.0, ASSUMED),
        ("jenkins", 5.0, ASSUMED),
        ("fargate", 30.0, ASSUMED),
        ("terminal", None, ASSUMED),
    ],
)
def test_the_rule_holds_where_nobody_knows_better(name: str, seconds: float | None, kind: object) -> None:
    """And says how far it can be trusted."""
    found = window(name, scene())

    assert (seconds, kind) == (found.seconds, found.kind)


@pytest.mark.parametrize(
    ("name", "at", "seconds", "known_from"),
    [
        ("kubernetes", scene({"POD_GRACE_SECONDS": "20"}), 20.0, "the variable POD_GRACE_SECONDS"),
        ("docker", scene({"PROCESSENDER_STOP_TIMEOUT": "1m30s"}), 90.0, "the variable PROCESSENDER_STOP_TIMEOUT"),
        ("docker", scene(docker={"stop_timeout": "20s"}), 20.0, "stop_timeout of the source docker"),
        ("podman", scene({"PROCESSENDER_STOP_TIMEOUT": "30"}), 30.0, "the variable PROCESSENDER_STOP_TIMEOUT"),
        ("buildkite", scene({"BUILDKITE_CANCEL_SIGNAL_TIMEOUT": "25s"}), 25.0, "the variable BUILDKITE_CANCEL_SIGNAL"),
        ("buildkite", scene({"BUILDKITE_CANCEL_GRACE_PERIOD": "15"}), 14.0, "the variable BUILDKITE_CANCEL_GRACE"),
        ("ecs", scene(aws_ecs={"stop_timeout": "120s"}), 120.0, "stop_timeout of the source aws-ecs"),
    ],
)
def test_what_somebody_has_written_down_is_believed(name: str, at: Scene, seconds: float, known_from: str) -> None:
    """It is configured, and nothing better is missing."""
    found = window(name, at)

    assert (seconds, CONFIGURED, "") == (found.seconds, found.kind, found.better)
    assert found.known_from.startswith(known_from)


def test_the_annotations_of_a_pod_are_those_of_who_is_looked_at(tmp_path: Path) -> None:
    """Below the root directory that it sees."""
    (tmp_path / "etc" / "podinfo").mkdir(parents=True)
    (tmp_path / "etc" / "podinfo" / "annotations").write_text(PODINFO)
    found = window("kubernetes", scene().replace(root=str(tmp_path)))

    assert (45.0, CONFIGURED) == (found.seconds, found.kind)


def test_an_engine_whose_socket_is_mounted_is_asked(tmp_path: Path) -> None:
    """Of the container of who is looked at; an answer that is only a guess changes nothing."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".containerenv").write_text(f'id="{ID}"\n')
    with Engine(stop_timeout=25) as double:
        at = scene(docker={"endpoint": double.url}).replace(root=str(tmp_path))
        found, offline = window("docker", at, 20.0), window("docker", at)

    assert Grace(25.0, "the engine: StopTimeout") == found
    assert (10.0, ASSUMED) == (offline.seconds, offline.kind)


def test_gitlab_gives_less_where_a_job_is_a_container() -> None:
    """As much as the engine does, which nobody tells."""
    found = window("gitlab-ci", scene({"CI_DISPOSABLE_ENVIRONMENT": "true"}))

    assert (10.0, ASSUMED) == (found.seconds, found.kind)


@pytest.mark.parametrize("text", ["", "soon", "-3", "1e9", "30 parsecs", "999999999", "10s or so"])
def test_what_makes_no_sense_is_as_good_as_nothing(text: str) -> None:
    """The rule holds."""
    assert ASSUMED is window("kubernetes", scene({"POD_GRACE_SECONDS": text})).kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1min 30s", 90.0),
        ("500ms", 0.5),
        ("2h 3min", 7380.0),
        ("1d", 86400.0),
        ("1.5s", 1.5),
        ("x", None),
    ],
)
def test_lengths_of_time_are_read_as_others_write_them(text: str, seconds: float | None) -> None:
    """As systemd does."""
    assert seconds == span(text)


class TestSystemd:
    @pytest.fixture
    def systemctl(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Put a program in the place of `systemctl`, which keeps what it is asked."""
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return tmp_path / "systemctl"

    def answer(self, program: Path, script: str) -> None:
        """Let it run *script*."""
        program.write_text(f'#!/bin/sh\necho "$@" > {program}.asked\n{script}\n')
        program.chmod(0o755)

    @pytest.mark.parametrize(
        ("said", "seconds"), [("1min 30s", 90.0), ("infinity", None), ("5s", 5.0), ("2min 500ms", 120.5)]
    )
    def test_the_manager_is_asked_for_the_unit(self, systemctl: Path, said: str, seconds: float | None) -> None:
        """By the program that comes with it."""
        self.answer(systemctl, f"echo '{said}'")
        found = window("systemd", scene(files=UNIT), 5.0)

        assert (seconds, CONFIGURED) == (found.seconds, found.kind)
        assert "TimeoutStopUSec of orders.service" == found.known_from
        asked = systemctl.with_name("systemctl.asked").read_text()
        assert "show --property=TimeoutStopUSec --value -- orders.service\n" == asked

    def test_the_manager_of_a_user_is_another_one(self, systemctl: Path) -> None:
        """Its units are not known to that of the system."""
        self.answer(systemctl, "echo 5s")
        files = {CGROUP: "0::/user.slice/user-1.slice/user@1.service/app.slice/orders.service\n"}
        window("systemd", scene(files=files), 5.0)

        assert systemctl.with_name("systemctl.asked").read_text().startswith("--user show ")
        assert unit_of(files).endswith("/orders.service")

    @pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "kill -9 $$"])
    def test_a_manager_that_does_not_answer_leaves_the_rule(self, systemctl: Path, script: str) -> None:
        """An assumption is what is left."""
        self.answer(systemctl, script)
        found = window("systemd", scene(files=UNIT), 5.0)

        assert (90.0, ASSUMED) == (found.seconds, found.kind)

    def test_a_manager_that_hangs_is_not_waited_for(self, systemctl: Path) -> None:
        """And it is told that it was asked."""
        self.answer(systemctl, "exec sleep 60")
        found = window("systemd", scene(files=UNIT), 0.05)

        assert (90.0, ASSUMED) == (found.seconds, found.kind)
        assert "(asked: " in found.known_from

    def test_nobody_is_asked_where_nobody_may_be(self, systemctl: Path) -> None:
        """As with --offline."""
        self.answer(systemctl, "echo 5s")

        assert 90.0 == window("systemd", scene(files=UNIT), 0.0).seconds
        assert not systemctl.with_name("systemctl.asked").exists()


def test_without_a_platform_nobody_kills() -> None:
    """As far as it is known."""
    assert rule_of([]) is UNKNOWN
    assert {} == find_windows([], scene(), 0.0)


def test_several_questions_take_no_longer_than_one() -> None:
    """Who does not answer is left behind, and who raises has answered."""
    never = threading.Event()

    def raises() -> None:
        raise OSError("no")

    found = side_by_side({"never": never.wait, "raises": raises, "well": lambda: 3}, 0.2)
    never.set()

    assert 3 == found["well"]
    assert isinstance(found["raises"], OSError)
    assert isinstance(found["never"], TimeoutError)
    assert ["never", "raises", "well"] == sorted(found)
