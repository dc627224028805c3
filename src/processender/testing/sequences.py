"""
The signals of a platform, replayed against a process: each with its real time, or faster, until the process is gone.

A CI runner that cancels a job, a platform that takes an instance away: each sends its own signals, to a process, its
group or all that comes from it, and kills what is left at last. Here they are in a table, from the sources and the
documents of the platforms, and `replay` does to your program what they do.

    with Program([sys.executable, "tests.py"]) as program:
        program.wait_for("ready")
        assert replay(GITHUB, program.pid).in_time
"""

from __future__ import annotations

from ..stage.sequences import (
    ALL,
    BUILDKITE,
    CLOUD_RUN,
    CONTAINER_APPS,
    DOCKER,
    ECS,
    GITHUB,
    GITLAB,
    GITLAB_CONTAINER,
    HEROKU,
    JENKINS,
    Replayed,
    Sequence,
    SequenceError,
    replay,
)

__all__ = [
    "ALL",
    "BUILDKITE",
    "CLOUD_RUN",
    "CONTAINER_APPS",
    "DOCKER",
    "ECS",
    "GITHUB",
    "GITLAB",
    "GITLAB_CONTAINER",
    "HEROKU",
    "JENKINS",
    "Replayed",
    "Sequence",
    "SequenceError",
    "replay",
]
