"""The agent as PID 1 of real containers of runc and crun, and what their hooks leave behind."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .figures import Figure, say

RUNTIMES = ("runc", "crun")
ORPHANS = 1000
LIMIT_S = 100.0
LOOK_S = 10.0
ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy" / "oci"
PROGRAM = Path(sys.executable).parent / "processender"
"""What the hooks call, since they need an absolute path."""
UNDELIVERED = {9, 19, 32, 33}
"""KILL and STOP cannot be caught, and the C library keeps two for itself."""
CATCHABLE = [number for number in range(1, 65) if number not in UNDELIVERED]
MAKE_ORPHANS = f"""
import os, time
def others():
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
for _ in range({ORPHANS}):
    if not os.fork():
        if not os.fork():
            while os.getppid() != 1:
                time.sleep(0.001)
            os._exit(0)
        os._exit(0)
    os.wait()
until = time.monotonic() + 30
while others() and time.monotonic() < until:
    time.sleep(0.02)
print("left", len(others()), flush=True)
"""
HEAR = f"""
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {CATCHABLE})
print("ready", flush=True)
while True:
    heard = signal.sigwait({CATCHABLE})
    print("heard", int(heard), ".", flush=True)
    if heard == 64:
        break
"""


class CannotRunError(Exception):
    """Why this machine runs no container."""


def bound(path: str | Path, *, writable: bool = False) -> dict[str, Any]:
    """Return the mount of a directory of the host at the same place."""
    options = ["rbind", "rw" if writable else "ro"]
    return {"destination": str(path), "source": str(path), "type": "bind", "options": options}


def system() -> tuple[dict[str, str], list[str]]:
    """Return which names of a root directory are links here, and which directories hold this interpreter and us."""
    links, mounts = {}, ["/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink(f"/{name}"):
            links[name] = os.readlink(f"/{name}")
        elif os.path.isdir(f"/{name}"):
            mounts.append(f"/{name}")
    own = {os.path.realpath(sys.base_prefix), sys.base_prefix, sys.prefix, str(ROOT / "src")}
    return links, mounts + sorted(each for each in own if not each.startswith("/usr/"))


def root_directory(where: Path) -> Path:
    """Make what a container sees as its root, empty but for the links of this system."""
    root = where / "rootfs"
    for name in ("proc", "dev", "sys", "tmp", "etc", "run"):
        (root / name).mkdir(parents=True)
    for name, target in system()[0].items():
        (root / name).symlink_to(target)
    return root


def hooks_of(file: Path, *more: str, strict: bool = False) -> dict[str, Any]:
    """Return the hooks of the fragment that is shipped, with the program and the roots of a test in their place."""
    hooks: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["hooks"]
    return {name: [here(each, *more, strict=strict) for each in entries] for name, entries in hooks.items()}


def here(entry: Mapping[str, Any], *more: str, strict: bool = False) -> dict[str, Any]:
    """Return a hook as shipped, but with our program, *more* options, and times for a machine that is busy."""
    at = entry["args"].index("--allow-root")
    words = [*entry["args"][:at], "--window", "60s", *more, *(["--strict"] if strict else [])]
    return {**entry, "path": str(PROGRAM), "args": words, "timeout": 90}


def bundle(
    where: Path, command: Sequence[str], *, hooks: Mapping[str, Any], annotations: Mapping[str, str],
    mounts: Sequence[str | Path] = (), environ: Mapping[str, str] | None = None,
) -> Path:  # fmt: skip
    """Make the directory from which a runtime starts *command*; *mounts* of the host can be written to."""
    where.mkdir(parents=True, exist_ok=True)
    root_directory(where)
    subprocess.run(["runc", "spec"], cwd=where, check=True)
    file = where / "config.json"
    spec: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    environ = {"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1", **(environ or {})}
    spec["process"] |= {"terminal": False, "args": list(command), "env": [f"{k}={v}" for k, v in environ.items()]}
    spec["process"]["rlimits"] = []
    spec["root"]["readonly"] = False
    kept = [each for each in spec["mounts"] if each["type"] != "cgroup"]
    spec["mounts"] = [*kept, *map(bound, system()[1]), *(bound(each, writable=True) for each in mounts)]
    # An engine sets limits; without any the runtimes do with whatever cgroups the machine has.
    spec["linux"].pop("resources")
    spec |= {"hooks": dict(hooks), "annotations": dict(annotations)}
    file.write_text(json.dumps(spec), encoding="utf-8")
    return where


def agent(*words: str) -> list[str]:
    """Return the agent's command line inside a container."""
    return [sys.executable, "-m", "processender", "run", *words]


def python(source: str) -> list[str]:
    """Return a command that runs *source* inside a container."""
    return [sys.executable, "-IS", "-c", source]


def with_cgroups(*words: str) -> list[str]:
    """Return a command for what knows only one hierarchy of cgroups, which the machine may have beside the old ones."""
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        return list(words)
    script = 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
    return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", *words]


class Container:
    """One container, run in the foreground by a real runtime; a context manager that leaves nothing of it."""

    def __init__(self, runtime: str, where: Path, id_: str = "") -> None:
        """Take the bundle."""
        self._runtime = runtime
        self._where = where
        self.id = id_ or f"test-{os.urandom(4).hex()}"
        """Its id."""
        self._process: subprocess.Popen[bytes] | None = None

    def _words(self, *words: str) -> list[str]:
        # Each test has a directory of its own for what the runtime keeps, beside no other user of it.
        own = [self._runtime, "--root", str(self._where / "runtime"), *words]
        return with_cgroups(*own) if self._runtime == "crun" else own

    def __enter__(self) -> Self:
        """Start it."""
        with (self._where / "output").open("wb") as said:
            self._process = subprocess.Popen(
                self._words("run", "--bundle", str(self._where), self.id),
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what is left of it and delete it."""
        assert self._process is not None
        self.delete()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    @property
    def output(self) -> str:
        """What it, and its runtime, have written so far."""
        return (self._where / "output").read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str) -> str:
        """Wait until it has written *text*."""
        assert self._process is not None
        until = time.monotonic() + LIMIT_S
        while text not in self.output:
            if self._process.poll() is not None or time.monotonic() > until:
                time.sleep(0.1)
                if text not in self.output:
                    raise AssertionError(f"{self._runtime} has not written {text!r}; it wrote:\n{self.output}")
            time.sleep(0.01)
        return self.output

    def waits_for(self, text: str, limit: float) -> bool:
        """Wait at most *limit* seconds until it has written *text*, and tell whether it has."""
        until = time.monotonic() + limit
        while text not in self.output and time.monotonic() < until:
            time.sleep(0.005)
        return text in self.output

    def kill(self, signal: str) -> None:
        """Send a signal to its first process."""
        subprocess.run(self._words("kill", self.id, signal), check=True, timeout=LIMIT_S)

    def delete(self) -> None:
        """Delete it by force; one that is gone is no error."""
        subprocess.run(self._words("delete", "--force", self.id), capture_output=True, timeout=LIMIT_S, check=False)

    def wait(self) -> int:
        """Wait for the end of the runtime, which has run the hooks then, and return its exit code."""
        assert self._process is not None
        return self._process.wait(LIMIT_S)


@functools.cache
def can_run(runtime: str) -> None:
    """Raise `CannotRunError` where this machine lets a runtime start nothing, with the runtime's words."""
    where = Path(tempfile.mkdtemp(prefix="processender-container-"))
    try:
        if shutil.which(runtime) is None or shutil.which("runc") is None:
            raise CannotRunError(f"there is no {runtime} here")
        with Container(runtime, bundle(where / "b", ["true"], hooks={}, annotations={})) as container:
            if code := container.wait():
                raise CannotRunError(f"{runtime} starts no container here ({code}): {container.output.strip()}")
    finally:
        shutil.rmtree(where, ignore_errors=True)


def podman(
    where: Path, command: Sequence[str], *, hooks_d: Path | None, annotations: Mapping[str, str],
    mounts: Sequence[str | Path],
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run *command* in a container of podman, whose root is made in *where*, and remove the container."""
    where.mkdir(parents=True, exist_ok=True)
    words = ["--rm", "--network", "none", "--cgroups=disabled", "--ulimit", "nofile=1024:1024"]
    words += ["--ulimit", "nproc=1024:1024"]
    for name, text in annotations.items():
        words += ["--annotation", f"{name}={text}"]
    for each in system()[1]:
        words += ["--volume", f"{each}:{each}:ro"]
    for each in mounts:
        words += ["--volume", f"{each}:{each}"]
    # The path of what is kept while it runs may have 50 letters.
    with tempfile.TemporaryDirectory(prefix="podman-", dir="/tmp", ignore_cleanup_errors=True) as own:
        options = ["--root", f"{own}/root", "--runroot", f"{own}/run", "--tmpdir", f"{own}/tmp", "--runtime", "crun"]
        options += ["--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "file"]
        options += [] if hooks_d is None else ["--hooks-dir", str(hooks_d)]
        ran = with_cgroups("podman", *options, "run", *words, "--rootfs", str(root_directory(where)), *command)
        return subprocess.run(ran, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@functools.cache
def can_run_podman() -> None:
    """Raise `CannotRunError` where this machine lets podman start nothing, with its words."""
    where = Path(tempfile.mkdtemp(prefix="processender-container-"))
    try:
        if shutil.which("podman") is None:
            raise CannotRunError("there is no podman here")
        ran = podman(where, ["true"], hooks_d=None, annotations={}, mounts=[])
        if ran.returncode:
            raise CannotRunError(f"podman starts no container here ({ran.returncode}): {ran.stderr.strip()}")
    finally:
        shutil.rmtree(where, ignore_errors=True)


def orphans_left(runtime: str, where: Path) -> int:
    """Let a container make orphans, and return how many processes are left beside its first and its command."""
    made = bundle(where, agent("--", *python(MAKE_ORPHANS)), hooks={}, annotations={})
    with Container(runtime, made) as container:
        said = container.wait_for("left ")
        container.wait()
    return int(said.partition("left ")[2].split()[0])


def signals_lost(runtime: str, where: Path) -> list[int]:
    """Send every signal that can be caught to the first process, and return those that its command did not hear."""
    policies = [word for name in ("TERM", "INT", "QUIT", "HUP") for word in ("--on-signal", f"{name}:forward")]
    # In a session of its own a command is stopped instead, since the default effect of these is none there.
    policies += [word for number in (20, 21, 22) for word in ("--rewrite", f"{number}:{number}")]
    made = bundle(where, agent(*policies, "--", *python(HEAR)), hooks={}, annotations={})
    with Container(runtime, made) as container:
        container.wait_for("ready")
        for number in CATCHABLE:
            container.kill(str(number))
            # One after another: the kernel drops a CONT that still waits when a TSTP comes.
            container.waits_for(f"heard {number} .", LOOK_S)
        return [number for number in CATCHABLE if f"heard {number} ." not in container.output]


def left_behind(runtime: str, where: Path) -> list[str]:
    """Kill a container that owes a tree, and whose agent owes a file, and return what is left after poststop."""
    scratch, state = where / "scratch", where / "state"
    for each in (scratch, scratch / "tree" / "deep", state):
        each.mkdir(parents=True)
    state.chmod(0o700)
    hooks = hooks_of(DEPLOY / "config-fragment.json", "--allow-root", str(scratch), "--state", str(state))
    script = (
        f"{sys.executable} -m processender track add file {scratch}/file --arg root={scratch} && "
        f"touch {scratch}/file && echo ready && exec sleep 1000"
    )
    made = bundle(
        where / "b", agent("--service", "inside", "--", "sh", "-c", script), hooks=hooks,
        annotations={"dev.processender.release.0": f"tree {scratch}/tree"}, mounts=[scratch, state],
        environ={"PROCESSENDER_STATE": str(state)},
    )  # fmt: skip
    with Container(runtime, made) as container:
        container.wait_for("ready")
        owed = sorted(path.name for path in scratch.iterdir())
        if owed != ["file", "tree"] or len(list(state.glob("*/journal/*"))) != 2:
            return [f"nothing was owed: {container.output}"]
        container.kill("KILL")
        container.wait()
    return [str(path) for path in (*scratch.iterdir(), *state.glob("*/journal/*"))]


def measure() -> list[Figure]:
    """Measure each runtime."""
    figures = []
    where = Path(tempfile.mkdtemp(prefix="processender-bench-"))
    try:
        for runtime in RUNTIMES:
            say(f"containers: {runtime} ...")
            try:
                can_run(runtime)
            except CannotRunError as error:
                why = " ".join(str(error).split())
                figures.append(Figure(f"{runtime}: containers that start here", 0, "", at_least=1, beside=why))
                continue
            left = orphans_left(runtime, where / runtime / "orphans")
            lost = signals_lost(runtime, where / runtime / "signals")
            kept = left_behind(runtime, where / runtime / "owed")
            heard = len(CATCHABLE) - len(lost)
            figures += [
                Figure(f"{runtime}: processes left of {ORPHANS} orphans", left, "", bar=0),
                Figure(f"{runtime}: signals delivered of {len(CATCHABLE)} that can be caught", heard, "",
                       at_least=len(CATCHABLE), beside=f"lost: {lost}" if lost else ""),
                Figure(f"{runtime}: things left after KILL and poststop", len(kept), "", bar=0, beside=" ".join(kept)),
            ]  # fmt: skip
    finally:
        shutil.rmtree(where, ignore_errors=True)
    return figures
