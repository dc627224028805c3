"""The words of a rehearsal, drawn for a seed."""

from __future__ import annotations

import pytest

from processender.faults.handlers import Fault
from processender.faults.line import Line
from processender.rehearsal.drawing import Faults, NetworkFault, RehearsalError, draw_faults, draw_span, fill
from processender.rehearsal.part import parts_of
from processender.rehearsal.schema import RehearsalConfig, ScenarioConfig, StepConfig


def half() -> float:
    """Draw the middle."""
    return 0.5


def drawn(*texts: str) -> Faults:
    """Return the faults of *texts*, where one upstream is known."""
    return draw_faults(list(texts), {"db": "127.0.0.1:5432"}, half)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("flush fails", Fault("fails", "flush")),
        ("flush fails 2", Fault("fails", "flush", times=2)),
        ("flush hangs", Fault("hangs", "flush")),
        ("flush slow 100ms..300ms", Fault("slow", "flush", seconds=0.2)),
        ("flush twice", Fault("twice", "flush")),
        ("flush killed 1s", Fault("killed", "flush", seconds=1.0)),
        ("kill at handler-ended flush", Fault("kill", "flush", event="handler-ended")),
    ],
)
def test_a_fault_of_a_handler_is_read_from_its_words(text: str, fault: Fault) -> None:
    """Times may be drawn."""
    assert Faults((fault,)) == drawn(text)


def test_a_fault_of_a_network_is_read_from_its_words() -> None:
    """An upstream that is known comes first, whatever a handler is called."""
    assert Faults(network=(NetworkFault("db", Line(latency=0.2)),)) == drawn("db latency=200ms")


def test_the_disk_may_be_full() -> None:
    """It is of no handler and no upstream."""
    assert drawn("disk full").disk_full


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("flush falls", "write it like"),
        ("flush fails often", "not how often"),
        ("flush slow", "how slow"),
        ("flush slow 3", "has no unit"),
        ("flush slow 2s..1s", "ends before it begins"),
        ("kill at run-begun", "did you mean 'run-ended'|known"),
        ("db blackhole", "no line is"),
        ("bd black-hole", "no upstream 'bd'; known: db; give"),
        ("cache latency=2s", "no upstream 'cache'.*give its address"),
        ("", "write it like"),
    ],
)
def test_a_fault_that_nobody_understands_is_a_mistake(text: str, why: str) -> None:
    """It never passes for no fault."""
    with pytest.raises(RehearsalError, match=why):
        drawn(text)


def test_a_single_time_draws_nothing() -> None:
    """It is what it is."""
    assert 2.0 == draw_span("2s", half)


def test_braces_of_the_program_stay() -> None:
    """Only what is known is filled in."""
    assert '{"a": 8080} {b}' == fill('{"a": {port}} {b}', {"port": "8080"})


def parts(config: RehearsalConfig, *seeds: int):
    """Return the runs of *config*."""
    return parts_of(config, lambda: list(seeds), (), 30.0, ".")


def test_the_same_seed_draws_the_same() -> None:
    """So that a run that failed can be repeated; another seed draws something else."""
    config = RehearsalConfig(["./server"], lead="0s..10s")
    first, again, other = (parts(config, seed)[0].lead for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_the_matrix_has_every_scenario_with_every_seed() -> None:
    """All scenarios of a seed behind one another, so that each is tried early."""
    config = RehearsalConfig(["./server"], scenarios={"a": ScenarioConfig(), "b": ScenarioConfig()})

    assert [("a", 1), ("b", 1), ("a", 2), ("b", 2)] == [(each.scenario, each.seed) for each in parts(config, 1, 2)]


def test_a_script_has_its_signals_in_order_and_the_kill_at_last() -> None:
    """Steps that are no signals are done beside."""
    end = [StepConfig(at="1s", signal="SIGINT"), StepConfig(signal="TERM"), StepConfig(write="/run/leave")]
    part = parts(RehearsalConfig(["./server"], end=end), 1)[0]

    assert ["TERM", "INT", "KILL"] == [step.signal for step in part.sequence.steps]
    assert ["/run/leave"] == [deed.step.write for deed in part.deeds]


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        (ScenarioConfig(end=[StepConfig(at="40s", signal="TERM")]), "the kill after 30 s"),
        (ScenarioConfig(end=[StepConfig()]), "one of signal, write, post or run"),
        (ScenarioConfig(platform="dokcer"), "no platform"),
    ],
)
def test_a_script_that_cannot_be_is_a_mistake(scenario: ScenarioConfig, why: str) -> None:
    """It says which scenario."""
    with pytest.raises(RehearsalError, match=f"'odd'.*{why}"):
        parts(RehearsalConfig(["./server"], scenarios={"odd": scenario}), 1)


def test_a_platform_brings_its_own_window() -> None:
    """It kills when it kills."""
    part = parts(RehearsalConfig(["./server"], platform="docker"), 1)[0]

    assert 10.0 == part.sequence.window
