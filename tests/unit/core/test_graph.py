"""The order of a set of handlers, compiled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given

from processender.core.graph import Graph, Problem, compile_graph, nearest
from processender.core.handler import PHASES, Handler

from .strategies import handlers, named_order


def compiled(*made: Handler, require: Sequence[Sequence[str]] = ()) -> Graph:
    """Compile what has no problem."""
    graph, problems = compile_graph(made, PHASES, require=require)
    assert () == problems
    return graph


def problems_of(*made: Handler, **options: object) -> list[tuple[str, str]]:
    """Return the code and the text of each problem."""
    _, problems = compile_graph(made, PHASES, **options)  # type: ignore[arg-type]
    return [(problem.code, problem.text) for problem in problems]


def edges(graph: Graph) -> int:
    """Count the edges."""
    return sum(len(following) for following in graph.successors)


def before(graph: Graph, first: str, then: str) -> bool:
    """Tell whether every plan runs *first* before *then*."""
    return graph.index[then] in graph.behind(graph.index[first])


def test_strangers_run_in_one_wave() -> None:
    """Without an order everything may start at once."""
    assert [["a", "b", "c"]] == compiled(Handler("a"), Handler("b"), Handler("c")).waves()


@pytest.mark.parametrize("how", ["after", "needs"])
def test_a_handler_waits_for_whom_it_names(how: str) -> None:
    """`after` and `needs` order alike."""
    graph = compiled(Handler("b", **{how: ("a",)}), Handler("a"))  # type: ignore[arg-type]

    assert [["a"], ["b"]] == graph.waves()


def test_before_is_after_seen_from_the_other_side() -> None:
    """Who is named waits."""
    assert [["a"], ["b"]] == compiled(Handler("b"), Handler("a", before=("b",))).waves()


def test_phases_follow_each_other() -> None:
    """A phase is a wave of its own."""
    made = [Handler(phase, phase=phase) for phase in reversed(PHASES)]

    assert [[phase] for phase in PHASES] == compiled(*made).waves()


def test_phases_of_the_users_own() -> None:
    """Their order is that of the list."""
    graph, _ = compile_graph([Handler("a", phase="late"), Handler("b", phase="early")], ["early", "late"])

    assert [["b"], ["a"]] == graph.waves()


def test_inside_a_phase_higher_priority_goes_first() -> None:
    """Equals run in parallel."""
    made = [Handler("low", priority=-1), Handler("one", priority=5), Handler("zero"), Handler("two", priority=5)]

    assert [["one", "two"], ["zero"], ["low"]] == compiled(*made).waves()


def test_priority_never_reaches_over_phases() -> None:
    """A phase goes before any priority."""
    graph = compiled(Handler("high", phase="close", priority=9), Handler("low", phase="flush", priority=-9))

    assert [["low"], ["high"]] == graph.waves()


def test_a_dependency_inherits_the_priority_of_what_waits_for_it() -> None:
    """What a high one waits for is as high, over any number of steps; the others are not."""
    made = [Handler("x"), Handler("y", after=("x",)), Handler("high", after=("y",), priority=5), Handler("other")]

    assert [["x"], ["y"], ["high"], ["other"]] == compiled(*made).waves()


def test_no_priority_is_inherited_from_another_phase() -> None:
    """The barrier between the phases orders them already."""
    made = [
        Handler("x", phase="flush"),
        Handler("other", phase="flush"),
        Handler("high", phase="close", after=("x",), priority=5),
    ]

    assert [["x", "other"], ["high"]] == compiled(*made).waves()


def test_who_waits_for_a_high_one_keeps_its_own_priority() -> None:
    """Inheritance goes to those before, never to those behind."""
    made = [Handler("high", priority=5), Handler("behind", after=("high",)), Handler("zero")]

    assert [["high"], ["behind", "zero"]] == compiled(*made).waves()


def test_a_name_given_twice_is_one_edge() -> None:
    """In `after` and in `needs`."""
    assert 1 == edges(compiled(Handler("a"), Handler("b", after=("a",), needs=("a",))))


def test_needs_are_kept_apart_from_after() -> None:
    """The run asks them for their outcome."""
    graph = compiled(Handler("a"), Handler("b"), Handler("c", after=("a",), needs=("b",)))

    assert (graph.index["b"],) == graph.needs[graph.index["c"]]


# What is wrong is named and left out.


def test_a_cycle_is_named_in_full() -> None:
    """Each edge of it, in the words of who wrote it."""
    made = [Handler("a", after=("c",)), Handler("b", after=("a",)), Handler("c", needs=("b",))]
    ((code, text),) = problems_of(*made)

    assert "cycle" == code
    assert {"'b' waits for 'a'", "'c' waits for 'b'", "'a' waits for 'c'"} == set(
        text.removeprefix("a cycle: ").removesuffix("; remove one of these").split(", ")
    )


def test_a_handler_that_waits_for_itself() -> None:
    """The smallest cycle."""
    assert [("cycle", "a cycle: 'a' waits for 'a'; remove one of these")] == problems_of(Handler("a", after=("a",)))


def test_every_cycle_is_named() -> None:
    """Not only the first one."""
    made = [
        Handler("a", after=("b",)),
        Handler("b", after=("a",)),
        Handler("c", after=("d",)),
        Handler("d", after=("c",)),
    ]

    assert ["cycle", "cycle"] == [code for code, _ in problems_of(*made)]


def test_a_broken_cycle_still_runs_everything() -> None:
    """A shutdown never fails to start."""
    made = [Handler("a", needs=("b",)), Handler("b", needs=("a",))]
    graph, _ = compile_graph(made, PHASES)

    assert {"a", "b"} == {name for wave in graph.waves() for name in wave}


def test_the_edge_that_was_left_out_is_no_need_any_more() -> None:
    """Else the handler would be skipped for one that cannot have ended."""
    graph, _ = compile_graph([Handler("a", needs=("b",)), Handler("b", needs=("a",))], PHASES)

    assert 1 == sum(len(needed) for needed in graph.needs)


def test_an_unknown_name_comes_with_the_nearest_known_one() -> None:
    """A slip of the hand is found at once."""
    made = [Handler("flush-orders"), Handler("b", needs=("flush-order",))]

    assert [
        ("unknown-handler", "'b' names 'flush-order', which does not exist; did you mean 'flush-orders'?")
    ] == problems_of(*made)


@pytest.mark.parametrize("how", ["after", "needs", "before"])
def test_an_unknown_name_is_found_wherever_it_stands(how: str) -> None:
    """In each of the three."""
    assert ["unknown-handler"] == [code for code, _ in problems_of(Handler("a", **{how: ("zzz",)}))]  # type: ignore[arg-type]


def test_a_name_near_to_none_comes_with_all_that_are_known() -> None:
    """A list is better than a bad guess."""
    assert "; known: alpha, beta" == nearest("zzz", ["beta", "alpha"])


def test_a_handler_is_not_offered_to_itself() -> None:
    """It cannot wait for itself."""
    made = [Handler("pre-stop.b", needs=("pre-stop.z",)), Handler("flush")]

    assert [("unknown-handler", "'pre-stop.b' names 'pre-stop.z', which does not exist; known: flush")] == problems_of(
        *made
    )


def test_half_a_name_is_not_near() -> None:
    """Whoever wrote `foo` did not mean `hooks`."""
    assert "; known: grace, hooks" == nearest("foo", ["grace", "hooks"])


def test_nothing_known_is_said() -> None:
    """There is nothing to list."""
    assert "; there is none" == nearest("zzz", [])


def test_of_two_with_one_name_the_first_is_kept() -> None:
    """The second is left out and named."""
    graph, problems = compile_graph([Handler("a", phase="flush"), Handler("a")], PHASES)

    assert (["duplicate"], ["flush"]) == ([p.code for p in problems], [h.phase for h in graph.handlers])


def test_an_unknown_phase_comes_with_the_nearest_known_one() -> None:
    """It counts as the last one, so that the handler runs all the same."""
    ((code, text),) = problems_of(Handler("a", phase="flsh"))

    assert ("unknown-phase", True) == (code, text.endswith("which does not exist; did you mean 'flush'?"))


def test_an_edge_against_the_order_of_phases_is_left_out() -> None:
    """The text names both handlers and both phases."""
    text = (
        "'early' (phase 'drain') cannot wait for 'late', which runs later (phase 'close');"
        " move one of them to another phase"
    )

    assert [("phase-order", text)] == problems_of(
        Handler("early", phase="drain", needs=("late",)), Handler("late", phase="close")
    )


def test_an_unknown_lane_comes_with_the_nearest_known_one() -> None:
    """Where lanes are declared."""
    ((code, text),) = problems_of(Handler("a", lane="db1"), lanes={"db": 1})

    assert ("unknown-lane", True) == (code, text.endswith("did you mean 'db'?"))


def test_without_declared_lanes_any_lane_will_do() -> None:
    """Its capacity is 1."""
    assert [] == problems_of(Handler("a", lane="db1"))


def test_all_problems_come_at_once() -> None:
    """One round of repair, not one for each mistake."""
    made = [Handler("a", after=("x",)), Handler("a"), Handler("b", phase="nope"), Handler("c", after=("c",))]

    assert {"duplicate", "unknown-phase", "unknown-handler", "cycle"} == {code for code, _ in problems_of(*made)}


# Constraints that every plan must imply.


def test_a_required_order_of_phases_holds() -> None:
    """The barrier implies it."""
    assert compiled(Handler("a", phase="flush"), Handler("b", phase="commit"), require=[["flush", "commit"]])


def test_a_required_order_of_handlers_holds_over_several_steps() -> None:
    """It need not be a direct edge."""
    made = [Handler("a"), Handler("b", after=("a",)), Handler("c", after=("b",))]

    assert compiled(*made, require=[["a", "c"]])


def test_a_required_order_that_nothing_implies_is_a_problem() -> None:
    """The text says what to write where."""
    text = "order.require wants 'a' before 'b', and the order does not imply it; let 'b' name 'a' in `after` or `needs`"

    assert [("require", text)] == problems_of(Handler("a"), Handler("b"), require=[["a", "b"]])


def test_each_pair_of_a_required_chain_is_checked() -> None:
    """The second link is as good as the first."""
    made = [Handler("a"), Handler("b", after=("a",)), Handler("c")]
    ((_, text),) = problems_of(*made, require=[["a", "b", "c"]])

    assert "'b' before 'c'" in text


def test_an_unknown_name_in_a_required_chain_is_a_problem() -> None:
    """A constraint on nothing would hold for ever and protect nobody."""
    ((code, text),) = problems_of(Handler("flush-orders"), require=[["flush-ordres", "commit"]])

    assert ("require", True) == (code, "did you mean 'flush-orders'" in text)


def test_a_required_chain_over_a_thousand_handlers_is_quick() -> None:
    """It follows each handler once, not each pair."""
    made = [Handler(f"f{n}", phase="flush") for n in range(500)] + [
        Handler(f"c{n}", phase="commit") for n in range(500)
    ]
    graph = compiled(*made, require=[["flush", "commit"]])

    assert 2 == len(graph.waves())


# What holds for every set of handlers.


def positions(graph: Graph) -> dict[str, int]:
    """Return where each handler stands in the order."""
    place = {node: position for position, node in enumerate(graph.order)}
    return {name: place[node] for name, node in graph.index.items()}


def pairs_out_of_order(place: dict[str, int], pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs that stand the wrong way round."""
    return [(first, then) for first, then in pairs if place[first] >= place[then]]


@given(handlers())
def test_a_sound_set_has_no_problem(made: list[Handler]) -> None:
    """Barriers never contradict what somebody named."""
    _, problems = compile_graph(made, PHASES)

    assert () == problems


@given(handlers())
def test_the_order_is_complete(made: list[Handler]) -> None:
    """The graph is acyclic: every node has its place, once."""
    graph = compiled(*made)

    assert list(range(len(graph.waits))) == sorted(graph.order)


@given(handlers())
def test_every_named_order_holds(made: list[Handler]) -> None:
    """Whatever the priorities."""
    graph = compiled(*made)

    assert [] == pairs_out_of_order(positions(graph), named_order(made))


@given(handlers())
def test_every_phase_goes_before_the_next(made: list[Handler]) -> None:
    """For each pair of handlers."""
    graph = compiled(*made)
    pairs = [(a.name, b.name) for a in made for b in made if PHASES.index(a.phase) < PHASES.index(b.phase)]

    assert [] == [pair for pair in pairs if not before(graph, *pair)]


@given(handlers(most=30))
def test_edges_are_linear(made: list[Handler]) -> None:
    """At most one edge to a barrier and one from it for each handler, beside the named ones."""
    assert edges(compiled(*made)) <= 2 * len(made) + len(named_order(made))


@given(handlers())
def test_the_counts_fit_the_edges(made: list[Handler]) -> None:
    """Each node waits for as many as name it."""
    graph = compiled(*made)
    found = [0] * len(graph.waits)
    for following in graph.successors:
        for then in following:
            found[then] += 1

    assert graph.waits == found


@given(handlers())
def test_whatever_is_wrong_can_be_compiled(made: list[Handler]) -> None:
    """With all names turned round there are cycles, and a graph all the same."""
    turned = [handler.replace(after=handler.before, before=handler.after) for handler in made]
    graph, _ = compile_graph(turned, PHASES)

    assert len(graph.order) == len(graph.waits)


def test_a_problem_is_a_record() -> None:
    """It can be compared and sent."""
    assert Problem("cycle", "a", "text") == Problem(code="cycle", handler="a", text="text")
