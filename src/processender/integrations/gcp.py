"""
Google Cloud: hears that an instance of Compute Engine is preempted, moved, or shut down gracefully.

Hears: `instance/preempted`, `instance/maintenance-event` and `instance/shutdown-details`, each by a request that the
metadata server holds until something changes, so a notice comes as soon as it is there and hardly anything is asked.

Leaves: the signal. After the notice the machine gets the power button (30 s on a spot instance, 120 s on others) and
the operating system ends its services as usual.

Versions: the metadata server as of 2026, `computeMetadata/v1`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ..core.notice import Action, DeadlineKind
from ..core.sighting import Sighting
from ..errors import SourceError
from ..exchange import Answer, Request
from ..glance import Glance, Later, Unclear, found, instant, text_of
from ..hints import Literal
from ..listening import Look, Polled, Together

__all__ = ["listen"]
ADDRESS = "169.254.169.254"
"""Where every instance finds the server."""
VARIABLE = "GCE_METADATA_HOST"
"""The variable by which the clients of Google, and this, find it elsewhere."""
HELD_S = 60.0
"""How long the server is asked to hold a request."""
MOST_HELD_S = 3600.0
"""How long it may be asked to."""
PATIENCE_S = 70.0
"""How long it is waited for its answer."""
PAUSE_S = 1.0
"""The pause between two requests, should the server not hold them."""
ABSENT_S = 5.0
"""How often it is asked for what is not there before it happens."""
SPOT_S = 30.0
"""How long a spot instance has from the power button to the end."""
HINT = "is this an instance of Compute Engine?"
_HEADERS = {"Metadata-Flavor": "Google"}


class Value:
    """One value of the metadata server, which is waited for."""

    def __init__(self, base: str, path: str, held: float) -> None:
        """Take the address of the *base*, the *path* of the value, and how long a request is *held*."""
        self._url = base + path
        self._held = int(held)
        self._etag = ""
        self._plain = Later("GET", self._url, _HEADERS)

    def read(self, glance: Glance) -> str | None:
        """Return the value as soon as it has changed, None where there is none; the first time, at once."""
        request, waits = self._plain(), bool(self._etag)
        if waits:
            from urllib.parse import quote  # noqa: PLC0415 - the request has loaded it

            query = f"wait_for_change=true&last_etag={quote(self._etag, safe='')}&timeout_sec={self._held}"
            request = Request("GET", f"{self._url}?{query}", _HEADERS)
        begun = glance.clock.now()
        answer = self._found(request, glance)
        # Without a value there is nothing whose change could be waited for.
        self._etag = "" if answer is None else answer.headers.get("ETag") or ""
        if self._etag and (not waits or glance.clock.now() - begun >= PAUSE_S):
            # The server holds what it is asked next, or has held this.
            glance.pause = 0.0
        return None if answer is None else text_of(answer)

    def _found(self, request: Request, glance: Glance) -> Answer | None:
        try:
            return found(request, glance.ask(request))
        except Exception:
            # After a failure the value itself is asked for.
            self._etag = ""
            raise


def listen(
    *,
    name: str = "gcp",
    maintenance: Literal["advise", "drain", "stop"] = "advise",
    terminate: Literal["stop", "drain", "advise"] = "stop",
    terminate_within: float | None = None,
    preempted_within: float = SPOT_S,
    held: float = HELD_S,
    endpoint: str = "",
) -> Together:
    """
    Return the source that reads the metadata server; nothing is asked before it is started.

    Args:

        name: What it is called in notices and troubles.

        maintenance: What a live migration means, after which the process goes on.

        terminate: What it means that the host is maintained and the instance must end.

        terminate_within: How long before that it is told, seconds, if you know; None leaves it at the grace.

        preempted_within: How long a preempted instance has, seconds: an assumption, which never lengthens the grace.

        held: How long the server is asked to hold a request, seconds.

        endpoint: Where the server is, as a URL, HOST or HOST:PORT, instead of where it always is.
    """
    if not 1 <= held <= MOST_HELD_S:
        raise SourceError(f"cannot wait for {held:g} s: `held` must be 1 to {MOST_HELD_S:g} s")
    host = endpoint or os.environ.get(VARIABLE) or ADDRESS
    base = f"{host if '//' in host else f'http://{host}'}/computeMetadata/v1/instance/"
    values = {path: Value(base, path, held) for path in (
        "preempted", "maintenance-event", "shutdown-details/stop-state",
        "shutdown-details/max-duration", "shutdown-details/request-timestamp")}  # fmt: skip
    moved, ended = Action(maintenance), Action(terminate)

    def preempted(glance: Glance) -> Sequence[Sighting]:
        text = values["preempted"].read(glance)
        if text == "TRUE":
            return [Sighting("preempted", "preempted", within=preempted_within, kind=DeadlineKind.ASSUMED)]
        return _nothing(text, "FALSE")

    def host_event(glance: Glance) -> Sequence[Sighting]:
        text = values["maintenance-event"].read(glance)
        if text == "MIGRATE_ON_HOST_MAINTENANCE":
            return [Sighting("maintenance", "host maintenance: migrate", moved, can_cancel=True)]
        if text == "TERMINATE_ON_HOST_MAINTENANCE":
            why, kind = "host maintenance: terminate", DeadlineKind.CONFIGURED
            return [Sighting("maintenance", why, ended, within=terminate_within, kind=kind, can_cancel=True)]
        return _nothing(text, "NONE")

    def graceful(glance: Glance) -> Sequence[Sighting]:
        text = values["shutdown-details/stop-state"].read(glance)
        if text in {"PENDING_STOP", "STOPPING"}:
            return [Sighting("shutdown", "graceful shutdown", deadline=_until(glance, values))]
        return _nothing(text, "UNSPECIFIED")

    def source(what: str, see: Callable[[Glance], Sequence[Sighting]], pause: float) -> Polled:
        return Polled(name, [Look(what, see, pause, held + PATIENCE_S - HELD_S)], hint=HINT)

    looks = [("preempted", preempted, PAUSE_S), ("maintenance", host_event, PAUSE_S), ("shutdown", graceful, ABSENT_S)]
    return Together(name, [source(*each) for each in looks])


def _nothing(text: str | None, idle: str) -> list[Sighting]:
    if text in {None, "", idle}:
        return []
    raise Unclear(f"{str(text)[:80]!r} is not known")


def _until(glance: Glance, values: dict[str, Value]) -> float | None:
    """Return when a graceful shutdown is over, seconds since 1970; None where that cannot be read."""
    try:
        begun = values["shutdown-details/request-timestamp"].read(glance)
        longest = values["shutdown-details/max-duration"].read(glance)
        return None if begun is None or longest is None else instant(begun) + float(longest.removesuffix("s"))
    except (Unclear, ValueError) as error:
        glance.unclear(f"it does not say how long the graceful shutdown may take: {error}; the grace counts")
        return None
