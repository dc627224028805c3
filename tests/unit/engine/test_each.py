"""Calls of foreign functions, one after another."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from processender.engine.each import call_each

LIMIT = 10.0


def raising(error: BaseException) -> Callable[[], object]:
    """Return a function that raises *error*."""

    def raise_it() -> None:
        raise error

    return raise_it


def test_all_are_called_in_their_order() -> None:
    """And have come back."""
    called: list[int] = []
    call_each([lambda number=number: called.append(number) for number in range(100)], lambda *_: None)

    assert list(range(100)) == called


def test_nothing_is_called_where_there_is_nothing() -> None:
    """No thread is started for it."""
    before = threading.active_count()
    call_each([], lambda *_: None)

    assert before == threading.active_count()


def test_what_they_raise_is_told_with_their_number() -> None:
    """Whatever it is; the next one is called all the same."""
    told: list[tuple[int, str]] = []
    called: list[str] = []
    call_each(
        [raising(SystemExit(3)), lambda: called.append("second"), raising(ValueError("bad"))],
        lambda number, error: told.append((number, error)),
    )

    assert ([(0, "SystemExit: 3"), (2, "ValueError: bad")], ["second"]) == (told, called)


def test_those_that_block_are_left_behind() -> None:
    """They hold up neither the others nor who waits for them."""
    free = threading.Event()
    called: list[int] = []
    calls: list[Callable[[], object]] = [lambda: free.wait(LIMIT)] * 20
    call_each([*calls[:10], lambda: called.append(1), *calls[10:], lambda: called.append(2)], lambda *_: None)
    blocked = not free.is_set()
    free.set()

    assert (True, [1, 2]) == (blocked, called)


def test_without_another_thread_they_are_called_on_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit of the system."""
    where: list[int] = []
    monkeypatch.setattr(threading.Thread, "start", lambda _self: raising(RuntimeError("no thread"))())
    call_each([lambda: where.append(threading.get_ident())], lambda *_: None)

    assert [threading.get_ident()] == where
