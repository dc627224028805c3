"""HAProxy, the real one: a server leaves the rotation and comes back, by the runtime API and by its agent check."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.errors import HandlerError, Permanent, Transient
from processender.integrations.haproxy import AgentCheck, drain
from processender.testing.drainers import check_drainer
from tests.integration import balancers
from tests.integration.balancers import HAProxy, asks
from tests.integration.drainers import Attempt, come_back, give_way, leave
from tests.integration.upstreams import Held, Upstream, mute, upstreams, who

WAIT_S = 20.0


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Upstream]]:
    """Return two servers."""
    with upstreams("one", "two") as found:
        yield found


@pytest.fixture
def haproxy(servers: list[Upstream]) -> Iterator[HAProxy]:
    """Return an HAProxy in front of both."""
    for each in servers:
        each.let_go.clear()
    with balancers.haproxy({each.name: each.port for each in servers}) as found:
        yield found


def status(haproxy: HAProxy, server: str = "web/one") -> str:
    """Return HAProxy's word for the state of *server*."""
    rows = [line.split(",") for line in asks(haproxy.reader, "show stat").splitlines()]
    return next(row[17] for row in rows if server == "/".join(row[:2]))


def until(fact: object) -> None:
    """Wait until *fact*, a function, is true."""
    assert callable(fact)
    bell = threading.Event()
    assert any(fact() or bell.wait(0.02) for _ in range(int(WAIT_S / 0.02)))


def reload(haproxy: HAProxy) -> None:
    """Have another process of HAProxy take over; a signal that comes while the master still begins is lost."""

    def worker() -> str:
        return asks(haproxy.reader, "show info").partition("\nPid: ")[2].partition("\n")[0]

    before, bell = worker(), threading.Event()
    for _ in range(int(WAIT_S)):
        os.kill(haproxy.pid, signal.SIGUSR2)
        for _ in range(20):
            if worker() not in {"", before}:
                return
            bell.wait(0.05)
    raise AssertionError("HAProxy has not taken its configuration again")


@pytest.mark.parametrize("way", ["path", "address"])
@pytest.mark.parametrize("mode", ["drain", "maint"])
def test_a_server_leaves_and_comes_back(haproxy: HAProxy, way: str, mode: str) -> None:
    """No new request comes to it, and again after the way back; each is safe to repeat."""
    where = haproxy.socket if way == "path" else f"127.0.0.1:{haproxy.admin_port}"

    check_drainer(lambda: drain(where, "web/one", mode=mode), lambda: "one" in who(haproxy.port))


def test_what_is_under_way_is_waited_for(haproxy: HAProxy, servers: list[Upstream]) -> None:
    """The handler returns when the last session has ended, and says so."""
    held = Held(haproxy.port, *servers)
    notes: list[str] = []
    server = f"web/{held.at.name}"
    thread = threading.Thread(target=lambda: notes.extend(leave(drain(haproxy.socket, server, wait=WAIT_S))))
    thread.start()
    until(lambda: status(haproxy, server) == "DRAIN")
    assert [] == notes
    answer = held.finish()
    thread.join(WAIT_S)

    assert (held.at.name, [f"{server}: DRAIN, no sessions"]) == (answer, notes)


def test_a_drain_that_never_ends_is_bounded_and_names_what_is_left(haproxy: HAProxy, servers: list[Upstream]) -> None:
    """The session goes on; the handler does not wait for it longer than it was told."""
    held = Held(haproxy.port, *servers)
    server = f"web/{held.at.name}"
    notes = leave(drain(haproxy.socket, server, wait=0.2))

    assert ([f"{server}: DRAIN, 1 session after 0.2 s, and it goes on"], held.at.name) == (notes, held.finish())


def test_what_is_left_can_be_cut(haproxy: HAProxy, servers: list[Upstream]) -> None:
    """`cut` ends the sessions that are left."""
    held = Held(haproxy.port, *servers)
    server = f"web/{held.at.name}"
    notes = leave(drain(haproxy.socket, server, wait=0.1, cut=True))
    after = leave(drain(haproxy.socket, server, wait=WAIT_S))

    assert [f"{server}: DRAIN, 1 session after 0.1 s, and it goes on", f"{server}: what was left is cut"] == notes
    assert [f"{server}: DRAIN, no sessions"] == after
    assert held.at.name != held.finish()


def test_a_drain_that_must_give_way_comes_back_at_once(haproxy: HAProxy, servers: list[Upstream]) -> None:
    """A cancellation ends the wait, although it has long to go."""
    held = Held(haproxy.port, *servers)
    server = f"web/{held.at.name}"
    attempt = Attempt(600)
    thread = threading.Thread(target=give_way, args=(drain(haproxy.socket, server, wait=600), attempt))
    thread.start()
    until(lambda: status(haproxy, server) == "DRAIN")
    attempt.cancel()
    thread.join(WAIT_S)
    held.finish()

    assert not thread.is_alive()


def test_an_unknown_server_is_refused_and_the_known_are_named(haproxy: HAProxy) -> None:
    """A name that is not there is a mistake in the settings, which another attempt does not cure."""
    for server in ("web/three", "shop/one"):
        with pytest.raises(Permanent, match=rf"no server '{server}'; it knows web/one, web/two"):
            leave(drain(haproxy.socket, server))
        with pytest.raises(Permanent, match="it knows web/one, web/two"):
            come_back(drain(haproxy.socket, server))


def test_a_socket_that_takes_no_orders_is_told_what_it_lacks(haproxy: HAProxy) -> None:
    """A socket of `level user` says who is there and does nothing."""
    with pytest.raises(Permanent, match="`level admin`"):
        leave(drain(haproxy.reader, "web/one"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_socket_without_rights_is_told_what_it_lacks(haproxy: HAProxy) -> None:
    """Its mode keeps this user out."""
    program = """
import os, sys
from processender.integrations.haproxy import drain
from processender.testing.releasers import context
os.setuid(65534)
try:
    drain(sys.argv[1], "web/one").call(context())
except Exception as error:
    print(type(error).__name__, error)
"""
    os.chmod(Path(haproxy.socket).parent, 0o755)
    said = subprocess.check_output([sys.executable, "-c", program, haproxy.socket], text=True)

    assert said.startswith("Permanent cannot reach HAProxy")
    assert "let this user in" in said


def test_a_haproxy_that_is_gone_may_come_back() -> None:
    """Nobody there is a failure that may pass: HAProxy may be starting again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for where in (f"127.0.0.1:{port}", "/nonexistent/haproxy.sock"):
        with pytest.raises(Transient, match="does it run"):
            leave(drain(where, "web/one"))


def test_a_haproxy_that_says_nothing_is_not_waited_for() -> None:
    """A connection that is taken and never answered ends with the time of the attempt."""
    with mute() as listener, pytest.raises(TimeoutError, match="does not answer `set server web/one state drain`"):
        leave(drain(f"127.0.0.1:{listener.getsockname()[1]}", "web/one"), 0.2)


def test_a_haproxy_that_talks_nonsense_is_quoted() -> None:
    """Something else listens there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            client, _ = listener.accept()
            client.recv(100)
            client.sendall(b"HTTP/1.1 500 no\r\n\r\n")
            client.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Permanent, match=r"does not drain web/one: HTTP/1\.1 500 no"):
            leave(drain(f"127.0.0.1:{port}", "web/one"))
        thread.join(WAIT_S)


def test_a_reload_in_the_middle_is_told_again(haproxy: HAProxy, servers: list[Upstream]) -> None:
    """The new process has forgotten the order, and hears it from the one who waits."""
    held = Held(haproxy.port, *servers)
    server = f"web/{held.at.name}"
    notes: list[str] = []
    thread = threading.Thread(target=lambda: notes.extend(leave(drain(haproxy.socket, server, wait=WAIT_S), 60)))
    thread.start()
    until(lambda: status(haproxy, server) == "DRAIN")
    reload(haproxy)
    thread.join(WAIT_S)
    now = status(haproxy, server)
    held.finish()

    assert ("DRAIN", False) == (now, thread.is_alive())


def test_what_a_killed_process_has_left_the_next_one_takes_back(haproxy: HAProxy) -> None:
    """HAProxy remembers the drain of a process that got KILL in the middle of it."""
    program = """
import sys
from processender.integrations.haproxy import drain
from processender.testing.releasers import context
drain(sys.argv[1], "web/one").call(context())
print("drained", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, haproxy.socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert b"drained\n" == process.stdout.readline()
        process.kill()
    left = who(haproxy.port)
    notes = come_back(drain(haproxy.socket, "web/one"))

    assert ({"two"}, ["web/one: ready"], {"one", "two"}) == (left, notes, who(haproxy.port))


def test_the_maintenance_of_somebody_else_is_left_alone(haproxy: HAProxy) -> None:
    """What an operator has ordered, no start of a process takes back."""
    asks(haproxy.socket, "set server web/one state maint")
    notes = come_back(drain(haproxy.socket, "web/one"))

    assert ["web/one is in maintenance, which another has ordered; it stays there"] == notes
    assert "MAINT" == status(haproxy)


def test_a_start_without_a_drain_before_it_changes_nothing(haproxy: HAProxy) -> None:
    """There is nothing to take back, and nothing to tell."""
    assert ([], "no check") == (come_back(drain(haproxy.socket, "web/one")), status(haproxy))


@pytest.mark.parametrize("server", ["one", "web/", "/one", "web/one state maint", "web/one;x", "web/one\n", "a/b/c"])
def test_a_name_that_is_none_is_refused_at_once(server: str) -> None:
    """Nothing but a name reaches the socket."""
    with pytest.raises(HandlerError, match="backend/server"):
        drain("/run/haproxy.sock", server)


# The agent check.


class Traffic:
    """An Ender as the agent check sees it."""

    def __init__(self) -> None:
        """Serve."""
        self.serving, self.draining = True, False


def test_the_agent_check_drains_and_comes_back(servers: list[Upstream]) -> None:
    """`drain` takes the server out of the rotation, `up ready` puts it back; the handler waits until it is heard."""
    traffic = Traffic()
    with AgentCheck(traffic, "127.0.0.1:0") as check:
        ports = {each.name: each.port for each in servers}
        with balancers.haproxy(ports, agent_ports={"one": check.port}) as haproxy:
            until(lambda: check._asked() == ["127.0.0.1"])
            assert {"one", "two"} == who(haproxy.port)
            traffic.draining = True
            notes = leave(check.drain(wait=WAIT_S))
            until(lambda: status(haproxy).startswith("DRAIN"))
            assert (["told to drain: 127.0.0.1"], {"two"}) == (notes, who(haproxy.port))
            traffic.draining = False
            until(lambda: not status(haproxy).startswith("DRAIN"))

            assert {"one", "two"} == who(haproxy.port)


def test_a_drain_by_the_agent_outlasts_the_process_and_the_next_one_ends_it(servers: list[Upstream]) -> None:
    """HAProxy keeps the state when the agent is gone, and takes `up ready` for its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ports = {each.name: each.port for each in servers}
    with balancers.haproxy(ports, agent_ports={"one": port}) as haproxy:
        traffic = Traffic()
        traffic.draining = True
        with AgentCheck(traffic, f"127.0.0.1:{port}"):
            until(lambda: status(haproxy).startswith("DRAIN"))
        gone = status(haproxy)
        with AgentCheck(Traffic(), f"127.0.0.1:{port}"):
            until(lambda: not status(haproxy).startswith("DRAIN"))

        assert gone.startswith("DRAIN")


def ask_agent(port: int, send: bytes = b"") -> bytes:
    """Return what the agent check answers."""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as client:
        if send:
            client.sendall(send)
        said = b""
        while piece := client.recv(100):
            said += piece
    return said


def test_the_agent_check_says_what_holds() -> None:
    """`up ready` needs both: it serves, and it does not leave traffic; never a bare `up`."""
    traffic = Traffic()
    said = {}
    with AgentCheck(traffic, "127.0.0.1:0") as check:
        for serving in (False, True):
            for draining in (False, True):
                traffic.serving, traffic.draining = serving, draining
                said[serving, draining] = ask_agent(check.port)

    assert b"up ready\n" == said.pop((True, False))
    assert {b"drain\n"} == {*said.values()}


def test_bad_clients_and_many_of_them_hold_nobody_up() -> None:
    """Those that say nothing, never read, send much, or break off leave the next one its answer."""
    with AgentCheck(Traffic(), "127.0.0.1:0") as check:
        bad = [socket.create_connection(("127.0.0.1", check.port), WAIT_S) for _ in range(200)]
        for each in bad[:50]:
            each.close()
        for each in bad[50:100]:
            each.send(b"x" * 3000)
        answers = {ask_agent(check.port, b"agent-send\n") for _ in range(50)}
        for each in bad[50:]:
            each.close()

    assert {b"up ready\n"} == answers


def test_the_agent_check_ends_in_time_and_frees_its_port() -> None:
    """Its thread is gone, and another may listen there at once; to close it again is harmless."""
    check = AgentCheck(Traffic(), "127.0.0.1:0")
    port = check.port
    idle = socket.create_connection(("127.0.0.1", port), WAIT_S)
    check.close()
    check.close()
    with AgentCheck(Traffic(), f"127.0.0.1:{port}"):
        again = ask_agent(port)
    idle.close()

    assert (False, b"up ready\n") == (check._thread.is_alive(), again)


def test_a_drain_that_no_haproxy_has_heard_says_so() -> None:
    """It is bounded, and the report tells that requests may still come."""
    with AgentCheck(Traffic(), "127.0.0.1:0") as check:
        nobody = leave(check.drain(wait=0.1))
        ask_agent(check.port)
        stranger = leave(check.drain(wait=0.1))
        ask_agent(check.port)
        until(check._asked)
        unaware = leave(check.drain(wait=0.1))

    assert ["no HAProxy has asked the agent check"] == nobody == stranger
    assert ["not asked again within 0.1 s: 127.0.0.1; it may still send requests"] == unaware


def test_who_has_hung_up_before_it_was_told_goes_on_as_before() -> None:
    """Only what was sent counts: the drain is not over for who has not heard of it."""
    traffic = Traffic()
    with AgentCheck(traffic, "127.0.0.1:0") as check:
        for _ in range(2):
            ask_agent(check.port)
        until(check._asked)
        # The thread is held at its next question, whose asker breaks off so that nothing can be sent.
        asked, broken = threading.Event(), threading.Event()
        serving = type("Held", (Traffic,), {"draining": property(lambda _: [asked.set(), broken.wait(WAIT_S)])})
        check._ender = serving.__new__(serving)
        check._ender.serving = True
        client = socket.create_connection(("127.0.0.1", check.port), WAIT_S)
        assert asked.wait(WAIT_S)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        broken.set()
        notes = leave(check.drain(wait=0.2))

    assert ["not asked again within 0.2 s: 127.0.0.1; it may still send requests"] == notes


@pytest.mark.parametrize("listen", ["", "127.0.0.1", "127.0.0.1:http"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    """It says how one is written."""
    with pytest.raises(HandlerError, match="HOST:PORT"):
        AgentCheck(Traffic(), listen)
