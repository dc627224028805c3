"""Where a process runs, in the words of OpenTelemetry's resource attributes, which operators set already."""

from __future__ import annotations

from collections.abc import Mapping

from .facts import ATTRIBUTES

_KEYS = {
    "version": ("service.version",),
    "deployment": ("deployment.id", "k8s.deployment.name", "deployment.name", "deployment.environment.name"),
    "zone": ("cloud.availability_zone",),
    "node": ("k8s.node.name", "host.name"),
}


def attributes(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the resource attributes of the environment: `key=value` with commas between, percent-encoded."""
    found = {}
    for pair in environ.get(ATTRIBUTES, "").split(","):
        key, equals, value = pair.partition("=")
        if equals and key.strip():
            found[key.strip()] = _decoded(value.strip())
    return found


def whereabouts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `version`, `deployment`, `zone` and `node` as far as the environment tells; empty where it does not."""
    told = attributes(environ)
    return {name: next((told[key] for key in keys if key in told), "") for name, keys in _KEYS.items()}


def _decoded(text: str) -> str:
    """Return *text* without its percent signs; `urllib` would take longer to load than all the rest."""
    if "%" not in text:
        return text
    head, *parts = text.encode().split(b"%")
    for part in parts:
        try:
            head += bytes([int(part[:2], 16)]) + part[2:] if len(part) >= 2 else b"%" + part
        except ValueError:
            head += b"%" + part
    return head.decode("utf-8", "replace")
