"""Drains and ends that are taken back, in a real program: at once, when nobody is left, and when nobody was ready."""

from __future__ import annotations

import pytest

from tests.integration.library_programs import run

FLAPS = """
class Ends:
    def __init__(self):
        self.ended, self.changed = 0, threading.Condition()
    def observe(self, event):
        if type(event).__name__ == 'RunEnded':
            with self.changed:
                self.ended += 1
                self.changed.notify_all()

flaps, found = %r, set()
for _ in range(15):
    seen, ends = [], Ends()
    ender = Ender('web', grace=10, exit='return', drain_delay=0, on_drain='fail-readiness', observers=[ends])
    away = Handler('balancer', lambda: seen.append('away'), phase='drain', resume=lambda: seen.append('back'))
    ender.add(away)
    with ender:
        ender.ready()
        for _ in range(flaps):
            ender.drain()
            ender.resume()
        with ends.changed:
            whole = ends.changed.wait_for(lambda: ends.ended == flaps, 20)
        found.add((whole, ender.serving, ender.draining, seen.count('away') - seen.count('back')))
say(found)
"""

LEFT = """
ender = Ender('web', grace=10, exit=%r, drain_delay=0, on_drain='fail-readiness')
leaving, gone = threading.Event(), threading.Event()
ender.add(Handler('balancer', lambda: (leaving.set(), gone.wait(8)), phase='drain', resume=lambda: say('back')))
ender.add(lambda: say('flushed'), name='flush', phase='flush')

def take_back():
    leaving.wait(20)
    ender.resume()
    gone.set()

threading.Thread(target=take_back).start()
"""

BODIES = {
    "block": "with ender: ender.ready()",
    "server": "with ender.hosted(stop=lambda: None): ender.ready()",
    "task": """
async def main():
    async with ender: ender.ready()
asyncio.run(main())
""",
    "error": """
try:
    with ender: 1 / 0
except ZeroDivisionError: say('raised')
""",
}


@pytest.mark.parametrize("flaps", [1, 20])
def test_what_is_taken_back_at_once_serves_again(flaps: int) -> None:
    """A worker may have taken up what leaves traffic before it could be called back."""
    end = run(FLAPS % flaps)

    assert ["{(True, True, False, 0)}"] == end.lines, end.output


@pytest.mark.parametrize("exit_by", ["return", "zero"])
@pytest.mark.parametrize("body", BODIES)
def test_an_end_whose_application_has_left_is_not_taken_back(body: str, exit_by: str) -> None:
    """Nobody would serve, and nobody end it."""
    end = run(LEFT % exit_by + BODIES[body])

    assert (0, True, False) == (end.code, "flushed" in end.lines, "back" in end.lines), end.output
    assert (["too-late"], "clean") == (end.troubles, end.report["verdict"])


LATE = """
ender = Ender('web', grace=10, exit='return', drain_delay=0.3, on_drain='keep-serving')
left = threading.Event()
ender.add(Handler('balancer', left.set, phase='drain', resume=lambda: say('back')))
with ender:
    ender.%s()
    left.wait(20)
    ender.ready()
    say('late', ender.serving, ender.draining)
"""


@pytest.mark.parametrize("asked", ["stop", "drain"])
def test_what_is_ready_only_while_traffic_is_left_does_not_serve(asked: str) -> None:
    """It would be sent traffic until it exits."""
    end = run(LATE % asked)

    assert (True, "clean") == ("late False True" in end.lines, end.report["verdict"]), end.output


def test_what_was_ready_too_late_serves_when_that_is_taken_back() -> None:
    """And leaves traffic in the next end as if it had been in time: still serving during the delay."""
    again = """
    ender.resume()
    while not ender.serving: time.sleep(0.002)
    say('serves', ender.draining)
    ender.stop()
    while not ender.draining: time.sleep(0.002)
    say('during', ender.serving)
    ender.stopping.wait()
"""
    end = run(LATE % "drain" + again)
    said = [line for line in end.lines if line.split()[0] in {"late", "back", "serves", "during"}]

    assert ["late False True", "back", "serves False", "during True"] == said, end.output
    assert {"readiness", "drain-delay"} <= set(end.outcomes)
