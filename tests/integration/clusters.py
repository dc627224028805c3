"""A pod in a double of a cluster, for tests of what listens there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from processender.integrations import kubernetes
from processender.listening import Polled
from processender.testing.cluster import Cluster, Pod
from processender.testing.sources import until

POD = "shop-5d8c7-b4b9s"
UID = "66fa831c-1c1e-4a5f-9a51-7f3ad2cf2f00"
PACE = 0.01


def mount(directory: Path, token: str = "token-1") -> str:
    """Write the files of a service account, and return their directory."""
    (directory / "token").write_text(token)
    (directory / "namespace").write_text("default")
    return str(directory)


def populated(**options: Any) -> Cluster:
    """Return a cluster with the pod in it; nobody serves it yet."""
    cluster = Cluster(token="token-1", **options)
    cluster.run(Pod(POD, grace=30, uid=UID))
    return cluster


class Place:
    """A cluster with a pod, and what listens there."""

    def __init__(self, cluster: Cluster, account: str) -> None:
        self.cluster = cluster
        self.account = account

    def source(self, **options: Any) -> Polled:
        """Return the source, as it is made in the pod."""
        return kubernetes.listen(endpoint=self.cluster.url, account=self.account, pod=POD, **options)

    def watching(self, watches: int = 1) -> None:
        """Wait until somebody watches."""
        until(lambda: self.cluster.history.watched == watches, "nobody watches")

    def asked(self, *, watch: bool) -> int:
        """Return how many times the pod was listed, or watched."""
        return sum(("watch" in each.query) is watch for each in list(self.cluster.asked))


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again soon after what went wrong."""
    monkeypatch.setattr("processender.integrations.kubernetes.listener.EVERY_S", PACE)
    monkeypatch.setattr("processender.listening.SLOWEST_S", 5 * PACE)
    for name in ("KUBERNETES_SERVICE_HOST", "POD_NAME", "POD_UID", "POD_GRACE_SECONDS"):
        monkeypatch.delenv(name, raising=False)
