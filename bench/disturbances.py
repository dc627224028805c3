"""The real run, in virtual time, on days that its history did not foretell: one hangs, a lane is slow, the window is cut."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping, Sequence

from processender.core.commands import Cancel, Start
from processender.core.estimates import Estimate, Sample
from processender.core.graph import compile_graph
from processender.core.outcome import Outcome, Result
from processender.core.plan import Plan
from processender.core.planner import Planner
from processender.core.reports import Adopted, Began, Raised, Report, Returned
from processender.core.run import Run
from processender.core.surprise import Surprises
from processender.core.window import Window
from processender.engine.clock import series

from .exact import optimum
from .instances import LANES, Instance

KINDS = ("hang", "slow lane", "window cut")
POLICIES = ("asap", "fixed", "planned", "adaptive")
NEVER = 1e6


class GaveWay(Exception):
    """The attempt gave way."""


def window(seconds: float) -> Window:
    """Return a window in which handlers have this long."""
    return Window(0.0, seconds, seconds * 1.2, seconds * 0.1, seconds * 0.05)


class Day:
    """Handlers with a history of 30 runs, and a window for them."""

    def __init__(self, seed: int, shares: Sequence[float] = (0.5, 0.75, 0.95, 1.2)) -> None:
        self.chance = chance = random.Random(seed)
        self.instance = Instance(chance, chance.choice((8, 10, 12)))
        self.spread = [chance.uniform(0.1, 1.0) for _ in self.instance.times]
        past = [self.draw() for _ in range(30)]
        self.names = [handler.name for handler in self.instance.handlers]
        self.known = {name: Estimate.of([Sample(run[node]) for run in past]) for node, name in enumerate(self.names)}
        self.work = self.instance.makespan() * shares[seed % len(shares)]
        self.planner = Planner(LANES)
        self.dice = series(7)

    def draw(self) -> list[float]:
        """Return how long each handler takes on one day."""
        times = zip(self.instance.times, self.spread, strict=True)
        return [time * self.chance.lognormvariate(0.0, spread) for time, spread in times]

    def disturbed(self, kind: str, times: list[float]) -> list[float] | None:
        """Return *times* on a day of this *kind*, None if there can be none."""
        if kind == "hang":
            node = self.chance.randrange(len(times))
            return [*times[:node], NEVER, *times[node + 1 :]]
        if kind == "slow lane":
            lanes = sorted({handler.lane for handler in self.instance.handlers if handler.lane})
            if not lanes:
                return None
            slow = self.chance.choice(lanes)
            return [
                time * 4 if handler.lane == slow else time
                for time, handler in zip(times, self.instance.handlers, strict=True)
            ]
        return times

    def plans(self) -> dict[str, Plan]:
        """Return the plan of each policy."""
        graph, whole = self.instance.graph, window(self.work)
        planned = self.planner.plan(graph, whole, self.known, None, self.dice, thorough=True)
        bare = self.planner.plan(graph, whole)
        asap = bare.replace(
            tails=(0.0,) * len(bare.tails), steps=tuple(step.replace(latest=self.work) for step in bare.steps)
        )
        limits = {name: max(1.2 * known.times[-1], 2 * known.quantile(0.95)) for name, known in self.known.items()}
        limited = [handler.replace(timeout=limits[handler.name]) for handler in self.instance.handlers]
        fixed = asap.replace(graph=compile_graph(limited, ("close",), LANES)[0])
        return {"asap": asap, "fixed": fixed, "planned": planned, "adaptive": planned}

    def run(self, policy: str, plan: Plan, times: Sequence[float], cut: float | None) -> dict[str, Result]:
        """Return how a run of *plan* ends in which the window is *cut* to so many seconds when a quarter is over."""
        now_holds = [window(self.work)]

        def anew(progress, before):
            return self.planner.plan(self.instance.graph, now_holds[0], self.known, progress, self.dice, before=before)

        def cut_it(run: Run, now: float) -> Report:
            now_holds[0] = shorter = window(cut or 0.0)
            if policy == "adaptive":
                return Adopted(anew(run.progress(now), run.plan))
            steps = tuple(step.replace(latest=min(step.latest, shorter.work)) for step in plan.steps)
            return Adopted(plan.replace(window=shorter, steps=steps))

        told = [] if cut is None else [(0.25 * self.work, cut_it)]
        surprises = Surprises(self.dice) if policy == "adaptive" else None
        takes = dict(zip(self.names, times, strict=True))
        return carry(Run(plan, lambda: 0.5), takes, told, surprises, anew)


def carry(
    run: Run,
    takes: Mapping[str, float],
    told: Sequence[tuple[float, Callable[[Run, float], Report]]],
    surprises: Surprises | None,
    anew: Callable,
) -> dict[str, Result]:
    """Carry *run* through, in which each handler takes its time and gives way at once when it is asked to."""
    now, number, reports = 0.0, len(told), []
    coming = [(at, each, report) for each, (at, report) in enumerate(told)]
    review = None if surprises is None else lambda now, events: surprises.follow(now, run, events, anew)
    while True:
        commands, _ = run.advance(now, reports, review)
        for command in commands:
            number += 2
            if isinstance(command, Start):
                name, attempt = command.handler.name, command.attempt
                heapq.heappush(coming, (now, number, Began(name, attempt, now)))
                end = now + takes[name]
                heapq.heappush(coming, (end, number + 1, Returned(name, attempt, end)))
            elif isinstance(command, Cancel):
                gone = Raised(command.handler, command.attempt, now, GaveWay())
                heapq.heappush(coming, (now, number, gone))
        reports = []
        if run.finished:
            return run.results
        looked_at = None if surprises is None else surprises.wake_at
        due = coming[0][0] if coming else None
        now = max(now, min(time for time in (due, run.wake_at, looked_at) if time is not None))
        while coming and coming[0][0] <= now:
            report = heapq.heappop(coming)[2]
            reports.append(report(run, now) if callable(report) else report)


def shares(seed: int, draws: int) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return, for each kind of day and each policy, the essentials and the whole that were kept of what was possible."""
    day = Day(seed)
    plans = day.plans()
    found: dict[str, dict[str, list[tuple[float, float]]]] = {kind: {p: [] for p in POLICIES} for kind in KINDS}
    for _ in range(draws):
        base = day.draw()
        for kind in KINDS:
            times = day.disturbed(kind, base)
            if times is None:
                continue
            cut = 0.55 * day.work if kind == "window cut" else None
            layout, padded = day.instance.layout(cut or day.work), day.instance.padded(times)
            best = layout.worth(optimum(layout, padded))
            if not best[0]:
                continue
            for policy, plan in plans.items():
                results = day.run(policy, plan, times, cut)
                done = sum(1 << node for node, name in enumerate(day.names) if results[name].outcome is Outcome.DONE)
                worth = layout.worth(done)
                found[kind][policy].append((worth[0] / best[0], sum(worth) / sum(best)))
    return found
