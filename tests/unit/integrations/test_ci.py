"""Which runner runs a job, and how long it gives, from the variables of the job."""

from __future__ import annotations

import pytest

from processender.core.notice import DeadlineKind
from processender.core.platforms import find
from processender.integrations import ci

BUILDKITE = {"BUILDKITE": "true"}


@pytest.mark.parametrize(
    ("environ", "name", "window"),
    [
        ({"GITHUB_ACTIONS": "true", "CI": "true"}, "github-actions", 10.0),
        ({"GITLAB_CI": "true"}, "gitlab-ci", 600.0),
        ({"GITLAB_CI": "true", "CI_DISPOSABLE_ENVIRONMENT": "true"}, "gitlab-ci", 10.0),
        (BUILDKITE, "buildkite", 9.0),
        ({"JENKINS_URL": "https://ci.example/"}, "jenkins", 5.0),
    ],
)
def test_each_runner_has_its_window(environ: dict[str, str], name: str, window: float) -> None:
    """From its first signal to its kill."""
    found = ci.runner(environ)

    assert found is not None
    assert (name, window) == (found.name, found.window)
    assert found.grace == ci.find_grace(environ)
    assert {"grace": window} == ci.settings(environ)
    assert name == find(environ, {})[0].name


@pytest.mark.parametrize(
    "environ", [{}, {"CI": "true"}, {"GITHUB_ACTIONS": "false"}, {"GITLAB_CI": ""}, {"JENKINS_URL": ""}]
)
def test_outside_of_them_there_is_none(environ: dict[str, str]) -> None:
    """And the grace is what it would be."""
    assert ci.runner(environ) is None
    assert (None, {}) == (ci.find_grace(environ), ci.settings(environ))


def test_github_asks_twice_in_one_window() -> None:
    """With INT, and with TERM when three quarters are over."""
    assert [(0.0, "INT"), (7.5, "TERM"), (10.0, "KILL")] == [(step.at, step.signal) for step in ci.GITHUB.steps]
    assert "process" == ci.GITHUB.whom


@pytest.mark.parametrize(
    ("told", "window", "known_from"),
    [
        ({"BUILDKITE_CANCEL_GRACE_PERIOD": "60"}, 59.0, "BUILDKITE_CANCEL_GRACE_PERIOD"),
        ({"BUILDKITE_CANCEL_GRACE_PERIOD": "60", "BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS": "-5"}, 55.0,
         "BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS"),
        ({"BUILDKITE_CANCEL_GRACE_PERIOD": "60", "BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS": "20"}, 20.0,
         "BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS"),
        ({"BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS": "3600"}, 10.0, "BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS"),
        ({"BUILDKITE_CANCEL_SIGNAL_TIMEOUT": "1m30s", "BUILDKITE_CANCEL_GRACE_PERIOD": "5"}, 90.0,
         "BUILDKITE_CANCEL_SIGNAL_TIMEOUT"),
    ],
)  # fmt: skip
def test_buildkite_says_it_in_variables(told: dict[str, str], window: float, known_from: str) -> None:
    """Those of agent v4, or of v3, where a signal period below 0 counts from the end."""
    found = ci.runner({**BUILDKITE, **told})

    assert found is not None
    assert (window, DeadlineKind.CONFIGURED) == (found.window, found.kind)
    assert f"the variable {known_from}" == found.known_from


@pytest.mark.parametrize(
    "told",
    [
        {"BUILDKITE_CANCEL_SIGNAL_TIMEOUT": "soon"},
        {"BUILDKITE_CANCEL_GRACE_PERIOD": "x"},
        {"BUILDKITE_CANCEL_GRACE_PERIOD": "1"},
        {"BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS": "--3"},
        {"BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS": "-100"},
    ],
)
def test_nonsense_leaves_the_default(told: dict[str, str]) -> None:
    """Which is assumed."""
    found = ci.runner({**BUILDKITE, **told})

    assert found is not None
    assert (9.0, DeadlineKind.ASSUMED) == (found.window, found.kind)


@pytest.mark.parametrize(("text", "name"), [("SIGINT", "INT"), ("quit", "QUIT"), ("", "TERM")])
def test_buildkite_may_send_another_signal(text: str, name: str) -> None:
    """As its agent is told."""
    found = ci.runner({**BUILDKITE, "BUILDKITE_CANCEL_SIGNAL": text})

    assert found is not None
    assert name == found.steps[0].signal
