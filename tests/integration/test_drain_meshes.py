"""The proxies of meshes: Istio's agent over a real Envoy, and Linkerd's proxy, whose doubles speak their very bytes."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from processender.core.handler import Handler
from processender.errors import Permanent, Transient
from processender.integrations import istio, linkerd
from processender.testing.meshes import IstioAgent, LinkerdProxy
from processender.testing.served import Served
from tests.integration import balancers
from tests.integration.balancers import Envoy
from tests.integration.drainers import Attempt, give_way, leave
from tests.integration.upstreams import Held, Upstream, get, mute, upstreams

WAIT_S = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    """Return an application."""
    with upstreams("one") as (found,):
        yield found


@pytest.fixture
def envoy(server: Upstream) -> Iterator[Envoy]:
    """Return its Envoy."""
    server.let_go.clear()
    with balancers.envoy_sidecar(server.port) as found:
        yield found


@pytest.fixture
def agent(envoy: Envoy) -> Iterator[IstioAgent]:
    """Return Istio's agent, to which that belongs."""
    with IstioAgent(envoy.admin) as found:
        yield found


def in_pod(agent: IstioAgent, envoy: Envoy, **options: object) -> Handler:
    """Return the drainer of Istio, for this agent and this Envoy."""
    return istio.drain(agent.url, envoy=envoy.admin, inbound=envoy.port, **{"wait": WAIT_S} | options)


def closes(envoy: Envoy) -> bool:
    """Tell whether an answer asks its client to close."""
    connection = http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=WAIT_S)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.getheader("connection") == "close"


def told(url: str, method: str) -> tuple[int, bytes]:
    """Return the status and the body of an answer."""
    try:
        with urlopen(Request(url, method=method), timeout=WAIT_S) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


# Istio.


def test_istio_closes_connections_and_serves_on(agent: IstioAgent, envoy: Envoy) -> None:
    """Its Envoy drains its inbound listeners; there is no way back to ask for, and none is needed."""
    get(envoy.port)
    handler = in_pod(agent, envoy)
    assert not closes(envoy)
    notes = leave(handler)

    assert (["Istio's Envoy: no inbound connection is left"], True, True) == (notes, agent.drained, closes(envoy))
    assert ("one", None, False) == (get(envoy.port), handler.resume, handler.lasting)


def test_a_request_under_way_is_waited_for_at_istio(agent: IstioAgent, envoy: Envoy, server: Upstream) -> None:
    """The gauge of the inbound listener tells of it; what is left in the end is noted."""
    held = Held(envoy.port, server)
    notes = leave(in_pod(agent, envoy, wait=0.3))
    other: list[str] = []
    thread = threading.Thread(target=lambda: other.extend(leave(in_pod(agent, envoy))))
    thread.start()
    answer = held.finish()
    thread.join(WAIT_S)

    assert ["inbound connections at Istio's Envoy are left: 1 after 0.3 s, and it goes on"] == notes
    assert ("one", ["Istio's Envoy: no inbound connection is left"]) == (answer, other)


def test_an_istio_that_keeps_no_gauge_is_waited_for(agent: IstioAgent, envoy: Envoy) -> None:
    """By default Istio leaves it out, which is noted with its remedy."""
    notes = leave(istio.drain(agent.url, envoy=envoy.admin, inbound=1, wait=0.1))

    text = "Istio's Envoy keeps no gauge of its connections (`proxyStatsMatcher`), or never had one"
    assert [f"{text}; 0.1 s were waited"] == notes


def test_an_istio_that_must_give_way_comes_back_at_once(agent: IstioAgent, envoy: Envoy, server: Upstream) -> None:
    """A cancellation ends the wait, although it has long to go."""
    held = Held(envoy.port, server)
    attempt = Attempt(600)
    thread = threading.Thread(target=give_way, args=(in_pod(agent, envoy, wait=600), attempt))
    thread.start()
    while not agent.drained:
        thread.join(0.01)
    attempt.cancel()
    thread.join(WAIT_S)
    held.finish()

    assert not thread.is_alive()


def test_the_proxy_of_istio_is_ended_last(agent: IstioAgent) -> None:
    """By a handler of the phase `release`, without a drain; who is gone already is gone."""
    handler = istio.stop_proxy(agent.url)
    over = threading.Thread(target=agent.__exit__, args=(None, None, None))
    agent._end = over.start
    notes = leave(handler)
    over.join(WAIT_S)

    assert ("release", True, False) == (handler.phase, agent.quit, agent.drained)
    assert (["Istio's proxy is gone"], ["Istio's proxy is gone"]) == (notes, leave(handler))


def test_what_istio_refuses_is_told_with_its_remedy() -> None:
    """Another pod, and an agent that is too old."""
    with IstioAgent() as agent:
        agent.abroad = True
        for handler in (istio.drain(agent.url), istio.stop_proxy(agent.url)):
            with pytest.raises(Permanent, match="its own pod only"):
                leave(handler)
    with IstioAgent(knows_drain=False) as old, pytest.raises(Permanent, match="from before `/drain`"):
        leave(istio.drain(old.url))


def test_the_double_of_istio_speaks_its_bytes() -> None:
    """The statuses and texts of `pilot-agent`."""
    with IstioAgent() as agent:
        seen = [told(f"{agent.url}/{path}", method) for path, method in (("drain", "GET"), ("nothing", "GET"))]
        seen.append(told(f"{agent.url}/drain", "POST"))
        agent.abroad = True
        seen.append(told(f"{agent.url}/quitquitquit", "POST"))

    assert [
        (405, b"Method Not Allowed\n"),
        (404, b"404 page not found\n"),
        (200, b"OK"),
        (403, b"Only requests from localhost are allowed\n"),
    ] == seen


# Linkerd.


def test_inbound_connections_are_waited_for_at_linkerd() -> None:
    """Until the metrics tell of none; those of the admin port itself, such as this one, do not count."""
    with LinkerdProxy() as proxy:
        proxy.inbound = 2
        notes: list[str] = []
        thread = threading.Thread(target=lambda: notes.extend(leave(linkerd.drain(proxy.url, wait=WAIT_S))))
        thread.start()
        while len(proxy.asked) < 2:
            thread.join(0.01)
        assert [] == notes
        proxy.inbound = 0
        thread.join(WAIT_S)

    assert ["Linkerd's proxy: no inbound connection is left"] == notes


def test_a_drain_that_never_ends_is_bounded_at_linkerd() -> None:
    """What is left is noted; a proxy without the gauge is not waited for."""
    with LinkerdProxy() as proxy:
        proxy.inbound = 3
        left = leave(linkerd.drain(proxy.url, wait=0.1))
        proxy.inbound = None
        unknown = leave(linkerd.drain(proxy.url, wait=WAIT_S))

    assert ["inbound connections at Linkerd's proxy are left: 3 after 0.1 s, and it goes on"] == left
    assert ["Linkerd's proxy keeps no gauge of its connections; it was not waited for them"] == unknown


def test_the_proxy_of_linkerd_is_ended_last() -> None:
    """By a handler of the phase `release`; who is gone already is gone."""
    proxy = LinkerdProxy(can_shut_down=True)
    over = threading.Thread(target=proxy.__exit__, args=(None, None, None))
    proxy._end = over.start
    proxy.__enter__()
    handler = linkerd.stop_proxy(proxy.url)
    notes = leave(handler)
    over.join(WAIT_S)

    assert ("release", True) == (handler.phase, proxy.shut_down)
    assert (["Linkerd's proxy is gone"], ["Linkerd's proxy is gone"]) == (notes, leave(handler))


def test_a_linkerd_that_takes_no_shutdown_is_told_with_its_remedy() -> None:
    """By default the endpoint is off; and it is for its own pod."""
    with LinkerdProxy() as proxy:
        with pytest.raises(Permanent, match=r"config\.linkerd\.io/proxy-admin-shutdown: enabled"):
            leave(linkerd.stop_proxy(proxy.url))
        proxy.abroad = True
        with pytest.raises(Permanent, match="its own pod only"):
            leave(linkerd.stop_proxy(proxy.url))


def test_the_double_of_linkerd_speaks_its_bytes() -> None:
    """The statuses and texts of the proxy's admin face."""
    asked = (("shutdown", "POST"), ("shutdown", "GET"), ("ready", "GET"), ("live", "GET"), ("nothing", "GET"))
    with LinkerdProxy() as off, LinkerdProxy(can_shut_down=True) as on:
        off.ready = False
        seen = [told(f"{off.url}/{path}", method) for path, method in asked]
        seen += [told(f"{on.url}/{path}", method) for path, method in asked[:3:2]]

    assert [
        (404, b"shutdown endpoint is not enabled\n"), (405, b""), (503, b"not ready\n"), (200, b"live\n"), (404, b""),
        (200, b"shutdown\n"), (200, b"ready\n"),
    ] == seen  # fmt: skip


# Both.


@pytest.mark.parametrize("make", [istio.drain, linkerd.drain])
def test_a_proxy_with_a_bad_day_may_come_back(make: object) -> None:
    """Gone, 500, and silent; a nonsense is quoted."""
    assert callable(make)
    with mute() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(TimeoutError, match="no answer in time"):
            leave(make(url), 0.2)
    with pytest.raises(Transient, match=r"127\.0\.0\.1"):
        leave(make(url))
    with Served() as served:
        served.fail(500, "hang-up", "garbage")
        for _ in range(3):
            with pytest.raises(Transient):
                leave(make(served.url))
