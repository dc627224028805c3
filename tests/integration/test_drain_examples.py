"""The examples of drainers, run in front of their doubles: ready, traffic; TERM, none."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from processender.testing.aws import ARN, TargetGroup
from processender.testing.cluster import Cluster, Pod
from processender.testing.consul import ConsulAgent
from processender.testing.processes import Program
from tests.integration.test_agent_drain import wait_until
from tests.integration.test_drain_generic import Balancer

EXAMPLES = Path(__file__).parents[2] / "examples" / "drainers"
GATE = "example.com/serving"


def serves_and_leaves(name: str, *words: str, gets_traffic: Callable[[], bool], **environ: str) -> None:
    """Run an example from its start to its end; traffic comes when it is ready, and is gone when it has ended."""
    assert not gets_traffic()
    with Program([sys.executable, str(EXAMPLES / f"{name}.py"), *words], env=environ, cwd="/") as program:
        program.wait_for("ready")
        wait_until(gets_traffic)

        assert gets_traffic()
        program.signal("TERM")
        assert 0 == program.wait()
        assert not gets_traffic()
        assert "clean" == program.report()["verdict"]


def test_consul() -> None:
    """By maintenance."""
    with ConsulAgent() as agent:
        agent.register({"ID": "web-1", "Name": "web"})
        agent.maintenance["web-1"] = "of an earlier life"

        serves_and_leaves("consul", "web-1", agent.url, gets_traffic=lambda: agent.passing("web") == ["web-1"])


def test_aws() -> None:
    """By its target group."""
    with TargetGroup(draining=0, initial=0, delay=5) as group:
        environ = {"AWS_ENDPOINT_URL": group.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

        def gets_traffic() -> bool:
            return group.state("i-1", 9000) == "healthy"

        serves_and_leaves("aws", ARN, "i-1", "9000", gets_traffic=gets_traffic, **environ)


def test_kubernetes(tmp_path: Path) -> None:
    """By its readiness gate, over plain HTTP, which a kubectl proxy speaks."""
    (tmp_path / "token").write_text("t")
    (tmp_path / "namespace").write_text("default")
    with Cluster(token="t") as cluster:
        pod = Pod("shop-1", (GATE,))
        cluster.services["shop"] = [pod]
        code = (EXAMPLES / "kubernetes.py").read_text().replace("gate=gate,", f"gate=gate, endpoint={cluster.url!r},")
        (tmp_path / "kubernetes.py").write_text(code)
        words = [str(tmp_path / "kubernetes"), "shop", GATE, str(tmp_path)]

        serves_and_leaves(*words, gets_traffic=lambda: pod.ready, POD_NAME="shop-1")


def test_http() -> None:
    """By two requests."""
    with Balancer() as balancer:
        balancer.down = True

        serves_and_leaves("http_interface", balancer.url, gets_traffic=lambda: not balancer.down)


def test_command(tmp_path: Path) -> None:
    """By a file."""
    file = tmp_path / "out-of-service"
    file.touch()

    serves_and_leaves("command", str(file), gets_traffic=lambda: not os.path.exists(file))
