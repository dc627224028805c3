"""What the API says of a pod, row by row, and how long a pod has to end where nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from processender.core.grace import Grace
from processender.core.notice import Action, DeadlineKind
from processender.core.sighting import Sighting
from processender.glance import Unclear
from processender.integrations.kubernetes import find_grace
from processender.integrations.kubernetes.pod import grace_of, removed, sightings_of, uid_of
from processender.testing.cluster import Cluster, Pod
from processender.testing.history import FIRST, gone, line

NOW = 1_800_000_000.0
UID = "uid-1"


def pod(conditions: Any = None, spec: Any = None, **metadata: Any) -> dict[str, Any]:
    """Return a pod as the API shows it."""
    return {
        "metadata": {"name": "shop-1", "uid": UID, **metadata},
        "spec": {"terminationGracePeriodSeconds": 30} if spec is None else spec,
        "status": {"conditions": conditions},
    }


def disrupted(reason: Any = "PreemptionByScheduler", status: str = "True", **more: Any) -> list[dict[str, Any]]:
    """Return its conditions."""
    return [
        {"type": "Ready", "status": "True"},
        {"type": "DisruptionTarget", "status": status, "reason": reason, **more},
    ]


def at(seconds: float) -> str:
    """Return an instant as the API writes it."""
    return datetime.fromtimestamp(NOW + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def end(cause: str = "pod deleted", **more: Any) -> Sighting:
    """Return the end of the pod."""
    return Sighting(UID, cause, **more)


def assumed(within: float | None, cause: str = "pod deleted") -> Sighting:
    """Return an end whose time is only assumed."""
    return end(cause, within=within, kind=DeadlineKind.ASSUMED)


ROWS: tuple[tuple[str, dict[str, Any], list[Sighting]], ...] = (
    ("lives", pod([{"type": "Ready", "status": "True"}]), []),
    ("says nothing", pod(None), []),
    ("is deleted", pod(deletionTimestamp=at(25), deletionGracePeriodSeconds=30), [end(deadline=NOW + 25)]),
    ("has the least", pod(deletionTimestamp=at(1), deletionGracePeriodSeconds=1), [end(deadline=NOW + 2)]),
    ("is forced", pod(deletionTimestamp=at(0), deletionGracePeriodSeconds=0), [end(deadline=NOW + 2)]),
    ("is late", pod(deletionTimestamp=at(-90), deletionGracePeriodSeconds=60), [assumed(60.0)]),
    ("is late without a grace", pod(deletionTimestamp=at(-90)), [assumed(30.0)]),
    ("is late without any", pod(spec={}, deletionTimestamp=at(-90)), [assumed(None)]),
    ("is deleted without a readable time", pod(deletionTimestamp="soon", deletionGracePeriodSeconds=9), [assumed(9.0)]),
    ("is deleted at a number", pod(deletionTimestamp=17), [assumed(30.0)]),
    ("is deleted in another zone", pod(deletionTimestamp="2027-01-15T10:00:30+02:00"), [end(deadline=NOW + 30)]),
    (
        "is preempted",
        pod(disrupted(message="by shop-9"), deletionTimestamp=at(25), deletionGracePeriodSeconds=30),
        [end("PreemptionByScheduler", deadline=NOW + 25, about="by shop-9")],
    ),
    ("is about to be", pod(disrupted()), [end("PreemptionByScheduler", action=Action.DRAIN, can_cancel=True)]),
    ("is not any more", pod(disrupted(status="False")), []),
    ("has no reason", pod(disrupted(None)), [end("DisruptionTarget", action=Action.DRAIN, can_cancel=True)]),
    ("is ended by its kubelet", pod(disrupted("TerminationByKubelet")), [end("TerminationByKubelet")]),
    ("has garbled conditions", pod([None, "x", {"type": 3}]), []),
    ("has a garbled list of them", pod("x"), []),
    ("has a garbled grace", pod(deletionTimestamp=at(25), deletionGracePeriodSeconds="x"), [end(deadline=NOW + 25)]),
)


@pytest.mark.parametrize(("_what", "told", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_said_of_a_pod_means_this(_what: str, told: dict[str, Any], expected: list[Sighting]) -> None:
    """The deadline is the platform's; without one it is the grace, and never less than the kubelet gives."""
    assert expected == sightings_of(told, NOW, Action.DRAIN)


def test_a_pod_that_is_there_no_more_has_the_least() -> None:
    """An assumption."""
    assert Sighting(UID, "pod removed", within=2, kind=DeadlineKind.ASSUMED) == removed(UID)


@pytest.mark.parametrize(
    "told", [None, [], {}, {"metadata": None}, {"metadata": {"uid": 3}}, {"metadata": {"uid": ""}}]
)
def test_what_is_no_pod_is_not_understood(told: Any) -> None:
    """And told as that."""
    with pytest.raises(Unclear, match="is no pod"):
        uid_of(told)


@pytest.mark.parametrize("seconds", [True, -1, 10**9, "30", None])
def test_a_grace_that_cannot_be_is_none(seconds: Any) -> None:
    """A unit gone wrong must not become a window."""
    assert grace_of(pod(spec={"terminationGracePeriodSeconds": seconds})) is None


class TestGrace:
    def test_is_told_by_a_variable(self, tmp_path: Path) -> None:
        """Before any file."""
        (tmp_path / "annotations").write_text('processender.dev/grace-seconds="40"\n')
        found = [find_grace({"POD_GRACE_SECONDS": text}, str(tmp_path)) for text in ("35", "35s")]

        assert [Grace(35.0, "the variable POD_GRACE_SECONDS")] * 2 == found

    def test_is_told_by_the_file_of_the_annotations(self, tmp_path: Path) -> None:
        """As the downward API writes it, among others."""
        path = tmp_path / "annotations"
        path.write_text('kubernetes.io/config.seen="2026"\nprocessender.dev/grace-seconds="40"\nz="a=b"\n')

        assert Grace(40.0, f"the annotation processender.dev/grace-seconds in {path}") == find_grace({}, str(tmp_path))

    def test_is_unknown_where_nobody_says(self, tmp_path: Path) -> None:
        """Without a mount, without the line, and with an annotation that the pod does not have."""
        before = find_grace({"POD_GRACE_SECONDS": ""}, str(tmp_path))
        (tmp_path / "annotations").write_text('other="1"\n')

        assert (None, None) == (before, find_grace({}, str(tmp_path)))

    @pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e99", "999999999"])
    def test_that_is_no_number_leaves_the_usual_one(self, text: str) -> None:
        """And says which text that was, and what would tell it better."""
        found = find_grace({"POD_GRACE_SECONDS": text})

        assert found is not None
        assert (30.0, DeadlineKind.ASSUMED) == (found.seconds, found.kind)
        assert found.wrong.startswith(f"the variable POD_GRACE_SECONDS is {text!r}, which is no length of time")

    def test_is_the_usual_one_in_a_pod_that_is_told_nothing(self, tmp_path: Path) -> None:
        """An assumption, with what would tell it better."""
        found = find_grace({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, str(tmp_path))

        assert found is not None
        assert (30.0, False) == (found.seconds, found.is_sure)
        assert found.better.startswith("repeat it as the annotation")


class TestDouble:
    @pytest.fixture
    def cluster(self) -> Iterator[Cluster]:
        """Run a cluster."""
        with Cluster(token="token-1") as found:
            yield found

    def test_writes_a_watch_as_the_server_does(self, cluster: Cluster) -> None:
        """A line for each change behind the version, then a bookmark when the time is up; others have their own."""
        shop = cluster.run(Pod("shop-1", uid=UID))
        cluster.run(Pod("shop-2"))
        cluster.delete("shop-1", grace=0)
        deleted, mark = cluster.history.watch("shop-1", str(FIRST + 1), 0.0, bookmarks=True)

        told = {"kind": "Pod", "apiVersion": "v1", **shop.told()}
        assert line("DELETED", told) == deleted
        assert (
            b'{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"1003",'
            b'"creationTimestamp":null},"spec":{"containers":null},"status":{}}}\n'
        ) == mark
        assert 0 == told["metadata"]["deletionGracePeriodSeconds"]

    def test_shortens_a_deletion_from_its_first_request(self, cluster: Cluster) -> None:
        """As `BeforeDelete` does; a longer grace changes nothing."""
        shop = cluster.run(Pod("shop-1", grace=60))
        cluster.delete("shop-1")
        first = shop.deletion or (0.0, 0)
        cluster.delete("shop-1", grace=90)
        same = shop.deletion
        cluster.delete("shop-1", grace=10)

        assert (first, (first[0] - 50, 10)) == (same, shop.deletion)

    def test_says_410_in_a_line(self, cluster: Cluster) -> None:
        """With the status 200, as the server does in a watch."""
        cluster.history.compact()
        (said,) = cluster.history.watch("shop-1", "7", 5.0, bookmarks=True)

        assert gone(7, FIRST + 1) == said
        assert b'"too old resource version: 7 (1001)","reason":"Expired","code":410}}\n' in (said or b"")
