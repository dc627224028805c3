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
GROUP = "autoscaling"
"""What the end that the group asks for is called."""
LAST = -1_000_000
"""The priority of what tells the group to go on: nothing of the phase comes behind it."""


class Hook:
    """A lifecycle hook that waits for this instance, once the group has asked for the end."""

    def __init__(self, client: Client | None, heartbeat: float, extend_to: float | None) -> None:
        """Take the *client* of Auto Scaling, None where nobody is answered; see `listen`."""
        self._client = client
        if not heartbeat > 0:
            raise SourceError("cannot keep a hook waiting without a pause: `heartbeat` must be above 0")
        self._heartbeat = heartbeat
        self._extend_to = extend_to
        self._since: float | None = None
        self._beat_at: float | None = None
        self.named: dict[str, str] = {}
        """By what the service knows it: group, hook and instance, and the token where that is known."""

    @property
    def answers(self) -> bool:
        """Whether the group can be told anything."""
        return self._client is not None

    @property
    def waits(self) -> bool:
        """Whether the group has asked for the end."""
        return self._since is not None

    def asked(self, glance: Glance) -> None:
        """Remember that the group asks for the end now."""
        self._since = glance.clock.now()

    def sighting(self, glance: Glance) -> Sighting:
        """Keep the hook waiting where it is time for that, and return what stands."""
        since, extend_to = self._since, self._extend_to
        if self._client is None or since is None or extend_to is None or not self._beat(glance, self._client):
            return Sighting(GROUP, "autoscaling terminate")
        # Reckoned on the monotonic clock and told on that by which it will be read: ours may be wrong, or be set.
        until = glance.wall() + extend_to - (glance.clock.now() - since)
        return Sighting(GROUP, "autoscaling terminate", deadline=until, kind=DeadlineKind.CONFIGURED, extends=True)

    def _beat(self, glance: Glance, client: Client) -> bool:
        """Send a heartbeat if it is time; return whether one was ever taken."""
        now = glance.clock.now()
        if self._beat_at is None or now >= self._beat_at:
            try:
                client.ask(lambda: client.api.record_lifecycle_action_heartbeat(**self.named))
                self._beat_at = now + self._heartbeat
            except (Transient, Permanent) as error:
                glance.unclear(f"the hook {self.named.get('LifecycleHookName', '')!r} is not kept waiting: {error}")
        return self._beat_at is not None

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
        named = {**self.named, "LifecycleActionResult": "CONTINUE"}
        ctx.call("autoscaling", lambda: client.ask(lambda: client.api.complete_lifecycle_action(**named)))
        ctx.note(f"the hook {self.named['LifecycleHookName']!r} is told to go on")


class Lifecycle:
    """What an instance reads in its metadata about its group, and answers."""

    def __init__(self, paths: Paths, hook: Hook, named: dict[str, str]) -> None:
        """Take the hook by its names; the id of the instance is looked up where the group is answered."""
        self._paths = paths
        self._hook = hook
        self._hook.named = named
        self.handlers = hook.handlers

    def look(self, glance: Glance) -> Sequence[Sighting]:
        """Read the state; from the second look on, keep the hook waiting."""
        hook = self._hook
        if hook.answers and "InstanceId" not in hook.named:
            answer = self._paths.get(glance, "instance-id")
            if answer is not None:
                hook.named["InstanceId"] = text_of(answer)
        if hook.waits:
            return [hook.sighting(glance)]
        if not self._paths.leaves_group(glance):
            return []
        hook.asked(glance)
        # The end begins first; a service that does not answer may hold up what follows.
        return [Sighting(GROUP, "autoscaling terminate")]


def lifecycle(
    paths: Paths, *, group: str, hook: str, heartbeat: float, extend_to: float | None, region: str, endpoint: str
) -> Lifecycle:
    """Return what listens to the group, and answers it where *group* and *hook* are named."""
    if bool(group) != bool(hook):
        raise SourceError("cannot answer the group: give both `group` and `hook`, or neither")
    if extend_to is not None and not hook:
        raise SourceError("cannot ask the group for more time: `extend_to` needs `group` and `hook`")
    client = Client("autoscaling", region, endpoint) if hook else None
    return Lifecycle(
        paths, Hook(client, heartbeat, extend_to), {"LifecycleHookName": hook, "AutoScalingGroupName": group}
    )
