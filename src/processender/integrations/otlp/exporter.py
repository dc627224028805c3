"""
What sends accounts to a collector of OpenTelemetry.

Source: the specification of OTLP 1.10 (OTLP/HTTP: its paths, its answers, partial success, what may be repeated) and of
its exporters (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from ...accounts.figures import figures
from ...accounts.records import records
from ...accounts.spans import spans, where
from ...errors import AccountRefused, HandlerError
from ...hints import Any
from ...ports import Context
from ...sending import Address
from ...urls import below
from . import messages, metrics, wire

ENDPOINT = "http://localhost:4318"
"""Where a collector listens unless somebody says otherwise."""
SIGNALS = ("traces", "metrics", "logs")
"""What is sent."""
_CONTENT = "application/x-protobuf"
_SAID = 2000


def exporter(
    url: str = "",
    *,
    headers: Mapping[str, Any] | None = None,
    signals: Collection[str] = SIGNALS,
    timeout: float = 10.0,
    authority: str | None = None,
    name: str = "otlp",
) -> OtlpExporter:
    """
    Return what sends accounts to the collector at *url*, for `Ender(exporters=[...])`.

    Args:

        url: Where it listens, to which `/v1/traces` and its like are added; by default what
            `OTEL_EXPORTER_OTLP_ENDPOINT` says, else `http://localhost:4318`.

        headers: More header fields, each as text or as a reference, `{"env": NAME}` or `{"file": PATH}`; by default
            those of `OTEL_EXPORTER_OTLP_HEADERS`.

        signals: Which of `traces`, `metrics` and `logs` are sent.

        timeout: How long one request may take, seconds.

        authority: The file of the certificate authority that is trusted; by default those of the system.

        name: What it is called, where there are several.
    """
    unknown = [each for each in signals if each not in SIGNALS]
    if unknown or not signals or isinstance(signals, str):
        raise HandlerError(f"cannot export {signals!r}: give some of {', '.join(SIGNALS)}")
    base = url or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or ENDPOINT
    given = _headers(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")) if headers is None else headers
    how: dict[str, Any] = {"headers": given, "timeout": timeout, "authority": authority}
    return OtlpExporter(name, {each: Address(below(base, f"v1/{each}"), _CONTENT, **how) for each in signals})


class OtlpExporter:
    """Sends accounts to a collector; made by `exporter`."""

    def __init__(self, name: str, addresses: Mapping[str, Address]) -> None:
        """Take its *name* and the address of each signal."""
        self.name = name
        """What it is called."""
        self._addresses = dict(addresses)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it sends to."""
        return tuple(each.shown for each in self._addresses.values())

    def send(self, account: dict[str, Any], ctx: Context) -> None:
        """Send all signals of *account*; raise if one of them was not taken."""
        resource = where(account)
        refused = []
        for signal, address in self._addresses.items():
            answer = address.send(_ENCODERS[signal](resource, account), ctx)
            said = answer.shown(rejected(answer.body))
            refused += [f"{signal}: {said}"] if said else []
        if refused:
            # What it took it must not get again, so nothing of it is sent again.
            raise AccountRefused(f"the collector has taken it in part only: {'; '.join(refused)}")


def _traces(resource: Mapping[str, Any], account: Mapping[str, Any]) -> bytes:
    return messages.traces(resource, spans(account))


def _logs(resource: Mapping[str, Any], account: Mapping[str, Any]) -> bytes:
    return messages.logs(resource, records(account))


def _metrics(resource: Mapping[str, Any], account: Mapping[str, Any]) -> bytes:
    return metrics.metrics(resource, figures(account), account)


_ENCODERS = {"traces": _traces, "metrics": _metrics, "logs": _logs}


def rejected(answer: bytes) -> str:
    """Return what a collector says that it has not taken; empty where it has taken everything."""
    try:
        partial = next((each for field, each in wire.read(answer) if field == 1 and isinstance(each, bytes)), b"")
        found = dict(wire.read(partial))
    except ValueError:
        # A proxy's page: with a status that says that it was taken.
        return ""
    count, said = found.get(1, 0), found.get(2, b"")
    words = said.decode("utf-8", "replace")[:_SAID] if isinstance(said, bytes) else ""
    return f"{count!r} rejected{': ' if words else ''}{words}" if count else ""


def _headers(told: str) -> dict[str, str]:
    """Return the header fields of the environment: `key=value` with commas between, percent-encoded."""
    from urllib.parse import unquote  # noqa: PLC0415 - the request has loaded it

    pairs = (each.partition("=") for each in told.split(",") if "=" in each)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
