"""
What the instance metadata service of EC2 says about the end of an instance, path by path.

Source: the EC2 user guide (IMDSv2, spot interruption notices, scheduled events) and aws-node-termination-handler.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...core.notice import Action, DeadlineKind
from ...core.sighting import Sighting
from ...exchange import Answer
from ...glance import Glance, Unclear, data_of, instant, text_of
from ...hints import Any
from ...tokened import Tokened

ADDRESS = "http://169.254.169.254"
"""Where every instance finds the service."""
VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
"""The variable by which the clients of AWS, and this, find it elsewhere."""
TTL_S = 3600
"""How long a token is to live."""
SPOT_S = 120.0
"""How long before its end a spot instance is told, where the time that comes with it cannot be read."""
_TOKEN = "/latest/api/token"  # noqa: S105 - a path
_HEADERS = ("X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token")
_SHOWN = 80


def service(endpoint: str) -> Tokened:
    """Return the metadata service at *endpoint*, or where it usually is."""
    return Tokened(endpoint or os.environ.get(VARIABLE) or ADDRESS, _TOKEN, _HEADERS, TTL_S)


class Paths:
    """What each path says, as sightings."""

    def __init__(self, metadata: Tokened, rebalance: Action, maintenance: Action, hibernate: Action) -> None:
        """Take what each kind of word is to mean here."""
        self._metadata = metadata
        self._rebalance = rebalance
        self._maintenance = maintenance
        self._hibernate = hibernate
        self._stands = False

    def get(self, glance: Glance, path: str) -> Answer | None:
        """Return what is at *path*, None where nothing is."""
        return self._metadata.get(glance, "/latest/meta-data/" + path)

    def spot(self, glance: Glance) -> Sequence[Sighting]:
        """Read `spot/instance-action`: two minutes, as far as possible, and none at all before a hibernation."""
        answer = self.get(glance, "spot/instance-action")
        self._stands = answer is not None
        if answer is None:
            return []
        told = data_of(answer)
        action = told.get("action") if isinstance(told, dict) else None
        if action == "hibernate":
            # It begins at once, whatever time stands there. After it the process goes on, and the path is empty.
            lasts = self._hibernate is Action.STOP
            return [Sighting("spot", "spot hibernate", self._hibernate, can_cancel=not lasts)]
        if action not in {"terminate", "stop"}:
            raise Unclear(f"{str(told)[:_SHOWN]!r} names no action that is known")
        try:
            return [Sighting("spot", f"spot {action}", deadline=instant(told.get("time")))]
        except Unclear as error:
            glance.unclear(f"it says {action!r}, and {error}; the end begins, as if it had said {SPOT_S:.0f} s")
            return [Sighting("spot", f"spot {action}", within=SPOT_S, kind=DeadlineKind.ASSUMED)]

    def termination(self, glance: Glance) -> Sequence[Sighting]:
        """Read `spot/termination-time`, which is older, may hold other text, and may stay in the past."""
        if self._stands:
            return []
        answer = self.get(glance, "spot/termination-time")
        text = "" if answer is None else text_of(answer)
        return [Sighting("spot", "spot terminate", deadline=instant(text))] if text[:4].isdigit() else []

    def rebalance(self, glance: Glance) -> Sequence[Sighting]:
        """Read `events/recommendations/rebalance`, which has no deadline."""
        answer = self.get(glance, "events/recommendations/rebalance")
        if answer is None:
            return []
        told = data_of(answer)
        if not isinstance(told, dict) or "noticeTime" not in told:
            raise Unclear(f"{str(told)[:_SHOWN]!r} is no recommendation")
        return [Sighting("rebalance", "spot rebalance", self._rebalance)]

    def maintenance(self, glance: Glance) -> Sequence[Sighting]:
        """Read `events/maintenance/scheduled`: what is planned, days before."""
        answer = self.get(glance, "events/maintenance/scheduled")
        events = [] if answer is None else data_of(answer)
        if not isinstance(events, list):
            raise Unclear(f"{str(events)[:_SHOWN]!r} is no list of events")
        return [seen for seen in (self._event(glance, each) for each in events) if seen is not None]

    def _event(self, glance: Glance, event: Any) -> Sighting | None:
        try:
            key, code, state = str(event["EventId"]), str(event["Code"]), str(event.get("State", "active"))
            if state.lower() != "active":
                return None
            begins = instant(event.get("NotBefore"))
        except (Unclear, KeyError, TypeError, AttributeError) as error:
            glance.unclear(f"it announces {str(event)[:_SHOWN]!r}, which cannot be understood ({error})")
            return None
        return Sighting(key, code, self._maintenance, deadline=begins, can_cancel=True, moves=True, about=key)

    def leaves_group(self, glance: Glance) -> bool:
        """Read `autoscaling/target-lifecycle-state`: tell whether the instance is to leave its group for good."""
        answer = self.get(glance, "autoscaling/target-lifecycle-state")
        text = "" if answer is None else text_of(answer)
        if not text.replace(":", "").isalpha() and text:
            raise Unclear(f"{text[:_SHOWN]!r} is no state of an instance")
        return text in {"Terminated", "Warmed:Terminated"}
