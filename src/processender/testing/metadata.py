"""
A double of the metadata services of four clouds, to try what a program does when its machine is taken away.

It speaks as EC2 (IMDSv2) and ECS of AWS, Compute Engine of Google, Virtual Machines of Azure and ECS of Alibaba do:
tokens that live as long as was asked and are refused afterwards, requests that are held until a value changes, events
that begin, vanish and are approved. It has their bad days, too, see `Served.fail`: slow, flapping, 401 at every turn,
and `black_hole` for an address where nobody ever answers. One double is all of them at once.

Sources: the documents of the platforms, aws-node-termination-handler, amazon-ec2-metadata-mock, Google's guest agent.
"""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Any

from ..engine.clock import SystemClock
from .served import Asked, Served, Told, as_json

AWS = "/latest/meta-data/"
GCP = "/computeMetadata/v1/instance/"
ALIBABA = "/latest/meta-data/instance/spot/termination-time"
_TTL = {"x-aws-ec2-metadata-token-ttl-seconds": "aws", "x-aliyun-ecs-metadata-token-ttl-seconds": "alibaba"}
_TOKEN = {"aws": "x-aws-ec2-metadata-token", "alibaba": "x-aliyun-ecs-metadata-token"}
_LONGEST_TTL = 21600
_HELD_S = 60.0

Text = str | Callable[[], str]
"""What stands at a path, or what tells it at each request."""


class Metadata(Served):
    """The services; nothing is going to happen before something is announced."""

    def __init__(self, *, instance: str = "i-0f76fade435676abd", machine: str = "web_0") -> None:
        """Be the *instance* of AWS and the *machine* of Azure."""
        super().__init__()
        self.clock = SystemClock()
        self.storm = False
        """Whether every request with a token is refused with 401, whatever the token."""
        self.pages: dict[str, Text] = {
            AWS + "instance-id": instance,
            AWS + "autoscaling/target-lifecycle-state": "InService",
        }
        """What stands at each path of AWS and Alibaba."""
        self.values: dict[str, str] = {"preempted": "FALSE", "maintenance-event": "NONE"}
        """What stands at each path of Google's below `instance/`."""
        self.events: dict[str, dict[str, Any]] = {}
        """The Scheduled Events of Azure, by id."""
        self.approved: list[str] = []
        """The ids of the events that were approved with `StartRequests`."""
        self.task = {"DesiredStatus": "RUNNING", "KnownStatus": "RUNNING"}
        """The task of ECS, as `/v4/task` shows it."""
        self.protected: bool | None = None
        """Whether the task of ECS is protected from being scaled in; None if nobody has asked."""
        self._machine = machine
        self._tokens: dict[str, float] = {}
        self._incarnation = 1
        self._changed = threading.Condition(self.lock)

    # AWS and Alibaba.

    def spot(self, action: str = "terminate", *, seconds: float = 120.0, slides: bool = False) -> None:
        """Announce what happens to a spot instance in so many *seconds*, or, where that *slides*, from each look on."""
        begun = self.clock.wall()

        def told() -> str:
            return json.dumps({"action": action, "time": iso((self.clock.wall() if slides else begun) + seconds)})

        self.show(AWS + "spot/instance-action", told)

    def termination(self, *, seconds: float = 120.0) -> None:
        """Announce it by the older path of AWS."""
        self.show(AWS + "spot/termination-time", iso(self.clock.wall() + seconds))

    def alibaba(self, *, seconds: float = 300.0) -> None:
        """Announce that an instance of Alibaba is taken back."""
        self.show(ALIBABA, iso(self.clock.wall() + seconds))

    def rebalance(self) -> None:
        """Recommend to leave."""
        self.show(AWS + "events/recommendations/rebalance", json.dumps({"noticeTime": iso(self.clock.wall())}))

    def maintenance(
        self, *, seconds: float, id_: str = "instance-event-0d59937288b749b32", state: str = "active"
    ) -> None:
        """Schedule an event of EC2, or say another *state* of it."""
        at = datetime.fromtimestamp(self.clock.wall() + seconds, UTC)
        event = {"NotBefore": at.strftime("%d %b %Y %H:%M:%S GMT"), "Code": "instance-retirement", "EventId": id_}
        event |= {"Description": "The instance is running on degraded hardware", "State": state}
        self.show(AWS + "events/maintenance/scheduled", json.dumps([event]))

    def lifecycle(self, state: str = "Terminated") -> None:
        """Say what an Auto Scaling group wishes the instance to become."""
        self.show(AWS + "autoscaling/target-lifecycle-state", state)

    def show(self, path: str, text: Text) -> None:
        """Let *text* stand at a *path* of AWS or Alibaba."""
        with self.lock:
            self.pages[path] = text

    def hide(self, path: str) -> None:
        """Let nothing stand there any more."""
        with self.lock:
            self.pages.pop(path, None)

    def revoke(self) -> None:
        """Forget all tokens, as when the service is started anew."""
        with self.lock:
            self._tokens.clear()

    # Google.

    def value(self, path: str, text: str | None) -> None:
        """Let *text* stand at a *path* below `instance/`, None for nothing; requests that are held are answered."""
        with self.lock:
            if text is None:
                self.values.pop(path, None)
            else:
                self.values[path] = text
            self._changed.notify_all()

    # Azure.

    def event(self, kind: str, *, seconds: float = 900.0, machines: tuple[str, ...] = (), id_: str = "") -> str:
        """Schedule an event of this *kind* for this machine, or for *machines*; return its id."""
        id_ = id_ or str(uuid.uuid4()).upper()
        at = datetime.fromtimestamp(self.clock.wall() + seconds, UTC)
        with self.lock:
            self._incarnation += 1
            self.events[id_] = {
                "EventId": id_, "EventStatus": "Scheduled", "EventType": kind, "ResourceType": "VirtualMachine",
                "Resources": list(machines or (self._machine,)), "NotBefore": format_datetime(at, usegmt=True),
                "Description": "", "EventSource": "Platform", "DurationInSeconds": -1,
            }  # fmt: skip
        return id_

    def begin(self, id_: str) -> None:
        """Let an event begin: its `NotBefore` is empty from then on."""
        with self.lock:
            self._incarnation += 1
            self.events[id_] |= {"EventStatus": "Started", "NotBefore": ""}

    def vanish(self, id_: str) -> None:
        """Let an event be over, or, before it has begun, be called off."""
        with self.lock:
            self._incarnation += 1
            del self.events[id_]

    # The server.

    def _hold(self, asked: Asked) -> None:
        """Wait until the value is not that of `last_etag` any more, or the time is up."""
        wait = float(asked.query.get("timeout_sec", [str(_HELD_S)])[0])
        etag = asked.query.get("last_etag", ["NONE"])[0]
        self._changed.wait_for(lambda: self._over.is_set() or self._etag(asked.path) != etag, wait)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Serve no more; requests that are held are answered."""
        self._over.set()
        with self.lock:
            self._changed.notify_all()
        super().__exit__(kind, error, trace)

    def answer(self, asked: Asked) -> Told:
        """Answer as the platforms do."""
        platforms = {
            "/latest/api/token": self._token, "/latest/": self._page, GCP: self._value, "/metadata/": self._azure,
            "/v4/task": lambda _asked: as_json(self.task), "/task-protection/v1/state": self._protection,
        }  # fmt: skip
        for path, answer in platforms.items():
            if asked.path.startswith(path):
                return answer(asked)
        return Told(404, b"404 - Not Found")

    def _token(self, asked: Asked) -> Told:
        for header in _TTL:
            life = asked.headers.get(header, "")
            if asked.method == "PUT" and life.isdigit() and 1 <= int(life) <= _LONGEST_TTL:
                token = uuid.uuid4().hex + "=="
                self._tokens[token] = self.clock.now() + int(life)
                return Told(200, token.encode(), ((header, life), ("Content-Type", "text/plain")))
        return Told(400, b"400 - Bad Request")

    def _page(self, asked: Asked) -> Told:
        platform = "alibaba" if asked.path == ALIBABA else "aws"
        token = asked.headers.get(_TOKEN[platform], "")
        if self.storm or self._tokens.get(token, 0.0) <= self.clock.now():
            return Told(401, b"401 - Unauthorized")
        text = self.pages.get(asked.path)
        if text is None:
            return Told(404, b"404 - Not Found")
        return Told(200, (text if isinstance(text, str) else text()).encode(), (("Content-Type", "text/plain"),))

    def _etag(self, path: str) -> str:
        return f"{hash((path, self.values.get(path.removeprefix(GCP)))) & 0xFFFFFFFFFFFF:016x}"

    def _value(self, asked: Asked) -> Told:
        if asked.headers.get("metadata-flavor") != "Google":
            return Told(403, b"Missing Metadata-Flavor:Google header.")
        if asked.query.get("wait_for_change") == ["true"]:
            self._hold(asked)
        text = self.values.get(asked.path.removeprefix(GCP))
        if text is None:
            return Told(404, b"<title>Error 404 (Not Found)!!1</title>")
        headers = (
            ("ETag", self._etag(asked.path)),
            ("Metadata-Flavor", "Google"),
            ("Content-Type", "application/text"),
        )
        return Told(200, text.encode(), headers)

    def _azure(self, asked: Asked) -> Told:
        if asked.headers.get("metadata", "").lower() != "true" or "api-version" not in asked.query:
            return as_json({"error": "Bad request. Required metadata header not specified"}, 400)
        if asked.path == "/metadata/instance/compute/name":
            return Told(200, self._machine.encode(), (("Content-Type", "text/plain; charset=utf-8"),))
        if asked.path != "/metadata/scheduledevents":
            return as_json({"error": "Not found"}, 404)
        if asked.method == "POST":
            return self._approve(asked)
        return as_json({"DocumentIncarnation": self._incarnation, "Events": list(self.events.values())})

    def _approve(self, asked: Asked) -> Told:
        try:
            ids = [str(each["EventId"]) for each in json.loads(asked.body)["StartRequests"]]
        except (ValueError, KeyError, TypeError):
            return as_json({"error": "Bad request"}, 400)
        self.approved += ids
        for id_ in (each for each in ids if each in self.events):
            self.begin(id_)
        return Told(200)

    def _protection(self, asked: Asked) -> Told:
        if asked.method == "PUT":
            self.protected = bool(json.loads(asked.body)["ProtectionEnabled"])
        return as_json({"protection": {"ProtectionEnabled": bool(self.protected), "TaskArn": "arn:aws:ecs:task/web/1"}})


def iso(wall: float) -> str:
    """Return an instant, seconds since 1970, as AWS and Alibaba write it."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def black_hole() -> Iterator[str]:
    """Yield the URL of an address that swallows every connection, as a route that leads nowhere does."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        # Once its queue is full, the kernel answers nobody any more.
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            for each in waiting:
                each.close()
