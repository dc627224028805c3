"""
A webhook that is told of a crash, or of the end of each run, as a CloudEvent.

Source: CloudEvents 1.0.2, its JSON format and its HTTP protocol binding in structured content mode.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ...accounts.plain import is_crash, number, text
from ...core.crash import CrashReport
from ...core.retry import TRANSIENT_STATUS
from ...hints import Any
from ...ports import Context
from ...sending import Address
from .handler import http

TYPE = "dev.processender.crash.v1"
"""The `type` of the event of a crash; its `data` is the `CrashReport`."""
RUN, KILLED = "dev.processender.run.v1", "dev.processender.run.killed.v1"
"""The `type` of the event of a run that has ended, and of one that never did; its `data` is the report."""
CONTENT = "application/cloudevents+json; charset=utf-8"
_LAST = 253402300799.0


def cloudevent(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    expect: Collection[int] = (),
    transient: Collection[int] = TRANSIENT_STATUS,
) -> Callable[[CrashReport, Context], None]:
    """
    Return what posts a crash to *url*; see `http` for the arguments and for what is raised.

    `source` and `id` of the event are the same at each attempt, so a receiver can tell a repetition.
    """
    send = http("POST", url, expect=expect, headers={"Content-Type": CONTENT, **(headers or {})}, transient=transient)

    def post(crash: CrashReport, ctx: Context) -> None:
        send(ctx, encode(crash))

    return post


def exporter(
    url: str,
    *,
    headers: Mapping[str, Any] | None = None,
    timeout: float = 10.0,
    authority: str | None = None,
    name: str = "cloudevents",
) -> CloudEventsExporter:
    """
    Return what posts the account of each end, and of each crash, to *url*, for `Ender(exporters=[...])`.

    `source` and `id` of an event are always the same for one account, so a receiver can tell a repetition.

    Args:

        url: Where to.

        headers: More header fields, each as text or as a reference, `{"env": NAME}` or `{"file": PATH}`.

        timeout: How long one request may take, seconds.

        authority: The file of the certificate authority that is trusted; by default those of the system.

        name: What it is called, where there are several.
    """
    return CloudEventsExporter(name, Address(url, CONTENT, headers, timeout=timeout, authority=authority))


class CloudEventsExporter:
    """Posts accounts as CloudEvents; made by `exporter`."""

    def __init__(self, name: str, address: Address) -> None:
        """Take its *name*, and where to send."""
        self.name = name
        """What it is called."""
        self._address = address

    def send(self, account: dict[str, Any], ctx: Context) -> None:
        """Post *account*; raise if it was not taken."""
        self._address.send(encode_account(account), ctx)


def encode_account(account: Mapping[str, Any]) -> bytes:
    """Return *account*, a report or the account of a crash as it was read, as a CloudEvent in the JSON format."""
    crash = CrashReport.read(account) if is_crash(account) else None
    if crash is not None:
        return encode(crash)
    service, verdict = text(account.get("service")), text(account.get("verdict"))
    ended, started = number(account.get("ended")), number(account.get("started")) or 0.0
    how = "was killed in its end" if ended is None else f"ended {verdict} after {ended - started:.2f} s"
    # What was heard of a run that seemed to be killed is an event of its own, and no repetition.
    id_ = f"{account.get('id')}{'/killed' if ended is None else ''}"
    at = started if ended is None else ended
    return _event(id_, service, KILLED if ended is None else RUN, f"{service} {how}", at, account)


def encode(crash: CrashReport) -> bytes:
    """Return *crash* as a CloudEvent in the JSON format."""
    return _event(crash.id, crash.service, TYPE, crash.summary, crash.at, crash.as_dict())


def _event(id_: str, service: str, kind: str, subject: str, at: float, data: Mapping[str, Any]) -> bytes:
    import json  # noqa: PLC0415 - for those who need it
    from datetime import UTC, datetime  # noqa: PLC0415 - see above
    from urllib.parse import quote  # noqa: PLC0415 - see above

    event = {
        "specversion": "1.0",
        "id": id_,
        "source": f"/processender/{quote(service, safe='', errors='replace')}",
        "type": kind,
        "subject": subject,
        "time": datetime.fromtimestamp(min(max(at, 0.0), _LAST), UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(event).encode()
