"""Faults of handlers: what is called in the place of a handler, and how they are written."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from processender import Ender
from processender.core.events import RunStarted, Trouble
from processender.core.handler import Handler
from processender.engine.callables import is_async, takes_context
from processender.faults.handlers import Fault, Injected, Injector, as_text, from_text, inject, name_of
from processender.faults.line import FaultError
from processender.testing.recorder import Recorder


class Attempt:
    """The context of an attempt, as far as a fault looks at it."""

    def __init__(self, attempt: int = 1) -> None:
        """Be the attempt of this number."""
        self.attempt = attempt


def called(fault: Fault, handler: Handler):
    """Return what is called of *handler* under a *fault*."""
    return Injector([fault]).call(handler)


def test_a_handler_of_which_nothing_is_said_is_called_as_it_is() -> None:
    """No fault, no wrapper."""
    call = print

    assert call is called(Fault("fails", "other"), Handler("flush", call))


def test_only_the_first_attempts_fail() -> None:
    """`fails 2` lets the third attempt do its work."""
    made = called(Fault("fails", "flush", times=2), Handler("flush", lambda: "done"))

    for attempt in (1, 2):
        with pytest.raises(Injected, match="fails in a rehearsal"):
            made(Attempt(attempt))
    assert "done" == made(Attempt(3))


def test_without_a_number_every_attempt_fails() -> None:
    """It never recovers."""
    made = called(Fault("fails", "flush"), Handler("flush", lambda: "done"))

    with pytest.raises(Injected):
        made(Attempt(99))


def test_twice_is_twice_with_the_context() -> None:
    """A handler that takes the context gets it both times."""
    seen = []
    made = called(Fault("twice", "flush"), Handler("flush", lambda ctx: seen.append(ctx.attempt)))
    context = Attempt()
    made(context)

    assert [1, 1] == seen


def test_an_async_handler_stays_async() -> None:
    """It runs on the loop, and is slow without blocking it."""

    async def flush() -> str:
        return "done"

    made = called(Fault("slow", "flush", seconds=0.001), Handler("flush", flush))

    assert is_async(made) and takes_context(made)
    assert "done" == asyncio.run(made(Attempt()))


def test_faults_are_read_as_they_are_written() -> None:
    """The variable of the environment says all of them."""
    faults = (Fault("fails", "flush", times=2), Fault("kill", event="run-started"))

    assert faults == from_text(as_text(faults))


@pytest.mark.parametrize("text", ["{", '[{"kind": "falls"}]', '[{"kind": "fails", "when": 1}]', "[1]"])
def test_what_is_no_fault_is_refused(text: str) -> None:
    """A mistyped fault never passes for no fault."""
    with pytest.raises(FaultError):
        from_text(text)


@pytest.mark.parametrize(("value", "loaded"), [("", "False"), ("[]", "True")])
def test_an_ender_loads_faults_only_where_it_is_told_of_some(value: str, loaded: str) -> None:
    """Nobody else pays for them."""
    code = (
        "import os, sys\nos.environ['PROCESSENDER_FAULTS'] = sys.argv[1]\nfrom processender import Ender\n"
        "with Ender('x', state='/dev/null/x', observers=()): pass\n"
        "print('processender.faults.handlers' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code, value], capture_output=True, text=True, check=True)

    assert loaded == ran.stdout.strip()


@pytest.mark.parametrize(("faults", "told"), [((Fault("hangs", "flush"),), True), ((), False)])
def test_faults_that_nobody_has_meant_are_told(faults: tuple[Fault, ...], told: bool, monkeypatch) -> None:
    """The variable may have come into production by accident: then it is a trouble of which every observer hears."""
    monkeypatch.setenv("PROCESSENDER_FAULTS", as_text(faults))
    memory = Recorder()
    with Ender("orders", observers=[memory]):
        pass

    texts = [each.text for each in memory.events if isinstance(each, Trouble) and each.code == "faults"]
    assert told == bool(texts)
    assert all("flush hangs on purpose, since PROCESSENDER_FAULTS is set" in text for text in texts)


def test_an_event_is_named_with_hyphens() -> None:
    """As handlers are."""
    assert "run-started" == name_of(RunStarted)


class Calls:
    """A coordinator, as far as faults look at it: what its executor calls, and whom it tells of trouble."""

    def __init__(self) -> None:
        """Be the executor itself."""
        self.executor, self.inject, self.troubles = self, None, []

    def trouble(self, code: str, _text: str) -> None:
        """Keep the code."""
        self.troubles.append(code)


def test_a_handler_is_also_meant_by_its_name_in_the_report_of_an_agent() -> None:
    """There the name of its application stands before it; the same handler of another application is not meant."""
    text, handler = as_text([Fault("fails", "shop/flush")]), Handler("flush", print)
    meant, other = Calls(), Calls()
    inject(meant, lambda _observer: None, text, "shop")
    inject(other, lambda _observer: None, text, "worker")

    with pytest.raises(Injected):
        meant.inject(handler)(Attempt())
    assert print is other.inject(handler)
    assert ["faults"] == meant.troubles
