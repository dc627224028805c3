"""What is kept of a window that is too short: against the exact optimum, on random days, and how fast it is decided."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable

from processender.core.plan import Progress
from processender.core.planner import Planner
from processender.core.portfolio import THOROUGH, choose, score
from processender.core.schedule import Layout, members
from processender.core.selection import Chooser
from processender.core.window import Window
from processender.engine.clock import series
from processender.engine.registry import Registry

from .disturbances import KINDS, POLICIES, Day, shares, window
from .exact import optimum
from .figures import Figure, say
from .instances import LANES, Instance

SEED = 500_000
"""Far from the seeds with which the planner was tuned."""
CASES, DAYS, DRAWS = 1_200, 100, 25
DISTURBED, DISTURBED_DRAWS = 150, 12
WINDOWS = (0.25, 0.5, 0.75, 0.95)


# Others.


def one_by_one(layout: Layout, times: list[float]) -> int:
    """Return what is done when each waits for the one before, as in an ExitStack."""
    now, done = 0.0, 0
    for node in layout.order:
        now += times[node]
        if now <= layout.limit and node < layout.count:
            done |= 1 << node
    return done


def phase_by_phase(layout: Layout, times: list[float]) -> int:
    """Return what is done when each level of the order waits for all of the one before."""
    depth = [0] * len(layout.waits)
    for node in layout.order:
        for then in layout.successors[node]:
            depth[then] = max(depth[then], depth[node] + 1)
    now, done = 0.0, 0
    for level in range(max(depth) + 1):
        chosen = sum(1 << node for node in range(layout.count) if depth[node] == level)
        ends = layout.ends(chosen, times)
        done |= sum(1 << node for node in members(chosen) if now + ends[node] <= layout.limit)
        now += layout.makespan(chosen, times)
    return done


def asap(layout: Layout, times: list[float]) -> int:
    """Return what is done when each starts as soon as it may."""
    ends = layout.ends(layout.everything, times, limit=layout.limit)
    return sum(1 << node for node in members(layout.everything) if ends[node] <= layout.limit)


def planned(layout: Layout, times: list[float]) -> int:
    """Return what the planner keeps."""
    return Chooser(layout, times, THOROUGH.tries).choose()


# Figures.


def percent(values: Iterable[float]) -> float:
    """Return the mean in percent."""
    return 100 * statistics.mean(values)


def known_times() -> list[Figure]:
    """Measure against the exact optimum where all times are known."""
    policies: dict[str, Callable[[Layout, list[float]], int]] = {
        "planner": planned, "one by one": one_by_one, "phase by phase": phase_by_phase, "asap": asap,
    }  # fmt: skip
    whole: dict[str, list[float]] = {name: [] for name in policies}
    essential: dict[str, list[float]] = {name: [] for name in policies}
    for case in range(CASES):
        if case % 100 == 0:
            say(f"planning: exact optimum {case}/{CASES}")
        chance = random.Random(SEED + case)
        instance = Instance(chance, chance.choice((8, 10, 12)))
        layout, times = instance.layout(instance.makespan() * WINDOWS[case % 4]), instance.padded()
        best = layout.worth(optimum(layout, times))
        for name, policy in policies.items():
            worth = layout.worth(policy(layout, times))
            if sum(best):
                whole[name].append(sum(worth) / sum(best))
            if best[0]:
                essential[name].append(worth[0] / best[0])
    others = ", ".join(f"{name} {percent(whole[name]):.1f}" for name in policies if name != "planner")
    essentials = ", ".join(f"{name} {percent(essential[name]):.1f}" for name in policies if name != "planner")
    low = sorted(whole["planner"])[len(whole["planner"]) // 20]
    return [
        Figure(
            f"value kept of the optimum, {CASES} cases", percent(whole["planner"]), "%", at_least=99.5, beside=others
        ),
        Figure("the same, 5th percentile", 100 * low, "%", at_least=97.0),
        Figure("essentials kept of the optimum", percent(essential["planner"]), "%", at_least=99.5, beside=essentials),
    ]


def many_handlers() -> list[Figure]:
    """Measure against the best that a long search finds, where no exact optimum can be had."""
    figures = []
    for count, cases in ((40, 24), (100, 8)):
        kept, spent = [], []
        for case in range(cases):
            say(f"planning: {count} handlers {case}/{cases}")
            kind = ({}, {"lanes": 1.0}, {"lanes": 0.0}, {"by_length": True})[case % 4]
            instance = Instance(random.Random(SEED + case), count, **kind)
            layout, times = instance.layout(instance.makespan() * WINDOWS[case % 3]), instance.padded()
            began = time.perf_counter()
            worth = layout.worth(planned(layout, times))
            spent.append(time.perf_counter() - began)
            best = max(worth, *(layout.worth(found) for found in searched(layout, times, case)))
            kept.append(sum(worth) / sum(best))
        ms = 1e3 * statistics.median(spent)
        figures.append(
            Figure(f"value kept of the best known, {count} handlers", percent(kept), "%", at_least=97.0,
                   beside=f"least {100 * min(kept):.1f}; {ms:.0f} ms each")
        )  # fmt: skip
    return figures


def searched(layout: Layout, times: list[float], seed: int) -> Iterable[int]:
    """Return what searches find that try far more exchanges, and begin with times that are a little wrong."""
    chance = random.Random(seed)
    yield Chooser(layout, times, 20_000).choose()
    for _ in range(12):
        wrong = [each * chance.lognormvariate(0.0, 0.3) for each in times]
        start = Chooser(layout, wrong, 400).choose()
        yield Chooser(layout, times, 1_000).choose(also=start if layout.fits(start, times) else 0)


def random_times() -> list[Figure]:
    """Measure where only 30 runs of each handler are known, against who knows the day beforehand."""
    essential: dict[str, list[float]] = {"planner": [], "asap": []}
    whole: dict[str, list[float]] = {"planner": [], "asap": []}
    for number in range(DAYS):
        say(f"planning: random times {number}/{DAYS}")
        day = Day(SEED + number, WINDOWS)
        layout = day.instance.layout(day.work)
        choice = choose(layout, list(day.known.values()), series(number), THOROUGH)
        for _ in range(DRAWS):
            times = day.instance.padded(day.draw())
            best = layout.worth(optimum(layout, times))
            for name, kept, extras in (
                ("planner", choice.chosen, choice.extras), ("asap", layout.everything, 0),
            ):  # fmt: skip
                worth, _ = score(layout, kept, extras, [times])
                if best[0]:
                    essential[name].append(worth[0] / best[0])
                if sum(best):
                    whole[name].append(sum(worth) / sum(best))
    return [
        Figure("random times: essentials of the clairvoyant's", percent(essential["planner"]), "%", at_least=96.0,
               beside=f"asap {percent(essential['asap']):.1f}"),
        Figure("random times: value of the clairvoyant's", percent(whole["planner"]), "%",
               beside=f"asap {percent(whole['asap']):.1f}; importance goes before value"),
    ]  # fmt: skip


def bad_days() -> list[Figure]:
    """Measure the run that plans anew, against starting all at once, without and with fixed timeouts."""
    found: dict[str, dict[str, list[float]]] = {kind: {policy: [] for policy in POLICIES} for kind in KINDS}
    for number in range(DISTURBED):
        say(f"planning: bad days {number}/{DISTURBED}")
        for kind, policies in shares(SEED + number, DISTURBED_DRAWS).items():
            for policy, kept in policies.items():
                if kept:
                    found[kind][policy].append(100 * statistics.mean(each[0] for each in kept))
    figures = []
    for kind, policies in found.items():
        beside = ", ".join(f"{policy} {statistics.mean(kept):.1f}" for policy, kept in policies.items())
        for other, words in (("asap", "asap"), ("fixed", "fixed timeouts")):
            pairs = zip(policies["adaptive"], policies[other], strict=True)
            gains = [ours - theirs for ours, theirs in pairs]
            low = statistics.mean(gains) - 1.96 * statistics.stdev(gains) / len(gains) ** 0.5
            name = f"{kind}: essentials above {words}, lower 95 % bound"
            figures.append(Figure(name, low, "points", at_least=3.0, beside=f"essentials in %: {beside}"))
    return figures


def speed() -> list[Figure]:
    """Measure how long the notice waits for its plan, and a surprise for another."""
    looked_up, anew = [], []
    for number in range(200):
        chance = random.Random(SEED + number)
        instance = Instance(chance, 12)
        day = Day(SEED + number)
        known = {h.name: day.known[day.names[n % len(day.names)]] for n, h in enumerate(instance.handlers)}
        work = instance.makespan() * WINDOWS[number % 4]
        planner, ended = Planner(LANES), {"h0": 0.1 * work}
        before = planner.plan(instance.graph, window(work), known, None, series())
        progress = Progress(ended, frozenset(), {"h1": 0.0}, 0.2 * work)
        began = time.perf_counter()
        planner.plan(instance.graph, window(work), known, progress, series(), before=before)
        anew.append(time.perf_counter() - began)
    registry = Registry(("close",), LANES, ())
    registry.add(*(handler.replace(call=print, expected=handler.value / 10) for handler in instance.handlers))
    registry.arm()
    for length in (0.3, 2.0, 10.0, 30.0, 120.0):
        registry.foresee(length)
    for number in range(1_000):
        began = time.perf_counter()
        registry.plan(Window.open(float(number), (2.0, 10.0, 30.0)[number % 3]))
        looked_up.append(time.perf_counter() - began)
    looked_up.sort()
    return [
        Figure("plan looked up at the notice, p99", 1e3 * looked_up[990], "ms", bar=0.2,
               beside=f"p50 {1e3 * looked_up[500]:.3f} ms"),
        Figure("12 handlers planned anew, p50", 1e3 * statistics.median(anew), "ms", bar=1.0,
               beside=f"p95 {1e3 * sorted(anew)[190]:.2f} ms"),
    ]  # fmt: skip


def measure() -> list[Figure]:
    """Measure all of it."""
    return [*known_times(), *many_handlers(), *random_times(), *bad_days(), *speed()]
