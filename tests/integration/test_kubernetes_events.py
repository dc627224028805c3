"""What the cluster is told of each end: events that `kubectl describe pod` shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from processender import Ender
from processender.engine.brief import BriefContext
from processender.engine.clock import SystemClock
from processender.errors import AccountRefused, HandlerError, Permanent
from processender.exchange import HTTPStatusTransient
from processender.integrations.kubernetes import EventSender, events, events_of
from processender.ports import Exporter
from processender.testing.cluster import CREATE_EVENTS, LIST_PODS, Cluster, wrong_with
from tests.integration.clusters import POD, UID, mount, populated

RUN = {
    "id": "20261128T120000-1a2b3c", "service": "shop", "cause": "SIGTERM", "notices": [], "verdict": "degraded",
    "window": {"length_s": 30.0}, "started": 1_795_867_200.25, "ended": 1_795_867_202.0, "seconds": 1.75,
    "handlers": [{"name": "flush", "outcome": "failed"}, {"name": "pool", "outcome": "done"}, {"name": "late", "outcome": None}],
}  # fmt: skip
CRASH = {"id": "20261128T120001-ffffff", "service": "shop", "cause": "oom", "at": 1_795_867_201.0, "obligations": []}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Serve a cluster with the pod in it."""
    with populated() as served:
        yield served


@pytest.fixture
def sender(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EventSender:
    """Return what tells that cluster, as a pod that does not know its uid."""
    monkeypatch.delenv("POD_UID", raising=False)
    return events(pod=POD, endpoint=cluster.url, account=mount(tmp_path))


def context() -> BriefContext:
    """Return the time of one delivery."""
    clock = SystemClock()
    return BriefContext(clock.now() + 20.0, clock, handler="kubernetes", cause="test", key="id")


def test_an_account_becomes_two_events_about_the_pod(cluster: Cluster, sender: EventSender) -> None:
    """With all that the API wants, the dates of the run, and the handlers that were not done."""
    sender.send(RUN, context())
    began, ended = cluster.events.values()
    about = {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": POD, "uid": UID}

    assert [about, about] == [began["involvedObject"], ended["involvedObject"]]
    assert ("Normal", "ShutdownStarted", "2026-11-28T12:00:00.250000Z") == (
        began["type"], began["reason"], began["eventTime"]
    )  # fmt: skip
    assert ("Warning", "ShutdownDegraded", "2026-11-28T12:00:02Z") == (
        ended["type"], ended["reason"], ended["lastTimestamp"]
    )  # fmt: skip
    assert "shop is ending because of SIGTERM, within 30.0 s" == began["message"]
    assert "shop ended degraded after 1.75 s; not done: flush failed" == ended["message"]


@pytest.mark.parametrize("version", ["1.29", kubernetes_validate.latest_version()])
def test_the_events_are_those_of_the_schema(cluster: Cluster, sender: EventSender, version: str) -> None:
    """Of the oldest and the newest cluster that we know."""
    sender.send(RUN, context())
    sender.send(CRASH, context())

    assert 3 == len(cluster.events)
    for event in cluster.events.values():
        assert version.startswith(kubernetes_validate.validate(event, version, strict=True))


def test_what_is_sent_twice_is_there_once(cluster: Cluster, sender: EventSender) -> None:
    """An account may be delivered more than once."""
    for _ in range(3):
        sender.send(RUN, context())

    assert 2 == len(cluster.events)


def test_a_pod_that_may_not_list_pods_tells_all_the_same(cluster: Cluster, sender: EventSender) -> None:
    """Without its uid, and it asks once only."""
    cluster.allowed.discard(LIST_PODS)
    sender.send(RUN, context())
    sender.send(CRASH, context())

    assert all("uid" not in event["involvedObject"] for event in cluster.events.values())
    assert 1 == sum("/pods" in asked.path for asked in cluster.asked)


def test_a_service_account_without_the_right_is_told_which(cluster: Cluster, sender: EventSender) -> None:
    """And what to do about it."""
    cluster.allowed.discard(CREATE_EVENTS)
    with pytest.raises(Permanent, match=r"may not create events: .*; bind a Role with the verb 'create' to it"):
        sender.send(RUN, context())


def test_an_api_that_is_overloaded_can_be_sent_to_later(cluster: Cluster, sender: EventSender) -> None:
    """Nothing is lost by asking in vain for the uid."""
    cluster.flaps = True
    for _ in range(2):
        with pytest.raises(HTTPStatusTransient):
            sender.send(RUN, context())
    cluster.flaps = False
    sender.send(RUN, context())

    assert [UID, UID] == [event["involvedObject"]["uid"] for event in cluster.events.values()]


def test_an_ender_tells_the_cluster_of_its_end(cluster: Cluster, sender: EventSender, tmp_path: Path) -> None:
    """As an observer it tells at once: of the beginning while the handlers run."""
    seen: list[Any] = []
    ender = Ender("shop", grace=10, state=str(tmp_path), observers=[sender], signals=(), exit="return")
    with ender:
        ender.handler(lambda _ctx: _until(lambda: seen.extend(cluster.events.values()) or seen), name="wait", timeout=5)
        ender.stop("test")

    assert "ShutdownStarted" == seen[0]["reason"]
    assert {"ShutdownStarted", "ShutdownCompleted"} == {event["reason"] for event in cluster.events.values()}


def test_an_ender_has_it_as_an_exporter_too(cluster: Cluster, sender: EventSender, tmp_path: Path) -> None:
    """What the cluster does not take then waits in an outbox, and is sent by the next start."""
    cluster.allowed.discard(CREATE_EVENTS)
    options: dict[str, Any] = {"grace": 10, "state": str(tmp_path), "signals": (), "exit": "return"}
    exporter: Exporter = sender
    with Ender("shop", exporters=[exporter], **options) as ender:
        ender.stop("first")
    cluster.allowed.add(CREATE_EVENTS)
    with Ender("shop", exporters=[exporter], **options) as ender:
        ender.stop("second")
    _until(lambda: len(cluster.events) == 4)

    assert ["first", "second"] == sorted(
        event["message"].partition("because of ")[2].partition(",")[0]
        for event in cluster.events.values()
        if event["reason"] == "ShutdownStarted"
    )


def test_what_the_api_will_never_take_is_not_sent_again(cluster: Cluster, tmp_path: Path) -> None:
    """An outbox that waits for it would wait for ever."""
    nameless = events(pod="Not_A_Name", uid=UID, endpoint=cluster.url, account=mount(tmp_path))
    with pytest.raises(AccountRefused, match="will not take the event"):
        nameless.send(RUN, context())


def _until(fact: Any) -> None:
    from processender.testing.sources import until

    until(fact, "the cluster was told")


def test_outside_a_cluster_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the same program runs anywhere."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    events().send(RUN, context())


def test_a_pod_without_a_service_account_is_told_so(tmp_path: Path) -> None:
    """When it is made, and not at the end."""
    with pytest.raises(HandlerError, match="automountServiceAccountToken"):
        events(pod=POD, endpoint="http://127.0.0.1:1", account=str(tmp_path))


HOSTILE = '<script>"\n\x1b' + "\u20ac" * 10_000


@pytest.mark.parametrize(
    "account",
    [
        RUN | {"service": HOSTILE, "cause": HOSTILE, "handlers": [{"name": HOSTILE, "outcome": HOSTILE}] * 50},
        RUN | {"id": HOSTILE, "window": 7, "started": "x", "ended": True, "handlers": 5, "verdict": None},
        RUN | {"started": float("nan"), "ended": -1.0, "id": None},
        {"summary": HOSTILE},
    ],
    ids=["long names", "other types", "odd numbers", "nearly nothing"],
)
def test_a_damaged_account_makes_events_that_the_api_takes(account: dict[str, Any]) -> None:
    """Whatever stands in it."""
    about = {"namespace": "default", "name": POD}
    for event in events_of(account):
        name = f"{POD}.{event.pop('name')}"
        whole = {"metadata": {"name": name, "namespace": "default"}, "involvedObject": about, **event}

        assert "" == wrong_with({**whole, "reportingComponent": "a/b", "reportingInstance": POD})
