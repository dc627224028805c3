"""Leaving a target group and joining it again: against a double that takes its time, and against moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from processender.core.handler import Handler
from processender.errors import HandlerError, Permanent, Transient
from processender.integrations import aws
from processender.testing.aws import ARN, TargetGroup
from processender.testing.drainers import check_drainer
from tests.integration.drainers import come_back, leave
from tests.integration.servers import s3 as moto

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")
ID = "i-0f76fade435676abd"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give some, and look often."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr("processender.integrations.aws.drainer.LOOK_S", 0.01)


@pytest.fixture
def group() -> Iterator[TargetGroup]:
    """Run a group with a target on port 9000, which is not that of the group."""
    with TargetGroup(delay=5) as found:
        found.register(ID, 9000)
        yield found


def drain(group: TargetGroup, **options: float) -> Handler:
    """Return the drainer of the target."""
    return aws.drain(ARN, ID, 9000, endpoint=group.url, **options)  # type: ignore[arg-type]


class TestTarget:
    def test_it_is_deregistered_and_waited_for(self, group: TargetGroup) -> None:
        """With the port that it was registered with."""
        group.register(ID, 8080)

        assert [f"{ID}:9000 is unused"] == leave(drain(group))
        assert ("unused", "healthy") == (group.state(ID, 9000), group.state(ID, 8080))

    def test_it_is_registered_again_and_waited_for(self, group: TargetGroup) -> None:
        """Also by a process that has never left: the group remembers."""
        leave(drain(group))
        new = drain(group)

        assert new.lasting
        assert [f"{ID}:9000 is healthy"] == come_back(new)
        assert "healthy" == group.state(ID, 9000)

    def test_a_second_notice_finds_nothing_to_leave(self, group: TargetGroup) -> None:
        """The first was enough."""
        handler = drain(group)
        leave(handler)

        assert [f"{ID}:9000 is not registered: there is nothing to leave"] == leave(handler)

    def test_one_that_drains_already_is_only_waited_for(self, group: TargetGroup) -> None:
        """As after an attempt that was cut."""
        leave(drain(group, wait=0.0))
        deregistered = sum(b"Action=DeregisterTargets" in asked.body for asked in group.asked)

        assert [f"{ID}:9000 is unused"] == leave(drain(group))
        assert deregistered == sum(b"Action=DeregisterTargets" in asked.body for asked in group.asked)

    def test_a_delay_that_is_longer_than_the_time_is_noted(self) -> None:
        """Whoever owns the group can do something about it."""
        with TargetGroup(delay=300) as group:
            group.register(ID, 9000)
            (first, _) = leave(drain(group), 25)

        assert first.startswith("the group lets requests take up to 300 s (deregistration_delay), and 2")

    def test_behind_a_network_balancer_it_must_go_on_listening(self) -> None:
        """And is told so."""
        with TargetGroup(delay=5, protocol="TCP") as group:
            group.register(ID, 9000)

            assert "a network load balancer may still send connections for a while: keep listening" in leave(
                drain(group)
            )

    def test_it_does_what_every_drainer_must(self, group: TargetGroup) -> None:
        """Twice down and twice back."""
        check_drainer(lambda: drain(group), lambda: "healthy" == group.state(ID, 9000))


class TestMoto:
    def test_another_service_says_the_same(self) -> None:
        """Of what it knows: there a target is unused at once."""
        import boto3

        with moto() as url:
            session = boto3.session.Session(region_name="eu-west-1")
            ec2, elb = (session.client(name, endpoint_url=url) for name in ("ec2", "elbv2"))
            vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            image = ec2.describe_images()["Images"][0]["ImageId"]
            id_ = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
            made = elb.create_target_group(Name="web", Protocol="HTTP", Port=8080, VpcId=vpc)
            arn = made["TargetGroups"][0]["TargetGroupArn"]
            handler = aws.drain(arn, id_, 9000, endpoint=url)

            assert [f"{id_}:9000 is healthy"] == come_back(handler)
            assert f"{id_}:9000 is unused" == leave(handler)[-1]
            assert [f"{id_}:9000 is not registered: there is nothing to leave"] == leave(handler)
            ec2.close()
            elb.close()


class TestBadDays:
    def test_one_that_never_ends_is_bounded_and_noted(self, group: TargetGroup) -> None:
        """A download may take all of the delay."""
        group.draining = 1_000_000

        assert [f"{ID}:9000 is still draining after 0.1 s, and it goes on"] == leave(drain(group, wait=0.1))

    def test_a_group_that_tells_nothing_of_the_target_may_tell_it_later(self, group: TargetGroup) -> None:
        """An answer without what was asked for is no evidence, and no bug of ours."""
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Transient, match="tells no health of the target"):
            patch.setattr(group, "_health", lambda _: "<TargetHealthDescriptions></TargetHealthDescriptions>")
            leave(drain(group))

    @pytest.mark.parametrize("fault", [500, 503, "hang-up", "garbage"])
    def test_a_look_that_fails_is_repeated(self, group: TargetGroup, fault: str | int) -> None:
        """While it waits for the evidence; before that, the attempt is."""
        handler = drain(group)
        leave(drain(group, wait=0.0))
        group.draining = 5
        group.fail(fault)
        with pytest.raises(Transient):
            leave(handler)

        assert handler.retry.attempts > 1
        assert [f"{ID}:9000 is unused"] == leave(handler)

    def test_a_silent_service_costs_its_limit_and_no_more(
        self, group: TargetGroup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The attempt has time left for another."""
        monkeypatch.setattr("processender.integrations.aws.balancing.STEP_S", 0.2)
        handler = drain(group)
        group.fail("silent")
        with pytest.raises(Transient, match="cannot reach the load balancer of AWS"):
            leave(handler)

        assert [f"{ID}:9000 is unused"] == leave(handler)

    def test_a_right_that_is_missing_is_final(self, group: TargetGroup) -> None:
        """And told with the action that it needs."""
        group.denied.add("DeregisterTargets")
        with pytest.raises(Permanent, match="elasticloadbalancing:DeregisterTargets; look at the policy of the role"):
            leave(drain(group))

    def test_notes_need_rights_that_draining_does_not(self, group: TargetGroup) -> None:
        """It says that it may not look, and leaves all the same."""
        group.denied.add("DescribeTargetGroupAttributes")
        first, last = leave(drain(group))

        assert first.startswith("cannot look at the target group: ")
        assert f"{ID}:9000 is unused" == last

    def test_a_group_that_is_gone_is_final(self, group: TargetGroup) -> None:
        """Another attempt would not find it."""
        with pytest.raises(Permanent, match="target groups not found"):
            leave(aws.drain(ARN + "0", ID, endpoint=group.url))

    def test_nobody_there_may_pass(self) -> None:
        """The network may come back."""
        with pytest.raises(Transient, match="cannot reach the load balancer of AWS"):
            leave(aws.drain(ARN, ID, endpoint="http://127.0.0.1:1"))

    def test_without_credentials_it_says_so(self, group: TargetGroup, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another attempt would not find any."""
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("HOME", "/nowhere")
        with pytest.raises(Permanent, match="Unable to locate credentials"):
            leave(drain(group))

    def test_what_makes_no_sense_is_refused_at_once(self) -> None:
        """And not when the end has come."""
        with pytest.raises(HandlerError, match="must be an ARN"):
            aws.drain("web", ID)
