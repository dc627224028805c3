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

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ..core.record import Record
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..integrations import ci
from ..integrations.ci import Step

_GONE_S = 30.0
"""How long a process that was killed may take to go."""
_LOOK_S = 0.01


class Sequence(Record):
    """What a platform does to end a process."""

    name: str
    """What it is called."""
    steps: tuple[Step, ...]
    """The signals, each with its seconds since the first one; the last is `KILL`."""
    whom: str = "process"
    """Who gets them: one `process`, its `group`, or the `tree` of all that comes from it; the kill is for the tree."""

    @property
    def window(self) -> float:
        """The seconds from the first signal to the kill."""
        return self.steps[-1].at


class Replayed(Record):
    """What came of it. Times are the platform's seconds since the first signal."""

    sent: tuple[Step, ...]
    """What was sent, and when."""
    gone_at: float
    """When the process was gone."""
    left: tuple[int, ...] = ()
    """What had come from it and was still there then; it was killed."""

    @property
    def in_time(self) -> bool:
        """Whether it was gone before it would have been killed, and has left nothing."""
        return not self.left and all(step.signal != "KILL" for step in self.sent)


class SequenceError(ProcessEnderError):
    """A sequence cannot be replayed."""

    code = "sequence"


def _of(runner: ci.Runner, name: str = "") -> Sequence:
    return Sequence(name or runner.name, runner.steps, runner.whom)


def _plain(name: str, seconds: float, whom: str = "process") -> Sequence:
    return Sequence(name, (Step(0.0, "TERM"), Step(seconds, "KILL")), whom)


GITHUB = _of(ci.GITHUB)
"""GitHub Actions: only the first process of the step is asked."""
GITLAB = _of(ci.GITLAB)
"""GitLab with the shell executor: the process group."""
GITLAB_CONTAINER = Sequence("gitlab-container", (Step(0.0, "TERM"), *ci.GITLAB_CONTAINER.steps), "tree")
"""GitLab with containers: everything in it, and the first process again as the container is stopped."""
BUILDKITE = _of(ci.BUILDKITE)
"""Buildkite with the defaults of agent v3."""
JENKINS = _of(ci.JENKINS)
"""Jenkins: all processes of the build."""
CLOUD_RUN = _plain("cloud-run", 10.0)
"""Cloud Run of Google."""
CONTAINER_APPS = _plain("container-apps", 30.0)
"""Container Apps of Azure, unless `terminationGracePeriodSeconds` says something else."""
HEROKU = Sequence("heroku", (Step(0.0, "TERM"), Step(1.0, "TERM"), Step(30.0, "KILL")), "tree")
"""Heroku: every process of the dyno, and maybe more than once."""
DOCKER = _plain("docker", 10.0)
"""Docker and podman, unless somebody gives another time-out."""
ECS = _plain("ecs", 30.0)
"""ECS, unless `stopTimeout` says something else."""
ALL = (GITHUB, GITLAB, GITLAB_CONTAINER, BUILDKITE, JENKINS, CLOUD_RUN, CONTAINER_APPS, HEROKU, DOCKER, ECS)
"""All of them."""


def replay(
    sequence: Sequence,
    pid: int,
    *,
    scale: float = 1.0,
    linger: float = 0.0,
    on_step: Callable[[Step], object] = lambda _step: None,
) -> Replayed:
    """
    Do to a process what a platform does, wait until it is gone, and return what came of it.

    Args:

        sequence: What is done.

        pid: The process; for a `group`, it must not be in that of the caller.

        scale: How many seconds one second of the platform lasts; give the program a grace of that scale, too.

        linger: How long what has come from it may still take to go behind it, seconds; who is there then is left.

        on_step: Is called after each signal.

    Raises `SequenceError` for a process that is not there, and for a group that is the caller's own.
    """
    if sequence.whom == "group" and _group(pid) == os.getpgrp():
        raise SequenceError(f"cannot end the group of process {pid}: the caller is in it; start it in a session")
    clock = SystemClock()
    try:
        handle = os.pidfd_open(pid)
    except OSError as error:
        raise SequenceError(f"cannot end process {pid}: {error.strerror}") from error
    sent: list[Step] = []
    tree = set(_tree(pid))
    begun = clock.now()
    try:
        for step in sequence.steps:
            if _gone(handle, begun + step.at * scale - clock.now()):
                break
            # What came from it and lost its parent since then is still of its tree.
            tree |= set(_tree(pid))
            _send(sequence, step, pid, handle, tree)
            sent.append(step.replace(at=(clock.now() - begun) / scale))
            on_step(step)
        if not _gone(handle, _GONE_S):
            raise SequenceError(f"process {pid} is still there {_GONE_S:.0f} s after the kill")
        gone_at = (clock.now() - begun) / scale
    finally:
        os.close(handle)
    # Where all were asked, all have the window; of one alone the rest is taken for left behind.
    until = begun + (0.0 if sequence.whom == "process" else sequence.window) * scale
    left = _left(tree - {pid}, clock, max(until, clock.now() + linger))
    for each in left:
        _kill(each, signal.SIGKILL)
    return Replayed(tuple(sent), gone_at, left)


def _left(tree: set[int], clock: SystemClock, until: float) -> tuple[int, ...]:
    """Return who of *tree* lives, as soon as nobody does, and at last at the instant *until*."""
    pause = threading.Event()
    while (living := tuple(sorted(each for each in tree if _lives(each)))) and clock.now() < until:
        pause.wait(_LOOK_S)
    return living


def _send(sequence: Sequence, step: Step, pid: int, handle: int, tree: set[int]) -> None:
    number = signal.Signals[f"SIG{step.signal}"]
    if sequence.whom == "group" and step.signal != "KILL":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(_group(pid), number)
        return
    if sequence.whom == "tree" or step.signal == "KILL":
        for each in tree - {pid}:
            _kill(each, number)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


def _gone(handle: int, seconds: float) -> bool:
    """Wait at most so many *seconds* until the process of *handle* has ended; tell whether it has."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError as error:
        raise SequenceError(f"cannot end process {pid}: it is not there") from error


def _tree(pid: int) -> Iterator[int]:
    """Yield *pid* and all that comes from it."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (parent := _parent(int(entry))):
            parents.setdefault(parent, []).append(int(entry))
    waiting = [pid]
    while waiting:
        yield (each := waiting.pop())
        waiting += parents.get(each, ())


def _stat(pid: int) -> list[str]:
    try:
        return Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _lives(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
