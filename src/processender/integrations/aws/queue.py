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
from .listener import HINT
from .metadata import Paths, service

PAUSE_S = 1.0
"""How long it waits between two looks; the queue holds a look that finds nothing."""
SPOT_S = 120.0
_WARNING = "EC2 Spot Instance Interruption Warning"
_REBALANCE = "EC2 Instance Rebalance Recommendation"
_LIFECYCLE = "EC2 Instance-terminate Lifecycle Action"
_STATE = "EC2 Instance State-change Notification"
_HEALTH = "AWS Health Event"
_TEST = "autoscaling:TEST_NOTIFICATION"


class Queue:
    """One queue, as one instance reads it."""

    def __init__(self, client: Client, url: str, instance: str, paths: Paths, rebalance: Action) -> None:
        """Take it; without an *instance* the metadata service is asked who this is."""
        self._client = client
        self._url = url
        self._instance = instance
        self._paths = paths
        self._rebalance = rebalance
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
        taken = client.ask(
            lambda: api.receive_message(QueueUrl=self._url, WaitTimeSeconds=POLL_S, MaxNumberOfMessages=10)
        )
        for message in taken.get("Messages", ()):
            self._take(glance, str(message.get("Body", "")), message["ReceiptHandle"])
        return list(self._stands.values())

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
            return Sighting("autoscaling", "autoscaling terminate")
        if kind == _STATE:
            ends = detail.get("state") in {"stopping", "shutting-down"}
            return Sighting("state", f"instance {detail.get('state')}") if ends else None
        raise Unclear(f"the event {kind!r} is not known")


def listen_queue(
    url: str,
    *,
    name: str = "aws-queue",
    instance: str = "",
    rebalance: Literal["advise", "drain", "stop"] = "advise",
    region: str = "",
    queue_endpoint: str = "",
    endpoint: str = "",
) -> Polled:
    """
    Return the source that reads a queue of SQS into which EventBridge puts the events of EC2 (needs boto3).

    Args:

        url: The URL of the queue.

        name: What it is called in notices and troubles.

        instance: The id of this instance; without it the metadata service is asked.

        rebalance: What a rebalance recommendation means.

        region: The region of the queue, if boto3 does not find it.

        queue_endpoint: Where the service is, instead of that of the region.

        endpoint: Where the metadata service is, instead of where it always is.
    """
    if not url:
        raise SourceError("cannot read a queue without its `url`")
    client = Client("sqs", region, queue_endpoint)
    paths = Paths(service(endpoint), Action.ADVISE, Action.ADVISE, Action.STOP)
    queue = Queue(client, url, instance, paths, Action(rebalance))
    return Polled(name, [Look("queue", queue.look, PAUSE_S, POLL_S + 2 * STEP_S)], hint=HINT)
