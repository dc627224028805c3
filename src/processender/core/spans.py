"""The longest span of time that is believed."""

from __future__ import annotations

LONGEST_S = 7 * 24 * 3600.0
"""A week: what is longer is a unit gone wrong."""
