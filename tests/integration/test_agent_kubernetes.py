"""The agent in a pod: what the watch and the signal say together, as entrypoint and as sidecar."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.agent.meeting import ask, meeting_place
from processender.testing.cluster import LIST_PODS, Cluster
from processender.testing.kubelet import Container, Kubelet
from processender.testing.pods import NEVER, Fate
from processender.testing.processes import Program
from processender.testing.sources import until
from tests.integration.agents import SLEEPER, agent
from tests.integration.clusters import POD, Place, mount, populated

WAITS = "trap 'echo told' TERM; echo ready; while ! test -e {0}; do sleep 0.02; done"
"""A command that says when it is told to end, and does so when a file is there."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Run a cluster with the pod in it."""
    with populated() as cluster:
        yield Place(cluster, mount(tmp_path))


@pytest.fixture
def cluster(place: Place) -> Cluster:
    """Return the cluster."""
    return place.cluster


def config(place: Place, **options: str) -> list[str]:
    """Write a configuration that listens, and return the flags that name it."""
    told = {"endpoint": place.cluster.url, "account": place.account, "pod": POD, **options}
    file = Path(place.account) / "pe.toml"
    fields = ", ".join(f"{key} = {json.dumps(value)}" for key, value in told.items())
    file.write_text(f'[sources.pod]\nlisten = "kubernetes"\nwith = {{ {fields} }}\n')
    return ["-c", str(file)]


def causes(program: Program) -> list[str]:
    """Return what was heard, from the report."""
    return [f"{each['origin']}: {each['cause']}" for each in program.report()["notices"]]


def test_the_watch_and_the_signal_are_one_end(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    """With the deadline of the platform, longer than the grace; nobody is told twice, and nothing is hurried."""
    go = tmp_path / "go"
    command = ["sh", "-c", WAITS.format(go)]
    with agent(["--grace", "20s", *config(place)], command) as program:
        program.wait_for("ready")
        place.watching()
        cluster.delete(POD)
        program.wait_for("heard pod deleted")
        program.signal("TERM")
        program.wait_for("heard SIGTERM")
        program.wait_for("told")
        go.touch()
        assert 0 == program.wait()

        report = program.report()
        assert ["pod: pod deleted", "signals: SIGTERM"] == causes(program)
        assert ("pod deleted", "clean") == (report["cause"], report["verdict"])
        assert 27 < report["window"]["length_s"] <= 30
        assert "30 s, " in report["sources"]["pod"]["grace"]
        assert 1 == program.output.count("told\n")


def test_the_watch_behind_the_signal_gives_its_deadline(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    """Whoever comes first, it is one end."""
    go = tmp_path / "go"
    with agent(["--grace", "20s", *config(place)], ["sh", "-c", WAITS.format(go)]) as program:
        program.wait_for("ready")
        place.watching()
        program.signal("TERM")
        program.wait_for("heard SIGTERM")
        cluster.delete(POD, grace=120)
        program.wait_for("heard pod deleted")
        go.touch()
        assert 0 == program.wait()

        assert ["signals: SIGTERM", "pod: pod deleted"] == causes(program)
        assert 117 < program.report()["window"]["length_s"] <= 121


def test_a_deletion_is_heard_while_the_hook_still_runs(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    """The signal would come behind the hook; the end does not wait for it."""
    go, fates = tmp_path / "go", dict[str, Fate]()
    argv = (sys.executable, "-m", "processender", "run", "--grace", "20s", *config(place), "--", *SLEEPER)
    hook = ("sh", "-c", f"while ! test -e {go}; do sleep 0.02; done")
    with Kubelet([Container("shop", argv, hook, ready="ready")], grace=60) as kubelet:
        place.watching()
        ending = threading.Thread(target=lambda: fates.update(kubelet.delete()))
        ending.start()
        cluster.delete(POD, grace=60)
        until(lambda: "shop" in kubelet.codes, "it waits for its hook")
        go.touch()
        ending.join(20)
        report = kubelet.programs["shop"].report()

    assert (143, NEVER, False) == (kubelet.codes["shop"], fates["shop"].term_at, fates["shop"].killed)
    assert ("pod deleted", "clean") == (report["cause"], report["verdict"])


def test_without_the_rights_the_signal_ends_it_as_ever(place: Place, cluster: Cluster) -> None:
    """What is to be granted is said once."""
    cluster.allowed.remove(LIST_PODS)
    with agent(config(place), SLEEPER) as program:
        program.wait_for("ready")
        program.wait_for("bind a Role with the verb 'list'")
        program.signal("TERM")

        assert 143 == program.wait()
        assert ["signals: SIGTERM"] == causes(program)


def test_an_option_that_is_none_is_refused(place: Place) -> None:
    """Before the command is started."""
    with agent(config(place, disruption="panic", hold="5m"), SLEEPER) as program:
        assert 125 == program.wait()
        assert "'advise', 'drain'" in program.output
        assert "did you mean 'held'" in program.output


def test_a_sidecar_that_hears_it_first_by_the_watch_waits_for_its_hook(
    place: Place, cluster: Cluster, tmp_path: Path
) -> None:
    """The hook comes behind the watch, and must not die with its container: it stays until the signal."""
    go, pid_file = tmp_path / "go", tmp_path / "pid"
    command = [sys.executable, "-m", "processender"]
    env = {"TMPDIR": str(tmp_path)}
    options = ["--service", "shop", "--grace", "20s", "--pid-file", str(pid_file), "--tell-signal", "TERM"]
    options += config(place)
    script = f"echo $$ > {pid_file}; {WAITS.format(go)}"
    with Program(["bash", "-c", script]) as app, Program([*command, "sidecar", *options], env=env, cwd="/") as sidecar:
        app.wait_for("ready")
        sidecar.wait_for("watching process")
        place.watching()
        cluster.delete(POD)
        sidecar.wait_for("heard pod deleted")
        app.wait_for("told")
        path = meeting_place("shop", env)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hook:
            hook.connect(path)
            hook.sendall(b'{"v": 1, "do": "pre-stop"}\n')
            # Whoever is answered now has come behind the hook, which is held since.
            ask(path, {"v": 1, "do": "status"})
            go.touch()
            assert b"pre-stop" in hook.recv(4096)
        assert 0 == app.wait(20)
        # The kubelet may call it twice.
        again = subprocess.run([*command, "pre-stop", "--service", "shop"], env=os.environ | env, cwd="/", check=False)
        assert 0 == again.returncode
        sidecar.signal("TERM")

        assert 0 == sidecar.wait(20)
        assert "pod: pod deleted" == causes(sidecar)[0]
        assert 27 < sidecar.report()["window"]["length_s"] <= 30
