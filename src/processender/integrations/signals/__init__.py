"""Signals as a source of notices, taken from whoever has them and given back as they were found."""

from __future__ import annotations

from .source import SignalSource

__all__ = ["SignalSource"]
