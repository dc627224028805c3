"""Overviews made by hand, as an archive would answer."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from processender.archive.answers import Counts, Entry, Group, HandlerAnswer, Mark, Overview, Question

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
HANDLERS = (
    ("drain requests", "drain", "must", 4.1, 9.8, 20.0), ("flush orders", "flush", "must", 1.2, 6.9, 8.0),
    ("commit offsets", "flush", "should", 0.6, 2.4, 5.0), ("close postgres", "close", "should", 0.08, 0.3, 2.0),
    ("deregister from consul", "leave", "should", 0.21, 0.9, 3.0), ("upload metrics", "report", "may", 0.9, 4.4, 5.0),
    ("warm the cache of the next", "report", "may", None, None, 10.0),
)  # fmt: skip


def counts(chance: random.Random, runs: int, bad: float) -> Counts:
    """Return how *runs* ended of which about the share *bad* did not end clean."""
    odd = sum(chance.random() < bad for _ in range(runs))
    killed, forced, crashed = odd // 5, odd // 8, odd // 12
    return Counts(runs, runs - odd, odd - killed - forced - crashed, forced, killed, crashed)


def group(chance: random.Random, name: str, runs: int, bad: float) -> Group:
    """Return a group with plausible times."""
    return Group(name, counts(chance, runs, bad), 2 + chance.random(), 7 + 4 * chance.random(), BEGIN.timestamp())


def handler(
    name: str, phase: str, importance: str, p50: float | None, p95: float | None, timeout: float
) -> HandlerAnswer:
    """Return a handler, of which the slowest has become slower."""
    done, skipped = (0, 880) if p50 is None else (9600, 240 if importance == "may" else 0)
    outcomes = {"done": done, "skipped": skipped, "timed_out": 31 if p95 and p95 > timeout / 2 else 0}
    return HandlerAnswer(
        "shop", name, phase, importance, sum(outcomes.values()), {each: n for each, n in outcomes.items() if n},
        {"no time was left": skipped, "its time was up": outcomes["timed_out"]} if skipped else {},
        {"aws.spot": skipped} if skipped else {}, 14, p50, p95, "1.4.2",
        None if p95 is None else p95 * (1.4 if name == "flush orders" else 1.03), p95, timeout,
    )  # fmt: skip


def overview(days: int = 90, runs: int = 10_000, seed: int = 1) -> Overview:
    """Return an overview of *runs* over *days*, worse on one day, in one zone and since one version."""
    chance = random.Random(seed)
    each = runs // days
    per_day = tuple(
        group(
            chance,
            f"{(BEGIN + timedelta(days=n)).date()}",
            each + chance.randrange(-each // 4, each // 4 + 1),
            0.2 if n == 60 else 0.012,
        )
        for n in range(days)
    )
    total = Counts(*(sum(getattr(day.counts, field) for day in per_day) for field in Counts.fields))
    last = BEGIN + timedelta(days=days - 1, hours=15)
    pairs = [
        (cause, zone, counts(chance, number, 0.08 if (cause, zone) == ("aws.spot", "eu-west-1b") else 0.01))
        for cause, number in (("SIGTERM", 2400), ("aws.spot", 500), ("kubernetes.eviction", 130))
        for zone in ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    ]
    recent = tuple(
        Entry(
            f"{n:06}", "shop", (last - timedelta(minutes=47 * n)).timestamp(), None if n == 3 else 2 + 5 * chance.random(), 30.0,
            chance.choice(["SIGTERM", "SIGTERM", "aws.spot"]), "killed" if n == 3 else "degraded" if n in {1, 8} else "clean",
            "1.4.2", "v1.4.2", f"eu-west-1{chance.choice('abc')}", f"ip-10-0-{n}-17", "", int(n in {1, 8}),
        )
        for n in range(40)
    )  # fmt: skip
    return Overview(
        Question("shop"), total, BEGIN.timestamp(), last.timestamp(), (group(chance, "shop", runs, 0.013),), per_day,
        tuple(group(chance, name, runs * share // 100, 0.012) for name, share in (("SIGTERM", 79), ("aws.spot", 17), ("kubernetes.eviction", 4))),
        tuple(group(chance, name, runs * share // 100, bad) for name, share, bad in (("1.4.2", 20, 0.03), ("1.4.1", 50, 0.01), ("1.4.0", 30, 0.01))),
        tuple(group(chance, name, runs // 3, bad) for name, bad in (("eu-west-1b", 0.03), ("eu-west-1a", 0.008), ("eu-west-1c", 0.008))),
        (), tuple(pairs), tuple(handler(*each) for each in HANDLERS),
        (
            Mark((BEGIN + timedelta(days=20, hours=9)).timestamp(), "deployment", "v1.4.1", "shop"),
            Mark((BEGIN + timedelta(days=60, hours=3)).timestamp(), "incident", "zone b lost power"),
            Mark((BEGIN + timedelta(days=72, hours=9)).timestamp(), "deployment", "v1.4.2", "shop"),
        ),
        recent,
    )  # fmt: skip


def account() -> dict[str, Any]:
    """Return an account in which everything happened that can."""
    at = (BEGIN + timedelta(days=89, hours=15)).timestamp()

    def ran(name: str, phase: str, start: float, end: float, outcome: str = "done", **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "phase": phase,
            "outcome": outcome,
            "started_s": start,
            "ended_s": end,
            "needs": [],
            **more,
        }

    return {
        "id": "0001", "service": "shop", "version": "1.4.2", "zone": "eu-west-1b", "node": "ip-10-0-1-17", "cause": "aws.spot",
        "verdict": "degraded", "started": at, "ended": at + 19.2, "seconds": 19.2, "in_flight_at_start": 41, "in_flight": [],
        "window": {"length_s": 30.0, "work_s": 26.0, "reserve_s": 2.0, "kind": "hard"},
        "notices": [{"cause": "aws.spot", "origin": "imds", "sender": "169.254.169.254", "at": at}],
        "retries": [{"handler": "flush orders", "attempt": 1, "at_s": 6.0, "again_s": 7.0, "error": "ConnectionError: reset by peer"}],
        "handlers": [
            ran("drain requests", "drain", 0.0, 4.2),
            ran("deregister from consul", "drain", 0.0, 0.9),
            ran("flush orders", "flush", 4.2, 13.4),
            ran("commit offsets", "flush", 4.2, 6.1),
            ran("upload metrics", "flush", 4.2, 9.2, "timed_out", reason="its time was up"),
            ran("close postgres", "close", 13.4, 18.9, needs=["flush orders"]),
            ran("close redis", "close", 13.4, 13.6),
            {"name": "warm the cache of the next", "phase": "close", "outcome": "skipped", "started_s": None, "ended_s": 13.4, "reason": "no time was left for what may be done"},
        ],
    }  # fmt: skip
