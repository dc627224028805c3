"""The mini-kubelet over real processes, and the agent and the sidecar under it."""

from __future__ import annotations

import sys

import pytest

from bench.kubelet import play
from processender.testing.kubelet import Container, Kubelet
from processender.testing.pods import NEVER, Timing, foretell

LATE = 2.0
"""How late an instant may be on a busy machine, in seconds of a kubelet whose seconds last a quarter."""
SLEEPER = ("sh", "-c", "echo ready; exec sleep 60")
DEAF = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")


def container(name: str, argv: tuple[str, ...] = SLEEPER, **more) -> Container:
    """Return a container that says when it is ready."""
    return Container(name, argv, ready="ready", **more)


def test_a_pod_ends_as_foretold() -> None:
    """Hooks block, the sidecar waits for the others, and the deaf are killed when it was said."""
    pod = [container("proxy", sidecar=True), container("app", DEAF, pre_stop=("sleep", "0.3"))]
    with Kubelet(pod, 4, scale=0.25) as kubelet:
        seen = kubelet.delete()
    told = foretell([Timing("proxy", sidecar=True), Timing("app", 1.2, NEVER)], 4)

    assert {name: fate.killed for name, fate in told.items()} == {name: fate.killed for name, fate in seen.items()}
    assert all(-0.5 <= seen[name].gone_at - told[name].gone_at <= LATE for name in told)
    assert {"proxy": -15, "app": -9} == kubelet.codes


def test_a_hook_that_hangs_ends_with_its_container() -> None:
    """The kubelet waits for it as long as the grace lasts, and then asks the container."""
    with Kubelet([container("app", pre_stop=("sleep", "60"))], 2, scale=0.25) as kubelet:
        seen = kubelet.delete()["app"]

    assert [None] == [hook.code for hook in kubelet.hooks["app"]]
    assert (False, -15) == (seen.killed, kubelet.codes["app"])


def test_a_restart_midway_calls_the_hook_again() -> None:
    """Delivery is at least once: the hook runs twice and the signal comes again."""
    with Kubelet([container("app", DEAF, pre_stop=("sleep", "0.01"))], 4, scale=0.25) as kubelet:
        seen = kubelet.delete(restart_at=2.0)["app"]

    assert 2 == len(kubelet.hooks["app"])
    assert seen.killed and seen.gone_at > 5.0


@pytest.mark.parametrize("seed", range(12))
def test_a_pod_at_random_timings_ends_as_foretold(seed: int) -> None:
    """As an entrypoint and as a sidecar, finished, given up or cut: as the two arithmetics say, and then."""
    assert "" == play(seed, late_s=1.0)["wrong"]


def test_a_sidecar_ends_with_its_pod_after_the_application() -> None:
    """Its hook holds until the application has gone, though a restarted kubelet calls it twice."""
    processender = (sys.executable, "-m", "processender")
    app = ("sh", "-c", "trap 'sleep 1; exit 0' TERM; echo ready; while :; do sleep 0.05; done; true kubelet-app")
    sidecar = Container(
        "sidecar", (*processender, "sidecar", "--service", "twice", "--watch-name", "kubelet-app", "--grace", "10s"),
        (*processender, "pre-stop", "--service", "twice"), sidecar=True, ready="there is no process",
    )  # fmt: skip
    named = ("bash", "-c", 'exec -a kubelet-app "$@"', "sh", *app)
    with Kubelet([sidecar, container("app", named)], 12, scale=1.0) as kubelet:
        kubelet.programs["sidecar"].wait_for("watching process", 30.0)
        seen = kubelet.delete(restart_at=0.6)

    assert [0, 0] == [kubelet.codes["app"], kubelet.codes["sidecar"]]
    assert 0 == kubelet.hooks["sidecar"][-1].code
    assert seen["sidecar"].gone_at >= seen["app"].gone_at
