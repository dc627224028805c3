"""
A double of Auto Scaling (API 2011-01-01): one lifecycle hook, which waits as long as it is told to.

Moto knows neither heartbeats nor completions. A hook that has been completed knows of no action any more, as the real
one, which answers with a `ValidationError`.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from .served import Asked, Served, Told

GROUP, HOOK = "web", "goodbye"
"""The names of the group and its hook."""
_SPACE = "http://autoscaling.amazonaws.com/doc/2011-01-01/"


class AutoScaling(Served):
    """The service, with one hook that waits for one instance."""

    def __init__(self, instance: str = "i-0f76fade435676abd") -> None:
        """Wait for this *instance*."""
        super().__init__()
        self.instance = instance
        """The id of the instance."""
        self.heartbeats = 0
        """How often it was asked to go on waiting."""
        self.result = ""
        """With what the hook was completed; empty before that."""

    def answer(self, asked: Asked) -> Told:
        """Answer as the service does."""
        given = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        action = given["Action"]
        named = (given.get("AutoScalingGroupName"), given.get("LifecycleHookName"), given.get("InstanceId"))
        if named != (GROUP, HOOK, self.instance) or self.result:
            return _error(f"No active Lifecycle Action found with instance ID {given.get('InstanceId')}")
        if action == "RecordLifecycleActionHeartbeat":
            self.heartbeats += 1
        elif action == "CompleteLifecycleAction":
            self.result = given["LifecycleActionResult"]
        else:
            return _error(f"Could not find operation {action}")
        body = f'<{action}Response xmlns="{_SPACE}"><{action}Result/></{action}Response>'
        return Told(200, body.encode(), (("Content-Type", "text/xml"),))


def _error(text: str) -> Told:
    error = f"<Error><Type>Sender</Type><Code>ValidationError</Code><Message>{text}</Message></Error>"
    body = f'<ErrorResponse xmlns="{_SPACE}">{error}<RequestId>0</RequestId></ErrorResponse>'
    return Told(400, body.encode(), (("Content-Type", "text/xml"),))
