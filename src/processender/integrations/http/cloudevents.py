"""
A webhook that is told of a crash, as a CloudEvent.

Source: CloudEvents 1.0.2, its JSON format and its HTTP protocol binding in structured content mode.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ...core.crash import CrashReport
from ...core.retry import TRANSIENT_STATUS
from ...ports import Context
from .handler import http

TYPE = "dev.processender.crash.v1"
"""The `type` of the event; its `data` is the `CrashReport`."""
CONTENT = "application/cloudevents+json; charset=utf-8"


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


def encode(crash: CrashReport) -> bytes:
    """Return *crash* as a CloudEvent in the JSON format."""
    import json  # noqa: PLC0415 - for those who need it
    from datetime import UTC, datetime  # noqa: PLC0415 - see above
    from urllib.parse import quote  # noqa: PLC0415 - see above

    event = {
        "specversion": "1.0",
        "id": crash.id,
        "source": f"/processender/{quote(crash.service, safe='')}",
        "type": TYPE,
        "subject": crash.summary,
        "time": datetime.fromtimestamp(crash.at, UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": crash.as_dict(),
    }
    return json.dumps(event).encode()
