"""ProcessEnder ends processes well. The public names; each is loaded on first use."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = [
    "CircuitOpenError",
    "Context",
    "CrashReport",
    "Ender",
    "Handler",
    "HandlerError",
    "Held",
    "Importance",
    "JournalError",
    "LockHeld",
    "Notice",
    "Obligation",
    "ObligationError",
    "Outcome",
    "Permanent",
    "PlanError",
    "ProcessEnderError",
    "ReleaserError",
    "Retry",
    "Saved",
    "Scope",
    "StateError",
    "Transient",
    "Verdict",
    "progress",
]

_HOME = {
    "Context": "engine.context",
    "CrashReport": "core.crash",
    "Ender": "ender",
    "Handler": "core.handler",
    "Held": "held",
    "Importance": "core.handler",
    "Notice": "core.notice",
    "Obligation": "core.obligation",
    "Outcome": "core.outcome",
    "Retry": "core.retry",
    "Saved": "core.saved",
    "Scope": "held",
    "Verdict": "core.outcome",
    "progress": "live.view",
}


def __getattr__(name: str) -> object:
    """Load a public name from its room; without a room of its own it is an error class."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    import importlib  # noqa: PLC0415 - a program that only imports the package must not pay for it

    module = importlib.import_module("." + _HOME.get(name, "errors"), __name__)
    value: object = getattr(module, name)
    globals()[name] = value
    return value
