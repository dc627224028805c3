"""
Accounts as OpenTelemetry has them, sent to a collector: OTLP over HTTP, in Protocol Buffers, without the SDK.

Sends: for each run, and for each crash, one trace (a span for each phase, handler and attempt, linked to the notices),
its log records, and its figures as metrics. All ids are made of the id of the account, so what is sent twice is the
same twice.

Leaves: an SDK in the application to itself; `integrations.opentelemetry` closes that in time, and can be told of what
happens while it happens.

Evidence: the answer of the collector. What it takes only in part is not sent again, as the protocol demands.

Versions: OTLP 1.0 and later; the client of the standard library, HTTP/1.1, without proxies and redirects.
"""

from __future__ import annotations

from .exporter import exporter

__all__ = ["exporter"]
