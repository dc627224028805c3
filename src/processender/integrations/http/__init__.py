"""HTTP requests: as clean-up steps, and as what releases a thing."""

from __future__ import annotations

from .handler import HTTPStatusError, HTTPStatusRefused, HTTPStatusTransient, http

__all__ = ["HTTPStatusError", "HTTPStatusRefused", "HTTPStatusTransient", "http"]
