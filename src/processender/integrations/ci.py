"""
Runners of CI: how a cancelled job is ended, chosen from the variables of the job's environment.

Hears: nothing, since no runner says more than its signals: `runner` tells which one this is, which signals it sends and
how long it takes to the kill, and `find_grace` that time alone. The first signal opens the whole window; what a runner
sends after it, such as the SIGTERM of GitHub Actions after its SIGINT, makes it neither longer nor shorter.

Leaves: what still runs when the step is gone: `always()` and `cancelled()` of GitHub Actions, `after_script` of GitLab,
hooks of Buildkite, `post` of Jenkins.

Versions: actions/runner, gitlab-runner, agent v3 and v4 of Buildkite, and Jenkins, as of 2026.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ..core.grace import Grace
from ..core.notice import DeadlineKind
from ..core.platforms import find
from ..core.record import Record
from ..core.spans import seconds_of
from ..hints import Any

__all__ = ["Runner", "Step", "find_grace", "runner", "settings"]


class Step(Record):
    """One signal of a sequence."""

    at: float
    """When it is sent, seconds since the first one."""
    signal: str
    """Its name without `SIG`."""


class Runner(Record):
    """A runner, and how it ends a job."""

    name: str
    """The platform: `github-actions`, `gitlab-ci`, `buildkite` or `jenkins`."""
    steps: tuple[Step, ...]
    """The signals in their order, `KILL` at last."""
    whom: str
    """Who gets them: the first `process` of the step, its process `group`, or the whole `tree`; all get the kill."""
    known_from: str
    """From where the times are known."""
    longer: str
    """What makes the window longer."""
    then: str
    """What still runs when the step is gone."""
    kind: DeadlineKind = DeadlineKind.ASSUMED
    """How far the times can be trusted."""

    @property
    def window(self) -> float:
        """The seconds from the first signal to the kill."""
        return self.steps[-1].at

    @property
    def grace(self) -> Grace:
        """The same time, with how it is known."""
        better = f"say what this runner gives as the grace; what makes it longer: {self.longer}"
        return Grace(self.window, self.known_from, self.kind, better if self.kind is DeadlineKind.ASSUMED else "")


GITHUB = Runner(
    "github-actions",
    (Step(0.0, "INT"), Step(7.5, "TERM"), Step(10.0, "KILL")),
    "process",
    "the code of actions/runner",
    "nothing: put what takes longer into a step with `if: cancelled()`, which has up to 5 min",
    "steps with `if: always()` or `if: cancelled()`, for at most 5 min",
    DeadlineKind.TOLD,
)
"""GitHub Actions."""
GITLAB = Runner(
    "gitlab-ci",
    (Step(0.0, "TERM"), Step(600.0, "KILL")),
    "group",
    "the code of gitlab-runner: the shell executor",
    "nothing, with this executor; with a custom one, graceful_kill_timeout in config.toml",
    "`after_script`, for at most 5 min, or RUNNER_AFTER_SCRIPT_TIMEOUT",
)
"""GitLab, with the shell executor."""
GITLAB_CONTAINER = GITLAB.replace(
    steps=(Step(0.0, "TERM"), Step(10.0, "KILL")),
    whom="tree",
    known_from="the default of the engine that runs the container of the job",
    longer="default-stop-timeout of the daemon, or the grace period of the pod, which whoever runs the runner sets",
)
"""GitLab, with an executor that makes a container or a machine for each job."""
BUILDKITE = Runner(
    "buildkite",
    (Step(0.0, "TERM"), Step(9.0, "KILL")),
    "group",
    "the default of the agent",
    "cancel-grace-period of agent v3, cancel-signal-timeout of agent v4",
    "the hooks `pre-exit`, and the upload of artifacts",
)
"""Buildkite, where no variable says more."""
JENKINS = Runner(
    "jenkins",
    (Step(0.0, "TERM"), Step(5.0, "KILL")),
    "tree",
    "the default of Jenkins",
    "-DSoftKillWaitSeconds=60 for the Java of the node; the pipeline has time-outs of its own",
    "`post { always { } }` and `post { aborted { } }`",
)
"""Jenkins: all processes that have the cookie of the build in their environment."""


def _gitlab(environ: Mapping[str, str]) -> Runner:
    return GITLAB_CONTAINER if environ.get("CI_DISPOSABLE_ENVIRONMENT") == "true" else GITLAB


def _buildkite(environ: Mapping[str, str]) -> Runner:
    asked = environ.get("BUILDKITE_CANCEL_SIGNAL", "").upper().removeprefix("SIG") or "TERM"
    name = "BUILDKITE_CANCEL_SIGNAL_TIMEOUT"
    seconds = seconds_of(environ[name]) if name in environ else None
    if name not in environ:
        names = ("BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS", "BUILDKITE_CANCEL_GRACE_PERIOD")
        name = next((each for each in names if each in environ), "")
        seconds = _third(environ) if name else None
    if not seconds or seconds <= 0:
        return BUILDKITE.replace(steps=(Step(0.0, asked), BUILDKITE.steps[1]))
    steps = (Step(0.0, asked), Step(seconds, "KILL"))
    return BUILDKITE.replace(steps=steps, known_from=f"the variable {name}", kind=DeadlineKind.CONFIGURED)


def _third(environ: Mapping[str, str]) -> float | None:
    """Return the window of agent v3: a signal period below 0 is counted from the end of the whole grace period."""
    whole = seconds_of(environ.get("BUILDKITE_CANCEL_GRACE_PERIOD", "10"))
    text = environ.get("BUILDKITE_SIGNAL_GRACE_PERIOD_SECONDS", "-1")
    part = seconds_of(text.removeprefix("-"))
    if whole is None or part is None:
        return None
    return whole - part if text.startswith("-") else min(part, whole)


_KNOWN: Mapping[str, Callable[[Mapping[str, str]], Runner]] = {
    "github-actions": lambda _environ: GITHUB,
    "gitlab-ci": _gitlab,
    "buildkite": _buildkite,
    "jenkins": lambda _environ: JENKINS,
}
"""What follows from the environment, by the name of the platform."""


def runner(environ: Mapping[str, str] | None = None) -> Runner | None:
    """
    Return the runner that runs this job, None outside of one that is known.

    Args:

        environ: The environment that is read, by default that of this process.
    """
    environ = os.environ if environ is None else environ
    return next((_KNOWN[each.name](environ) for each in find(environ, {}) if each.name in _KNOWN), None)


def find_grace(environ: Mapping[str, str] | None = None) -> Grace | None:
    """
    Return how long the runner gives; None outside of one that is known.

    Args:

        environ: The environment that is read, by default that of this process.
    """
    found = runner(environ)
    return None if found is None else found.grace


def settings(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """
    Return what an Ender is to be told here, its `grace`: `Ender("tests", **ci.settings())`; nothing elsewhere.

    Args:

        environ: The environment that is read, by default that of this process.
    """
    found = find_grace(environ)
    return {} if found is None else {"grace": found.seconds}
