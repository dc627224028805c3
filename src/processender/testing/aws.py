"""
A double of Elastic Load Balancing (API 2015-12-01): one target group that takes its time, as the real one does.

A target that is deregistered is `draining` for a number of looks before it is `unused`, and one that is registered
`initial` before it is `healthy`. Deregistering one that is not there is no error.
"""

from __future__ import annotations

from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from .served import Asked, Served, Told

ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/349e26ae3a10189e"
"""The ARN of the group."""
_SPACE = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
_UNUSED = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
_DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
_INITIAL = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")

Target = tuple[str, str]
"""The id and the port, as text; the port of the group where none was given."""


class TargetGroup(Served):
    """The service, with one group."""

    def __init__(self, *, draining: int = 2, initial: int = 2, delay: int = 300, protocol: str = "HTTP") -> None:
        """
        Know no target.

        Args:

            draining: How many looks a target is `draining`.

            initial: How many looks it is `initial`.

            delay: The `deregistration_delay` of the group, seconds; it is only told.

            protocol: The protocol of the group.
        """
        super().__init__()
        self.draining = draining
        """How many looks a target is `draining`."""
        self.denied: set[str] = set()
        """The actions that the role may not take."""
        self.targets: dict[Target, list[tuple[str, str, str]]] = {}
        """What the next looks at each target will see; the last of it stays."""
        self._initial = initial
        self._delay = delay
        self._protocol = protocol

    def register(self, id_: str, port: int | str = "8080") -> None:
        """Register a target that is healthy at once."""
        with self.lock:
            self.targets[id_, str(port)] = [("healthy", "", "")]

    def state(self, id_: str, port: int | str = "8080") -> str:
        """Return the state that the last look has seen, or the next one will."""
        with self.lock:
            return self.targets.get((id_, str(port)), [_UNUSED])[0][0]

    def answer(self, asked: Asked) -> Told:
        """Answer as the service does."""
        given = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        action = given["Action"]
        if action in self.denied:
            return _error(403, "AccessDenied", f"User is not authorized to perform: elasticloadbalancing:{action}")
        arn = given.get("TargetGroupArn") or given.get("TargetGroupArns.member.1")
        if arn != ARN:
            return _error(400, "TargetGroupNotFound", "One or more target groups not found")
        target = given.get("Targets.member.1.Id", ""), given.get("Targets.member.1.Port", "8080")
        match action:
            case "RegisterTargets":
                self.targets[target] = [_INITIAL] * self._initial + [("healthy", "", "")]
                result = ""
            case "DeregisterTargets":
                if target in self.targets and self.targets[target][0] != _DRAINING:
                    self.targets[target] = [_DRAINING] * self.draining + [_UNUSED]
                result = ""
            case "DescribeTargetHealth":
                result = self._health(target)
            case "DescribeTargetGroupAttributes":
                pair = f"<Key>deregistration_delay.timeout_seconds</Key><Value>{self._delay}</Value>"
                result = f"<Attributes><member>{pair}</member></Attributes>"
            case "DescribeTargetGroups":
                told = f"<TargetGroupArn>{ARN}</TargetGroupArn><Protocol>{self._protocol}</Protocol><Port>8080</Port>"
                result = f"<TargetGroups><member>{told}</member></TargetGroups>"
            case _:
                return _error(400, "InvalidAction", f"Could not find operation {action} for version 2015-12-01")
        body = f'<{action}Response xmlns="{_SPACE}"><{action}Result>{result}</{action}Result></{action}Response>'
        return Told(200, body.encode(), (("Content-Type", "text/xml"),))

    def _health(self, target: Target) -> str:
        seen = self.targets.get(target, [_UNUSED])
        state, reason, text = seen.pop(0) if len(seen) > 1 else seen[0]
        why = f"<Reason>{reason}</Reason><Description>{escape(text)}</Description>" if reason else ""
        health = f"<TargetHealth><State>{state}</State>{why}</TargetHealth>"
        member = f"<Target><Id>{escape(target[0])}</Id><Port>{target[1]}</Port></Target>{health}"
        return f"<TargetHealthDescriptions><member>{member}</member></TargetHealthDescriptions>"


def _error(status: int, code: str, text: str) -> Told:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
    body = f'<ErrorResponse xmlns="{_SPACE}">{error}<RequestId>0</RequestId></ErrorResponse>'
    return Told(status, body.encode(), (("Content-Type", "text/xml"),))
