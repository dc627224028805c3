"""
HTTP requests: as clean-up steps, as what releases a thing, as a drainer, and as a source that asks whether to end.

Hears (`http.listener`, which is loaded for itself): what a URL answers, again and again: by its status, by a field of
its JSON, or in words of our own.

Takes over: a request that leaves traffic, one that is repeated until it is answered as it should be, and one that comes
back; for a target that has no drainer of its own.

Leaves: what the requests mean to whoever answers them.

Evidence: the answer to `until`, by its status and, if asked for, a text in it; without `until` only that `down` was
answered as expected.

Way back: the request `up`, without evidence: that `until` is no longer answered would not say that requests come. It is
taken that what `down` does outlasts the process, so `up` is also sent when a new process serves; `lasting=False` says
otherwise.

Versions: the client of the standard library, HTTP/1.1, without proxies and redirects.
"""

from __future__ import annotations

from ...exchange import HTTPStatusError, HTTPStatusRefused, HTTPStatusTransient
from .drainer import drain
from .handler import http

__all__ = ["HTTPStatusError", "HTTPStatusRefused", "HTTPStatusTransient", "drain", "http"]
