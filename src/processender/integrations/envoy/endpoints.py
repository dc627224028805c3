"""Envoy in front: this instance's endpoint in the file from which Envoy reads them."""

from __future__ import annotations

from ...core.handler import Handler
from ...errors import HandlerError, Permanent
from ...hints import Any
from ...leaving import EXPECTED_S, drainer
from ...patience import check_wait, evidence, poll, quiet
from ...ports import Context
from ...rewriting import Rewriting
from .admin import Admin
from .assignment import endpoints, parse, put_away, restore, show

_LOOK_S = 0.1
_QUIET_LOOKS = 13
"""How often in a row it must be quiet: Envoy's main thread, which answers, tells its workers within a second."""


def drain_endpoint(
    file: str, address: str, *, admin: str = "", wait: float = 5.0, name: str = "", timeout: float | None = None
) -> Handler:
    """
    Return the handler that drains one endpoint of an Envoy that reads them from a file, and brings it back.

    Args:

        file: The path in Envoy's `path_config_source`, in JSON; no link, since Envoy watches the directory of it.

        address: This instance's address as it stands there, `HOST:PORT`.

        admin: The URL of that Envoy's admin face, where it can be seen that it has read the file, and what it still
            sends; without it all of *wait* is spent.

        wait: The longest wait for the last request to end, seconds.

        name: The name of the handler; by default `envoy` and the address.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.
    """
    check_wait("wait", wait, 5.0, timeout)
    if not file or not address.rpartition(":")[2].isdecimal():
        raise HandlerError(f"cannot drain the endpoint {address!r} in {file!r}: give a file and HOST:PORT")
    target = _Endpoint(file, address, Admin(admin) if admin else None, wait)
    # Without its word the wait is for all the time.
    expected = _QUIET_LOOKS * _LOOK_S + EXPECTED_S if admin else wait
    own = name or f"envoy {address}"
    return drainer(own, target.leave, target.come_back, wait=wait, timeout=timeout, expected=expected)


class _Endpoint:
    """One endpoint in one file."""

    def __init__(self, file: str, address: str, admin: Admin | None, wait: float) -> None:
        self._file = file
        self._address = address
        self._admin = admin
        self._wait = wait

    def leave(self, ctx: Context) -> None:
        """Write that it is draining, and wait until Envoy sends it nothing any more."""
        with Rewriting(self._file, ctx) as file:
            text = file.read()
            data = parse(text, self._file)
            ours = [put_away(each) for each in self._own(data)]
            if not all(ours):
                ctx.note(f"{self._address} is draining already, by another, and stays so")
            self._write(file, data, text)
        if self._admin is None:
            poll(ctx, lambda: None, wait=self._wait)
            ctx.note(f"{self._address} is draining in {self._file} since {self._wait:g} s; Envoy was not asked")
            return
        seen = _Seen(self._admin, ctx, self._address)
        said = f"Envoy drains {self._address}, no requests are under way"
        quiet(ctx, seen.left, said, wait=self._wait, looks=_QUIET_LOOKS, every=_LOOK_S)

    def come_back(self, ctx: Context) -> None:
        """Write what stood there before, if it was drained by us, and wait until Envoy knows."""
        with Rewriting(self._file, ctx) as file:
            text = file.read()
            data = parse(text, self._file)
            ours = [restore(each) for each in self._own(data)]
            if not any(ours):
                return
            self._write(file, data, text)
        if self._admin is None:
            ctx.note(f"{self._address} is back in {self._file}")
            return
        seen = _Seen(self._admin, ctx, self._address)
        evidence(ctx, seen.back, lambda: str(seen), wait=self._wait, every=_LOOK_S)

    def _own(self, data: Any) -> list[dict[str, Any]]:
        found = list(endpoints(data))
        own = [each for address, each in found if address == self._address]
        if not own:
            known = ", ".join(dict.fromkeys(address for address, _ in found)) or "none"
            raise Permanent(f"{self._file} names no endpoint {self._address!r}; it names {known}")
        return own

    def _write(self, file: Rewriting, data: Any, text: str) -> None:
        if data != parse(text, self._file):
            file.write(show(data, text))


class _Seen:
    """What Envoy tells of the endpoint."""

    def __init__(self, admin: Admin, ctx: Context, address: str) -> None:
        self._admin = admin
        self._ctx = ctx
        self._address = address
        self._states: set[str] = set()

    def left(self) -> str:
        """Return why it may still get requests, or has some; an empty text if it is drained and has none."""
        requests = self._look()
        if self._states != {"DRAINING"}:
            return str(self)
        return f"Envoy drains {self._address}: requests under way: {requests}" if requests else ""

    def back(self) -> str | None:
        """Return that it is not drained any more."""
        self._look()
        return f"{self} again" if self._states and "DRAINING" not in self._states else None

    def __str__(self) -> str:
        """Return what Envoy takes it for."""
        if not self._states:
            return f"Envoy does not know {self._address}"
        return f"Envoy takes {self._address} for {', '.join(sorted(self._states))}"

    def _look(self) -> int:
        self._states, requests = self._admin.endpoint(self._ctx, self._address)
        return requests
