"""
Alibaba Cloud: hears that a preemptible instance of ECS is taken back.

Hears: `instance/spot/termination-time` of the metadata server, in the mode that wants a token. It is announced about
five minutes before.

Leaves: the end itself: the instance is stopped or deleted at that time, whatever the process does.

Versions: the metadata server as of 2026.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.sighting import Sighting
from ..glance import Glance, instant, text_of
from ..listening import Look, Polled
from ..tokened import Tokened

__all__ = ["listen"]
ADDRESS = "http://100.100.100.200"
"""Where every instance finds the server."""
PATH = "/latest/meta-data/instance/spot/termination-time"
TTL_S = 3600
"""How long a token is to live, seconds."""
HINT = "is this an instance of Alibaba Cloud ECS?"
_TOKEN = "/latest/api/token"  # noqa: S105 - a path
_HEADERS = ("X-aliyun-ecs-metadata-token-ttl-seconds", "X-aliyun-ecs-metadata-token")


def listen(*, name: str = "alibaba", every: float = 5.0, endpoint: str = "") -> Polled:
    """
    Return the source that reads the metadata server; nothing is asked before it is started.

    Args:

        name: What it is called in notices and troubles.

        every: How often it looks, seconds.

        endpoint: Where the server is, instead of where it always is.
    """
    metadata = Tokened(endpoint or ADDRESS, _TOKEN, _HEADERS, TTL_S)

    def see(glance: Glance) -> Sequence[Sighting]:
        answer = metadata.get(glance, PATH)
        return [] if answer is None else [Sighting("spot", "spot terminate", deadline=instant(text_of(answer)))]

    return Polled(name, [Look("spot", see, every)], hint=HINT)
