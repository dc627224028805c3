"""The life of one handler, as a table."""

from __future__ import annotations

from itertools import product

import pytest

from processender.core.cells import TRANSITIONS, Input, State, transition
from processender.errors import IllegalTransition

PAIRS = list(product(State, Input))
LEGAL = [(state, told) for state, told in PAIRS if told in TRANSITIONS[state]]
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL]
NAMES = "{0[0]}-{0[1]}".format


@pytest.mark.parametrize("pair", LEGAL, ids=NAMES)
def test_a_legal_transition_follows_the_table(pair: tuple[State, Input]) -> None:
    """The table is the machine."""
    state, told = pair

    assert TRANSITIONS[state][told] is transition("flush", state, told)


@pytest.mark.parametrize("pair", ILLEGAL, ids=NAMES)
def test_an_illegal_transition_names_handler_state_and_input(pair: tuple[State, Input]) -> None:
    """Whatever does not stand in the table is a bug, and is said to be one."""
    state, told = pair

    with pytest.raises(IllegalTransition, match=f"^handler 'flush' is {state} and cannot be told {told}$"):
        transition("flush", state, told)


def test_every_state_has_a_row() -> None:
    """A state that is added must say what may happen in it."""
    assert set(State) == set(TRANSITIONS)


def test_nothing_follows_the_end() -> None:
    """A handler ends once."""
    assert {} == TRANSITIONS[State.ENDED]


@pytest.mark.parametrize("state", [state for state in State if state is not State.ENDED])
def test_every_state_leads_to_the_end(state: State) -> None:
    """No handler can be caught for ever."""
    seen, ways = set(), [state]
    while ways:
        here = ways.pop()
        if here not in seen:
            seen.add(here)
            ways.extend(TRANSITIONS[here].values())

    assert State.ENDED in seen


def test_every_input_is_used() -> None:
    """What can happen, can happen somewhere."""
    assert set(Input) == {told for row in TRANSITIONS.values() for told in row}
