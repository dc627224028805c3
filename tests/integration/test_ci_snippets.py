"""The snippets for CI in `deploy/ci`, run as their runners run them, and cancelled as their runners cancel."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import processender
from processender.testing.processes import Program
from processender.testing.sequences import GITHUB, GITLAB, GITLAB_CONTAINER, Sequence, replay

from ..waits import until

ROOT = Path(__file__).parent.parent.parent
SNIPPETS = ROOT / "deploy" / "ci"
GITHUB_STEPS = {
    step["name"]: step["run"]
    for step in yaml.safe_load((SNIPPETS / "github-actions.yaml").read_text())["jobs"]["end"]["steps"]
    if "run" in step
}
GITLAB_JOB: dict[str, Any] = yaml.safe_load((SNIPPETS / "gitlab-ci.yaml").read_text())["end"]
LIMIT_S = 60.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the example, with the snippets' programs on its path."""
    work = tmp_path / "work"
    shutil.copytree(ROOT / "examples" / "testing", work, ignore=shutil.ignore_patterns("__pycache__"))
    (work / "seconds").write_text("0")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {"python": "", "processender": "-m processender"}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (programs / name).chmod(0o755)
    return work


def started(project: Path, script: str, shell: str) -> Program:
    """Return the program that a runner makes of a script."""
    file = project / "step.sh"
    file.write_text(script)
    package = Path(processender.__file__).parent.parent
    env = {
        "PATH": f"{project.parent / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": f"{package}:{project}",
        "PYTEST_ADDOPTS": "-p no:processender -p processender.testing.plugin -p no:cacheprovider",
    }
    return Program([*shell.split(), str(file)], env=env, cwd=str(project))


def test_both_snippets_install_first_and_then_do_the_same() -> None:
    """What is installed is for the network; the rest is run here."""
    install, *rest = GITHUB_STEPS.values()

    assert [install] == GITLAB_JOB["before_script"]
    assert rest == GITLAB_JOB["script"]


def test_every_step_succeeds_on_a_good_day(project: Path) -> None:
    """As GitHub runs them, each in a shell of its own, and with the results that are uploaded."""
    for name, script in list(GITHUB_STEPS.items())[1:]:
        with started(project, script, "bash -e") as step:
            assert step.wait(LIMIT_S) == 0, f"{name}: {step.output}"

    assert {"end.xml", "rehearsal.xml", "integration.xml"} == {file.name for file in project.glob("*.xml")}


@pytest.mark.parametrize(
    ("sequence", "script", "shell"),
    [
        (GITHUB, GITHUB_STEPS["tests with things outside"], "bash -e"),
        (GITLAB, GITLAB_JOB["script"][-1], "bash"),
        (GITLAB_CONTAINER, GITLAB_JOB["script"][-1], "sh"),
    ],
    ids=["github", "gitlab", "gitlab-container"],
)
def test_a_cancelled_job_leaves_nothing_behind(project: Path, sequence: Sequence, script: str, shell: str) -> None:
    """The signals of the runner come, and the fixture gives back what it has made, before the kill."""
    (project / "seconds").write_text("600")
    with started(project, script, shell) as step:
        until((project / "database").exists)
        came = replay(sequence, step.pid)
        step.wait()

        assert came.in_time, f"{came}: {step.output}"
        assert not (project / "database").exists(), step.output


def test_without_the_agent_a_cancelled_job_leaves_its_database(project: Path) -> None:
    """The shell is asked and passes nothing on: so it is without the snippet."""
    (project / "seconds").write_text("600")
    with started(project, "python -m pytest tests/integration\ntrue", "bash -e") as step:
        until((project / "database").exists)
        quick = GITHUB.replace(steps=tuple(each.replace(at=each.at / 10) for each in GITHUB.steps))
        came = replay(quick, step.pid)

        assert not came.in_time
        assert (project / "database").exists()
