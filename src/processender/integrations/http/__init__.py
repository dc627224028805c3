"""HTTP requests: as clean-up steps, and as what releases a thing."""

from __future__ import annotations

from ...exchange import HTTPStatusError, HTTPStatusRefused, HTTPStatusTransient
from .handler import http

__all__ = ["HTTPStatusError", "HTTPStatusRefused", "HTTPStatusTransient", "http"]
