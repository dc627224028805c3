"""
A double of Consul: one agent with its node, and the catalog as those see it who ask for passing instances.

Source: Consul's `agent_endpoint.go`, `agent.go` and its HTTP API. What it keeps over `restart`, as the real one does on
its disk, are services and their maintenance. The catalog follows after *lag* looks, as anti-entropy lets it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from .served import Asked, Served, Told, as_json

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False"}
_DEFAULT_NOTE = "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."


class ConsulAgent(Served):
    """The agent; with a *token*, what changes something needs it in `X-Consul-Token`."""

    def __init__(self, *, token: str = "", node: str = "node-1", lag: int = 0) -> None:
        """Know no service."""
        super().__init__()
        self.node = node
        """The name of its node."""
        self.lag = lag
        """How many looks the catalog is behind each change."""
        self.services: dict[str, dict[str, Any]] = {}
        """The registrations, by id."""
        self.maintenance: dict[str, str] = {}
        """The reasons of those that are in maintenance, by id."""
        self.elsewhere: list[dict[str, Any]] = []
        """Entries of other nodes, as `/v1/health/service` lists them."""
        self._token = token
        self._shown: list[dict[str, Any]] = []
        self._behind = 0

    def register(self, registration: dict[str, Any]) -> None:
        """Register a service, as `PUT /v1/agent/service/register` does."""
        with self.lock:
            self.services[registration.get("ID") or registration["Name"]] = registration
            self._shown = self._all_entries()

    def passing(self, name: str) -> list[str]:
        """Return the ids of the instances of the service *name* that pass, on all nodes."""
        with self.lock:
            return [entry["Service"]["ID"] for entry in self._entries(name)]

    def answer(self, asked: Asked) -> Told:
        """Answer as Consul does."""
        match asked.path.removeprefix("/v1/").split("/"):
            case ["agent", "self"]:
                return self._allowed(asked) or as_json({"Config": {"NodeName": self.node}})
            case ["agent", "service", *words] if asked.method == "PUT":
                return self._allowed(asked) or self._change(words, asked)
            case ["agent", "service", own]:
                return self._about(unquote(own))
            case ["health", "service", name]:
                return self._health(unquote(name), asked.query)
        return Told(404)

    def _change(self, words: list[str], asked: Asked) -> Told:
        match words:
            case ["register"]:
                return self._register(json.loads(asked.body))
            case ["deregister", own]:
                return self._deregister(unquote(own))
            case ["maintenance", own]:
                return self._maintain(unquote(own), asked.query)
        return Told(404)

    def _allowed(self, asked: Asked) -> Told | None:
        given = asked.headers.get("x-consul-token", "")
        if not self._token or given == self._token:
            return None
        if given:
            return Told(403, b"ACL not found")
        text = "Permission denied: anonymous token lacks permission 'service:write' on \"web\". "
        text += "The anonymous token is used implicitly when a request does not specify a token."
        return Told(403, text.encode())

    def _register(self, registration: dict[str, Any]) -> Told:
        if not registration.get("Name"):
            return Told(400, b"Missing service name")
        self.services[registration.get("ID") or registration["Name"]] = registration
        self._changed()
        return Told(200)

    def _deregister(self, own: str) -> Told:
        if own not in self.services:
            return _unknown(own)
        del self.services[own]
        self.maintenance.pop(own, None)
        self._changed()
        return Told(200)

    def _maintain(self, own: str, query: dict[str, list[str]]) -> Told:
        if "enable" not in query:
            return Told(400, b"Missing value for enable")
        enable = query["enable"][0]
        if enable not in _TRUE | _FALSE:
            return Told(400, f'Invalid value for enable: "{enable}"'.encode())
        if own not in self.services:
            return _unknown(own)
        if enable in _TRUE:
            self.maintenance.setdefault(own, query.get("reason", [_DEFAULT_NOTE])[0])
        else:
            self.maintenance.pop(own, None)
        self._changed()
        return Told(200)

    def _about(self, own: str) -> Told:
        if own not in self.services:
            return Told(404, f"unknown service ID: {own}".encode())
        service = _service(own, self.services[own])
        return as_json({**service, "ContentHash": "f5eb0b2d2ae91b45", "Datacenter": "dc1"})

    def _health(self, name: str, query: dict[str, list[str]]) -> Told:
        if self._behind > 0:
            self._behind -= 1
        else:
            self._shown = self._all_entries()
        passing = "passing" in query
        return as_json([e for e in self._shown if e["Service"]["Service"] == name and (not passing or _passes(e))])

    def _entries(self, name: str) -> list[dict[str, Any]]:
        return [e for e in self._all_entries() if e["Service"]["Service"] == name and _passes(e)]

    def _all_entries(self) -> list[dict[str, Any]]:
        own = []
        for service, registration in self.services.items():
            checks = [{"Node": self.node, "CheckID": "serfHealth", "Name": "Serf Health Status", "Status": "passing"}]
            if service in self.maintenance:
                check = {"CheckID": f"_service_maintenance:{service}", "Name": "Service Maintenance Mode"}
                notes = {"Notes": self.maintenance[service], "ServiceID": service, "Type": "maintenance"}
                checks.append({"Node": self.node, **check, "Status": "critical", **notes})
            node = {"Node": self.node, "Address": "127.0.0.1", "Datacenter": "dc1"}
            own.append({"Node": node, "Service": _service(service, registration), "Checks": checks})
        return own + self.elsewhere

    def _changed(self) -> None:
        self._behind = self.lag


def _service(own: str, registration: dict[str, Any]) -> dict[str, Any]:
    return {
        "ID": own,
        "Service": registration["Name"],
        "Tags": registration.get("Tags", []),
        "Meta": registration.get("Meta", {}),
        "Port": registration.get("Port", 0),
        "Address": registration.get("Address", ""),
        "Weights": registration.get("Weights", {"Passing": 1, "Warning": 1}),
        "EnableTagOverride": registration.get("EnableTagOverride", False),
    }


def _passes(entry: dict[str, Any]) -> bool:
    return all(check["Status"] == "passing" for check in entry["Checks"])


def _unknown(own: str) -> Told:
    text = f'Unknown service ID "{own}". Ensure that the service ID is passed, not the service name.'
    return Told(404, text.encode())
