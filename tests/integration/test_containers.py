"""The agent as the first process of real containers of runc, crun and podman, with the hooks as they are shipped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.containers import (
    DEPLOY,
    RUNTIMES,
    CannotRunError,
    Container,
    agent,
    bundle,
    can_run,
    can_run_podman,
    here,
    hooks_of,
    left_behind,
    orphans_left,
    podman,
    python,
    signals_lost,
)  # fmt: skip

pytestmark = pytest.mark.timeout(300)
TOLD = DEPLOY / "config-fragment.json"


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Return a runtime, unless this machine lets it start nothing; then say its words."""
    try:
        can_run(request.param)
    except CannotRunError as error:
        pytest.skip(str(error))
    return str(request.param)


class Host:
    """The directories of a host on which containers with hooks run."""

    def __init__(self, where: Path) -> None:
        """Make them."""
        self.where = where
        self.scratch = where / "scratch"
        self.state = where / "state"
        self.scratch.mkdir()
        self.state.mkdir(0o700)
        self.tree = self.scratch / "tree"
        (self.tree / "deep").mkdir(parents=True)
        self.given = ["--allow-root", str(self.scratch), "--state", str(self.state)]
        self.annotations = {"dev.processender.release.0": f"tree {self.tree}"}

    def bundle(self, command: list[str], *more: str, strict: bool = True, **given: Any) -> Path:
        """Return the bundle of a container with the hooks."""
        hooks = hooks_of(TOLD, *self.given, *more, strict=strict)
        known = {"annotations": self.annotations, "mounts": [self.scratch, self.state], **given}
        known["environ"] = {"PROCESSENDER_STATE": str(self.state), **known.get("environ", {})}
        return bundle(self.where / "bundle", command, hooks=hooks, **known)

    def kept(self) -> list[str]:
        """Return the journals that are there."""
        return [str(each) for each in self.state.glob("*/journal/*")]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host."""
    return Host(tmp_path)


def test_no_orphan_stays_a_zombie(runtime: str, tmp_path: Path) -> None:
    """A thousand of them, each given to the first process."""
    assert 0 == orphans_left(runtime, tmp_path / "bundle")


def test_every_signal_that_can_be_caught_is_delivered(runtime: str, tmp_path: Path) -> None:
    """Also the real-time ones, and CHLD."""
    assert [] == signals_lost(runtime, tmp_path / "bundle")


def test_after_a_kill_and_poststop_nothing_is_left(runtime: str, tmp_path: Path) -> None:
    """Neither what the container owed, nor what was tracked in it under a state that the host shares."""
    assert [] == left_behind(runtime, tmp_path / "host")


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
def test_the_exit_code_is_that_of_the_command(runtime: str, tmp_path: Path, command: str, code: int) -> None:
    """As the runtime passes it on."""
    made = bundle(tmp_path / "bundle", agent("--", "sh", "-c", command), hooks={}, annotations={})
    with Container(runtime, made) as container:
        assert code == container.wait()


def test_a_stop_runs_the_plan_and_then_the_hooks(runtime: str, host: Host) -> None:
    """The command chooses the exit code, the plan does its part inside, and poststop the host's."""
    config = host.scratch / "processender.toml"
    config.write_text(f'[handlers.note]\nrun = ["touch", "{host.scratch}/noted"]\n', encoding="utf-8")
    script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    made = host.bundle(agent("--config", str(config), "--", "sh", "-c", script))
    with Container(runtime, made) as container:
        container.wait_for("ready")
        owed = host.kept()
        container.kill("TERM")
        code = container.wait()

    assert (1, 3) == (len(owed), code), container.output
    assert ["noted", "processender.toml"] == sorted(each.name for each in host.scratch.iterdir())
    assert [] == host.kept()


def test_a_container_that_ends_at_once_leaves_nothing(runtime: str, host: Host) -> None:
    """Its process may be gone before poststart has looked."""
    with Container(runtime, host.bundle(["true"])) as container:
        assert 0 == container.wait(), container.output

    assert [] == [*host.scratch.iterdir(), *host.kept()]


def test_a_container_that_does_not_start_leaves_nothing(runtime: str, host: Host) -> None:
    """The runtime calls poststop, or a recovery finds the owner dead."""
    with Container(runtime, host.bundle(["/no/such/program"], strict=False)) as container:
        code = container.wait()
    environ = os.environ | {"PROCESSENDER_STATE": str(host.state)}
    subprocess.run([sys.executable, "-m", "processender", "recover"], env=environ, check=True, capture_output=True)

    assert 0 != code
    assert [] == [*host.scratch.iterdir(), *host.kept()]


def test_strict_stops_a_container_whose_things_cannot_be_written_down(runtime: str, host: Host) -> None:
    """Without it the container runs, and the hook has said why."""
    host.annotations["dev.processender.release.1"] = "tree /etc"
    with Container(runtime, host.bundle(["echo", "started"])) as container:
        code = container.wait()

    assert 0 != code
    assert "started" not in container.output


def test_a_container_cannot_have_the_host_release_what_is_not_its_own(runtime: str, host: Host) -> None:
    """What it has written into its journal is judged by the hook's own limits, and stays there."""
    secret = host.where / "secret"
    secret.mkdir()
    (secret / "file").touch()
    track = f"{sys.executable} -m processender track add"
    script = (
        f"{track} tree {secret} --arg root={host.where} && "
        f"""{track} job x --releaser command --arg 'run=["touch", "{host.scratch}/ran"]' && """
        "echo ready && exec sleep 1000"
    )
    with Container(
        runtime, host.bundle(agent("--service", "bad", "--", "sh", "-c", script), strict=False)
    ) as container:
        container.wait_for("ready")
        container.kill("KILL")
        container.wait()

    assert (secret / "file").exists()
    assert [] == list(host.scratch.iterdir())
    assert 1 == len(host.kept())


def test_the_next_start_is_told_of_an_agent_that_was_killed_in_a_container(runtime: str, host: Host) -> None:
    """Poststop leaves the account of the crash as a recovery does."""
    script = f"{sys.executable} -m processender track add file {host.scratch}/a --arg root={host.scratch} && echo ready"
    made = host.bundle(agent("--service", "inside", "--", "sh", "-c", f"{script}; exec sleep 1000"))
    with Container(runtime, made) as container:
        container.wait_for("ready")
        container.kill("KILL")
        container.wait()
    accounts = [json.loads(each.read_text(encoding="utf-8")) for each in host.state.glob("inside/crashes/*.json")]

    assert [("inside", "killed")] == [(each["service"], each["cause"]) for each in accounts]


def test_what_a_process_of_a_container_owes_is_left_alone_while_it_lives(runtime: str, host: Host) -> None:
    """The host knows it by another number; once it is gone poststop settles it."""
    track = f"{sys.executable} -m processender track add file {host.scratch}/a --arg root={host.scratch}"
    script = f"touch {host.scratch}/a; {track} --owner-pid $$ && echo ready && exec sleep 1000"
    with Container(runtime, host.bundle(["sh", "-c", script])) as container:
        container.wait_for("ready")
        environ = os.environ | {"PROCESSENDER_STATE": str(host.state)}
        subprocess.run([sys.executable, "-m", "processender", "recover"], env=environ, check=True, capture_output=True)
        while_it_lived = (host.scratch / "a").exists()
        container.kill("KILL")
        container.wait()

    assert while_it_lived
    assert [] == [*host.scratch.iterdir(), *host.kept()]


@pytest.fixture
def hooks_d(host: Host) -> Iterator[Path]:
    """Return the directory of hooks as it is shipped, with our program and the roots of the test."""
    try:
        can_run_podman()
    except CannotRunError as error:
        pytest.skip(str(error))
    made = host.where / "hooks.d"
    made.mkdir()
    for file in sorted((DEPLOY / "hooks.d").iterdir()):
        told = json.loads(file.read_text(encoding="utf-8"))
        told["hook"] = here(told["hook"], *host.given)
        (made / file.name).write_text(json.dumps(told), encoding="utf-8")
    return made


def test_podman_calls_the_hooks_of_a_directory(hooks_d: Path, host: Host) -> None:
    """While the container runs it owes the tree; when podman has cleaned up nothing is left."""
    command = python("import sys; print('in the container', flush=True); sys.exit(5)")
    owed = "import os, sys; sys.exit(0 if len(os.listdir(sys.argv[1])) == 1 else 9)"
    look = ["sh", "-c", f"{sys.executable} -c '{owed}' {host.state}/containers/journal && exec \"$@\"", "sh"]
    ran = podman(host.where / "podman", [*look, *command], hooks_d=hooks_d, annotations=host.annotations,
                 mounts=[host.scratch, host.state])  # fmt: skip

    assert (5, "in the container\n") == (ran.returncode, ran.stdout), ran.stderr
    assert [] == [*host.scratch.iterdir(), *host.kept()]


def test_podman_leaves_containers_without_annotations_alone(hooks_d: Path, host: Host) -> None:
    """The hooks are called for those that ask for them."""
    ran = podman(host.where / "podman", ["true"], hooks_d=hooks_d, annotations={}, mounts=[])

    assert 0 == ran.returncode, ran.stderr
    assert [] == list(host.state.iterdir())
