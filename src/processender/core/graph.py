"""
The order of a set of handlers, compiled into one acyclic graph.

Theory of operation. Nodes 0 .. n-1 are the handlers, in order of registration; the nodes behind them are barriers. The
handlers are sorted into groups by phase and, inside a phase, by priority; between two neighbouring groups stands one
barrier that waits for all of the first and is waited for by all of the second. So phases and priorities cost one edge
for each handler instead of one for each pair. A barrier is passed at once, whatever became of those before it.

A handler inherits, inside its phase, the priority of what waits for it; therefore a barrier can never contradict an
edge that somebody named, and every cycle is made of named edges alone: its names are all that its author must see.

What is wrong is left out and reported, so that a graph can always be compiled: at registration the problems become an
error, at the notice they become events and the run starts anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from .handler import Handler
from .record import Record


class Problem(Record):
    """Something that is wrong with the order, and what to do about it."""

    code: str
    """`duplicate`, `unknown-handler`, `unknown-phase`, `unknown-lane`, `phase-order`, `cycle` or `require`."""
    handler: str
    """The handler in which it was found."""
    text: str
    """A sentence that names the thing, the reason and the next step."""


class Graph:
    """The compiled order. Built by `compile_graph`; never changed afterwards."""

    __slots__ = ("handlers", "index", "needs", "order", "phases", "successors", "waits")

    def __init__(self, handlers: Sequence[Handler], phases: Sequence[str]) -> None:
        """Begin with the nodes of *handlers* and no edge."""
        self.handlers = tuple(handlers)
        self.phases = tuple(phases)
        self.index = {handler.name: node for node, handler in enumerate(self.handlers)}
        self.successors: list[list[int]] = [[] for _ in self.handlers]
        self.waits: list[int] = [0] * len(self.handlers)
        """For each node, for how many others it waits."""
        self.needs: list[tuple[int, ...]] = [()] * len(self.handlers)
        """For each handler, those that must have ended `done`."""
        self.order: list[int] = []
        """All nodes, each behind those it waits for."""

    def connect(self, first: int, then: int) -> None:
        """Let node *then* wait for node *first*."""
        self.successors[first].append(then)
        self.waits[then] += 1

    def barrier(self) -> int:
        """Add a barrier and return its node."""
        self.successors.append([])
        self.waits.append(0)
        return len(self.waits) - 1

    def sort(self) -> None:
        """Fill *order*; the graph must be acyclic."""
        self.order = _order(self.successors, self.waits)

    def waves(self) -> list[list[str]]:
        """Return the names in waves: each wave may start when the one before has ended."""
        depth = [0] * len(self.waits)
        for node in self.order:
            step = 1 if node < len(self.handlers) else 0
            for then in self.successors[node]:
                depth[then] = max(depth[then], depth[node] + step)
        found: dict[int, list[str]] = {}
        for node, handler in enumerate(self.handlers):
            found.setdefault(depth[node], []).append(handler.name)
        return [found[level] for level in sorted(found)]

    def behind(self, node: int) -> set[int]:
        """Return the nodes that every plan runs behind *node*."""
        seen: set[int] = set()
        stack = [node]
        while stack:
            for then in self.successors[stack.pop()]:
                if then not in seen:
                    seen.add(then)
                    stack.append(then)
        return seen


_NEAR = 0.6
"""How alike two names are, up to 1, of which one may be meant by the other: `foo` and `hooks` are 0.5."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the known name nearest to *name*, else the list of what is known."""
    import difflib  # noqa: PLC0415 - only a mistake needs it, and it costs 2 ms

    names = sorted(map(str, known))
    close = difflib.get_close_matches(name, names, n=1, cutoff=_NEAR)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else "; there is none"


def compile_graph(
    handlers: Iterable[Handler],
    phases: Sequence[str],
    lanes: Mapping[str, int] | None = None,
    require: Sequence[Sequence[str]] = (),
) -> tuple[Graph, tuple[Problem, ...]]:
    """
    Compile *handlers* into a graph and return it with everything that was wrong and left out.

    Args:

        handlers: In order of registration; of two with one name the first is kept.

        phases: The phases, in order.

        lanes: The capacity of each known lane; None accepts every lane.

        require: Chains of names of handlers or phases; each must come before the next in every plan.
    """
    problems: list[Problem] = []
    graph = Graph(_unique(handlers, problems), phases)
    ranks = _ranks(graph, problems)
    edges = _edges(graph, ranks, problems)
    _break_cycles(graph, edges, problems)
    if lanes is not None:
        _check_lanes(graph, lanes, problems)
    for first, followers in enumerate(edges):
        for then in followers:
            graph.connect(first, then)
    _add_barriers(graph, ranks, _priorities(graph, ranks, edges))
    graph.sort()
    _check_required(graph, require, problems)
    return graph, tuple(problems)


def _unique(handlers: Iterable[Handler], problems: list[Problem]) -> list[Handler]:
    kept: dict[str, Handler] = {}
    for handler in handlers:
        if handler.name in kept:
            text = f"there are two handlers named {handler.name!r}; give one of them another name"
            problems.append(Problem("duplicate", handler.name, text))
        else:
            kept[handler.name] = handler
    return list(kept.values())


def _ranks(graph: Graph, problems: list[Problem]) -> list[int]:
    """Return the number of each handler's phase; an unknown phase counts as the last."""
    number = {phase: rank for rank, phase in enumerate(graph.phases)}
    ranks = []
    for handler in graph.handlers:
        if handler.phase not in number:
            text = f"{handler.name!r} wants the phase {handler.phase!r}, which does not exist"
            problems.append(Problem("unknown-phase", handler.name, text + nearest(handler.phase, number)))
        ranks.append(number.get(handler.phase, len(graph.phases) - 1))
    return ranks


def _edges(graph: Graph, ranks: list[int], problems: list[Problem]) -> list[dict[int, None]]:
    """Return, for each handler, those that were named to run behind it (a dict keeps their order)."""
    edges: list[dict[int, None]] = [{} for _ in graph.handlers]

    def link(owner: Handler, first: str, then: str) -> int | None:
        stranger = first if first not in graph.index else then
        if stranger not in graph.index:
            text = f"{owner.name!r} names {stranger!r}, which does not exist"
            others = (name for name in graph.index if name != owner.name)
            problems.append(Problem("unknown-handler", owner.name, text + nearest(stranger, others)))
            return None
        one, two = graph.index[first], graph.index[then]
        if ranks[one] > ranks[two]:
            text = (
                f"{then!r} (phase {graph.handlers[two].phase!r}) cannot wait for {first!r}, which runs later"
                f" (phase {graph.handlers[one].phase!r}); move one of them to another phase"
            )
            problems.append(Problem("phase-order", owner.name, text))
            return None
        edges[one][two] = None
        return one

    for node, handler in enumerate(graph.handlers):
        for name in handler.after:
            link(handler, name, handler.name)
        for name in handler.before:
            link(handler, handler.name, name)
        needed = (link(handler, name, handler.name) for name in handler.needs)
        graph.needs[node] = tuple(found for found in needed if found is not None)
    return edges


def _order(successors: Sequence[Iterable[int]], waits: Sequence[int]) -> list[int]:
    """Return the nodes in an order, each behind those it waits for; those of a cycle, and behind one, are left out."""
    left = list(waits)
    order = [node for node, count in enumerate(left) if not count]
    for node in order:
        for then in successors[node]:
            left[then] -= 1
            if not left[then]:
                order.append(then)
    return order


def _cycle(edges: list[dict[int, None]]) -> list[int]:
    """Return the nodes of a cycle, the first of them again as the last; none if there is no cycle."""
    predecessors: dict[int, list[int]] = {node: [] for node in range(len(edges))}
    for first, followers in enumerate(edges):
        for then in followers:
            predecessors[then].append(first)
    if len(_order(edges, [len(each) for each in predecessors.values()])) == len(edges):
        return []
    import graphlib  # noqa: PLC0415 - only a mistake needs it

    try:
        graphlib.TopologicalSorter(predecessors).prepare()
    except graphlib.CycleError as error:
        found: list[int] = error.args[1]
        return found
    return []


def _break_cycles(graph: Graph, edges: list[dict[int, None]], problems: list[Problem]) -> None:
    """Take the edge that closes it out of each cycle and name the cycle in full."""
    while cycle := _cycle(edges):
        names = [graph.handlers[node].name for node in cycle]
        chain = ", ".join(f"{then!r} waits for {first!r}" for first, then in pairwise(names))
        problems.append(Problem("cycle", names[0], f"a cycle: {chain}; remove one of these"))
        first, then = cycle[-2], cycle[-1]
        del edges[first][then]
        graph.needs[then] = tuple(node for node in graph.needs[then] if node != first)


def _check_lanes(graph: Graph, lanes: Mapping[str, int], problems: list[Problem]) -> None:
    for handler in graph.handlers:
        if handler.lane is not None and handler.lane not in lanes:
            text = f"{handler.name!r} wants the lane {handler.lane!r}, which does not exist"
            problems.append(Problem("unknown-lane", handler.name, text + nearest(handler.lane, lanes)))


def _priorities(graph: Graph, ranks: list[int], edges: list[dict[int, None]]) -> list[int]:
    """Return each handler's priority, at least that of whatever waits for it in its phase."""
    graph.sort()
    priorities = [handler.priority for handler in graph.handlers]
    for node in reversed(graph.order):
        for then in edges[node]:
            if ranks[then] == ranks[node]:
                priorities[node] = max(priorities[node], priorities[then])
    return priorities


def _add_barriers(graph: Graph, ranks: list[int], priorities: list[int]) -> None:
    groups: dict[tuple[int, int], list[int]] = {}
    for node in range(len(graph.handlers)):
        groups.setdefault((ranks[node], -priorities[node]), []).append(node)
    in_order = [groups[key] for key in sorted(groups)]
    for group, following in pairwise(in_order):
        barrier = graph.barrier()
        for node in group:
            graph.connect(node, barrier)
        for node in following:
            graph.connect(barrier, node)


def _check_required(graph: Graph, require: Sequence[Sequence[str]], problems: list[Problem]) -> None:
    def nodes(name: str) -> list[int]:
        if name in graph.index:
            return [graph.index[name]]
        if name in graph.phases:
            return [node for node, handler in enumerate(graph.handlers) if handler.phase == name]
        text = f"order.require names {name!r}, which is neither a handler nor a phase"
        problems.append(Problem("require", name, text + nearest(name, [*graph.index, *graph.phases])))
        return []

    for chain in require:
        for earlier, later in pairwise(chain):
            wanted = set(nodes(later))
            if not all(wanted <= graph.behind(one) for one in nodes(earlier)):
                text = (
                    f"order.require wants {earlier!r} before {later!r}, and the order does not imply it;"
                    f" let {later!r} name {earlier!r} in `after` or `needs`"
                )
                problems.append(Problem("require", later, text))
