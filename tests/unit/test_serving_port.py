"""The Ender of tests and the real one are the same to a room that serves: what holds for one holds for both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from processender import Ender
from processender.ports import Serving, Stopper
from tests.unit.serving import FakeEnder

NAMES = sorted(name for port in (Serving, Stopper) for name in vars(port) if not name.startswith("_"))


@pytest.fixture(params=[FakeEnder, lambda: Ender("web", signals=(), exit="return")], ids=["fake", "real"])
def ender(request: pytest.FixtureRequest) -> Any:
    """Return an Ender that nobody has entered."""
    make: Callable[[], Any] = request.param
    return make()


@pytest.mark.parametrize("name", NAMES)
def test_each_thing_of_the_port_can_be_asked_in_the_same_way(ender: Any, name: str) -> None:
    """With the arguments of the port, and as an attribute where it is one there."""
    port = getattr(Serving, name)
    found = getattr(ender, name)

    if isinstance(port, property):
        assert not inspect.ismethod(found)
    else:
        wanted = [each for each in inspect.signature(port).parameters.values() if each.name != "self"]
        given = inspect.signature(found).parameters
        for each in wanted:
            assert (each.kind, each.default) == (given[each.name].kind, given[each.name].default), each.name


def test_who_is_ready_serves(ender: Any) -> None:
    """Before, nobody does; and no end has begun."""
    before = (ender.serving, ender.draining, ender.stopping.is_set(), ender.remaining(), ender.exit_code)
    ender.ready()

    assert ((False, False, False, None, None), True) == (before, ender.serving)


def test_work_is_in_progress_from_its_beginning_to_its_end(ender: Any) -> None:
    """With what it is, of which kind, and what cuts it; to end twice is to end."""
    live = ender.in_progress().live
    work = ender.inflight("GET /", kind="request", cut=int)
    seen = [dict(live)]
    work.begin()
    (token,) = live.values()
    seen.append({key: (id(each), each.what, each.kind, each.cut, each.was_cut) for key, each in live.items()})
    work.end()
    work.end()
    seen.append(dict(live))

    assert [{}, {id(token): (id(token), "GET /", "request", int, False)}, {}] == seen


def test_work_is_a_block_of_both_kinds(ender: Any) -> None:
    """However it is left."""
    counts: list[int] = []

    async def block() -> None:
        async with ender.inflight():
            counts.append(len(ender.in_progress().live))

    with ender.inflight("one"):
        counts.append(len(ender.in_progress().live))
    asyncio.run(block())

    assert ([1, 1], 0) == (counts, len(ender.in_progress().live))


def test_what_counts_by_itself_says_when_something_has_ended(ender: Any) -> None:
    """Without a call for each beginning."""
    progress = ender.in_progress()

    assert isinstance(progress.waiting, bool)
    progress.ended()
