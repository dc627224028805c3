"""
The lifecycle hook of an Auto Scaling group: it is kept waiting by heartbeats, and told to go on when the end is over.

Source: the API of Auto Scaling, version 2011-01-01. A hook waits `HeartbeatTimeout` (30 s to 2 h) from each heartbeat;
without the token, which only a queue knows, it is found by the instance.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.handler import Handler, Importance
from ...core.notice import DeadlineKind
from ...core.sighting import Sighting
from ...errors import Permanent, SourceError, Transient
from ...glance import Glance, text_of
from ...ports import Context
from .client import Client
from .metadata import Paths

HANDLER = "aws-lifecycle"
LAST = -1_000_000
"""The priority of what tells the group to go on: nothing of the phase comes behind it."""


class Lifecycle:
    """What an instance hears from its group, and answers."""

    def __init__(
        self, paths: Paths, client: Client | None, group: str, hook: str, heartbeat: float, extend_to: float | None
    ) -> None:
        """Take the *client* of Auto Scaling, None where nobody is answered; see `listen`."""
        self._paths = paths
        self._client = client
        self._group = group
        self._hook = hook
        self._heartbeat = heartbeat
        self._extend_to = extend_to
        self._instance = ""
        self._since: float | None = None
        self._beat_at: float | None = None

    def look(self, glance: Glance) -> Sequence[Sighting]:
        """Read the state; from the second look on, keep the hook waiting."""
        if self._client is not None and not self._instance:
            answer = self._paths.get(glance, "instance-id")
            self._instance = "" if answer is None else text_of(answer)
        if self._since is None:
            if not self._paths.leaves_group(glance):
                return []
            self._since = glance.clock.now()
        elif self._client is not None and self._extend_to is not None:
            self._beat(glance, self._client)
        if self._beat_at is None or self._extend_to is None:
            return [Sighting("autoscaling", "autoscaling terminate")]
        # Reckoned on the monotonic clock and told on that by which it will be read: ours may be wrong, or be set.
        until = glance.wall() + self._extend_to - (glance.clock.now() - self._since)
        return [
            Sighting("autoscaling", "autoscaling terminate", deadline=until, kind=DeadlineKind.CONFIGURED, extends=True)
        ]

    def _beat(self, glance: Glance, client: Client) -> None:
        now = glance.clock.now()
        if self._beat_at is not None and now < self._beat_at:
            return
        try:
            client.ask(lambda: client.api.record_lifecycle_action_heartbeat(**self._named))
        except (Transient, Permanent) as error:
            glance.unclear(f"the hook {self._hook!r} is not kept waiting: {error}")
            return
        self._beat_at = now + self._heartbeat

    @property
    def _named(self) -> dict[str, str]:
        return {"LifecycleHookName": self._hook, "AutoScalingGroupName": self._group, "InstanceId": self._instance}

    def handlers(self) -> list[Handler]:
        """Return what tells the group to go on, where it can be told."""
        if self._client is None:
            return []
        return [
            Handler(HANDLER, self._complete, phase="release", priority=LAST, importance=Importance.SHOULD, expected=0.5)
        ]

    def _complete(self, ctx: Context) -> None:
        client = self._client
        if client is None or self._since is None:
            ctx.note("the group has not asked for the end, and is told nothing")
            return
        named = {**self._named, "LifecycleActionResult": "CONTINUE"}
        ctx.call("autoscaling", lambda: client.ask(lambda: client.api.complete_lifecycle_action(**named)))
        ctx.note(f"the hook {self._hook!r} is told to go on")


def lifecycle(
    paths: Paths, *, group: str, hook: str, heartbeat: float, extend_to: float | None, region: str, endpoint: str
) -> Lifecycle:
    """Return what listens to the group, and answers it where *group* and *hook* are named."""
    if bool(group) != bool(hook):
        raise SourceError("cannot answer the group: give both `group` and `hook`, or neither")
    if extend_to is not None and not hook:
        raise SourceError("cannot ask the group for more time: `extend_to` needs `group` and `hook`")
    client = Client("autoscaling", region, endpoint) if hook else None
    return Lifecycle(paths, client, group, hook, heartbeat, extend_to)
