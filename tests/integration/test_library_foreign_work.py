"""Work in progress, and servers, that misbehave when they are to end, in a real program."""

from __future__ import annotations

import pytest

from tests.integration.library_programs import run

WORK = """
class Nameless:
    def __str__(self): raise ValueError('no text')

def block(): threading.Event().wait()
def leave(): raise SystemExit(3)

ender = Ender('web', grace=3, exit='return')
asked, order = threading.Event(), []
ender.add(lambda: say('closed'), name='pool', phase='close')
with ender.hosted(stop=lambda: (say('asked'), asked.set())):
    bad = ender.inflight(%s)
    good = ender.inflight('good', kind='websocket', cut=lambda: (say('cut'), good.end()))
    bad.begin()
    good.begin()
    ender.stop()
    asked.wait(20)
    say('stopped')
"""

BAD = {
    "nameless": ("Nameless()", "Nameless (its text raises ValueError)"),
    "blocks": ("'bad', kind='websocket', cut=block", "bad"),
    "exits": ("'bad', kind='websocket', cut=leave", "bad"),
}

SERVERS = """
def raises(): raise SystemExit('bad')
def blocks(): threading.Event().wait()

ender = Ender('web', grace=10, exit='return')
asked = threading.Event()
ender.add(lambda: say('closed'), name='pool', phase='close')
with ender.hosted(stop=%s):
    with ender.hosted(stop=asked.set):
        ender.stop()
        say('asked', asked.wait(20))
    say('stopped')
"""


@pytest.mark.parametrize("bad", BAD)
def test_work_that_misbehaves_is_named_and_holds_up_nothing_else(bad: str) -> None:
    """What else is in progress is cut, the server is asked, and what is behind it waits for that."""
    begun, named = BAD[bad]
    end = run(WORK % begun)
    said = [line for line in end.lines if line in {"cut", "asked", "stopped", "closed"}]

    assert (0, {"cut", "asked"}, ["stopped", "closed"]) == (end.code, set(said[:2]), said[2:]), end.output
    assert ([named], "degraded") == (end.report["in_flight"], end.report["verdict"])


@pytest.mark.parametrize("bad", ["raises", "blocks"])
def test_a_server_that_cannot_be_asked_holds_up_nothing_else(bad: str) -> None:
    """The other one is asked, and nothing is closed while one of them still serves."""
    end = run(SERVERS % bad)
    said = [line for line in end.lines if line.split()[0] in {"asked", "stopped", "closed"}]

    assert (0, ["asked True", "stopped", "closed"]) == (end.code, said), end.output
