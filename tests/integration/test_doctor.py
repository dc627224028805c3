"""`processender doctor` and profiles, as programs in the environments of several platforms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from processender.testing.metadata import Metadata, black_hole
from tests.integration.agents import SLEEPER, agent

PROFILES = """
grace = "30s"

[handlers.flush]
run = ["true"]
timeout = "1s"
expected = "100ms"
importance = "must"

[handlers.upload]
run = ["true"]
expected = "4s"
importance = "may"

[profile.cloud-run]
grace = "10s"

[profile.lambda]
grace = "1500ms"
without = ["handlers.upload"]

[profile.kubernetes]
grace = "25s"
drain_delay = "5s"

[profile.kubernetes.handlers.flush]
timeout = "3s"
"""
POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
RUN = {"K_SERVICE": "orders", "K_REVISION": "orders-1"}
FUNCTION = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}
STEP = {"GITHUB_ACTIONS": "true"}


class Ran(NamedTuple):
    """How it has ended."""

    code: int
    """The exit code."""
    out: str
    """What it has said."""
    err: str
    """What it has complained of."""

    @property
    def data(self) -> Any:
        """What it has said as JSON."""
        return json.loads(self.out)


def doctor(cwd: Path, *options: str, **environ: str) -> Ran:
    """Run it in an environment that holds nothing else."""
    # The path of this interpreter's libraries, and nothing that a runner of these tests might have set.
    whole = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": os.pathsep.join(sys.path)} | environ
    argv = [sys.executable, "-m", "processender", "doctor", *options]
    ran = subprocess.run(
        argv, cwd=cwd, env=whole, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """Write a configuration with profiles into a directory and return that."""
    (tmp_path / "processender.toml").write_text(PROFILES)
    return tmp_path


@pytest.mark.parametrize(
    ("environ", "profile", "grace", "window", "kind"),
    [
        (POD | {"POD_GRACE_SECONDS": "25"}, "kubernetes", 25.0, 25.0, "configured"),
        (RUN, "cloud-run", 10.0, 10.0, "told"),
        (FUNCTION, "lambda", 1.5, 2.0, "told"),
    ],
)
def test_what_is_well_is_said_to_be(
    profiles: Path, environ: dict[str, str], profile: str, grace: float, window: float, kind: str
) -> None:
    """The profile of the platform holds, and fits into its window."""
    ran = doctor(profiles, "--json", **environ)
    said = ran.data

    assert (0, [], profile) == (ran.code, said["problems"], said["profile"])
    assert (grace, window, kind) == (
        said["grace"]["seconds"],
        said["windows"][0]["seconds"],
        said["windows"][0]["kind"],
    )
    assert profile == said["platforms"][0]["name"]
    assert said["grace"]["known_from"].startswith("grace in processender.toml:")


def test_a_grace_that_is_longer_than_the_window_is_wrong(profiles: Path) -> None:
    """The plan is that of the window, since nobody waits longer."""
    ran = doctor(profiles, "--json", "--profile", "none", **STEP)
    said = ran.data

    assert 1 == ran.code
    assert 10.0 == said["window"]["length_s"]
    (problem,) = said["problems"]
    assert problem.startswith("the grace is 30s, and github-actions kills after 10s (the code of actions/runner")
    assert 'write grace = "10s", below [profile.github-actions]' in problem


def test_people_can_read_it_in_80_columns(profiles: Path) -> None:
    """Each part behind its label."""
    ran = doctor(profiles, **(POD | {"JENKINS_URL": "x"}))
    lines = ran.out.splitlines()
    labels = [line.split("  ")[0] for line in lines if not line.startswith(" ")]

    assert max(len(line) for line in lines) <= 80
    wanted = ["platform", "profile", "grace", "window", "counts", "spent on", "signals", "sources", "wrong", "better"]
    assert wanted == labels
    assert "jenkins: JENKINS_URL is set" in lines[0]
    assert any("kubernetes: KUBERNETES_SERVICE_HOST is set" in line for line in lines)


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    """Each line of its example; a machine in a cloud would add its own."""
    page = Path(__file__).parent.parent.parent / "docs" / "how-to" / "doctor.md"
    shown = page.read_text(encoding="utf-8").partition("doctor.txt\n")[2].partition("```")[0]

    assert set(shown.splitlines()) <= set(doctor(tmp_path, "--offline", **RUN).out.splitlines())


def test_a_mistake_in_the_configuration_is_told(tmp_path: Path) -> None:
    """With its place, and 2; also in a profile that does not hold here."""
    (tmp_path / "processender.toml").write_text('[profile.nomad]\ngrace = "5"\n')
    ran = doctor(tmp_path, **POD)

    assert (2, "") == (ran.code, ran.out)
    assert "processender.toml:2: profile.nomad.grace: '5' has no unit" in ran.err
    assert 2 == doctor(tmp_path, "--nothing").code


class TestSources:
    def test_one_that_fits_and_is_not_there_is_named(self, tmp_path: Path) -> None:
        """And that it would be answered."""
        with Metadata() as double:
            said = doctor(tmp_path, "--json", ECS_CONTAINER_METADATA_URI_V4=f"{double.url}/v4").data

        (source,) = said["sources"]
        assert ("", "aws-ecs", "missing") == (source["name"], source["listen"], source["state"])
        assert "it answers (task: nothing)" in source["text"]
        assert any(each.startswith("aws-ecs: add [sources.aws-ecs]") for each in said["better"])

    def test_one_that_is_there_is_asked(self, tmp_path: Path) -> None:
        """What it was told of the window counts, too."""
        text = '[sources.task]\nlisten = "aws-ecs"\nwith = { stop_timeout = "60s" }\n'
        (tmp_path / "processender.toml").write_text(text)
        with Metadata() as double:
            said = doctor(tmp_path, "--json", ECS_CONTAINER_METADATA_URI_V4=f"{double.url}/v4").data

        (source,) = said["sources"]
        assert ("task", "answers", "task: nothing") == (source["name"], source["state"], source["text"])
        assert (60.0, "configured") == (said["windows"][0]["seconds"], said["windows"][0]["kind"])

    def test_one_that_swallows_everything_is_not_waited_for(self, tmp_path: Path) -> None:
        """A network that leads nowhere would hold each question for minutes."""
        with black_hole() as url:
            begun = time.monotonic()
            said = doctor(tmp_path, "--json", ECS_CONTAINER_METADATA_URI_V4=url).data
            taken = time.monotonic() - begun

        assert "it does not answer (no answer within" in said["sources"][0]["text"]
        assert taken < 30


def test_a_running_agent_is_looked_at_from_outside(profiles: Path) -> None:
    """By its environment, its directory and its flags, and not by those of whoever asks."""
    (profiles / "elsewhere").mkdir()
    options = ["-c", str(profiles / "processender.toml"), "--grace", "22s"]
    with agent(options, SLEEPER, PROCESSENDER_DRAIN_DELAY="0s", **POD) as program:
        program.wait_for("ready")
        said = doctor(profiles / "elsewhere", "--json", "--pid", str(program.pid), **RUN).data
        program.signal("TERM")
        program.wait()

    assert ("kubernetes", "kubernetes") == (said["platforms"][0]["name"], said["profile"])
    assert (22.0, "the flag --grace") == (said["grace"]["seconds"], said["grace"]["known_from"])


def test_a_process_that_is_not_there_cannot_be_looked_at(tmp_path: Path) -> None:
    """With what to do next."""
    ran = doctor(tmp_path, "--pid", str(1 << 30))

    assert (2, "") == (ran.code, ran.out)
    assert "there is none; see `processender status`" in ran.err


def test_an_agent_runs_with_the_profile_of_its_platform(profiles: Path) -> None:
    """Its plan is the one of that profile."""
    command = ["sh", "-c", "true"]
    told = {}
    for profile in ("auto", "none"):
        options = ["-c", str(profiles / "processender.toml"), "--profile", profile]
        with agent(options, command, PROCESSENDER_DRAIN_DELAY="0s", **POD) as program:
            assert 0 == program.wait()
            told[profile] = program.report()["window"]["length_s"]

    assert {"auto": 25.0, "none": 30.0} == told
