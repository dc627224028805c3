"""
One endpoint in a file of endpoints (`ClusterLoadAssignment` in a `DiscoveryResponse`), drained and restored, as data.

Source: Envoy's `endpoint_components.proto` and `base.proto`. The names of fields may be written in either way that
protobuf takes in JSON. What the status was before is kept in the endpoint's metadata, which only filters of Envoy see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...errors import Permanent
from ...hints import Any

MARK = "dev.processender"
"""The name of our field in `filter_metadata`."""
_DRAINING = ("DRAINING", 3)


def parse(text: str, path: str) -> Any:
    """Return the data in *text*; raise `Permanent`."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise Permanent(
            f"cannot read the endpoints in {path}: {error}; they must be JSON, which Envoy takes"
        ) from error


def show(data: Any, like: str) -> str:
    """Return *data* as text, in lines if *like* has some."""
    return json.dumps(data, indent=2 if "\n" in like.strip() else None) + "\n"


def endpoints(data: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the endpoints, each with its address, in order; those that are none of the network have none."""
    for resource in _items(data, "resources") or ([data] if isinstance(data, dict) else []):
        for locality in _items(resource, "endpoints"):
            for each in _items(locality, "lb_endpoints"):
                address = _field(_field(_field(each, "endpoint"), "address"), "socket_address")
                if isinstance(each, dict) and isinstance(address, dict):
                    host, port = _field(address, "address"), _field(address, "port_value")
                    yield (f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"), each


def put_away(endpoint: dict[str, Any]) -> bool:
    """Drain *endpoint* and keep what its status was; tell whether it is ours to bring back."""
    if _mark(endpoint) is not None:
        return True
    key = _key(endpoint, "health_status")
    if endpoint.get(key) in _DRAINING:
        return False
    metadata = endpoint["metadata"] = endpoint.get("metadata") or {}
    name = _key(metadata, "filter_metadata")
    metadata[name] = (metadata.get(name) or {}) | {MARK: {"was": endpoint.get(key)}}
    endpoint[key] = "DRAINING"
    return True


def restore(endpoint: dict[str, Any]) -> bool:
    """Bring *endpoint* back as it was if it was us who drained it; tell whether it was."""
    mark = _mark(endpoint)
    if mark is None:
        return False
    key = _key(endpoint, "health_status")
    was = mark.get("was") if isinstance(mark, dict) else None
    if was is None:
        endpoint.pop(key, None)
    else:
        endpoint[key] = was
    metadata = endpoint["metadata"]
    name = _key(metadata, "filter_metadata")
    del metadata[name][MARK]
    if not metadata[name]:
        del metadata[name]
    if not metadata:
        del endpoint["metadata"]
    return True


def _mark(endpoint: dict[str, Any]) -> Any:
    return _field(_field(_field(endpoint, "metadata"), "filter_metadata"), MARK)


def _items(data: Any, name: str) -> list[Any]:
    found = _field(data, name)
    return found if isinstance(found, list) else []


def _field(data: Any, name: str) -> Any:
    return data.get(_key(data, name)) if isinstance(data, dict) else None


def _key(data: dict[str, Any], name: str) -> str:
    """Return *name* as it is written in *data*."""
    first, *rest = name.split("_")
    other = first + "".join(word.capitalize() for word in rest)
    return other if other in data else name
