"""The source that reads the metadata service of EC2: what it looks at, how often, and what each word is to mean."""

from __future__ import annotations

import os

from ...core.notice import Action
from ...hints import Literal
from ...listening import LIMIT_S, Look, Polled
from .lifecycle import lifecycle
from .metadata import Paths, service

HINT = "is this an instance of EC2? In a container the service needs a hop limit of 2 (HttpPutResponseHopLimit)"
OFF = "AWS_EC2_METADATA_DISABLED"
"""The variable by which the clients of AWS, and this, are kept from asking."""
CALM_S = 10.0
"""How often it is asked for what is no end."""
RARE_S = 60.0
"""How often it is asked for what is announced days before."""
LIFECYCLE_LIMIT_S = 10.0


def listen(
    *,
    name: str = "aws",
    rebalance: Literal["advise", "drain", "stop"] = "advise",
    maintenance: Literal["advise", "stop_by"] = "advise",
    hibernate: Literal["stop", "drain", "advise"] = "stop",
    group: str = "",
    hook: str = "",
    heartbeat: float = 30.0,
    extend_to: float | None = None,
    every: float = 2.0,
    region: str = "",
    endpoint: str = "",
    autoscaling_endpoint: str = "",
) -> Polled:
    """
    Return the source that reads the instance metadata service (IMDSv2); nothing is asked before it is started.

    Args:

        name: What it is called in notices and troubles.

        rebalance: What a rebalance recommendation means; it has no deadline, and an end need not follow.

        maintenance: What a scheduled event means: only told, or an end that begins in time before `NotBefore`.

        hibernate: What a hibernation means, which begins at once; after `drain` traffic comes back when it is over.

        group: The name of that group, and with `hook` the wish to answer it (needs boto3).

        hook: The name of the lifecycle hook that is told to go on when the end is over.

        heartbeat: How often the hook is kept waiting, seconds; less than its `HeartbeatTimeout`.

        extend_to: How long the end may take by keeping the hook waiting, seconds; None leaves it at the grace.

        every: How often it looks for an interruption, seconds; for all else it looks more rarely.

        region: The region of the group, if boto3 does not find it.

        endpoint: Where the metadata service is, instead of where it always is.

        autoscaling_endpoint: Where the service of the group is, instead of that of the region.
    """
    paths = Paths(service(endpoint), Action(rebalance), Action(maintenance), Action(hibernate))
    group_of = lifecycle(
        paths, group=group, hook=hook, heartbeat=heartbeat, extend_to=extend_to, region=region,
        endpoint=autoscaling_endpoint,
    )  # fmt: skip
    looks = [
        Look("spot", paths.spot, every),
        Look("termination", paths.termination, max(every, CALM_S)),
        Look("rebalance", paths.rebalance, max(every, CALM_S)),
        Look("autoscaling", group_of.look, max(every, CALM_S), LIFECYCLE_LIMIT_S if hook else LIMIT_S),
        Look("maintenance", paths.maintenance, max(every, RARE_S)),
    ]
    if os.environ.get(OFF, "").lower() == "true":
        looks = []
    return Polled(name, looks, hint=HINT, handlers=group_of.handlers())
