"""
The public test kit: clocks that jump or stand still, assertions of a plan, faults, real programs, doubles of platforms.

What a test of your own begins with is here by name; each is loaded on first use.
"""

from __future__ import annotations

from ..demand import load

__all__ = [
    "FakeClock",
    "Faults",
    "Notices",
    "Program",
    "TcpProxy",
    "assert_plan",
    "replay",
]

_HOME = {
    "FakeClock": "fake_clock",
    "Faults": "faults",
    "Notices": "notices",
    "Program": "processes",
    "TcpProxy": "proxy",
    "assert_plan": "plans",
    "replay": "sequences",
}


def __getattr__(name: str) -> object:
    """Load a public name from its room."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(load(f"testing.{_HOME[name]}"), name)
    globals()[name] = value
    return value
