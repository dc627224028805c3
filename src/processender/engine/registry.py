"""The handlers of an Ender, and their order, compiled whenever they change and never at the notice."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence

from ..core.drain import OWN
from ..core.graph import Graph, Problem, compile_graph, nearest
from ..core.handler import Handler
from ..core.plan import Plan
from ..core.planner import Planner
from ..core.window import Window
from ..errors import HandlerError, PlanError


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
        self._plan: Plan | None = None

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
        self._compiled, self._plan = (graph, problems), None

    def prepare(self, window: Window) -> None:
        """Make the plan for a window of this length beforehand, so that none has to be made at the notice."""
        with self._lock:
            self._plan = self.plan(window)

    def plan(self, window: Window, progress: Mapping[str, float] | None = None) -> Plan:
        """Return the plan for *window*; one that was prepared for the same length is moved to its opening."""
        made, (graph, problems) = self._plan, self._compiled
        # A plan of an order that has changed meanwhile would lose the handlers that came.
        ready = made is not None and made.graph is graph and not progress
        if made is not None and ready and abs(made.window.length - window.length) < 1e-9:
            return made.opened(window.opened)
        return self.planner.plan(graph, window, progress=progress, problems=problems).replace(skips=self._unmet())

    def _unmet(self) -> dict[str, str]:
        """Return the handlers that need a resource which was never set up, each with the reason to skip it."""
        coming = self.coming - self._handlers.keys() - OWN.keys()
        needed = {handler.name: coming.intersection(handler.needs) for handler in tuple(self._handlers.values())}
        return {name: f"needs {min(missing)}" for name, missing in needed.items() if missing}


def _without(handler: Handler, names: set[str]) -> Handler:
    """Return *handler* without the edges from and to *names*."""
    if names.isdisjoint((*handler.after, *handler.needs, *handler.before)):
        return handler
    edges = {field: getattr(handler, field) for field in ("after", "needs", "before")}
    return handler.replace(**{field: tuple(n for n in edge if n not in names) for field, edge in edges.items()})
