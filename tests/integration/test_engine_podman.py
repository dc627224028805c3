"""The source of container engines, inside a real container of podman whose socket is mounted, until podman stops it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.containers import ROOT, CannotRunError, can_run_podman, root_directory, system, with_cgroups
from processender.engine.clock import SystemClock
from processender.integrations import docker
from processender.testing.sources import Heard
from tests.waits import until

LIMIT_S = 60.0
NAME = "one"
OPTIONS = ["--network", "none", "--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]


class Podman:
    """An engine with its socket, and all that it keeps, in a directory of its own."""

    def __init__(self, own: str, root: Path) -> None:
        """Take the directory, whose path must be short, and the root of the containers."""
        self.socket = f"{own}/api.sock"
        self._root = root
        self._own = own
        self._options = ["--root", f"{own}/root", "--runroot", f"{own}/run", "--tmpdir", f"{own}/tmp"]
        self._options += ["--runtime", "crun", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs"]
        self._options += ["--events-backend", "file"]

    def _words(self, *words: str) -> list[str]:
        return with_cgroups("podman", *self._options, *words)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve at the socket for the length of a block, and remove the container."""
        words = self._words("system", "service", "--time", "0", f"unix://{self.socket}")
        with Path(self._own, "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as service:
            try:
                until(lambda: Path(self.socket).exists() or service.poll() is not None)
                yield
            finally:
                self("rm", "--force", "--time", "0", NAME, check=False)
                service.terminate()

    def __call__(self, *words: str, check: bool = True) -> str:
        """Run a command of podman, and return what it writes."""
        ran = subprocess.run(self._words(*words), capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert not check or not ran.returncode, ran.stderr
        return ran.stdout

    def run(self, command: list[str], *more: str, mounts: list[str]) -> str:
        """Start a container that has the socket, and return its id."""
        volumes = [f"--volume={each}:{each}:ro" for each in system()[1]]
        volumes += [f"--volume={each}:{each}" for each in mounts] + [f"--volume={self.socket}:/run/podman/podman.sock"]
        return self("run", "--detach", "--name", NAME, *OPTIONS, *volumes, *more, "--rootfs", str(self._root),
                    *command).strip()  # fmt: skip


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[Podman]:
    """Return an engine that serves."""
    try:
        can_run_podman()
    except CannotRunError as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(prefix="podman-", dir="/tmp", ignore_cleanup_errors=True) as own:
        engine = Podman(own, root_directory(tmp_path / "podman"))
        with engine.serving():
            yield engine


def reports(state: Path) -> list[dict[str, Any]]:
    """Return the reports that are final."""
    found = [json.loads(each.read_text(encoding="utf-8")) for each in state.glob("*/reports/last.json")]
    return [each for each in found if each["verdict"] != "forced"]


def test_an_agent_behind_a_deaf_first_process_hears_of_the_stop(podman: Podman, tmp_path: Path) -> None:
    """From the socket, with the container's own stop time-out, in a container that it has found by itself."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    config = tmp_path / "pe.toml"
    config.write_text('[sources.engine]\nlisten = "docker"\nwith = { every = "50ms" }\n', encoding="utf-8")
    words = f"{sys.executable} -m processender run --grace 50s --service job -c {config}"
    script = f"trap : TERM; {words} -- sh -c 'echo ready; exec sleep 100'; exit 0"
    env = [f"--env=PROCESSENDER_STATE={state}", "--env=PATH=/usr/bin:/bin", f"--env=PYTHONPATH={ROOT / 'src'}"]
    id_ = podman.run(["sh", "-c", script], "--stop-timeout", "30", *env, mounts=[str(tmp_path)])
    until(lambda: "ready" in podman("logs", NAME))
    known = docker.ask_grace(SystemClock(), 20.0, container=NAME, endpoint=podman.socket)
    podman("stop", NAME)
    (report,) = until(lambda: reports(state))

    assert 64 == len(id_)
    assert (30.0, "the engine: StopTimeout") == (known.seconds, known.known_from)
    assert ["engine: container stop"] == [f"{each['origin']}: {each['cause']}" for each in report["notices"]]
    assert 20 < report["window"]["length_s"] <= 30
    assert "clean" == report["verdict"]


def test_a_container_that_dies_is_told_to_who_watches_it(podman: Podman) -> None:
    """By the events of the engine, which is not asked about its state here."""
    podman.run(["sh", "-c", "trap 'exit 3' HUP; echo ready; while :; do sleep 0.05; done"], mounts=[])
    heard = Heard()
    source = docker.listen(container=NAME, endpoint=podman.socket, every=600.0)
    source.start(heard)
    until(lambda: set(source.last) >= {"events", "state"} and "ready" in podman("logs", NAME))
    podman("kill", "--signal", "HUP", NAME)
    until(lambda: heard.notices)
    source.stop()

    assert ["container died"] == [each.cause for each in heard.notices]
    assert [] == heard.troubles
