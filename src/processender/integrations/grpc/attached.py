"""Whether a server asks an interceptor, looked up where grpcio keeps them: without it no RPC would be counted."""

from __future__ import annotations

import gc
from collections.abc import Iterable

from ...errors import StateError
from ...hints import Any


def demand(host: object, servers: Iterable[Any], words: str) -> None:
    """Raise `StateError` if *host* is not among the interceptors of one of *servers*; *words* say how it gets there."""
    for server in servers:
        known = _interceptors(server)
        if known is not None and host not in known:
            text = "the server does not have this host among its interceptors, so its RPCs would be cut uncounted"
            raise StateError(f"cannot serve: {text}; make it by {words}")


def _interceptors(server: Any) -> tuple[Any, ...] | None:
    """Return those of *server*, None if it keeps them elsewhere than the servers of grpcio do."""
    state: Any = getattr(server, "_state", None)
    if hasattr(state, "interceptor_pipeline"):
        return tuple(getattr(state.interceptor_pipeline, "interceptors", ()))
    # An `AioServer` is of C and shows nothing; its one tuple are the interceptors.
    inner = getattr(server, "_server", None)
    tuples = [each for each in gc.get_referents(inner) if type(each) is tuple]
    return tuples[0] if type(inner).__name__ == "AioServer" and len(tuples) == 1 else None
