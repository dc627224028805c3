"""The handlers of an Ender, and their order, compiled whenever they change and never at the notice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from ..core.drain import OWN
from ..core.graph import Graph, Problem, compile_graph, nearest
from ..core.handler import Handler
from ..core.plan import Plan, Progress
from ..core.planner import Planner
from ..core.window import Window
from ..demand import load
from ..errors import HandlerError, PlanError
from ..hints import Any
from .clock import series

FEW = 3
"""Up to how many handlers a plan is made in no time, so that only the one for the grace is made beforehand."""


class Registry:
    """
    The handlers by name. Safe for threads and for signals.

    The control thread reads `_compiled` only, one immutable pair that is replaced as a whole, so a notice that comes
    in the middle of a change meets the order before it or the order after it, and never waits for the lock.
    """

    def __init__(self, phases: Sequence[str], lanes: Mapping[str, int], require: Sequence[Sequence[str]]) -> None:
        """Begin empty; the order is compiled at each change only after `arm`."""
        if not phases:
            raise HandlerError("cannot make an Ender without phases: name at least one, or leave the argument out")
        for lane, capacity in lanes.items():
            if not isinstance(capacity, int) or capacity < 1:
                text = f"cannot make an Ender with lanes={{{lane!r}: {capacity!r}}}"
                raise HandlerError(f"{text}: its capacity is a whole number from 1 up, or nothing could run in it")
        self.phases = tuple(phases)
        self.work_phase = "quiesce" if "quiesce" in self.phases else self.phases[0]
        """The phase in which the application's own work is asked to end."""
        self.lanes = dict(lanes)
        self.require = tuple(tuple(chain) for chain in require)
        self.planner = Planner(self.lanes)
        self.coming: set[str] = set(OWN)
        """Names that may stand in the order before there is such a handler: resources are set up later."""
        self._lock = threading.RLock()
        self._handlers: dict[str, Handler] = {}
        self._armed = False
        self._compiled: tuple[Graph, tuple[Problem, ...]] = compile_graph((), self.phases)
        self._plans: dict[tuple[float, float], Plan] = {}
        self.estimates: Mapping[str, Any] = {}
        """What earlier runs have taught of the handlers' times, by their names."""
        self.reserve: Callable[[float], float] | None = None
        """Tells what is kept of a window for record and flush, by its length; None where nothing has taught it."""
        self.shipped: Any = None
        """The history that came with the program: its file, or what returns its text; None if there is none."""
        self._history: Mapping[str, Sequence[Any]] = {}
        self._version = ""

    def after_fork(self, gone: Sequence[str]) -> None:
        """Replace the lock, which another thread of the parent may have held, and drop the handlers *gone*."""
        self._lock = threading.RLock()
        self._armed = False
        for name in gone:
            self._handlers.pop(name, None)

    def keep_only(self, names: Collection[str]) -> None:
        """Drop all handlers but those of these *names*, and be as before `arm`."""
        with self._lock:
            self._armed = False
            self._handlers = {name: handler for name, handler in self._handlers.items() if name in names}

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a handler of this name."""
        return name in self._handlers

    def handlers(self) -> tuple[Handler, ...]:
        """Return the handlers, in order of registration."""
        with self._lock:
            return tuple(self._handlers.values())

    def add(self, *handlers: Handler) -> None:
        """Add *handlers*, all or none; raise `HandlerError` or `PlanError` with everything that is wrong."""
        with self._lock:
            for handler in handlers:
                if handler.call is None:
                    raise HandlerError(f"cannot register {handler.name!r}: it has nothing to call")
                if handler.name in self._handlers:
                    text = "there is a handler of this name; give one of them another name"
                    raise HandlerError(f"cannot register {handler.name!r}: {text}")
            before = dict(self._handlers)
            self._handlers.update({handler.name: handler for handler in handlers})
            self._compile_or_restore(before)

    def exchange(self, gone: Sequence[str], handlers: Sequence[Handler]) -> None:
        """Replace the handlers *gone* by others, all or none; raise `HandlerError` or `PlanError`."""
        with self._lock:
            before = dict(self._handlers)
            self._handlers = {name: handler for name, handler in before.items() if name not in gone}
            try:
                self.add(*handlers)
            except (HandlerError, PlanError):
                self._handlers = before
                raise

    def remove(self, name: str) -> Handler:
        """Remove a handler and return it; raise `HandlerError` if there is none, or if another names it."""
        with self._lock:
            if name not in self._handlers:
                raise HandlerError(f"cannot remove {name!r}: there is no such handler" + nearest(name, self._handlers))
            before = dict(self._handlers)
            removed = self._handlers.pop(name)
            self._compile_or_restore(before)
            return removed

    def arm(self) -> None:
        """Compile the order, now and from now on at each change; raise `PlanError` with everything that is wrong."""
        with self._lock:
            self._armed = True
            try:
                self._compile_or_restore(dict(self._handlers))
            except PlanError:
                self._armed = False
                raise

    def compile(self, more: Sequence[Handler] = ()) -> tuple[Graph, tuple[Problem, ...]]:
        """Compile the order as it is, or as it will be with *more* handlers, with its problems; nothing is raised."""
        with self._lock:
            known = {**self._handlers, **{handler.name: handler for handler in more}}
            coming = self.coming - known.keys()
            handlers = [_without(handler, coming) for handler in known.values()]
            return compile_graph(handlers, self.phases, self._known_lanes(), self.require)

    def _known_lanes(self) -> Mapping[str, int] | None:
        return self.lanes or None

    def _compile_or_restore(self, before: dict[str, Handler]) -> None:
        if not self._armed:
            return
        graph, problems = self.compile()
        if problems:
            self._handlers = before
            raise PlanError([problem.text for problem in problems])
        self._compiled, self._plans = (graph, problems), {}

    @property
    def informed(self) -> bool:
        """Whether anything is known of the handlers' times, so that there is something to plan with."""
        handlers = self._compiled[0].handlers
        return bool(self.estimates) or any(each.expected is not None and each.name not in OWN for each in handlers)

    @property
    def may_learn(self) -> bool:
        """Whether anything is known of the handlers' times, or will be."""
        return self.shipped is not None or self.informed

    def learn(self, history: Mapping[str, Sequence[Any]], version: str, more: Sequence[Handler] = ()) -> None:
        """Take what earlier runs of the handlers, and of *more*, took; those of this *version* count first."""
        expected = {handler.name: handler.expected for handler in (*self.handlers(), *more)}
        self._history, self._version = history, version
        self.estimates = load("core.estimates").estimates_of(history, expected, version)
        reserve = load("core.reserve")
        self.reserve = reserve.reserve_after(history.get(reserve.NAME, ()), version)

    def window(self, length: float) -> Window:
        """Return a window of *length* seconds that opens at 0, with the reserve that earlier ends have taught."""
        return Window.open(0.0, length, reserve_of=self.reserve)

    def prepare(self, window: Window) -> None:
        """Make the plan for a window of this length beforehand, so that none has to be made at the notice."""
        with self._lock:
            self._plans = {_key(window): self.plan(window)}

    def foresee(self, length: float) -> None:
        """Make the best plan for a window of this length; it may take its time, and holds up nobody."""
        self.learn(self._history, self._version)
        window = self.window(length)
        graph, problems = self._compiled
        made = self.planner.plan(graph, window, self.estimates, None, series(), problems, thorough=True)
        with self._lock:
            # Otherwise the handlers have changed meanwhile.
            if graph is self._compiled[0]:
                self._plans = {**self._plans, _key(window): self._completed(made)}

    def plan(
        self,
        window: Window,
        progress: Progress | Mapping[str, float] | None = None,
        before: Plan | None = None,
        chance: Callable[[], float] | None = None,
    ) -> Plan:
        """Return the plan for *window*; one that was prepared for the same length is moved to its opening."""
        made, (graph, problems) = self._plans.get(_key(window)), self._compiled
        # A plan of an order that has changed meanwhile would lose the handlers that came.
        if made is not None and made.graph is graph and not progress:
            return made.opened(window.opened)
        known = self.estimates
        if isinstance(progress, Progress) and progress.sizes:
            known = {**known, **self._sized(graph, progress.sizes)}
        plan = self.planner.plan(graph, window, known, progress, chance or series(), problems, before=before)
        return self._completed(plan)

    def _sized(self, graph: Graph, sizes: Mapping[str, float]) -> dict[str, Any]:
        """Return the estimates of those that have said how much they have to do."""
        times, found = load("core.estimates"), {}
        for name, size in sizes.items():
            expected = graph.handlers[graph.index[name]].expected if name in graph.index else None
            samples = times.of_version(self._history.get(name, ()), self._version)
            estimate = times.Estimate.of(samples, expected, size) if samples else None
            if estimate is not None:
                found[name] = estimate
        return found

    def _completed(self, plan: Plan) -> Plan:
        unmet = self._unmet()
        return plan.replace(skips={**plan.skips, **unmet}) if unmet else plan

    def _unmet(self) -> dict[str, str]:
        """Return the handlers that need a resource which was never set up, each with the reason to skip it."""
        coming = self.coming - self._handlers.keys() - OWN.keys()
        needed = {handler.name: coming.intersection(handler.needs) for handler in tuple(self._handlers.values())}
        return {name: f"needs {min(missing)}" for name, missing in needed.items() if missing}


def _key(window: Window) -> tuple[float, float]:
    # The reserve may have been learned after the plan was made.
    return round(window.length, 6), round(window.work, 6)


def _without(handler: Handler, names: set[str]) -> Handler:
    """Return *handler* without the edges from and to *names*."""
    if names.isdisjoint((*handler.after, *handler.needs, *handler.before)):
        return handler
    edges = {field: getattr(handler, field) for field in ("after", "needs", "before")}
    return handler.replace(**{field: tuple(n for n in edge if n not in names) for field, edge in edges.items()})
