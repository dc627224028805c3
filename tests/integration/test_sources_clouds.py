"""What the sources of clouds hear from their metadata services, on good days and on bad ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from processender.core.notice import Action, DeadlineKind, Notice
from processender.errors import SourceError
from processender.integrations import alibaba, aws, azure, gcp
from processender.ports import Source
from processender.testing.metadata import ALIBABA, AWS, Metadata, iso
from processender.testing.sources import Heard, check_source, listening, until

SPOT = AWS + "spot/instance-action"
PACE = 0.01


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, and do not wait long."""
    monkeypatch.setattr("processender.integrations.aws.listener.CALM_S", PACE)
    monkeypatch.setattr("processender.integrations.aws.listener.RARE_S", PACE)
    monkeypatch.setattr("processender.integrations.gcp.PAUSE_S", PACE)
    monkeypatch.setattr("processender.integrations.gcp.ABSENT_S", PACE)
    monkeypatch.setattr("processender.listening.SLOWEST_S", 5 * PACE)
    for name in ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED", "GCE_METADATA_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def double() -> Iterator[Metadata]:
    """Run the services."""
    with Metadata() as found:
        yield found


def of_aws(url: str, **options: str) -> Source:
    """Return the source of EC2."""
    return aws.listen(endpoint=url, every=PACE, **options)  # type: ignore[arg-type]


def of_azure(url: str, **options: str) -> Source:
    """Return the source of Azure."""
    return azure.listen(endpoint=url, every=PACE, **options)  # type: ignore[arg-type]


def left(notice: Notice) -> float | None:
    """Return the seconds that a notice leaves from when it was heard."""
    return None if notice.deadline is None else notice.deadline - notice.at


def hear(source: Source, many: int = 1) -> list[Notice]:
    """Return the first notices that a source tells."""
    with listening(source) as heard:
        until(lambda: len(heard.notices) >= many, f"no {many} notices were heard")
    return heard.notices


def complain(source: Source, code: str) -> tuple[str, list[Notice]]:
    """Return the words of a trouble that a source tells, and what it has told else."""
    with listening(source) as heard:
        until(lambda: code in heard.codes, f"there was no trouble {code!r}")
    return next(text for each, text in heard.troubles if each == code), heard.notices


class TestPromises:
    def test_of_ec2(self) -> None:
        """Absent, a black hole, flapping, lying, silent; told once, within one look, and stopped at once."""
        check_source(of_aws, Metadata.spot, unclear=lambda d: d.show(SPOT, "<html>"))

    def test_of_a_task(self) -> None:
        """The same."""
        check_source(
            lambda url: aws.listen_ecs(endpoint=f"{url}/v4", every=PACE),
            lambda d: d.task.update(DesiredStatus="STOPPED"),
            unclear=lambda d: d.task.update(DesiredStatus="ASLEEP"),
        )

    def test_of_compute_engine(self) -> None:
        """The same, with requests that are held."""
        check_source(
            lambda url: gcp.listen(endpoint=url, held=1),
            lambda d: d.value("preempted", "TRUE"),
            unclear=lambda d: d.value("preempted", "perhaps"),
        )

    def test_of_azure(self) -> None:
        """The same."""

        def garble(double: Metadata) -> None:
            double.events[double.event("Preempt", id_="1")]["NotBefore"] = "soon"

        check_source(of_azure, lambda d: d.event("Preempt", seconds=30, id_="1"), unclear=garble)

    def test_of_alibaba(self) -> None:
        """The same."""
        check_source(
            lambda url: alibaba.listen(endpoint=url, every=PACE),
            Metadata.alibaba,
            unclear=lambda d: d.show(ALIBABA, "soon"),
        )


class TestEc2:
    @pytest.mark.parametrize("action", ["terminate", "stop"])
    def test_a_spot_instance_has_two_minutes(self, double: Metadata, action: str) -> None:
        """As the platform tells them."""
        double.spot(action, seconds=120)
        (notice,) = hear(of_aws(double.url))

        assert (f"spot {action}", Action.STOP, DeadlineKind.TOLD) == (notice.cause, notice.action, notice.kind)
        assert 110 < (left(notice) or 0) < 121

    def test_a_hibernation_leaves_no_time(self, double: Metadata) -> None:
        """Whatever time stands there; the end begins at once, and the grace counts."""
        double.spot("hibernate", seconds=120)
        (notice,) = hear(of_aws(double.url))

        assert ("spot hibernate", Action.STOP, None) == (notice.cause, notice.action, notice.deadline)

    def test_after_a_hibernation_traffic_may_come_back(self, double: Metadata) -> None:
        """The process was frozen, and goes on."""
        double.spot("hibernate")
        with listening(of_aws(double.url, hibernate="drain")) as heard:
            until(lambda: heard.notices, "nothing was heard")
            double.hide(SPOT)
            until(lambda: len(heard.notices) > 1, "the end of the hibernation was not heard")

        assert [Action.DRAIN, Action.RESUME] == [each.action for each in heard.notices]

    def test_the_older_path_is_read_where_the_other_is_empty(self, double: Metadata) -> None:
        """It says the same."""
        double.termination(seconds=90)
        (notice,) = hear(of_aws(double.url))

        assert 80 < (left(notice) or 0) < 91

    @pytest.mark.parametrize("text", ["", "not for now", "none"])
    def test_other_text_on_the_older_path_is_no_notice(self, double: Metadata, text: str) -> None:
        """It is what stands there where nothing happens."""
        double.show(AWS + "spot/termination-time", text)
        with listening(of_aws(double.url)) as heard:
            until(lambda: len(double.asked) > 20, "nobody has looked")

        assert ([], []) == (heard.notices, heard.troubles)

    def test_a_time_that_is_long_over_is_no_notice(self, double: Metadata) -> None:
        """The older path may keep it; that is told once, and stops nothing."""
        double.termination(seconds=-7200)
        text, notices = complain(of_aws(double.url), "source-stale")

        assert [] == notices
        assert "was to happen 7" in text

    def test_a_time_that_is_just_over_begins_the_end(self, double: Metadata) -> None:
        """How long yet, nobody knows, and an empty window would help nobody."""
        double.spot(seconds=-3)
        (notice,) = hear(of_aws(double.url))

        assert (Action.STOP, None) == (notice.action, notice.deadline)

    def test_a_time_in_another_zone_is_the_same_instant(self, double: Metadata) -> None:
        """The offset counts."""
        at = iso(double.clock.wall() + 7200 + 60).replace("Z", "+02:00")
        double.show(SPOT, json.dumps({"action": "stop", "time": at}))
        (notice,) = hear(of_aws(double.url))

        assert 50 < (left(notice) or 0) < 61

    def test_a_far_time_is_waited_for(self, double: Metadata) -> None:
        """Nobody leaves today because of what happens tomorrow."""
        double.spot(seconds=86400)

        assert [Action.STOP_BY] == [each.action for each in hear(of_aws(double.url))]

    def test_a_time_that_cannot_be_read_does_not_hide_what_happens(self, double: Metadata) -> None:
        """The end begins as if it were two minutes away, which never lengthens the grace."""
        double.show(SPOT, json.dumps({"action": "terminate", "time": "tomorrow-ish"}))
        (notice,) = hear(of_aws(double.url))

        assert (Action.STOP, DeadlineKind.ASSUMED, 120.0) == (notice.action, notice.kind, left(notice))

    @pytest.mark.parametrize("text", ['{"action":"explode","time":"2030-01-01T00:00:00Z"}', "[]", "null", "\xff", "{"])
    def test_what_is_not_understood_stops_nothing(self, double: Metadata, text: str) -> None:
        """It is a trouble, told once."""
        double.show(SPOT, text)

        assert [] == complain(of_aws(double.url), "source-unclear")[1]

    def test_a_sliding_time_is_told_once(self, double: Metadata) -> None:
        """The first is the earliest."""
        double.spot(slides=True)
        with listening(of_aws(double.url)) as heard:
            until(lambda: sum(each.path == SPOT for each in double.asked) > 10, "nobody has looked")

        assert 1 == len(heard.notices)

    def test_our_clock_may_be_wrong(self, double: Metadata) -> None:
        """The time that is left is measured by the clock of the platform, which stands in each answer."""
        double.spot(seconds=120)

        class Late:
            now, chance = double.clock.now, double.clock.chance

            def wall(self) -> float:
                return double.clock.wall() - 3600

        source, heard = of_aws(double.url), Heard()
        heard.clock = Late()  # type: ignore[assignment]
        source.start(heard)
        until(lambda: heard.notices, "nothing was heard")
        source.stop()

        assert 110 < (left(heard.notices[0]) or 0) < 123

    @pytest.mark.parametrize(("told", "action"), [("advise", Action.ADVISE), ("drain", Action.DRAIN)])
    def test_a_rebalance_means_what_is_configured(self, double: Metadata, told: str, action: Action) -> None:
        """It has no deadline, and an end need not follow."""
        double.rebalance()
        (notice,) = hear(of_aws(double.url, rebalance=told))

        assert ("spot rebalance", action, None) == (notice.cause, notice.action, notice.deadline)

    @pytest.mark.parametrize(("told", "action"), [("advise", Action.ADVISE), ("stop_by", Action.STOP_BY)])
    def test_maintenance_means_what_is_configured(self, double: Metadata, told: str, action: Action) -> None:
        """Its time is written as in mail."""
        double.maintenance(seconds=86400)
        (notice,) = hear(of_aws(double.url, maintenance=told))

        assert ("instance-retirement", action) == (notice.cause, notice.action)
        assert 86390 < (left(notice) or 0) < 86401

    def test_maintenance_that_is_called_off_is_taken_back(self, double: Metadata) -> None:
        """By its id."""
        double.maintenance(seconds=86400)
        with listening(of_aws(double.url, maintenance="stop_by")) as heard:
            until(lambda: heard.notices, "nothing was heard")
            double.maintenance(seconds=86400, state="canceled")
            until(lambda: len(heard.notices) > 1, "it was not taken back")
        first, back = heard.notices

        assert (Action.RESUME, first.key) == (back.action, back.key)

    def test_maintenance_that_is_put_off_is_told_again(self, double: Metadata) -> None:
        """With its new time."""
        double.maintenance(seconds=86400)
        with listening(of_aws(double.url, maintenance="stop_by")) as heard:
            until(lambda: heard.notices, "nothing was heard")
            double.maintenance(seconds=2 * 86400)
            until(lambda: len(heard.notices) > 1, "it was not told")

        assert 80000 < (heard.notices[1].deadline or 0) - (heard.notices[0].deadline or 0) < 90000

    def test_a_group_lets_the_instance_go(self, double: Metadata) -> None:
        """Without a time: the hook decides."""
        double.lifecycle("Terminated")
        (notice,) = hear(of_aws(double.url))

        assert ("autoscaling terminate", Action.STOP, None) == (notice.cause, notice.action, notice.deadline)

    def test_a_token_that_has_run_out_is_replaced(self, double: Metadata) -> None:
        """Once for each request, and nobody notices."""
        with listening(of_aws(double.url)) as heard:
            until(lambda: len(double.asked) > 10, "nobody has looked")
            double.revoke()
            double.spot()
            until(lambda: heard.notices, "nothing was heard")
        renewals = [each for each in double.asked if each.method == "PUT"]

        assert ([], 2) == (heard.troubles, len(renewals))

    def test_a_storm_of_401_is_one_trouble(self, double: Metadata) -> None:
        """It is asked ever more rarely, at most twice for each look, and heard again when the storm is over."""
        double.storm = True
        double.spot()
        with listening(of_aws(double.url)) as heard:
            until(lambda: len(double.asked) > 60, "nobody has looked")
            gets = [each for each in double.asked if each.method == "GET"]
            renewals = [each for each in double.asked if each.method == "PUT"]
            assert [] == heard.notices
            assert len(renewals) <= len(gets) + 1
            double.storm = False
            until(lambda: heard.notices, "nothing was heard when the storm was over")

        assert ["source-refused"] == heard.codes

    def test_the_client_may_be_kept_from_asking(self, double: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
        """By the variable that all clients of AWS know."""
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with listening(of_aws(double.url)) as heard:
            assert [] == heard.troubles

        assert [] == double.asked


class TestComputeEngine:
    def test_a_preempted_instance_has_thirty_seconds(self, double: Metadata) -> None:
        """An assumption, which never lengthens the grace; it comes as soon as it is there."""
        with listening(gcp.listen(endpoint=double.url, held=20)) as heard:
            until(lambda: any("last_etag" in each.query for each in double.asked), "nobody waits")
            double.value("preempted", "TRUE")
            until(lambda: heard.notices, "nothing was heard")

        assert ("preempted", DeadlineKind.ASSUMED, 30.0) == (
            heard.notices[0].cause, heard.notices[0].kind, left(heard.notices[0]),
        )  # fmt: skip

    def test_nothing_is_asked_while_nothing_changes(self, double: Metadata) -> None:
        """Two values are waited for, by their ETag and in the query; the third is not there."""
        with listening(gcp.listen(endpoint=double.url, held=20)):
            until(lambda: sum(bool(each.query) for each in double.asked) == 2, "nobody waits")
            until(lambda: sum("stop-state" in each.path for each in double.asked) > 5, "nobody looks for the third")

            assert 4 == sum("stop-state" not in each.path for each in double.asked)

    def test_a_migration_comes_and_goes(self, double: Metadata) -> None:
        """Traffic leaves, and comes back."""
        with listening(gcp.listen(endpoint=double.url, held=1, maintenance="drain")) as heard:
            double.value("maintenance-event", "MIGRATE_ON_HOST_MAINTENANCE")
            until(lambda: heard.notices, "nothing was heard")
            double.value("maintenance-event", "NONE")
            until(lambda: len(heard.notices) > 1, "it was not taken back")

        assert [Action.DRAIN, Action.RESUME] == [each.action for each in heard.notices]

    def test_a_host_that_must_end_takes_the_instance_along(self, double: Metadata) -> None:
        """How long before, whoever knows may say."""
        double.value("maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE")
        (notice,) = hear(gcp.listen(endpoint=double.url, terminate_within=60))

        assert (Action.STOP, DeadlineKind.CONFIGURED, 60.0) == (notice.action, notice.kind, left(notice))

    def test_what_an_end_means_may_be_said(self, double: Metadata) -> None:
        """That of the host may only take traffic away, and a preempted machine may have more time than 30 s."""
        double.value("maintenance-event", "TERMINATE_ON_HOST_MAINTENANCE")
        (leaves,) = hear(gcp.listen(endpoint=double.url, terminate="drain"))
        double.value("maintenance-event", "NONE")
        double.value("preempted", "TRUE")
        (ends,) = hear(gcp.listen(endpoint=double.url, preempted_within=120))

        assert Action.DRAIN is leaves.action
        assert (DeadlineKind.ASSUMED, 120.0) == (ends.kind, left(ends))

    def test_a_graceful_shutdown_tells_its_end(self, double: Metadata) -> None:
        """When it was asked for, and how long it may take."""
        double.value("shutdown-details/request-timestamp", iso(double.clock.wall() - 10))
        double.value("shutdown-details/max-duration", "600")
        double.value("shutdown-details/stop-state", "PENDING_STOP")
        (notice,) = hear(gcp.listen(endpoint=double.url))

        assert 580 < (left(notice) or 0) < 591

    def test_a_graceful_shutdown_without_a_readable_end_has_the_grace(self, double: Metadata) -> None:
        """It is an end all the same."""
        double.value("shutdown-details/request-timestamp", "just now")
        double.value("shutdown-details/max-duration", "a while")
        double.value("shutdown-details/stop-state", "PENDING_STOP")

        assert [None] == [each.deadline for each in hear(gcp.listen(endpoint=double.url))]

    def test_a_server_that_holds_nothing_is_not_asked_without_a_pause(
        self, double: Metadata, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An ETag that is never right would be a busy loop."""
        monkeypatch.setattr("processender.integrations.gcp.PAUSE_S", 5.0)
        monkeypatch.setattr(double, "_hold", lambda _asked: None)
        with listening(gcp.listen(endpoint=double.url)):
            until(lambda: sum("stop-state" in each.path for each in double.asked) > 5, "nobody looks")

        assert 4 == sum("stop-state" not in each.path for each in double.asked)


class TestAzure:
    ROWS = (("Reboot", Action.STOP_BY), ("Redeploy", Action.STOP_BY), ("Terminate", Action.STOP_BY),
            ("Preempt", Action.STOP), ("Freeze", Action.ADVISE))  # fmt: skip

    @pytest.mark.parametrize(("kind", "action"), ROWS)
    def test_an_event_has_its_time(self, double: Metadata, kind: str, action: Action) -> None:
        """`NotBefore` is the deadline."""
        id_ = double.event(kind, seconds=600)
        (notice,) = hear(of_azure(double.url))

        assert (kind, action, id_) == (notice.cause, notice.action, notice.key)
        assert 590 < (left(notice) or 0) < 601

    def test_events_of_other_machines_are_none(self, double: Metadata) -> None:
        """All of a set are listed."""
        double.event("Preempt", machines=("web_1", "web_2"))
        double.event("Reboot", machines=("web_1", "web_0"))

        assert ["Reboot"] == [each.cause for each in hear(of_azure(double.url))]

    def test_what_vanishes_before_it_has_begun_was_called_off(self, double: Metadata) -> None:
        """And what it has begun here is taken back."""
        id_ = double.event("Terminate")
        with listening(of_azure(double.url)) as heard:
            until(lambda: heard.notices, "nothing was heard")
            double.vanish(id_)
            until(lambda: len(heard.notices) > 1, "it was not taken back")

        assert [Action.STOP_BY, Action.RESUME] == [each.action for each in heard.notices]

    def test_what_begins_early_ends_at_once(self, double: Metadata) -> None:
        """Somebody has approved it; no time stands there any more, and it is not called off when it vanishes."""
        id_ = double.event("Redeploy")
        with listening(of_azure(double.url)) as heard:
            until(lambda: heard.notices, "nothing was heard")
            double.begin(id_)
            until(lambda: len(heard.notices) > 1, "its beginning was not heard")
            double.vanish(id_)
            seen = len(double.asked)
            until(lambda: len(double.asked) > seen + 5, "nobody has looked")

        assert [Action.STOP_BY, Action.STOP] == [each.action for each in heard.notices]
        assert DeadlineKind.ASSUMED is heard.notices[1].kind

    def test_a_failing_disk_gives_no_time(self, double: Metadata) -> None:
        """Such events have begun when they are first seen."""
        double.begin(double.event("Redeploy"))

        assert [(Action.STOP, None)] == [(each.action, each.deadline) for each in hear(of_azure(double.url))]

    def test_traffic_comes_back_after_a_freeze(self, double: Metadata) -> None:
        """Where it was to leave."""
        id_ = double.event("Freeze")
        with listening(of_azure(double.url, freeze="drain")) as heard:
            until(lambda: heard.notices, "nothing was heard")
            double.begin(id_)
            double.vanish(id_)
            until(lambda: len(heard.notices) > 1, "it was not taken back")

        assert [Action.DRAIN, Action.RESUME] == [each.action for each in heard.notices]

    def test_a_garbled_event_is_not_called_off(self, double: Metadata) -> None:
        """What cannot be read may be what was read before; the others are heard."""
        first = double.event("Terminate")
        with listening(of_azure(double.url)) as heard:
            until(lambda: heard.notices, "nothing was heard")
            double.events[first]["NotBefore"] = "?"
            double.event("Reboot")
            until(lambda: len(heard.notices) > 1, "the other was not heard")
            seen = len(double.asked)
            until(lambda: len(double.asked) > seen + 5, "nobody has looked")

        assert ["Terminate", "Reboot"] == [each.cause for each in heard.notices]
        assert ["source-unclear"] == heard.codes

    def test_nothing_is_approved(self, double: Metadata) -> None:
        """That would hold for all machines of the event."""
        double.event("Preempt")
        hear(of_azure(double.url))

        assert [] == double.approved
        assert {"GET"} == {each.method for each in double.asked}

    def test_who_is_called_something_else_says_so(self, double: Metadata) -> None:
        """Then the metadata is not asked for the name."""
        double.event("Preempt", machines=("mine",))

        assert 1 == len(hear(of_azure(double.url, machine="mine")))


class TestTask:
    def test_a_task_is_to_stop(self, double: Metadata) -> None:
        """How long it has stands in no metadata, and is configured."""
        double.task["DesiredStatus"] = "STOPPED"
        (notice,) = hear(aws.listen_ecs(endpoint=f"{double.url}/v4", stop_timeout=120.0))

        assert ("ecs stop", DeadlineKind.CONFIGURED, 120.0) == (notice.cause, notice.kind, left(notice))

    def test_protection_is_a_block(self, double: Metadata) -> None:
        """Taken and given back."""
        with aws.TaskProtection(60, endpoint=double.url):
            inside = double.protected

        assert (True, False) == (inside, double.protected)
        assert {"ProtectionEnabled": True, "ExpiresInMinutes": 60} == json.loads(double.asked[0].body)

    def test_protection_does_nothing_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same program runs on a laptop."""
        monkeypatch.delenv("ECS_AGENT_URI", raising=False)
        with aws.TaskProtection():
            pass


@pytest.mark.parametrize(
    "make",
    [
        lambda: aws.listen(endpoint="ftp://here"),
        lambda: aws.listen(every=0),
        lambda: aws.listen(group="web"),
        lambda: aws.listen(extend_to=60),
        lambda: aws.listen_ecs(endpoint="nowhere"),
        lambda: gcp.listen(endpoint="ftp://here"),
        lambda: azure.listen(endpoint="ftp://here"),
        lambda: azure.listen(every=0),
        lambda: alibaba.listen(every=0),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(make: Callable[[], object]) -> None:
    """And not by a thread that nobody looks at."""
    with pytest.raises(SourceError, match="cannot"):
        make()
