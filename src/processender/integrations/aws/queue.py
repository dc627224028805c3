"""
Notices that EventBridge puts into a queue of SQS: what is said there about this instance, and nothing about others.

Source: the events as aws-node-termination-handler reads them. A queue delivers at least once and in any order. A
message is deleted after it was told, and one about another instance is given back at once, so each instance should have
a queue of its own, or a rule that lets only its own through; a queue that many share is slow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.notice import Action
from ...core.sighting import Sighting
from ...errors import Permanent, SourceError, Transient
from ...glance import Glance, Unclear, instant, text_of
from ...hints import Any, Literal
from ...listening import Look, Polled
from .client import POLL_S, STEP_S, Client
from .lifecycle import GROUP, Hook
from .listener import HINT
from .metadata import Paths, service

PAUSE_S = 1.0
"""How long it waits between two looks; the queue holds a look that finds nothing."""
SPOT_S = 120.0
_EXAMPLE = "https://sqs.eu-west-1.amazonaws.com/123456789012/notices"
_WARNING = "EC2 Spot Instance Interruption Warning"
_REBALANCE = "EC2 Instance Rebalance Recommendation"
_LIFECYCLE = "EC2 Instance-terminate Lifecycle Action"
_NAMED = {
    "AutoScalingGroupName": "AutoScalingGroupName",
    "LifecycleHookName": "LifecycleHookName",
    "LifecycleActionToken": "LifecycleActionToken",
    "InstanceId": "EC2InstanceId",
}
"""What the service wants to be told of an action, and under what the event names it."""
_STATE = "EC2 Instance State-change Notification"
_HEALTH = "AWS Health Event"
_TEST = "autoscaling:TEST_NOTIFICATION"


class Queue:
    """One queue, as one instance reads it."""

    def __init__(self, client: Client, url: str, instance: str, paths: Paths, rebalance: Action, hook: Hook) -> None:
        """Take it, and the *hook* to answer; without an *instance* the metadata service is asked who this is."""
        self._client = client
        self._url = url
        self._instance = instance
        self._paths = paths
        self._rebalance = rebalance
        self._hook = hook
        self._stands: dict[str, Sighting] = {}
        self._told: list[str] = []

    def look(self, glance: Glance) -> Sequence[Sighting]:
        """Take what is there, and return all that stands."""
        api, client = self._client.api, self._client
        if not self._instance:
            answer = self._paths.get(glance, "instance-id")
            self._instance = "" if answer is None else text_of(answer)
            if not self._instance:
                raise Unclear("the metadata does not say which instance this is; give `instance`")
        while self._told:
            # Only now: what was taken before has been told.
            receipt = self._told.pop()
            self._leave(glance, lambda: api.delete_message(QueueUrl=self._url, ReceiptHandle=receipt))  # noqa: B023
        self._tell_the_group(glance)
        taken = client.ask(
            lambda: api.receive_message(QueueUrl=self._url, WaitTimeSeconds=POLL_S, MaxNumberOfMessages=10)
        )
        for message in taken.get("Messages", ()):
            self._take(glance, str(message.get("Body", "")), message["ReceiptHandle"])
        return list(self._stands.values())

    def _tell_the_group(self, glance: Glance) -> None:
        """Keep a hook that waits waiting; the end has been told before."""
        if self._hook.waits:
            self._stands[GROUP] = self._hook.sighting(glance)
        elif GROUP in self._stands:
            self._hook.asked(glance)

    def _take(self, glance: Glance, body: str, receipt: str) -> None:
        try:
            seen, ours = self._understand(body)
        except Unclear as error:
            glance.unclear(str(error))
            ours, seen = True, None
        if seen is not None:
            self._stands[seen.key] = seen
        if ours:
            self._told.append(receipt)
        else:
            given = {"QueueUrl": self._url, "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            self._leave(glance, lambda: self._client.api.change_message_visibility(**given))

    def _leave(self, glance: Glance, deed: Callable[[], Any]) -> None:
        """Do what is owed to the queue; that it cannot be done, or must not, is no reason to read no more."""
        try:
            self._client.ask(deed)
        except (Transient, Permanent) as error:
            glance.failed(error)

    def _understand(self, body: str) -> tuple[Sighting | None, bool]:
        """Return what *body* says about us, and whether it is ours to delete."""
        import json  # noqa: PLC0415 - boto3 has loaded it

        try:
            event = json.loads(body)
            detail = event.get("detail") or {}
            if _TEST in (event.get("Event"), detail.get("LifecycleTransition")):
                return None, True
            kind, about = event.get("detail-type"), detail.get("instance-id") or detail.get("EC2InstanceId")
        except (ValueError, AttributeError, RecursionError) as error:
            raise Unclear(f"the message {body[:80]!r} is no event") from error
        if about is None:
            # A health event names what it is about elsewhere; it comes days before, and the metadata tells it too.
            if kind == _HEALTH:
                return None, True
            raise Unclear(f"the event {kind!r} names no instance")
        return (self._meant(kind, detail, event), True) if about == self._instance else (None, False)

    def _meant(self, kind: str, detail: Any, event: Any) -> Sighting | None:
        if kind == _WARNING:
            action = str(detail.get("instance-action", "terminate"))
            if action == "hibernate":
                return Sighting("spot", "spot hibernate")
            try:
                return Sighting("spot", f"spot {action}", deadline=instant(event.get("time")) + SPOT_S)
            except Unclear:
                return Sighting("spot", f"spot {action}")
        if kind == _REBALANCE:
            return Sighting("rebalance", "spot rebalance", self._rebalance)
        if kind == _LIFECYCLE:
            self._hook.named = {
                name: str(detail[key]) for name, key in _NAMED.items() if isinstance(detail.get(key), str)
            }
            return Sighting(GROUP, "autoscaling terminate")
        if kind == _STATE:
            ends = detail.get("state") in {"stopping", "shutting-down"}
            return Sighting("state", f"instance {detail.get('state')}") if ends else None
        raise Unclear(f"the event {kind!r} is not known")


def _region_of(url: str) -> str:
    """Return the region in the URL of a queue of AWS, empty for another one."""
    host = url.partition("//")[2].partition("/")[0]
    service, _, rest = host.partition(".")
    return rest.partition(".")[0] if service == "sqs" and ".amazonaws." in f".{rest}" else ""


def listen_queue(
    url: str,
    *,
    name: str = "aws-queue",
    instance: str = "",
    answer: bool = False,
    heartbeat: float = 30.0,
    extend_to: float | None = None,
    rebalance: Literal["advise", "drain", "stop"] = "advise",
    region: str = "",
    queue_endpoint: str = "",
    endpoint: str = "",
    autoscaling_endpoint: str = "",
) -> Polled:
    """
    Return the source that reads a queue of SQS into which EventBridge puts the events of EC2 (needs boto3).

    Args:

        url: The URL of the queue.

        name: What it is called in notices and troubles.

        instance: The id of this instance; without it the metadata service is asked.

        answer: Whether the lifecycle hook that an event names is told to go on when the end is over.

        heartbeat: How often that hook is kept waiting, seconds; less than its `HeartbeatTimeout`.

        extend_to: How long the end may take by keeping the hook waiting, seconds; None leaves it at the grace.

        rebalance: What a rebalance recommendation means.

        region: The region of the queue and the group; by default that in the URL, or the one that boto3 finds.

        queue_endpoint: Where the service is, instead of that of the region.

        endpoint: Where the metadata service is, instead of where it always is.

        autoscaling_endpoint: Where the service of the group is, instead of that of the region.
    """
    if not url.startswith(("https://", "http://")):
        raise SourceError(f"cannot read the queue {url!r}: give its URL, like {_EXAMPLE}")
    if extend_to is not None and not answer:
        raise SourceError("cannot ask the group for more time: `extend_to` needs `answer`")
    region = region or _region_of(url)
    client = Client("sqs", region, queue_endpoint)
    paths = Paths(service(endpoint), Action.ADVISE, Action.ADVISE, Action.STOP)
    hook = Hook(Client("autoscaling", region, autoscaling_endpoint) if answer else None, heartbeat, extend_to)
    queue = Queue(client, url, instance, paths, Action(rebalance), hook)
    look = Look("queue", queue.look, PAUSE_S, POLL_S + 3 * STEP_S)
    return Polled(name, [look], hint=HINT, handlers=hook.handlers())
