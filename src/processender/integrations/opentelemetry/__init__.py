"""
Providers of OpenTelemetry at the end: flushed and shut down last of all, within a time of their own; and the end itself
as a trace of the application's own SDK.

Takes over: The shutdown of tracer, meter and logger providers, each in a handler of its own in the phase `release`,
behind everything else there and with a slice of the window that nothing before it can take (`importance="must"`). It
runs on a thread of its own and is left alone when its time is up, so a collector that is down holds up no exit; the
provider's own handler at the interpreter's exit, which would wait again, is taken away. `TracingObserver` makes a span
of each run, phase, handler and attempt while they happen, and closes the tracer provider itself when the run is over,
within the reserve: that provider needs no handler.

Leaves: Whether the collector has taken what was sent: the SDK logs it and does not tell. What must not be lost is for
`integrations.otlp`, which needs no SDK and keeps what could not be delivered.

Versions: opentelemetry-sdk 1.30 to 1.45.
"""

from __future__ import annotations

from .closing import EXPECTED_S, SHUTDOWN_S, close_provider
from .tracing import TracingObserver

__all__ = ["EXPECTED_S", "SHUTDOWN_S", "TracingObserver", "close_provider"]
