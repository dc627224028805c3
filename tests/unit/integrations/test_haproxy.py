"""What HAProxy answers, read."""

from __future__ import annotations

import pytest

from processender.errors import HandlerError, Permanent
from processender.integrations.haproxy.askers import Askers
from processender.integrations.haproxy.replies import Load, Server, load, servers
from processender.integrations.haproxy.runtime import Runtime

STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight
3 web 1 one 127.0.0.1 2 8 1
3 web 2 two 127.0.0.1 2 0 1

"""
STAT = """# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,
web,one,2,0,3,0,,0,0,0,,0,,0,0,0,0,DRAIN,1,

"""


def test_who_asks_again_is_a_haproxy() -> None:
    """A scan or a probe comes once, and is not waited for."""
    askers = Askers()
    for host, word in (
        ("10.0.0.1", "up"),
        ("10.0.0.9", "up"),
        ("10.0.0.1", "up"),
        ("10.0.0.2", "up"),
        ("10.0.0.2", "drain"),
    ):
        askers.told(host, word)

    assert (["10.0.0.1", "10.0.0.2"], ["10.0.0.1"]) == (askers.known(), askers.told_other("drain"))


def test_strangers_take_no_place_of_a_haproxy() -> None:
    """However many there are; of HAProxies the one that is silent for longest makes room."""
    askers = Askers(most=3)
    for host in ("a", "b", "a", "b", "c", "c", *map(str, range(100)), "c"):
        askers.told(host, "up")
    before = askers.known()
    for _ in range(2):
        askers.told("d", "up")

    assert (["a", "b", "c"], ["b", "c", "d"]) == (before, askers.known())


def test_servers_are_read_by_the_names_of_the_columns() -> None:
    """The first line is the version of the format, the second names the columns."""
    assert [Server("web/one", "3 4 1", 8), Server("web/two", "3 4 2", 0)] == servers(STATE)


@pytest.mark.parametrize("text", ["", "\n", "Can't find backend.\n", "1\n# be_id be_name\nx y\n", "1\n3 web 1 one\n"])
def test_what_names_no_server_is_none(text: str) -> None:
    """An error in words, a broken line, or columns that are not named."""
    assert [] == servers(text)


def test_the_load_is_read_by_the_names_of_the_columns() -> None:
    """Its sessions and its queue."""
    assert Load("DRAIN", 3, 2) == load(STAT, "web/one")


def test_an_answer_without_the_server_is_quoted() -> None:
    """Nothing is taken for quiet that was not seen."""
    with pytest.raises(Permanent, match="tells nothing of the server 'web/two'"):
        load(STAT, "web/two")


@pytest.mark.parametrize(
    ("seen", "words", "quiet"),
    [
        (Load("DRAIN", 0, 0), "DRAIN, no sessions", True),
        (Load("MAINT", 1, 0), "MAINT, 1 session", False),
        (Load("DRAIN (agent)", 0, 2), "DRAIN (agent), 2 queued requests", False),
        (Load("DRAIN", 3, 1), "DRAIN, 3 sessions and 1 queued request", False),
        (Load("no check", 0, 0), "no check, no sessions", False),
        (Load("UP 1/3", 0, 0), "UP 1/3, no sessions", False),
        (Load("DOWN", 0, 0), "DOWN, no sessions", True),
    ],
)
def test_quiet_is_who_is_out_and_has_nothing_left(seen: Load, words: str, quiet: bool) -> None:
    """A server without a session that is still in the rotation gets the next request."""
    assert (words, quiet) == (str(seen), seen.quiet)


@pytest.mark.parametrize("where", ["", "haproxy", "host:", ":9999", "host:port"])
def test_where_nothing_can_be_is_refused(where: str) -> None:
    """A stats socket is a path or HOST:PORT."""
    with pytest.raises(HandlerError, match="HOST:PORT"):
        Runtime(where)


@pytest.mark.parametrize("where", ["/run/haproxy.sock", "unix@/run/haproxy.sock", "127.0.0.1:9999", "[::1]:9999"])
def test_where_it_can_be_is_taken(where: str) -> None:
    """As HAProxy's own configuration writes it."""
    assert where == Runtime(where).where
