"""Overviews that are made by hand."""

from __future__ import annotations

from processender.archive.answers import Counts, Entry, Group, HandlerAnswer, Mark, Overview, Question

DAY = 86400.0
FIRST = 1795564800.0
"""The midnight with which 2026-11-25 begins, in UTC."""


def counts(runs: int, clean: int, *, killed: int = 0, forced: int = 0) -> Counts:
    """Return the counts of *runs*, of which those that are not told of were degraded."""
    return Counts(runs=runs, clean=clean, killed=killed, forced=forced, degraded=runs - clean - killed - forced)


def group(
    name: str, runs: int, clean: int, *, first: float = FIRST, p95_s: float | None = 2.0, killed: int = 0
) -> Group:
    """Return a group of *runs*."""
    return Group(name, counts(runs, clean, killed=killed), 0.5, p95_s, first)


def days(*shares: tuple[int, int]) -> tuple[Group, ...]:
    """Return days with so many runs, and clean ones, from 2026-11-25 on."""
    return tuple(
        group(f"2026-{'11' if n < 6 else '12'}-{25 + n if n < 6 else n - 5:02}", runs, clean, first=FIRST + n * DAY)
        for n, (runs, clean) in enumerate(shares)
    )


def handler(name: str = "flush", runs: int = 100, **more: object) -> HandlerAnswer:
    """Return a handler that was always done, but for what *more* says."""
    usual: dict[str, object] = {
        "service": "shop", "name": name, "phase": "flush", "importance": "should", "runs": runs,
        "outcomes": {"done": runs}, "reasons": {}, "skipped_by_cause": {}, "p50_s": 0.2, "p95_s": 0.5,
    }  # fmt: skip
    return HandlerAnswer(**{**usual, **more})


def entry(**more: object) -> Entry:
    """Return a run that ended clean, but for what *more* says."""
    usual: dict[str, object] = {
        "id": "6b0ac168-6e5d1579d020", "service": "shop", "began": FIRST, "seconds": 0.5, "window_s": 30.0,
        "cause": "SIGTERM", "verdict": "clean", "version": "1.4.2", "zone": "b",
    }  # fmt: skip
    return Entry(**{**usual, **more})


def overview(**more: object) -> Overview:
    """Return what is said of 200 runs that were all graceful, but for what *more* says."""
    usual: dict[str, object] = {
        "question": Question(), "counts": counts(200, 200), "first": FIRST, "last": FIRST + 3 * DAY,
        "services": (group("shop", 200, 200),), "days": (), "causes": (), "versions": (), "zones": (),
        "deployments": (), "pairs": (), "handlers": (), "marks": (), "recent": (),
    }  # fmt: skip
    return Overview(**{**usual, **more})


def troubled() -> Overview:
    """Return an overview in which much is wrong: a bad version, a bad zone, handlers that are slow, or skipped."""
    return overview(
        counts=counts(812, 741, killed=9, forced=2),
        services=(group("shop", 812, 741, p95_s=26.0, killed=9),),
        days=days((120, 119), (118, 117), (121, 120), (119, 118), (120, 101), (110, 86), (104, 80)),
        causes=(group("SIGTERM", 700, 680, killed=3), group("spot", 112, 61, killed=6, p95_s=28.0)),
        versions=(group("1.4.2", 334, 267, first=FIRST + 4 * DAY), group("1.4.1", 478, 474)),
        zones=(group("a", 400, 388), group("b", 212, 158, killed=8), group("c", 200, 195)),
        pairs=(
            ("SIGTERM", "a", counts(390, 385)), ("spot", "a", counts(10, 3)), ("SIGTERM", "b", counts(118, 110)),
            ("spot", "b", counts(94, 48)), ("SIGTERM", "c", counts(192, 185)), ("spot", "c", counts(8, 10)),
        ),
        handlers=(
            handler("flush-orders", 812, outcomes={"done": 790, "timed_out": 22}, p50_s=0.9, p95_s=3.9, version="1.4.2",
                    newest_p95_s=6.1, before_p95_s=2.4, timeout_s=10.0, retries=61, importance="must"),
            handler("audit", 812, outcomes={"done": 710, "skipped": 102}, skipped_by_cause={"spot": 98, "SIGTERM": 4},
                    reasons={"no room: 3.1 s needed, 1.2 s left": 98}, p50_s=2.6, p95_s=3.1, importance="may"),
            handler("close-pool", 812, timeout_s=60.0, p50_s=0.1, p95_s=0.2, version="1.4.2", newest_p95_s=0.2,
                    before_p95_s=0.2),
        ),
        marks=(Mark(FIRST + 4 * DAY + 300, "deployment", "v1.4.2"), Mark(FIRST + 5 * DAY, "incident", "broker away")),
        recent=tuple(
            entry(began=FIRST + 6.5 * DAY - n * 3600, verdict=("clean", "degraded", "killed")[n % 3],
                  seconds=None if n % 3 == 2 else 1.2 + n, undone=n % 3, zone="abc"[n % 3])
            for n in range(12)
        ),
    )  # fmt: skip
