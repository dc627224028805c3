"""What a pod hears of its own end from the API of its cluster, on good days and on bad ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from processender import Ender
from processender.core.events import Event, NoticeHeard
from processender.core.grace import Grace
from processender.core.notice import Action, DeadlineKind, Notice
from processender.core.platforms import Platform
from processender.diagnosis.scene import Scene
from processender.diagnosis.windows import find_windows
from processender.engine.clock import SystemClock
from processender.errors import ProcessEnderError, SourceError
from processender.exchange import Request, exchange
from processender.integrations import kubernetes
from processender.testing.cluster import DELETE_PODS, LIST_PODS, WATCH_PODS, Cluster, Pod
from processender.testing.metadata import black_hole
from processender.testing.sources import Heard, check_source, listening, until
from tests.integration.clusters import PACE, POD, UID, Place, hurry, mount, populated
from tests.integration.drainers import Attempt


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    hurry(monkeypatch)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Run a cluster with the pod in it."""
    with populated() as cluster:
        yield Place(cluster, mount(tmp_path))


def left(notice: Notice) -> float:
    """Return the seconds that a notice leaves from when it was heard."""
    assert notice.deadline is not None, f"{notice} has no deadline"
    return notice.deadline - notice.at


def hear(place: Place, deed: Callable[[], object], many: int = 1, **options: Any) -> list[Notice]:
    """Return what is told of a deed that is done while the pod is watched."""
    with listening(place.source(**options)) as heard:
        place.watching()
        deed()
        until(lambda: len(heard.notices) >= many, f"no {many} notices were heard, but {heard.troubles}")
    return heard.notices


class TestPromises:
    def test_of_a_pod(self, tmp_path: Path) -> None:
        """Absent, a black hole, flapping, lying, silent; told once, without another request, and stopped at once."""

        def make() -> Cluster:
            cluster = populated()
            cluster.history.longest = 5 * PACE
            return cluster

        def garble(cluster: Cluster) -> None:
            cluster.pods[POD].uid = ""

        def delete(cluster: Cluster) -> None:
            cluster.pods[POD].uid = UID
            cluster.delete(POD)

        account = mount(tmp_path)
        check_source(
            lambda url: kubernetes.listen(endpoint=url, account=account, pod=POD), delete, unclear=garble, double=make
        )


class TestEnds:
    def test_a_deletion_tells_its_deadline(self, place: Place) -> None:
        """The grace of the specification, from the request on."""
        (notice,) = hear(place, lambda: place.cluster.delete(POD))

        assert ("pod deleted", Action.STOP, DeadlineKind.TOLD, UID) == (
            notice.cause, notice.action, notice.kind, notice.key,
        )  # fmt: skip
        assert 28 < left(notice) <= 30

    def test_a_deletion_with_another_grace_tells_that(self, place: Place) -> None:
        """As of `kubectl delete --grace-period`, which stands in its request."""
        request = Request("DELETE", f"{place.cluster.url}/api/v1/namespaces/default/pods/{POD}?gracePeriodSeconds=300")
        place.cluster.allowed.add(DELETE_PODS)
        token = {"Authorization": "Bearer token-1"}
        (notice,) = hear(place, lambda: exchange(request, Attempt(), headers=token))

        assert 298 < left(notice) <= 300

    def test_a_second_deletion_can_only_shorten_it(self, place: Place) -> None:
        """It counts from the first request."""

        def deed() -> None:
            place.cluster.delete(POD)
            place.cluster.delete(POD, grace=60)
            place.cluster.delete(POD, grace=10)

        first, second = hear(place, deed, 2)

        assert 18 < (first.deadline or 0) - (second.deadline or 0) < 22

    def test_a_pod_that_is_being_deleted_already_hears_at_once(self, place: Place) -> None:
        """The list shows it, before there is a watch."""
        place.cluster.delete(POD)
        with listening(place.source()) as heard:
            until(lambda: heard.notices, "nothing was heard")

        assert 1 == len(heard.notices)

    def test_an_eviction_is_the_cause_of_the_end(self, place: Place) -> None:
        """The condition is written before the deletion, and told; then it is the reason of that."""
        first, second = hear(place, lambda: place.cluster.evict(POD), 2)

        assert [Action.ADVISE, Action.STOP] == [first.action, second.action]
        assert ("EvictionByEvictionAPI", "Eviction API: evicting") == (second.cause, second.sender)
        assert 28 < left(second) <= 30

    @pytest.mark.parametrize("reason", ["PreemptionByScheduler", "DeletionByTaintManager", "DeletionByPodGC"])
    def test_who_deletes_it_is_the_cause(self, place: Place, reason: str) -> None:
        """In the cluster's own word, even if both come in one look."""
        place.cluster.disrupt(POD, reason)
        place.cluster.delete(POD)
        with listening(place.source()) as heard:
            until(lambda: heard.notices, "nothing was heard")

        assert [(reason, Action.STOP)] == [(each.cause, each.action) for each in heard.notices]

    def test_a_disruption_that_does_not_come_is_taken_back(self, place: Place) -> None:
        """After two minutes the cluster says so; traffic that has left comes back."""
        with listening(place.source(disruption="drain")) as heard:
            place.watching()
            place.cluster.disrupt(POD, "PreemptionByScheduler")
            until(lambda: heard.notices, "nothing was heard")
            place.cluster.disrupt(POD, "PreemptionByScheduler", holds=False)
            until(lambda: len(heard.notices) > 1, "it was not taken back")

        assert [Action.DRAIN, Action.RESUME] == [each.action for each in heard.notices]

    def test_what_the_kubelet_itself_ends_is_ended_now(self, place: Place) -> None:
        """As at the shutdown of its node, where that is told before the containers have ended; without a time."""
        (notice,) = hear(place, lambda: place.cluster.disrupt(POD, "TerminationByKubelet", "node shutdown"))

        assert ("TerminationByKubelet", Action.STOP, None) == (notice.cause, notice.action, notice.deadline)

    def test_a_forced_deletion_leaves_two_seconds(self, place: Place) -> None:
        """The least that a kubelet gives."""
        (notice,) = hear(place, lambda: place.cluster.delete(POD, grace=0))

        assert DeadlineKind.TOLD is notice.kind
        assert 0.5 < left(notice) <= 2.1

    def test_a_pod_that_is_gone_while_nobody_looked_ends(self, place: Place) -> None:
        """It was met before, and the kubelet will find out."""
        with listening(place.source()) as heard:
            place.watching()
            place.cluster.history.compact()
            with place.cluster.lock:
                del place.cluster.pods[POD]
                place.cluster.history.cut()
            until(lambda: heard.notices, "nothing was heard")

        assert [("pod removed", DeadlineKind.ASSUMED)] == [(each.cause, each.kind) for each in heard.notices]

    def test_a_deadline_that_is_over_begins_the_end(self, place: Place) -> None:
        """As after a partition: the kubelet counts from when it hears of it."""
        pod = place.cluster.pods[POD]
        pod.deletion = (place.cluster.wall() - 7200, 20)
        (notice,) = hear(place, lambda: place.cluster.disrupt(POD, "DeletionByTaintManager"))

        assert (Action.STOP, DeadlineKind.ASSUMED) == (notice.action, notice.kind)
        assert 20 == round(left(notice))

    @pytest.mark.parametrize("ahead", [3600.0, -3600.0])
    def test_our_clock_may_be_wrong(self, place: Place, ahead: float) -> None:
        """The time that is left is measured by the clock of the server, also late in a watch."""
        place.cluster.ahead = ahead
        (notice,) = hear(place, lambda: place.cluster.delete(POD))

        assert 27 < left(notice) <= 31

    def test_what_else_happens_to_the_pod_is_no_news(self, place: Place) -> None:
        """Its status changes all the time."""
        with listening(place.source()) as heard:
            place.watching()
            for _ in range(5):
                place.cluster.disrupt(POD, "", holds=False)
                place.cluster.history.bookmark()
            place.cluster.delete(POD)
            until(lambda: heard.notices, "nothing was heard")

        assert (1, []) == (len(heard.notices), heard.troubles)


class TestAnother:
    def test_of_the_same_name_is_not_this_one(self, place: Place) -> None:
        """Its deletion ends nothing; that it is there is told once."""
        with listening(place.source(uid="another")) as heard:
            place.cluster.delete(POD)
            until(lambda: place.asked(watch=False) > 3, "nobody looks again")

        assert ([], ["source-unclear"]) == (heard.notices, heard.codes)
        assert "the uid " + UID in heard.troubles[0][1]

    def test_that_takes_its_name_means_that_this_one_is_gone(self, place: Place) -> None:
        """And the deletion of the new one is not told."""

        def deed() -> None:
            place.cluster.delete(POD, grace=0)
            place.cluster.run(Pod(POD, uid="new"))
            place.cluster.delete(POD)
            place.cluster.history.bookmark()

        with listening(place.source()) as heard:
            place.watching()
            deed()
            until(lambda: heard.notices, "nothing was heard")
            place.cluster.history.cut()
            until(lambda: place.asked(watch=True) > 1, "it is not watched any more")

        assert [(UID, "pod deleted")] == [(each.key, each.cause) for each in heard.notices]

    def test_name_is_asked_for_where_there_is_no_such_pod(self, place: Place) -> None:
        """As with `hostNetwork`, where the name of the host is that of the node."""
        del place.cluster.pods[POD]
        with listening(place.source()) as heard:
            until(lambda: heard.troubles, "nothing was said")

        assert "POD_NAME, from metadata.name" in heard.troubles[0][1]


class TestBadDays:
    def test_a_watch_that_the_server_ends_goes_on(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """From where it was: what happened meanwhile is told, and the pod is not listed again."""
        monkeypatch.setattr("processender.integrations.kubernetes.listener.EVERY_S", 1e-9)
        with listening(place.source()) as heard:
            for number in range(3):
                until(lambda n=number: place.asked(watch=True) > n, "it is not watched again")  # type: ignore[misc]
                place.watching()
                place.cluster.history.cut()
            place.cluster.delete(POD)
            until(lambda: heard.notices, "nothing was heard")

        assert (1, []) == (place.asked(watch=False), heard.troubles)

    @pytest.mark.parametrize("status", [200, 410])
    def test_a_version_that_is_not_kept_leads_back_to_the_list(self, place: Place, status: int) -> None:
        """Whether the server says so in a line, as it does, or by the status."""
        with listening(place.source()) as heard:
            place.watching()
            if status == 410:
                place.cluster.fail(410, path="/api/v1")
            else:
                place.cluster.history.compact()
            with place.cluster.lock:
                place.cluster.history.cut()
                place.cluster.pods[POD].deletion = (place.cluster.wall() + 30, 30)
            until(lambda: heard.notices, f"nothing was heard, but {heard.troubles}")

        assert (2, []) == (place.asked(watch=False), heard.troubles)

    def test_a_server_that_keeps_nothing_is_not_asked_without_a_pause(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One list at once, and then at the pace."""
        monkeypatch.setattr("processender.integrations.kubernetes.listener.EVERY_S", 20.0)
        place.cluster.history.compact()
        place.cluster.history._kept = 10**9
        with listening(place.source()):
            until(lambda: place.asked(watch=True) == 2, "it was not tried twice")
            place.cluster.history.compact()

            assert 2 == place.asked(watch=False)

    @pytest.mark.parametrize(
        "line", [b"<html>\n", b"null\n", b"[]\n", b'{"type":"MODIFIED"}\n', b'{"type":"X","object":{"metadata":{}}}\n']
    )
    def test_a_line_that_nobody_understands_leads_back_to_the_list(self, place: Place, line: bytes) -> None:
        """It is told once, and nothing is lost."""
        with listening(place.source()) as heard:
            for _ in range(3):
                place.watching()
                place.cluster.history.say(line)
                until(lambda: not place.cluster.history.watched or place.cluster.history.bookmark(), "it goes on")
            place.watching()
            place.cluster.delete(POD)
            until(lambda: heard.notices, "nothing was heard")

        assert ["source-unclear"] == heard.codes

    def test_a_watch_that_breaks_off_is_taken_up(self, place: Place) -> None:
        """In the midst of an answer; and where the server says what is wrong with it."""
        with listening(place.source()) as heard:
            place.watching()
            place.cluster.history.cut(abruptly=True)
            until(lambda: place.asked(watch=True) == 2, "it is not watched again")
            place.watching()
            place.cluster.history.say(b'{"type":"ERROR","object":{"code":500,"message":"etcd is away"}}\n')
            until(lambda: place.asked(watch=True) == 3, "it is not watched again")
            place.cluster.delete(POD)
            until(lambda: heard.notices, "nothing was heard")

        assert {"source-away"} == set(heard.codes)

    def test_a_server_that_ends_each_watch_at_once_is_asked_ever_more_rarely(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """That is a trouble, and no busy loop."""
        monkeypatch.setattr("processender.integrations.kubernetes.listener.EVERY_S", 0.05)
        monkeypatch.setattr(
            place.cluster.history, "watch", lambda *_, **__: iter(()),
        )  # fmt: skip
        with listening(place.source()) as heard:
            until(lambda: heard.troubles, "nothing was said")

        assert "ends each watch at once" in heard.troubles[0][1]
        assert 3 >= place.asked(watch=True)

    def test_a_token_that_is_replaced_is_read_anew(self, place: Place) -> None:
        """As the kubelet does it every hour."""
        with listening(place.source()) as heard:
            place.watching()
            mount(Path(place.account), "token-2")
            place.cluster.token = "token-2"
            place.cluster.history.cut()
            place.cluster.delete(POD)
            until(lambda: heard.notices, "nothing was heard")

        assert [] == heard.troubles

    def test_a_token_that_is_refused_is_one_trouble(self, place: Place) -> None:
        """Until there is a better one."""
        mount(Path(place.account), "old")
        with listening(place.source()) as heard:
            until(lambda: len(place.cluster.asked) > 3, "it is not asked again")
            mount(Path(place.account))
            place.watching()

        assert ["source-refused"] == heard.codes
        assert "is its token mounted?" in heard.troubles[0][1]

    @pytest.mark.parametrize("what", [LIST_PODS, WATCH_PODS])
    def test_what_is_not_granted_is_said_once(self, place: Place, what: tuple[str, str]) -> None:
        """With the verb; it is heard again once it is granted."""
        place.cluster.allowed.remove(what)
        with listening(place.source()) as heard:
            until(lambda: len(place.cluster.asked) > 4, "it is not asked again")
            place.cluster.allowed.add(what)
            place.watching()

        assert ["source-refused"] == heard.codes
        assert f"bind a Role with the verb {what[0]!r} to it" in heard.troubles[0][1]

    def test_a_pod_without_a_service_account_says_so(self, place: Place) -> None:
        """Once, with what to set."""
        (Path(place.account) / "namespace").unlink()
        with listening(place.source()) as heard:
            until(lambda: heard.troubles, "nothing was said")

        assert ["source-refused"] == heard.codes
        assert "automountServiceAccountToken: true" in heard.troubles[0][1]

    def test_a_slow_server_is_waited_for_again(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is one trouble, and what it says later is heard."""
        monkeypatch.setattr("processender.integrations.kubernetes.reading.SILENT_S", 0.05)
        place.cluster.delay = 0.3
        with listening(place.source()) as heard:
            until(lambda: heard.troubles, "nothing was said")
            monkeypatch.setattr("processender.integrations.kubernetes.reading.SILENT_S", 20.0)
            place.cluster.delay = 0.0
            place.cluster.delete(POD)
            until(lambda: heard.notices, "nothing was heard")

        assert ["source-slow"] == heard.codes

    def test_a_list_without_a_version_is_not_asked_for_without_a_pause(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """There is nothing from where a watch could begin."""
        monkeypatch.setattr(place.cluster.history, "version", "")
        with listening(place.source()) as heard:
            until(lambda: place.asked(watch=False) > 3, "it is not asked again")

        assert (["source-unclear"], 0) == (heard.codes, place.asked(watch=True))

    def test_a_watch_that_is_silent_holds_up_no_exit(self, place: Place) -> None:
        """It waits for a line, and comes back without one."""
        source, heard = place.source(), Heard()
        source.start(heard)
        place.watching()
        source.stop()
        until(lambda: "processender-kubernetes" not in _threads(), "it still listens")

        assert ([], []) == (heard.notices, heard.troubles)

    def test_outside_of_a_cluster_it_is_silent(self) -> None:
        """The same program runs anywhere."""
        source = kubernetes.listen()
        with listening(source) as heard:
            until(lambda: "processender-kubernetes" not in _threads(), "it still listens")

        assert ([], {"pod": "no container of a cluster"}) == (heard.troubles, source.last)


def _threads() -> set[str]:
    import threading

    return {each.name for each in threading.enumerate()}


class TestGrace:
    def test_of_the_specification_is_shown(self, place: Place) -> None:
        """As soon as the pod was listed, in what the report tells of the source."""
        source = place.source()
        with listening(source):
            place.watching()

        assert "30 s, terminationGracePeriodSeconds of the pod, from the API" == source.last["grace"]

    def test_can_be_asked_for(self, place: Place) -> None:
        """What a deletion says comes before the specification."""
        place.cluster.delete(POD, grace=12)
        told = kubernetes.ask_grace(SystemClock(), 20.0, endpoint=place.cluster.url, account=place.account, pod=POD)

        assert Grace(12.0, "deletionGracePeriodSeconds of the pod, from the API") == told

    def test_is_what_doctor_asks_for_where_nothing_else_tells_it(self, place: Place) -> None:
        """Of the API of which the source was told; what is missing is told with it."""
        told = {"endpoint": place.cluster.url, "account": place.account}
        environ = {"POD_NAME": POD, "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
        scene = Scene(environ, {}, sources={"kubernetes": told})
        known = find_windows([Platform("kubernetes", "a sign")], scene, 20.0)["kubernetes"]
        place.cluster.allowed.clear()
        guessed = find_windows([Platform("kubernetes", "a sign")], scene, 20.0)["kubernetes"]

        assert Grace(30.0, "terminationGracePeriodSeconds of the pod, from the API") == known
        assert (30.0, DeadlineKind.ASSUMED) == (guessed.seconds, guessed.kind)
        assert "may not list pods" in guessed.known_from

    def test_of_a_pod_that_is_not_there_is_an_error(self, place: Place) -> None:
        """It says by which name it was looked for."""
        with pytest.raises(SourceError, match="there is no pod 'nobody'"):
            kubernetes.ask_grace(SystemClock(), 20.0, endpoint=place.cluster.url, account=place.account, pod="nobody")

    def test_that_nobody_tells_is_an_error(self, place: Place) -> None:
        """Which says what is missing."""
        place.cluster.allowed.clear()
        with pytest.raises(ProcessEnderError, match="may not list pods"):
            kubernetes.ask_grace(SystemClock(), 20.0, endpoint=place.cluster.url, account=place.account, pod=POD)

    def test_from_an_address_that_swallows_everything_is_a_time_out(self, place: Place) -> None:
        """After the time that was given for it."""
        with black_hole() as url, pytest.raises(TimeoutError):
            kubernetes.ask_grace(SystemClock(), 0.2, endpoint=url, account=place.account, pod=POD)


class Said:
    """An observer that keeps what was heard."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def observe(self, event: Event) -> None:
        """Keep the cause of a notice."""
        if isinstance(event, NoticeHeard):
            self.notices.append(event.notice.cause)


def test_the_watch_and_the_signal_are_one_end(place: Place, tmp_path: Path) -> None:
    """With the deadline of the platform, although the signal, which has none, comes behind it."""
    said = Said()
    ender = Ender("shop", grace=5, signals=(), exit="return", state=str(tmp_path / "state"), observers=[said])
    ender.listen(place.source())
    ran: list[str] = []

    def flush() -> None:
        ran.append("flush")
        ender.notify(Notice("SIGTERM", "signals", SystemClock().now(), signum=15))
        until(lambda: said.notices == ["pod deleted", "SIGTERM"], "the signal was not heard")

    ender.add(flush, name="flush", phase="flush")
    with ender:
        place.watching()
        place.cluster.delete(POD)
        ender.stopping.wait(20)
    report = ender.report or {}

    assert (["flush"], "pod deleted") == (ran, report["cause"])
    assert 28 < report["window"]["length_s"] <= 30


@pytest.mark.parametrize(
    "make",
    [
        lambda: kubernetes.listen(endpoint="ftp://here"),
        lambda: kubernetes.listen(held=0),
        lambda: kubernetes.listen(disruption="stop"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(make: Callable[[], object]) -> None:
    """And not by a thread that nobody looks at."""
    with pytest.raises(SourceError, match="cannot"):
        make()
