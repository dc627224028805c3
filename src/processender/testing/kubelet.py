"""
A mini-kubelet: it starts the containers of a pod as real processes, and ends them with the kubelet's own arithmetic.

What `pods.foretell` computes, this does: hooks are commands that block, signals and KILL are real, and a restart midway
begins again. *scale* makes its seconds shorter, so that a grace period of 30 s need not take 30 s. A container here is
a session with all that comes from it; its processes see each other, as in a pod with `shareProcessNamespace: true`.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from ..core.pods import NEVER, Fate, Timing, left_of, prerequisites, stop_limit
from ..core.record import Record
from ..engine.clock import SystemClock
from .processes import Program

_GONE_S = 30.0
"""How long a process that was killed may take to go."""


class Container(Record):
    """One container of a pod."""

    name: str
    """Its name."""
    argv: tuple[str, ...]
    """Its command."""
    pre_stop: tuple[str, ...] = ()
    """The command of its preStop hook; empty if it has none."""
    sidecar: bool = False
    """Whether it is a native sidecar: an init container with `restartPolicy: Always`."""
    stop_signal: int = signal.SIGTERM
    """What asks it to end."""
    ready: str = ""
    """What it writes when it has started; the next container waits for that. Empty for nothing."""


class Hook(Record):
    """One call of a preStop hook."""

    at: float
    """When it was called, the kubelet's seconds since the deletion."""
    seconds: float
    """How long it was waited for, the kubelet's seconds."""
    code: int | None
    """How it ended; None if it had not when the grace was over, or the kubelet was restarted."""
    output: str = ""
    """What it has written."""


class Kubelet:
    """One pod on one node; a context manager. Leaving it ends whatever is left."""

    def __init__(
        self, containers: Sequence[Container], grace: int, *, scale: float = 1.0, env: Mapping[str, str] | None = None
    ) -> None:
        """
        Take the pod; nothing is started yet.

        Args:

            containers: In the order of the manifest, native sidecars first.

            grace: `terminationGracePeriodSeconds`.

            scale: How many real seconds one of the kubelet's seconds lasts.

            env: Variables of all containers and hooks, beside those of this process.
        """
        self.grace = grace
        self.hooks: dict[str, list[Hook]] = {each.name: [] for each in containers}
        """The calls of each container's hook."""
        self.programs: dict[str, Program] = {}
        """The running containers, by name."""
        self.codes: dict[str, int] = {}
        """How each container has ended: its exit code, or minus the signal."""
        self._containers = list(containers)
        self._scale = scale
        self._env = dict(env or {})
        self._clock = SystemClock()
        self.begun = 0.0
        """When the pod was deleted, seconds on the monotonic clock."""
        self._bell_out, self._bell_in = os.pipe()
        self._gone: dict[str, float] = {}
        self._termed: dict[str, float] = {}
        self._kill_at: dict[str, float] = {}
        self._killed: set[str] = set()
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Start the containers, one after the other."""
        for each in self._containers:
            self.programs[each.name] = program = Program(list(each.argv), env=self._env, cwd="/")
            program.__enter__()
            if each.ready:
                program.wait_for(each.ready, 30.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever is left."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.wait()
        for program in self.programs.values():
            program.__exit__(kind, error, trace)
        os.close(self._bell_in)
        os.close(self._bell_out)

    def delete(self, restart_at: float | None = None) -> dict[str, Fate]:
        """
        Delete the pod, wait until all of it is gone, and return what became of each container.

        Args:

            restart_at: When the kubelet is restarted, its seconds since the deletion; None for never.
        """
        self.begun = self._clock.now()
        alarm = None
        if restart_at is not None:
            alarm = threading.Timer(restart_at * self._scale, lambda: os.write(self._bell_in, b"!"))
            alarm.start()
        again = self._round()
        if alarm is not None:
            alarm.cancel()
        if again:
            os.read(self._bell_out, 1)
            self._round()
        return {
            each.name: Fate(
                each.name,
                self._termed.get(each.name, NEVER),
                self._kill_at.get(each.name, NEVER),
                self._gone[each.name],
                killed=each.name in self._killed,
            )
            for each in self._containers
        }

    def _round(self) -> bool:
        """End every container that is there; return whether the kubelet was restarted meanwhile."""
        left = [each for each in self._containers if each.name not in self._gone]
        waits = prerequisites([Timing(each.name, sidecar=each.sidecar) for each in left])
        watchers = [threading.Thread(target=self._witness, args=(each.name,)) for each in left]
        threads = [threading.Thread(target=self._end, args=(each, waits[each.name])) for each in left]
        for thread in (*watchers, *threads):
            thread.start()
        for thread in (*threads, *watchers):
            thread.join()
        return any(each.name not in self._gone for each in left)

    def _witness(self, name: str) -> None:
        """Note when a container has ended, whatever has ended it."""
        if _await(self._handle(name), self._bell_out, None):
            self._gone[name] = self._now()
            # A container ends with its first process, whatever else runs in it.
            self.programs[name].kill()
            self.codes[name] = self.programs[name].wait(_GONE_S)

    def _end(self, container: Container, waits: Sequence[str]) -> None:
        left = self.grace
        if container.pre_stop and left > 0:
            took = self._call(container, left)
            if took is None:
                return
            left = left_of(left, took)
        if waits and left > 0:
            took = self._turn(waits, left)
            if took is None:
                return
            left = left_of(left, took)
        self._stop(container, stop_limit(left))

    def _call(self, container: Container, grace: int) -> float | None:
        """Run the hook, and return for how long it was waited; None when the kubelet was restarted."""
        begun = self._now()
        program = self.programs[container.name]
        # A file and no pipe: nobody reads while the hook runs.
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                container.pre_stop, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=program.environ, cwd="/",
                start_new_session=True,
            )  # fmt: skip
            self._running.append(process)
            done = _await(os.pidfd_open(process.pid), self._bell_out, grace * self._scale)
            took = self._now() - begun
            code = process.wait() if done else None
            said.seek(0)
            text = said.read().decode("utf-8", "replace")
        self.hooks[container.name].append(Hook(begun, took, code, text))
        if self._restarted():
            return None
        return took if done else float(grace)

    def _turn(self, names: Sequence[str], grace: int) -> float | None:
        """Wait until the others are gone, or the grace is over; None when the kubelet was restarted."""
        begun = self._now()
        for name in names:
            left = max(0.0, begun + grace - self._now())
            if name not in self._gone:
                _await(self._handle(name), self._bell_out, left * self._scale)
        return None if self._restarted() else min(self._now() - begun, float(grace))

    def _stop(self, container: Container, limit: int) -> None:
        name, program = container.name, self.programs[container.name]
        handle = self._handle(name)
        at = self._now()
        self._kill_at[name] = at + limit
        if name in self._gone:
            os.close(handle)
            return
        self._termed.setdefault(name, at)
        os.kill(program.pid, container.stop_signal)
        if not _await(handle, self._bell_out, limit * self._scale) and not self._restarted():
            self._killed.add(name)
            program.kill()

    def _handle(self, name: str) -> int:
        # Until `wait` has been called for it, which happens after it was noted, its number is its own.
        try:
            return os.pidfd_open(self.programs[name].pid)
        except ProcessLookupError:
            return os.open("/dev/null", os.O_RDONLY)

    def _restarted(self) -> bool:
        return bool(select.select([self._bell_out], [], [], 0)[0])

    def _now(self) -> float:
        return (self._clock.now() - self.begun) / self._scale


def _await(handle: int, bell: int, seconds: float | None) -> bool:
    """Wait until *handle* can be read, at most *seconds* and not once the *bell* rings; close it, and tell."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.register(bell, select.POLLIN)
    try:
        return any(ready == handle for ready, _ in poll.poll(None if seconds is None else max(0.0, seconds) * 1000))
    finally:
        os.close(handle)
