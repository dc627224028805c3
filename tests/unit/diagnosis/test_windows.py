"""How long each platform gives: by its rule, by what can be read, and by who can be asked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from processender.core.platforms import CGROUP, NAMES, Platform, unit_of
from processender.diagnosis.aside import side_by_side
from processender.diagnosis.finding import ASSUMED, CONFIGURED, TOLD, Finding, Scene
from processender.diagnosis.reading import ANNOTATIONS, span
from processender.diagnosis.windows import UNKNOWN, find_windows, rule_of, rules_of

UNIT = {CGROUP: "0::/system.slice/orders.service\n"}
PODINFO = 'processender.dev/team="shop"\nprocessender.dev/grace-seconds="45"\n'


def scene(
    environ: dict[str, str] | None = None, files: dict[str, str] | None = None, **sources: dict[str, str]
) -> Scene:
    """Return what can be looked at."""
    told = {name.replace("_", "-"): table for name, table in sources.items()}
    return Scene(environ or {}, files or {}, (files or {}).get, told)  # type: ignore[arg-type]


def window(name: str, at: Scene, limit: float = 0.0) -> Finding:
    """Return what the platform *name* gives."""
    (found,) = find_windows([Platform(name, "a sign")], at.replace(read=lambda path: at.files.get(path, "")), limit)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_platform_has_a_rule(name: str) -> None:
    """It says how long it gives and, unless that is always so, what would tell it better."""
    found = window(name, scene())

    assert found.source
    assert found.better or found.kind is TOLD or name in {"terminal", "ec2", "gce", "azure", "alibaba"}
    assert [name] == list(rules_of([Platform(name, "")]))


@pytest.mark.parametrize(
    ("name", "seconds", "kind"),
    [
        ("kubernetes", 30.0, ASSUMED),
        ("systemd", 90.0, ASSUMED),
        ("docker", 10.0, ASSUMED),
        ("cloud-run", 10.0, TOLD),
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
    ("name", "at", "seconds", "source"),
    [
        ("kubernetes", scene({"POD_GRACE_SECONDS": "20"}), 20.0, "the variable POD_GRACE_SECONDS"),
        ("kubernetes", scene(files={ANNOTATIONS: PODINFO}), 45.0, "the annotation processender.dev/grace-seconds"),
        ("docker", scene({"PROCESSENDER_STOP_TIMEOUT": "1min 30s"}), 90.0, "the variable PROCESSENDER_STOP_TIMEOUT"),
        ("podman", scene({"PROCESSENDER_STOP_TIMEOUT": "30"}), 30.0, "the variable PROCESSENDER_STOP_TIMEOUT"),
        ("buildkite", scene({"BUILDKITE_CANCEL_SIGNAL_TIMEOUT": "25s"}), 25.0, "the variable BUILDKITE_CANCEL_SIGNAL"),
        ("buildkite", scene({"BUILDKITE_CANCEL_GRACE_PERIOD": "15"}), 14.0, "the variable BUILDKITE_CANCEL_GRACE"),
        ("ecs", scene(aws_ecs={"stop_timeout": "120s"}), 120.0, "stop_timeout of the source aws-ecs"),
    ],
)
def test_what_somebody_has_written_down_is_believed(name: str, at: Scene, seconds: float, source: str) -> None:
    """It is configured, and nothing better is missing."""
    found = window(name, at)

    assert (seconds, CONFIGURED, "") == (found.seconds, found.kind, found.better)
    assert found.source.startswith(source)


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
        ("90", 90.0),
        ("500ms", 0.5),
        ("2h 3min", 7380.0),
        ("1d", 86400.0),
        ("1.5s", 1.5),
        ("x", None),
    ],
)
def test_lengths_of_time_are_read_as_others_write_them(text: str, seconds: float | None) -> None:
    """As systemd and runners do."""
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
        assert "TimeoutStopUSec of orders.service" == found.source
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
        assert "(asked: " in found.source

    def test_nobody_is_asked_where_nobody_may_be(self, systemctl: Path) -> None:
        """As with --offline."""
        self.answer(systemctl, "echo 5s")

        assert 90.0 == window("systemd", scene(files=UNIT), 0.0).seconds
        assert not systemctl.with_name("systemctl.asked").exists()


def test_without_a_platform_nobody_kills() -> None:
    """As far as it is known."""
    assert rule_of([]) is UNKNOWN
    assert () == find_windows([], scene(), 0.0)


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
