"""The demo's endpoint list and balancer: who is asked, and when the client knows of a change."""

from __future__ import annotations

from collections import Counter

from demo.balancer import Balancer, Endpoints


def test_change_arrives_after_the_delay() -> None:
    """A change of readiness is handed over when the delay has passed."""
    endpoints = Endpoints(delay=1.0)

    endpoints.observe(10.0, "a", ready=True)

    assert [("a", True)] == endpoints.arrived(11.0)


def test_change_does_not_arrive_early() -> None:
    """Before the delay has passed the client knows nothing."""
    endpoints = Endpoints(delay=1.0)

    endpoints.observe(10.0, "a", ready=True)

    assert [] == endpoints.arrived(10.999)


def test_change_arrives_once() -> None:
    """What was handed over is not handed over again."""
    endpoints = Endpoints(delay=0.0)
    endpoints.observe(10.0, "a", ready=True)

    endpoints.arrived(10.0)

    assert [] == endpoints.arrived(20.0)


def test_changes_arrive_in_their_order() -> None:
    """A replica that came and went within the delay comes and goes for the client too."""
    endpoints = Endpoints(delay=1.0)
    endpoints.observe(10.0, "a", ready=True)
    endpoints.observe(10.5, "a", ready=False)

    changes = endpoints.arrived(12.0)

    assert [("a", True), ("a", False)] == changes


def test_same_answer_is_no_change() -> None:
    """A probe that sees what the one before saw changes nothing."""
    endpoints = Endpoints(delay=1.0)
    endpoints.observe(10.0, "a", ready=True)

    assert not endpoints.observe(10.1, "a", ready=True)


def test_replica_begins_unready() -> None:
    """A replica that was never ready does not leave the list."""
    assert not Endpoints(delay=1.0).observe(10.0, "a", ready=False)


def test_empty_list_has_nobody_to_ask() -> None:
    """Without a ready replica there is no turn."""
    assert Balancer().pick() is None


def test_replicas_take_turns() -> None:
    """Every replica on the list is asked equally often."""
    balancer = Balancer()
    for name in ("a", "b", "c"):
        balancer.apply(name, ready=True)

    picks = Counter(balancer.pick() for _ in range(300))

    assert Counter({"a": 100, "b": 100, "c": 100}) == picks


def test_replica_off_the_list_is_not_asked() -> None:
    """The one that left gets no further request."""
    balancer = Balancer()
    balancer.apply("a", ready=True)
    balancer.apply("b", ready=True)
    balancer.apply("a", ready=False)

    picks = {balancer.pick() for _ in range(10)}

    assert {"b"} == picks


def test_repeated_change_is_harmless() -> None:
    """A replica told ready twice has one turn, and one told unready twice is off."""
    balancer = Balancer()
    balancer.apply("a", ready=True)
    balancer.apply("a", ready=True)
    balancer.apply("a", ready=False)
    balancer.apply("a", ready=False)

    assert frozenset() == balancer.names
