"""What Envoy tells, read; and one endpoint in a file, as data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.errors import HandlerError, Permanent
from processender.integrations.envoy import drain, drain_endpoint
from processender.integrations.envoy.admin import active, standing
from processender.integrations.envoy.assignment import MARK, endpoints, parse, put_away, restore, show

STATS = """\
listener.0.0.0.0_15001.downstream_cx_active: 4
listener.0.0.0.0_15006.downstream_cx_active: 2
listener.0.0.0.0_15006.worker_0.downstream_cx_active: 1
listener.0.0.0.0_15006.worker_1.downstream_cx_active: 1
listener.admin.downstream_cx_active: 1
listener.admin.main_thread.downstream_cx_active: 1
http.front.downstream_cx_active: 2
listener.0.0.0.0_15006.downstream_cx_active: No recorded values
"""
OWN = "10.0.0.7:8000"


def endpoint(address: str, port: int, *, camel: bool = False, **more: Any) -> dict[str, Any]:
    """Return an endpoint, its fields in either way of writing."""
    names = ("socketAddress", "portValue") if camel else ("socket_address", "port_value")
    return {"endpoint": {"address": {names[0]: {"address": address, names[1]: port}}}, **more}


def response(*found: dict[str, Any], camel: bool = False) -> dict[str, Any]:
    """Return a file of endpoints."""
    locality = {"lbEndpoints" if camel else "lb_endpoints": list(found)}
    return {"version_info": "7", "resources": [{"@type": "...", "cluster_name": "web", "endpoints": [locality]}]}


def test_only_whole_listeners_count() -> None:
    """Neither those of workers, which are parts, nor the admin's own, nor what is no number."""
    assert {"0.0.0.0_15001": 4, "0.0.0.0_15006": 2} == active(STATS, "")
    assert {"0.0.0.0_15006": 2} == active(STATS, "_15006")
    assert {} == active("", "")


def test_an_endpoint_stands_as_all_clusters_say() -> None:
    """One that no cluster has stands nowhere, which is not the same as quiet."""
    host = {
        "address": {"socket_address": {"address": "10.0.0.7", "port_value": 8000}},
        "health_status": {"eds_health_status": "DRAINING"},
        "stats": [
            {"name": "rq_active", "value": "2"},
            {"name": "rq_pending_active", "value": "1"},
            {"name": "cx_total"},
        ],
    }
    clusters = {"cluster_statuses": [{"host_statuses": [host]}, {}, {"host_statuses": [{**host, "health_status": {}}]}]}

    assert ({"DRAINING", "UNKNOWN"}, 6) == standing(clusters, OWN)
    assert (set(), 0) == standing(clusters, "10.0.0.7:8001")


@pytest.mark.parametrize("camel", [True, False])
def test_an_endpoint_is_found_in_either_way_of_writing(camel: bool) -> None:
    """Protobuf takes both in JSON."""
    data = response(endpoint("10.0.0.7", 8000, camel=camel), endpoint("::1", 80, camel=camel), camel=camel)

    assert [OWN, "[::1]:80"] == [address for address, _ in endpoints(data)]


@pytest.mark.parametrize(
    ("given_", "drained"),
    [
        ({}, "health_status"),
        ({"health_status": "HEALTHY"}, "health_status"),
        ({"healthStatus": "DEGRADED"}, "healthStatus"),
        ({"health_status": 1, "load_balancing_weight": 3}, "health_status"),
        ({"metadata": {"filter_metadata": {"envoy.lb": {"stage": "blue"}}}}, "health_status"),
        ({"metadata": {"filterMetadata": {"envoy.lb": {}}}}, "health_status"),
    ],
)
def test_what_was_there_comes_back(given_: dict[str, Any], drained: str) -> None:
    """Drained once or twice, restored once or twice."""
    before = endpoint("10.0.0.7", 8000, **given_)
    found = json.loads(json.dumps(before))

    assert (True, True, "DRAINING") == (put_away(found), put_away(found), found[drained])
    assert (True, False, before) == (restore(found), restore(found), found)


def test_what_somebody_else_drains_is_left() -> None:
    """It carries no mark of ours."""
    for status in ("DRAINING", 3):
        found = endpoint("10.0.0.7", 8000, health_status=status)

        assert (False, False, status) == (put_away(found), restore(found), found["health_status"])


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["resources", "endpoints", "lb_endpoints", "lbEndpoints", "endpoint", "address", "socket_address", "port_value",
         "metadata", "filter_metadata", MARK, "was", "health_status"]
    ), inner, max_size=4),
))  # fmt: skip
def test_no_data_is_too_odd(data: Any) -> None:
    """Whatever stands there, it is looked through without an error."""
    for address, _ in endpoints(data):
        assert ":" in address


def test_a_file_that_is_no_json_is_refused() -> None:
    """YAML, which Envoy would take, cannot be read here."""
    with pytest.raises(Permanent, match="they must be JSON"):
        parse("resources:\n  - a\n", "web.yaml")


def test_the_layout_stays() -> None:
    """One line stays one line, and many stay many."""
    data = response(endpoint("10.0.0.7", 8000))

    assert 1 == show(data, json.dumps(data)).count("\n")
    assert 1 < show(data, json.dumps(data, indent=1)).count("\n")


def test_nonsense_is_refused_at_once() -> None:
    """A time before now, and an address without a port."""
    with pytest.raises(HandlerError, match="seconds from 0 up"):
        drain(wait=-1)
    with pytest.raises(HandlerError, match="http"):
        drain("localhost:9901")
    with pytest.raises(HandlerError, match="HOST:PORT"):
        drain_endpoint("web.json", "10.0.0.7")
