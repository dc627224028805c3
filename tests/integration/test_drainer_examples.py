"""Each example of a drainer that stands before a real balancer runs, leaves traffic at TERM, and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from processender.testing.meshes import IstioAgent, LinkerdProxy
from tests.integration import balancers
from tests.integration.balancers import Envoy
from tests.integration.test_drain_envoy import health, until
from tests.integration.upstreams import Upstream, get, upstreams, who

EXAMPLES = Path(__file__).parents[2] / "examples" / "drainers"


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Upstream]]:
    """Return two servers."""
    with upstreams("one", "two") as found:
        yield found


@contextmanager
def serving(state: Path, name: str, *arguments: str) -> Iterator[None]:
    """Run an example from when it is ready to TERM, and let it end well."""
    argv = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    environ = os.environ | {"PROCESSENDER_STATE": str(state)}
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "ready\n" == process.stdout.readline()
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
    assert 0 == code


def there_and_back(run: Callable[[], object], answers: Callable[[], set[str]]) -> None:
    """Check that one life of the example ends with its traffic elsewhere, and the next one has it again."""
    with run():  # type: ignore[attr-defined]
        assert {"one", "two"} == answers()
    assert {"two"} == answers()
    with run():  # type: ignore[attr-defined]
        until(lambda: answers() == {"one", "two"})


def test_haproxy(servers: list[Upstream], tmp_path: Path) -> None:
    """A server of HAProxy."""
    with balancers.haproxy({each.name: each.port for each in servers}) as found:
        there_and_back(lambda: serving(tmp_path, "haproxy", found.socket, "web/one"), lambda: who(found.port, 6))


def test_nginx(servers: list[Upstream], tmp_path: Path) -> None:
    """A line of nginx."""
    with balancers.nginx({each.name: each.port for each in servers}) as found:
        own = [found.include, f"127.0.0.1:{servers[0].port}", found.pid_file, *found.test[:1]]
        test = found.test[1:]
        there_and_back(lambda: serving(tmp_path, "nginx", *own, *test), lambda: who(found.port, 6))


def test_envoy_endpoint(servers: list[Upstream], tmp_path: Path) -> None:
    """An endpoint in the file of an Envoy in front."""
    with balancers.envoy_edge({each.name: each.port for each in servers}, from_file=True) as found:
        own = [found.endpoints, f"127.0.0.1:{servers[0].port}", found.admin]
        there_and_back(lambda: serving(tmp_path, "envoy_endpoint", *own), lambda: who(found.port, 6))


@pytest.fixture
def sidecar(servers: list[Upstream]) -> Iterator[Envoy]:
    """Return the sidecar of the first server."""
    with balancers.envoy_sidecar(servers[0].port) as found:
        yield found


def test_envoy(sidecar: Envoy, tmp_path: Path) -> None:
    """A sidecar that ends with its service, after all else."""
    with serving(tmp_path, "envoy", sidecar.admin):
        assert ("one", 200) == (get(sidecar.port), health(sidecar))

    with pytest.raises(OSError, match="refused"):
        get(sidecar.port)


def test_istio(sidecar: Envoy, tmp_path: Path) -> None:
    """The agent is asked to drain, and then to end."""
    agent = IstioAgent(sidecar.admin)
    over = threading.Thread(target=agent.__exit__, args=(None, None, None))
    agent._end = over.start
    agent.__enter__()
    with serving(tmp_path, "istio", agent.url, sidecar.admin, str(sidecar.port)):
        assert "one" == get(sidecar.port)
    over.join(20)

    assert (True, True) == (agent.drained, agent.quit)


def test_linkerd(tmp_path: Path) -> None:
    """The proxy is asked to end when its connections have ended."""
    proxy = LinkerdProxy(can_shut_down=True)
    over = threading.Thread(target=proxy.__exit__, args=(None, None, None))
    proxy._end = over.start
    proxy.__enter__()
    with serving(tmp_path, "linkerd", proxy.url):
        assert not proxy.shut_down
    over.join(20)

    assert proxy.shut_down
