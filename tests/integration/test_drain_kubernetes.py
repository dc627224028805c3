"""Leaving traffic in a cluster: the own entry in the EndpointSlices is watched, and a readiness gate turned."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from processender.core.handler import Handler
from processender.errors import HandlerError, Permanent
from processender.exchange import Request, exchange
from processender.integrations import kubernetes
from processender.testing.cluster import LIST, PATCH, Cluster, Pod
from processender.testing.drainers import check_drainer
from processender.testing.served import as_json
from processender.testing.sources import Heard, until
from tests.integration.drainers import Attempt, come_back, leave

GATE = "example.com/serving"
POD, OTHER = "shop-5d8c7-b4b9s", "shop-5d8c7-x2x2x"


class Authority(NamedTuple):
    """An authority, and whom it vouches for."""

    path: str
    certificate: tuple[str, str]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the certificate of an authority, one for 127.0.0.1 with its key, all as sparse as those of EKS."""
    base = tmp_path_factory.mktemp("authority")
    (base / "ca.cnf").write_text(
        "[req]\ndistinguished_name=d\nx509_extensions=x\n[d]\n[x]\nbasicConstraints=critical,CA:TRUE\n"
    )
    (base / "leaf.cnf").write_text("subjectAltName=IP:127.0.0.1\n")
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for words in (
        [*new, "-x509", "-config", "ca.cnf", "-subj", "/CN=kubernetes", "-keyout", "ca.key", "-out", "ca.crt"],
        [*new, "-config", "ca.cnf", "-subj", "/CN=apiserver", "-keyout", "leaf.key", "-out", "leaf.csr"],
        ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
         "-extfile", "leaf.cnf", "-out", "leaf.crt"],
    ):  # fmt: skip
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=base)
    return Authority(str(base / "ca.crt"), (str(base / "leaf.crt"), str(base / "leaf.key")))


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr("processender.integrations.kubernetes.drainer._LOOK_S", 0.01)


class Place:
    """A cluster, the pod in it, and its service account."""

    def __init__(self, cluster: Cluster, account: Path) -> None:
        self.cluster = cluster
        self.account = account
        self.pod = Pod(POD, (GATE,))
        self.pod.conditions[GATE] = {"type": GATE, "status": "True"}
        cluster.services["shop"] = [Pod(OTHER), self.pod]

    def drain(self, service: str = "shop", **options: object) -> Handler:
        """Return the drainer, as it is made in the pod."""
        return kubernetes.drain(service, account=str(self.account), **options)  # type: ignore[arg-type]


@pytest.fixture
def place(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Run a cluster over https, and mount the service account."""
    (tmp_path / "ca.crt").write_text(Path(authority.path).read_text())
    (tmp_path / "token").write_text("token-1")
    (tmp_path / "namespace").write_text("default")
    with Cluster(token="token-1", lag=2, certificate=authority.certificate) as cluster:
        host, _, port = cluster.url.removeprefix("https://").partition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        monkeypatch.setenv("POD_NAME", POD)
        yield Place(cluster, tmp_path)


class TestWatch:
    def test_over_https_hears_and_stops_at_once(self, place: Place) -> None:
        """As the cluster tells its containers where the API is; a silent watch comes back when nobody listens."""
        place.cluster.run(place.pod)
        heard, source = Heard(), kubernetes.listen(account=str(place.account))
        source.start(heard)
        until(lambda: place.cluster.history.watched, f"nobody watches: {heard.troubles}")
        place.cluster.delete(POD)
        until(lambda: heard.notices, "nothing was heard")
        source.stop()
        until(lambda: all(each.name != "processender-kubernetes" for each in threading.enumerate()), "it listens still")

        assert (["pod deleted"], []) == ([each.cause for each in heard.notices], heard.troubles)


class TestAuthority:
    def test_one_with_the_least_extensions_is_trusted(self, place: Place) -> None:
        """As that of EKS, which a strict check of newer Pythons refuses."""
        place.pod.terminating = True
        request = Request("GET", place.cluster.url, authority=str(place.account / "ca.crt"))

        assert [f"the endpoint shop/{POD} is not ready"] == leave(place.drain())
        assert 401 == exchange(request, Attempt()).status

    def test_a_strict_check_would_refuse_it(self, authority: Authority, place: Place) -> None:
        """So the test above shows something."""
        strict = ssl.create_default_context(cafile=authority.path)
        strict.verify_flags |= ssl.VERIFY_X509_STRICT
        host, _, port = place.cluster.url.removeprefix("https://").partition(":")
        with socket.create_connection((host, int(port))) as plain, pytest.raises(ssl.SSLCertVerificationError):
            strict.wrap_socket(plain, server_hostname=host)


class TestEndpoint:
    def test_it_waits_until_the_own_entry_is_not_ready(self, place: Place) -> None:
        """A deletion makes it so, a while after; the entry may still be serving."""
        leave(place.drain(wait=0.0))
        place.pod.terminating = True

        assert [f"the endpoint shop/{POD} is not ready"] == leave(place.drain())
        assert len(place.cluster.asked) >= 3

    def test_one_that_is_no_longer_listed_gets_no_traffic(self, place: Place) -> None:
        """Its Service may select it no more."""
        place.cluster.services["shop"].remove(place.pod)

        assert [f"the endpoint shop/{POD} is not listed"] == leave(place.drain())

    def test_one_that_stays_ready_is_bounded_and_noted(self, place: Place) -> None:
        """The readiness of others is not ours."""
        place.cluster.services["shop"][0].probe = False

        assert [f"the endpoint shop/{POD} is still ready after 0.1 s, and it goes on"] == leave(place.drain(wait=0.1))

    def test_all_slices_are_listed_once_and_then_its_own(self, place: Place) -> None:
        """A rollout must not make each pod read all the others again and again."""
        leave(place.drain(wait=0.1))
        place.pod.terminating = True
        leave(place.drain())
        fields = [asked.query.get("fieldSelector", [""])[0] for asked in place.cluster.asked]
        before, after = fields.index(""), len(fields) - fields[::-1].index("") - 1

        assert 2 == fields.count("")
        assert {"metadata.name=shop-x7k2p"} == {*fields[before + 1 : after], *fields[after + 1 :]} - {""}

    def test_one_whose_slice_is_gone_is_looked_for_in_all(self, place: Place) -> None:
        """It may stand in another by now."""
        handler = place.drain(wait=0.1)
        leave(handler)
        place.cluster.services["shop"].remove(place.pod)
        place.cluster.lag = 0

        assert [f"the endpoint shop/{POD} is not listed"] == leave(handler)
        assert "fieldSelector" not in place.cluster.asked[-1].query

    @pytest.mark.parametrize(
        "said", [[], {"items": [5]}, {"items": [{"endpoints": [{"targetRef": [1]}]}]}, {"items": 5}]
    )
    def test_what_is_no_list_of_slices_is_no_evidence(self, place: Place, said: object) -> None:
        """It is told, and looked at again."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place.cluster, "answer", lambda _: as_json(said))
            (note,) = leave(place.drain(wait=0.1))

        assert "is still ready after 0.1 s" in note
        assert "was answered with what is no list of slices" in note

    def test_without_a_gate_there_is_no_way_back(self, place: Place) -> None:
        """The cluster brings traffic back by itself."""
        handler = place.drain()

        assert (None, False) == (handler.resume, handler.lasting)

    def test_the_token_is_read_for_each_request(self, place: Place) -> None:
        """The kubelet replaces it."""
        place.pod.terminating = True
        handler = place.drain()
        place.cluster.token = "token-2"
        with pytest.raises(Permanent, match="does not know the service account: Unauthorized; is its token mounted"):
            leave(handler)
        (place.account / "token").write_text("token-2")

        assert [f"the endpoint shop/{POD} is not ready"] == leave(handler)


class TestGate:
    def test_a_pod_that_is_not_deleted_leaves_by_its_gate(self, place: Place) -> None:
        """The condition is false, the pod not ready, and so its entry."""
        leave(place.drain(wait=0.0))

        assert [f"the endpoint shop/{POD} is not ready"] == leave(place.drain(gate=GATE))
        assert ("False", "Draining") == tuple(place.pod.conditions[GATE][key] for key in ("status", "reason"))

    def test_it_comes_back_by_its_gate(self, place: Place) -> None:
        """Also a new process does, for the condition outlasts the old one."""
        leave(place.drain(gate=GATE))
        new = place.drain(gate=GATE)

        assert new.lasting
        assert [f"the endpoint shop/{POD} is ready"] == come_back(new)
        assert "True" == place.pod.conditions[GATE]["status"]

    def test_a_second_notice_changes_nothing(self, place: Place) -> None:
        """The condition is set to what it is."""
        handler = place.drain(gate=GATE)

        assert leave(handler) == leave(handler)

    def test_a_gate_alone_waits_for_nothing(self, place: Place) -> None:
        """Whoever needs to see something names a Service."""
        assert [] == leave(place.drain("", gate=GATE))
        assert not place.pod.ready

    def test_it_does_what_every_drainer_must(self, place: Place) -> None:
        """Twice down and twice back."""
        check_drainer(lambda: place.drain(gate=GATE), lambda: place.pod.ready)


class TestBadDays:
    @pytest.mark.parametrize(
        ("right", "needs"),
        [(LIST, "may not list endpointslices in discovery.k8s.io"), (PATCH, "may not patch pods/status")],
    )
    def test_a_right_that_is_missing_is_named(self, place: Place, right: tuple[str, str], needs: str) -> None:
        """With the words of the API, and what to do."""
        place.cluster.allowed.remove(right)
        with pytest.raises(Permanent, match=f"{needs}: .*is forbidden.*; bind a Role with the verb '{right[0]}' to it"):
            leave(place.drain(gate=GATE))

    @pytest.mark.parametrize("fault", [500, 429, "hang-up", "garbage"])
    def test_a_look_that_fails_is_repeated(self, place: Place, fault: str | int) -> None:
        """An API server that restarts is no evidence."""
        place.pod.terminating = True
        place.cluster.fail(fault, fault)

        assert [f"the endpoint shop/{POD} is not ready"] == leave(place.drain())

    def test_a_silent_server_is_left_and_asked_again(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """A connection of which one half is gone does not hold the end."""
        monkeypatch.setattr("processender.integrations.kubernetes.api.SILENT_S", 0.2)
        place.pod.terminating = True
        place.cluster.fail("silent")

        assert [f"the endpoint shop/{POD} is not ready"] == leave(place.drain())

    def test_what_was_never_seen_is_noted_with_the_reason(self, place: Place) -> None:
        """The last failure says why."""
        place.cluster.fail(*[503] * 1000)
        (note,) = leave(place.drain(wait=0.1))

        assert f"as far as can be told, the endpoint shop/{POD} is still ready after 0.1 s, and it goes on: " in note
        assert "was answered with 503" in note

    def test_a_server_that_is_not_of_this_cluster_is_not_trusted(self, place: Place) -> None:
        """It would get the token."""
        (place.account / "ca.crt").unlink()
        stranger = kubernetes.drain("shop", account=str(place.account))
        with pytest.raises(Permanent, match="its certificate is not trusted"):
            leave(stranger)

        assert [] == place.cluster.asked

    def test_outside_a_cluster_there_is_nothing_to_leave(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same program runs anywhere, and says so."""
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        handler = kubernetes.drain("shop", gate=GATE)

        assert (None, False) == (handler.resume, handler.lasting)
        (note,) = leave(handler)
        assert "KUBERNETES_SERVICE_HOST is not set: there is nothing to leave" in note

    def test_what_makes_no_sense_is_refused_at_once(self) -> None:
        """And not when the end has come."""
        with pytest.raises(HandlerError, match="automountServiceAccountToken"):
            kubernetes.drain("shop", endpoint="http://127.0.0.1:1", account="/nowhere")
        with pytest.raises(HandlerError, match="give service="):
            kubernetes.drain()
        with pytest.raises(HandlerError, match=r"must be like 'example\.com/serving'"):
            kubernetes.drain(gate="not a gate")
