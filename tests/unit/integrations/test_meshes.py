"""What the proxies of meshes tell of their connections, read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.integrations.istio.drainer import connections
from processender.integrations.linkerd.drainer import inbound

STATS = """\
http.inbound_0.0.0.0_8080.downstream_cx_active: 9
listener.0.0.0.0_15001.downstream_cx_active: 5
listener.0.0.0.0_15006.downstream_cx_active: 2
listener.0.0.0.0_15006.worker_0.downstream_cx_active: 2
listener.[__]_15006.downstream_cx_active: 1
listener.0.0.0.0_15090.downstream_cx_active: 1
listener.admin.downstream_cx_active: 1
"""
METRICS = """\
# HELP tcp_open_connections Number of currently-open connections.
# TYPE tcp_open_connections gauge
tcp_open_connections{direction="inbound",peer="src",target_port="8080",client_id="a}b\\"c"} 2
tcp_open_connections{peer="src",direction="inbound",target_addr="10.0.0.1:8443",tls="true"} 1 1700000000
tcp_open_connections{direction="inbound",peer="src",target_addr="10.0.0.1:4191"} 7
tcp_open_connections{direction="inbound",peer="src",target_port="4191"} 7
tcp_open_connections{direction="inbound",peer="dst",target_port="8080"} 7
tcp_open_connections{direction="outbound",peer="src",target_port="8080"} 7
tcp_open_connections_total{direction="inbound",peer="src"} 7
"""


def test_only_the_inbound_listeners_count_at_istio() -> None:
    """Of both families; not those of workers, nor what the pod asks for itself."""
    assert 3 == connections(STATS, 15006)


@pytest.mark.parametrize("text", ["", "\n", "listener.admin.downstream_cx_active: 1\n", "No such stat"])
def test_an_envoy_that_keeps_no_gauge_is_not_quiet(text: str) -> None:
    """Nothing said is not zero."""
    assert None is connections(text, 15006)


def test_only_inbound_peers_count_at_linkerd() -> None:
    """Not the admin port, nor the way to the application, nor what that asks for itself."""
    assert 3 == inbound(METRICS, "4191")


def test_a_proxy_that_keeps_no_gauge_is_not_quiet() -> None:
    """Nothing said is not zero; a gauge without inbound peers is."""
    assert None is inbound("proxy_build_info{} 1\n", "4191")
    assert 0 == inbound('tcp_open_connections{direction="outbound",peer="src"} 3\n', "4191")


@given(st.text(alphabet='tcp_open_connections{}="\\, 0123\n'))
def test_no_text_is_too_odd(text: str) -> None:
    """Whatever is said, it is read without an error and without a backtracking that never ends."""
    inbound(text, "4191")
    connections(text, 15006)
