"""Envoy, the real one: as a sidecar that drains with this process, and in front, where one endpoint is drained."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from processender.core.handler import Handler
from processender.errors import Permanent, Transient
from processender.integrations.envoy import drain, drain_endpoint, stop_proxy
from processender.testing.drainers import check_drainer
from processender.testing.served import Asked, Served, Told, as_json
from tests.integration import balancers
from tests.integration.balancers import Envoy
from tests.integration.drainers import Attempt, come_back, give_way, leave
from tests.integration.upstreams import Held, Upstream, get, mute, upstreams, who

WAIT_S = 20.0


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Upstream]]:
    """Return two servers."""
    with upstreams("one", "two") as found:
        yield found


@pytest.fixture
def sidecar(servers: list[Upstream]) -> Iterator[Envoy]:
    """Return the sidecar of the first."""
    servers[0].let_go.clear()
    with balancers.envoy_sidecar(servers[0].port) as found:
        yield found


@pytest.fixture
def edge(servers: list[Upstream]) -> Iterator[Envoy]:
    """Return an Envoy in front of both that reads them from a file."""
    for each in servers:
        each.let_go.clear()
    with balancers.envoy_edge({each.name: each.port for each in servers}, from_file=True) as found:
        yield found


def health(envoy: Envoy) -> int:
    """Return what Envoy says to whoever asks for its health."""
    try:
        with urlopen(f"{envoy.admin}/ready", timeout=WAIT_S) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def until(fact: object) -> None:
    """Wait until *fact*, a function, is true."""
    assert callable(fact)
    bell = threading.Event()
    assert any(fact() or bell.wait(0.02) for _ in range(int(WAIT_S / 0.02)))


def closes(envoy: Envoy) -> bool:
    """Tell whether an answer asks its client to close."""
    connection = http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=WAIT_S)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.getheader("connection") == "close"


def beside(envoy: Envoy, **options: object) -> Handler:
    """Return the drainer of a sidecar."""
    return drain(envoy.admin, **{"propagation": 0.0, "wait": WAIT_S} | options)


# A sidecar.


def test_a_sidecar_leaves_and_comes_back(sidecar: Envoy) -> None:
    """Its health check fails, and passes again; it goes on to accept all the time."""
    check_drainer(lambda: beside(sidecar), lambda: health(sidecar) == 200 and get(sidecar.port) == "one")

    assert ([], "one") == (come_back(beside(sidecar)), get(sidecar.port))


def test_answers_close_their_connections_from_the_drain_on(sidecar: Envoy) -> None:
    """What drains listeners is not taken back, as the documentation of the drainer says."""
    assert not closes(sidecar)
    leave(beside(sidecar))
    assert closes(sidecar)
    come_back(beside(sidecar))

    assert closes(sidecar)


def test_without_listeners_all_is_taken_back(sidecar: Envoy) -> None:
    """Only the health check is used; while it fails, answers close their connections all the same."""
    leave(beside(sidecar, listeners=False))
    assert (True, 503) == (closes(sidecar), health(sidecar))
    come_back(beside(sidecar, listeners=False))

    assert (False, 200) == (closes(sidecar), health(sidecar))


def test_what_is_under_way_is_waited_for(sidecar: Envoy, servers: list[Upstream]) -> None:
    """The gauge of the listener tells of it at once."""
    held = Held(sidecar.port, servers[0])
    notes: list[str] = []
    thread = threading.Thread(target=lambda: notes.extend(leave(beside(sidecar))))
    thread.start()
    until(lambda: health(sidecar) == 503)
    assert [] == notes
    answer = held.finish()
    thread.join(WAIT_S)

    assert ("one", ["Envoy: no connection is left"]) == (answer, notes)


def test_a_drain_that_never_ends_is_bounded_and_names_what_is_left(sidecar: Envoy, servers: list[Upstream]) -> None:
    """The listener with the number of its connections; others do not count if so it was said."""
    held = Held(sidecar.port, servers[0])
    notes = leave(beside(sidecar, wait=0.3))
    other = leave(beside(sidecar, wait=WAIT_S, listener="_15006"))
    held.finish()

    left = f"connections are left: 1 at 127.0.0.1_{sidecar.port} after 0.3 s, and it goes on"
    assert ([left], ["Envoy: no connection is left"]) == (notes, other)


def test_a_drain_that_must_give_way_comes_back_at_once(sidecar: Envoy, servers: list[Upstream]) -> None:
    """In the wait for whoever asks for the health."""
    attempt = Attempt(600)
    thread = threading.Thread(target=give_way, args=(beside(sidecar, propagation=600), attempt))
    thread.start()
    until(lambda: health(sidecar) == 503)
    attempt.cancel()
    thread.join(WAIT_S)

    assert not thread.is_alive()


def test_what_a_killed_process_has_left_the_next_one_takes_back(sidecar: Envoy) -> None:
    """Envoy lives on beside the next process of its pod, and remembers."""
    program = """
import os, signal, sys
from processender.integrations.envoy import drain
from processender.testing.releasers import context
drain(sys.argv[1], propagation=0.0, wait=0.0).call(context())
os.kill(os.getpid(), signal.SIGKILL)
"""
    argv = [sys.executable, "-c", program, sidecar.admin]
    assert -signal.SIGKILL == subprocess.run(argv, check=False, timeout=60).returncode
    left = health(sidecar)
    notes = come_back(beside(sidecar))

    assert (503, ["Envoy: its health check passes again"], 200) == (left, notes, health(sidecar))


def test_a_sidecar_is_ended_last(sidecar: Envoy) -> None:
    """By a handler of the phase `release`, which sees that it is gone; once gone there is nothing to do."""
    handler = stop_proxy(sidecar.admin)

    assert ("release", ["Envoy is gone"], ["Envoy is gone"]) == (handler.phase, leave(handler), leave(handler))


def test_an_envoy_with_a_bad_day_is_not_gone() -> None:
    """It answers, if with 500; one that is asked to end then must say that it does."""
    with Served() as served:
        served.fail(500, 200, path="/ready")
        served.fail(503, path="/quitquitquit")
        with pytest.raises(Transient, match="quitquitquit was answered with 503"):
            leave(stop_proxy(served.url))


def test_an_envoy_that_is_gone_may_come_back() -> None:
    """Nobody there is a failure that may pass."""
    with mute() as listener:
        port = listener.getsockname()[1]
    for step in (leave, come_back):
        with pytest.raises(Transient, match=r"127\.0\.0\.1"):
            step(drain(f"http://127.0.0.1:{port}"))


def test_an_envoy_that_says_nothing_is_not_waited_for() -> None:
    """A connection that is taken and never answered ends with the time of the attempt."""
    with mute() as listener, pytest.raises(TimeoutError, match="no answer in time"):
        leave(drain(f"http://127.0.0.1:{listener.getsockname()[1]}"), 0.2)


def test_an_envoy_with_a_bad_day_is_quoted() -> None:
    """500 may pass, 404 and what is no Envoy will not."""
    with Served() as served:
        served.fail(500, path="/healthcheck")
        with pytest.raises(Transient, match=r"answered with 500 .*: a bad day"):
            leave(drain(served.url))
        with pytest.raises(Permanent, match=r"answered with 404 .*: nothing is known"):
            leave(drain(served.url))


# In front.


def first(edge: Envoy, servers: list[Upstream], **options: object) -> Handler:
    """Return the drainer of the first server's endpoint."""
    given = {"admin": edge.admin, "wait": WAIT_S} | options
    return drain_endpoint(edge.endpoints, f"127.0.0.1:{servers[0].port}", **given)


def test_an_endpoint_leaves_and_comes_back(edge: Envoy, servers: list[Upstream]) -> None:
    """No new request comes to it, and again after the way back, which leaves in the file what was there."""
    before = json.loads(Path(edge.endpoints).read_text())
    check_drainer(lambda: first(edge, servers), lambda: "one" in who(edge.port))

    assert before == json.loads(Path(edge.endpoints).read_text())


def test_a_request_under_way_is_waited_for(edge: Envoy, servers: list[Upstream]) -> None:
    """Envoy tells how many there are to this endpoint; the drain of the other does not wait for it."""
    held = Held(edge.port, *servers)
    other = next(each for each in servers if each is not held.at)
    address = f"127.0.0.1:{held.at.port}"
    notes = leave(drain_endpoint(edge.endpoints, address, admin=edge.admin, wait=0.3))
    come_back(drain_endpoint(edge.endpoints, address, admin=edge.admin))
    there = leave(drain_endpoint(edge.endpoints, f"127.0.0.1:{other.port}", admin=edge.admin, wait=WAIT_S))
    answer = held.finish()

    assert [f"Envoy drains {address}: requests under way: 1 after 0.3 s, and it goes on"] == notes
    assert [f"Envoy drains 127.0.0.1:{other.port}, no requests are under way"] == there
    assert held.at.name == answer


def test_replicas_that_leave_together_lose_nothing_of_each_other(edge: Envoy, servers: list[Upstream]) -> None:
    """Each is drained, and in the end the file is as it was."""
    before = json.loads(Path(edge.endpoints).read_text())
    for step in (leave, come_back):
        threads = [
            threading.Thread(
                target=step, args=(drain_endpoint(edge.endpoints, f"127.0.0.1:{each.port}", wait=0.0),)
            )
            for each in servers for _ in "ab"
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        if step is leave:
            assert 2 == Path(edge.endpoints).read_text().count("DRAINING")

    assert before == json.loads(Path(edge.endpoints).read_text())


def test_without_the_admin_face_it_is_waited(edge: Envoy, servers: list[Upstream]) -> None:
    """There is no evidence then, which is noted."""
    notes = leave(first(edge, servers, admin="", wait=0.1))
    back = come_back(first(edge, servers, admin=""))
    address = f"127.0.0.1:{servers[0].port}"

    assert [f"{address} is draining in {edge.endpoints} since 0.1 s; Envoy was not asked"] == notes
    assert [f"{address} is back in {edge.endpoints}"] == back


def test_an_unknown_endpoint_is_refused_and_the_known_are_named(edge: Envoy, servers: list[Upstream]) -> None:
    """Nothing is written."""
    before = Path(edge.endpoints).read_text()
    with pytest.raises(Permanent, match=rf"no endpoint '10\.0\.0\.7:1'; it names 127\.0\.0\.1:{servers[0].port}, 127"):
        leave(drain_endpoint(edge.endpoints, "10.0.0.7:1", admin=edge.admin))

    assert before == Path(edge.endpoints).read_text()


class Foreign(Served):
    """An Envoy that has another cluster than that of the file, or something that is no Envoy."""

    said: object = {"cluster_statuses": [{"name": "other"}]}

    def answer(self, asked: Asked) -> Told:
        """Answer."""
        return as_json(self.said)


def test_an_envoy_that_does_not_know_the_endpoint_is_no_evidence(edge: Envoy, servers: list[Upstream]) -> None:
    """Neither that requests have ended, nor that they come again."""
    with Foreign() as foreign:
        notes = leave(first(edge, servers, admin=foreign.url, wait=2.0))
        back = come_back(first(edge, servers, admin=foreign.url, wait=0.1))
    text = f"Envoy does not know 127.0.0.1:{servers[0].port} after"

    assert [f"{text} 2.0 s, and it goes on"] == notes
    assert [f"{text} 0.1 s, and it goes on"] == back


@pytest.mark.parametrize("said", [[], {"cluster_statuses": 7}, {"cluster_statuses": [{"host_statuses": [1]}]}])
def test_what_does_not_answer_as_envoy_does_is_told(edge: Envoy, servers: list[Upstream], said: object) -> None:
    """It is another program, and will be."""
    with Foreign() as foreign, pytest.raises(Permanent, match="does not answer as Envoy does"):
        foreign.said = said
        leave(first(edge, servers, admin=foreign.url))
    come_back(first(edge, servers, admin=""))


def test_an_envoy_that_is_gone_reads_the_file_when_it_starts(edge: Envoy, servers: list[Upstream]) -> None:
    """The endpoint is drained in the file, and the lack of evidence is noted, no failure."""
    with mute() as listener:
        gone = f"http://127.0.0.1:{listener.getsockname()[1]}"
    notes = leave(first(edge, servers, admin=gone, wait=0.3))

    assert ("Connection refused" in notes[0], True) == (True, "DRAINING" in Path(edge.endpoints).read_text())


def test_an_edge_that_asks_for_health_needs_readiness_alone(servers: list[Upstream]) -> None:
    """One 503 takes the endpoint out, and the next 200 brings it back: no drainer is needed there."""
    with balancers.envoy_edge({each.name: each.port for each in servers}) as edge:
        assert {"one", "two"} == who(edge.port)
        try:
            servers[0].ready = False
            until(lambda: who(edge.port, 8) == {"two"})
        finally:
            servers[0].ready = True
        until(lambda: who(edge.port, 8) == {"one", "two"})
