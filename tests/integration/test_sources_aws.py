"""What needs the services of AWS beside the metadata: the hook of a group, and a queue of events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session

from processender import Ender
from processender.core.notice import Action
from processender.engine.clock import SystemClock
from processender.errors import Permanent, SourceError
from processender.glance import Glance
from processender.integrations import aws
from processender.integrations.aws import queue as queue_room
from processender.integrations.aws.lifecycle import Hook
from processender.integrations.aws.metadata import Paths
from processender.integrations.aws.metadata import service as metadata
from processender.testing.autoscaling import GROUP, HOOK, AutoScaling
from processender.testing.metadata import Metadata, iso
from processender.testing.sources import Heard, until
from tests.integration.servers import s3 as moto

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")
ID = "i-0f76fade435676abd"
TOKEN = "87654321-4321-4321-4321-210987654321"
PACE = 0.01


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give some, and look often."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr("processender.integrations.aws.listener.CALM_S", PACE)
    monkeypatch.setattr("processender.integrations.aws.queue.PAUSE_S", PACE)
    monkeypatch.setattr("processender.integrations.aws.queue.POLL_S", 0)


@pytest.fixture
def double() -> Iterator[Metadata]:
    """Run the metadata service."""
    with Metadata() as found:
        yield found


@pytest.fixture
def service() -> Iterator[AutoScaling]:
    """Run the service of the group."""
    with AutoScaling() as found:
        yield found


class TestHook:
    def source(self, double: Metadata, service: AutoScaling, **options: Any) -> Any:
        """Return the source that answers the group."""
        return aws.listen(
            endpoint=double.url, every=PACE, group=GROUP, hook=HOOK,
            autoscaling_endpoint=service.url, **options,
        )  # fmt: skip

    def test_it_is_kept_waiting_and_told_to_go_on(self, double: Metadata, service: AutoScaling, tmp_path: Path) -> None:
        """The window is as long as configured once the first heartbeat was taken, and the hook is completed last."""
        ran: list[str] = []
        with Ender("web", grace=5, signals=(), exit="return", state=str(tmp_path), observers=[]) as ender:
            ender.listen(self.source(double, service, heartbeat=PACE, extend_to=300))
            ender.add(
                lambda: until(lambda: service.heartbeats > 3, "it is not kept waiting"), name="flush", phase="flush"
            )
            ender.add(lambda: ran.append(service.result), name="last", phase="release")
            double.lifecycle("Terminated")
            assert ender.stopping.wait(20)
        report = ender.report
        assert report is not None
        (answer,) = [each for each in report["handlers"] if each["name"] == "aws-lifecycle"]

        assert ("CONTINUE", [""]) == (service.result, ran)
        assert ["the hook 'goodbye' is told to go on"] == answer["notes"]
        assert (300, "configured") == (round(report["window"]["length_s"]), report["window"]["kind"])

    @pytest.mark.parametrize("off", [3600.0, -3600.0])
    def test_the_time_that_was_granted_is_that_also_where_our_clock_is_wrong(
        self, double: Metadata, service: AutoScaling, off: float
    ) -> None:
        """It is measured from when the group has asked, by no wall clock."""

        class Wrong(SystemClock):
            def wall(self) -> float:
                return super().wall() + off

        double.lifecycle("Terminated")
        heard, source = Heard(), self.source(double, service, extend_to=300)
        heard.clock = Wrong()
        source.start(heard)
        until(lambda: len(heard.notices) > 1, "it was not extended")
        source.stop()
        deadline = heard.notices[1].deadline

        assert deadline is not None
        assert 295 < deadline - heard.notices[0].at < 301

    def test_an_end_that_the_group_did_not_ask_for_tells_it_nothing(
        self, double: Metadata, service: AutoScaling, tmp_path: Path
    ) -> None:
        """There is no hook that waits."""
        with Ender("web", signals=(), exit="return", state=str(tmp_path), observers=[]) as ender:
            ender.listen(self.source(double, service))
            until(lambda: double.asked, "nobody has looked")

        assert ([], "") == (service.asked, service.result)

    def test_a_hook_that_does_not_listen_is_a_trouble(self, double: Metadata, service: AutoScaling) -> None:
        """The end goes on without more time."""
        double.lifecycle("Terminated")
        service.result = "ABANDON"
        heard, source = Heard(), self.source(double, service, extend_to=300)
        source.start(heard)
        until(lambda: heard.troubles, "nobody was told")
        source.stop()

        assert "No active Lifecycle Action" in heard.troubles[0][1]
        assert [None] == [each.deadline for each in heard.notices]

    def test_without_a_hook_nobody_is_answered(self, double: Metadata) -> None:
        """And boto3 is not needed."""
        assert () == aws.listen(endpoint=double.url).handlers


def event(kind: str, **detail: Any) -> dict[str, Any]:
    """Return an event as EventBridge makes it; it has the time when it is put into a queue."""
    return {"version": "0", "detail-type": kind, "source": "aws.ec2", "detail": detail}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run moto."""
    with moto() as url:
        yield url


class Queue:
    """A queue that a test writes into."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.endpoint = endpoint
        self.api = Session().client("sqs", endpoint_url=endpoint, region_name="eu-west-1")
        self.url = self.api.create_queue(QueueName=name)["QueueUrl"]

    def put(self, body: dict[str, Any] | str) -> None:
        """Put a message into it."""
        text = body if isinstance(body, str) else json.dumps({"time": iso(SystemClock().wall()), **body})
        self.api.send_message(QueueUrl=self.url, MessageBody=text)

    def count(self) -> int:
        """Return how many messages it has, taken or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.api.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(told[name]) for name in names)

    def source(self, double: Metadata, **options: Any) -> Any:
        """Return the source that reads it."""
        given = {"queue_endpoint": self.endpoint, "endpoint": double.url, "region": "eu-west-1", **options}
        return aws.listen_queue(self.url, **given)


@pytest.fixture
def queue(endpoint: str, request: pytest.FixtureRequest) -> Queue:
    """Make a queue for a test."""
    return Queue(endpoint, f"q{abs(hash(request.node.name))}")


ROWS: list[tuple[dict[str, Any], str, Action]] = [
    (event("EC2 Spot Instance Interruption Warning", **{"instance-id": ID, "instance-action": "terminate"}),
     "spot terminate", Action.STOP),
    (event("EC2 Instance Rebalance Recommendation", **{"instance-id": ID}), "spot rebalance", Action.DRAIN),
    (event("EC2 Instance-terminate Lifecycle Action", EC2InstanceId=ID), "autoscaling terminate", Action.STOP),
    (event("EC2 Instance State-change Notification", **{"instance-id": ID, "state": "stopping"}),
     "instance stopping", Action.STOP),
]  # fmt: skip


class TestQueue:
    @pytest.mark.parametrize(("told", "cause", "action"), ROWS, ids=[row[1] for row in ROWS])
    def test_an_event_about_us_is_heard_and_deleted(
        self, queue: Queue, double: Metadata, told: dict[str, Any], cause: str, action: Action
    ) -> None:
        """The id of the instance is that of the metadata; a copy of it is not told again."""
        queue.put(told)
        queue.put(told)
        heard, source = Heard(), queue.source(double, rebalance="drain")
        source.start(heard)
        until(lambda: heard.notices, "nothing was heard")
        until(lambda: not queue.count(), "it was not deleted")
        source.stop()

        assert [(cause, action)] == [(each.cause, each.action) for each in heard.notices]
        assert [] == heard.troubles

    def test_the_hook_that_an_event_names_is_kept_waiting_and_told_to_go_on(
        self, queue: Queue, double: Metadata, service: AutoScaling, tmp_path: Path
    ) -> None:
        """Group, hook and token stand in the event; nothing of it is configured."""
        named = {"AutoScalingGroupName": GROUP, "LifecycleHookName": HOOK, "LifecycleActionToken": TOKEN}
        with Ender("web", grace=5, signals=(), exit="return", state=str(tmp_path), observers=[]) as ender:
            ender.listen(
                queue.source(
                    double, answer=True, heartbeat=PACE, extend_to=300, autoscaling_endpoint=service.url, instance=ID
                )
            )
            ender.add(
                lambda: until(lambda: service.heartbeats > 2, "it is not kept waiting"), name="flush", phase="flush"
            )
            queue.put(event("EC2 Instance-terminate Lifecycle Action", EC2InstanceId=ID, **named))
            assert ender.stopping.wait(20)
        report = ender.report
        assert report is not None

        assert "CONTINUE" == service.result
        assert (300, "configured") == (round(report["window"]["length_s"]), report["window"]["kind"])
        assert all(TOKEN.encode() in each.body for each in service.asked)

    def test_an_event_that_names_no_hook_ends_in_the_grace(
        self, queue: Queue, double: Metadata, service: AutoScaling
    ) -> None:
        """It is a trouble that nobody can be asked for more."""
        queue.put(event("EC2 Instance-terminate Lifecycle Action", EC2InstanceId=ID))
        heard, source = Heard(), queue.source(double, answer=True, extend_to=300, autoscaling_endpoint=service.url)
        source.start(heard)
        until(lambda: heard.troubles, "nobody was told")
        source.stop()

        assert "is not kept waiting" in heard.troubles[0][1]
        assert [None] == [each.deadline for each in heard.notices]

    def test_what_is_about_others_stays(self, queue: Queue, double: Metadata) -> None:
        """They read the same queue."""
        queue.put(event("EC2 Spot Instance Interruption Warning", **{"instance-id": "i-other"}))
        queue.put({"Event": "autoscaling:TEST_NOTIFICATION"})
        heard, source = Heard(), queue.source(double)
        source.start(heard)
        until(lambda: queue.count() == 1, "the test of the group was not deleted")
        source.stop()

        assert ([], []) == (heard.notices, heard.troubles)

    @pytest.mark.parametrize("told", ["{", "[]", '{"detail-type": "Weather"}', '{"detail": 7}'])
    def test_what_is_no_event_is_a_trouble_and_goes(self, queue: Queue, double: Metadata, told: str) -> None:
        """Nobody would understand it later."""
        queue.put(told)
        heard, source = Heard(), queue.source(double, instance=ID)
        source.start(heard)
        until(lambda: not queue.count(), "it was not deleted")
        source.stop()

        assert (["source-unclear"], []) == (heard.codes, heard.notices)

    def test_a_queue_that_is_not_there_is_a_trouble(self, queue: Queue, double: Metadata) -> None:
        """Told once."""
        source, heard = queue.source(double), Heard()
        queue.api.delete_queue(QueueUrl=queue.url)
        source.start(heard)
        until(lambda: heard.troubles, "nobody was told")
        source.stop()

        assert ["source-refused"] == heard.codes

    def test_without_an_instance_nothing_is_taken_for_that_of_others(self, queue: Queue, double: Metadata) -> None:
        """Where the metadata does not say who this is, that is a trouble, and every message stays."""
        queue.put(event("EC2 Spot Instance Interruption Warning", **{"instance-id": ID}))
        source, heard = queue.source(double, endpoint=f"{double.url}/nowhere"), Heard()
        source.start(heard)
        until(lambda: heard.troubles, "nobody was told")
        source.stop()

        assert (1, []) == (queue.count(), heard.notices)


class ReadOnly:
    """A queue that may be read, and nothing else; it gives two messages, each once."""

    def __init__(self) -> None:
        self.api = self
        self.left = [
            [event("EC2 Instance Rebalance Recommendation", **{"instance-id": "i-other"}),
             event("EC2 Instance Rebalance Recommendation", **{"instance-id": ID})],
            [event("EC2 Spot Instance Interruption Warning", **{"instance-id": ID})],
        ]  # fmt: skip

    def ask(self, deed: Callable[[], Any]) -> Any:
        """Do it."""
        return deed()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        """Give what is there."""
        told = self.left.pop(0) if self.left else []
        return {"Messages": [{"Body": json.dumps(each), "ReceiptHandle": "r"} for each in told]}

    def delete_message(self, **_: Any) -> None:
        """Refuse."""
        raise Permanent("AccessDenied")

    change_message_visibility = delete_message


def test_a_queue_that_may_only_be_read_is_read() -> None:
    """That a message cannot be deleted, or given back, hides no end."""
    client: Any = ReadOnly()
    taken = queue_room.Queue(
        client, "https://queue", ID, Paths(metadata(""), *[Action.ADVISE] * 3), Action.DRAIN, Hook(None, 10.0, None)
    )
    told: list[str] = []
    glance = Glance(Heard(), 60.0, lambda error: told.append(str(error)))
    first, second = taken.look(glance), taken.look(glance)

    assert ["spot rebalance"] == [each.cause for each in first]
    assert ["spot rebalance", "spot terminate"] == [each.cause for each in second]
    assert ["AccessDenied"] * 2 == told


@pytest.mark.parametrize("make", [lambda: aws.listen_queue("")])
def test_what_makes_no_sense_is_refused(make: Callable[[], object]) -> None:
    """At once."""
    with pytest.raises(SourceError):
        make()
