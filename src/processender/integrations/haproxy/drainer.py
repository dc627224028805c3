"""A server of HAProxy out of the rotation and back into it, through the runtime API."""

from __future__ import annotations

from ...core.handler import Handler
from ...errors import HandlerError, Permanent, Transient
from ...hints import Literal
from ...leaving import drainer
from ...patience import check_wait, evidence
from ...ports import Context
from .replies import FORCED_DRAIN, FORCED_MAINTENANCE, Load, Server, load, servers
from .runtime import Runtime, Talk

_LOOK_S = 0.1
_UNKNOWN = ("No such server", "No such backend", "Can't find backend")


def drain(
    socket: str,
    server: str,
    *,
    mode: Literal["drain", "maint"] = "drain",
    cut: bool = False,
    wait: float = 5.0,
    name: str = "",
    timeout: float | None = None,
) -> Handler:
    """
    Return the handler that takes *server* out of HAProxy, and puts it back.

    Args:

        socket: The stats socket with `level admin`: its path, or HOST:PORT.

        server: This instance as HAProxy knows it, `backend/server`.

        mode: `drain` refuses what could go to another server; `maint` also what is bound to this one.

        cut: Whether sessions that are left after *wait* are cut.

        wait: The longest wait for the last session to end, seconds.

        name: The name of the handler; by default `haproxy` and the server.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.

    The handler raises `Permanent` for a server that HAProxy does not know and for a socket without the right to it,
    `Transient` when HAProxy cannot be reached, and `TimeoutError` when it does not answer.
    """
    check_wait("wait", wait, 5.0, timeout)
    runtime = Runtime(socket)
    backend, _, short = server.partition("/")
    if not (backend and short) or not server.isprintable() or {*server} & {*" ;/"} - {"/"} or "/" in short:
        raise HandlerError(f"cannot drain {server!r}: write `backend/server`, as in HAProxy's configuration")
    if mode not in {"drain", "maint"}:
        raise HandlerError(f"cannot drain {server!r} with mode={mode!r}: it is 'drain' or 'maint'")
    return drainer(
        name or f"haproxy {server}",
        lambda ctx: _Leaving(runtime, server, ctx).leave(mode, wait, cut=cut),
        lambda ctx: _Leaving(runtime, server, ctx).come_back(mode),
        wait=wait,
        timeout=timeout,
    )


class _Leaving:
    """One attempt."""

    def __init__(self, runtime: Runtime, server: str, ctx: Context) -> None:
        self._server = server
        self._ctx = ctx
        self._left: Load | None = None
        self._talk = Talk(runtime, ctx)

    def leave(self, mode: str, wait: float, *, cut: bool) -> None:
        """Leave traffic, wait for what is under way, and say what was seen."""
        self._order(mode)
        ids = self._standing().ids

        def look() -> str | None:
            self._left = left = load(self._talk.ask(f"show stat {ids}"), self._server)
            if left.in_rotation:
                # A reload has forgotten the order, or somebody has taken it back.
                self._order(mode)
            return str(self) if left.quiet else None

        if evidence(self._ctx, look, lambda: str(self), wait=wait, every=_LOOK_S) or self._ctx.remaining() <= 0:
            return
        if self._left is not None and self._left.in_rotation:
            raise Transient(f"HAProxy keeps {self}, although it was told to {mode} it")
        if cut:
            self._cut()

    def __str__(self) -> str:
        """Return what was seen last."""
        return f"{self._server}: {self._left or 'nothing is known'}"

    def come_back(self, mode: str) -> None:
        """Come back into the rotation, if it was left in the way of *mode*."""
        found = self._standing()
        if mode == "drain" and found.admin & FORCED_MAINTENANCE:
            self._ctx.note(f"{self._server} is in maintenance, which another has ordered; it stays there")
        elif found.admin & (FORCED_DRAIN | FORCED_MAINTENANCE):
            self._order("ready")
            self._ctx.note(f"{self._server}: ready")

    def _order(self, state: str) -> None:
        said = self._talk.order(f"set server {self._server} state {state}")
        if said.startswith(_UNKNOWN):
            raise self._unknown()
        if said:
            raise Permanent(f"HAProxy does not {state} {self._server}: {said[:300]}")

    def _standing(self) -> Server:
        said = self._talk.ask(f"show servers state {self._server.partition('/')[0]}")
        for each in servers(said):
            if each.name == self._server:
                return each
        raise self._unknown()

    def _cut(self) -> None:
        said = self._talk.order(f"shutdown sessions server {self._server}")
        self._ctx.note(f"{self._server}: {said or 'what was left is cut'}")

    def _unknown(self) -> Permanent:
        known = sorted(each.name for each in servers(self._talk.ask("show servers state")))
        text = f"HAProxy knows no server {self._server!r}"
        return Permanent(f"{text}; it knows {', '.join(known[:20]) or 'none'}{', ...' if len(known) > 20 else ''}")
