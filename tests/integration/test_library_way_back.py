"""What lasting drainers have left behind is taken back: at `ready`, as often as it is asked for, and before the end."""

from __future__ import annotations

import threading
from pathlib import Path

from processender import Context, Ender
from processender.core.handler import Handler
from processender.engine.clock import SystemClock
from processender.engine.comeback import ComeBack
from tests.integration.library_programs import run

LIMIT_S = 30.0


class Target:
    """A target that remembers, and whose way back takes until it is let."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.left = threading.Event()
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def leave(self) -> None:
        """Leave."""
        self.did.append("leave")
        self.left.set()

    def come_back(self) -> None:
        """Come back."""
        self.begun.release()
        self.let.acquire(timeout=LIMIT_S)
        self.did.append("come back")

    def handler(self, name: str = "target") -> Handler:
        """Return the drainer."""
        return Handler(name, self.leave, phase="drain", resume=self.come_back, lasting=True)


def an_ender(target: Target, state: Path) -> Ender:
    """Return an Ender with the drainer of *target*."""
    ender = Ender("web", grace=20, exit="return", signals=(), state=str(state))
    ender.add(target.handler())
    return ender


def test_one_that_is_asked_for_meanwhile_follows(tmp_path: Path) -> None:
    """What was done since the first has begun may be newer than what that has seen; ready again is nothing new."""
    target = Target()
    with an_ender(target, tmp_path) as ender:
        ender.ready()
        assert target.begun.acquire(timeout=LIMIT_S)
        ender.come_back()
        ender.come_back()
        ender.ready()
        target.let.release()
        assert target.begun.acquire(timeout=LIMIT_S)
        target.let.release()

    assert ["come back", "come back", "leave"] == target.did


def test_handlers_that_are_exchanged_wait_for_it_as_well(tmp_path: Path) -> None:
    """Nobody leaves before somebody else comes back."""
    target = Target()
    with an_ender(target, tmp_path) as ender:
        ender.ready()
        assert target.begun.acquire(timeout=LIMIT_S)
        ender.exchange(["target"], [target.handler("other")], 20.0)
        ender.stop()
        target.let.release()

    assert ["come back", "leave"] == target.did


def test_while_traffic_is_left_nothing_comes_back(tmp_path: Path) -> None:
    """A drain is taken back by `resume` alone."""
    target = Target()
    target.let.release(8)
    with an_ender(target, tmp_path) as ender:
        ender.stop()
        assert target.left.wait(LIMIT_S)
        ender.come_back()

    assert ["leave"] == target.did


class Attempt:
    """The attempt of who waits for the way back: that begins only when its hurry was asked for."""

    def __init__(self, back: ComeBack) -> None:
        self.on_cancel = lambda _wake: back.start()


def test_an_end_that_comes_before_it_has_begun_hurries_it_all_the_same() -> None:
    """What is asked for too early is remembered."""
    gave_way = list[bool]()

    def come_back(ctx: Context) -> None:
        asked = threading.Event()
        ctx.on_cancel(asked.set)
        gave_way.append(asked.wait(LIMIT_S))

    back = ComeBack([Handler("target", phase="drain", resume=come_back)], 60.0, SystemClock(), lambda _event: None)
    back.wait(Attempt(back))

    assert gave_way in ([], [True])


AT_ONCE = """
ender = Ender('web', grace=40)
def come_back(ctx):
    asked = threading.Event()
    ctx.on_cancel(asked.set)
    asked.wait()
ender.add(Handler('balancer', lambda: say('left'), phase='drain', resume=come_back, lasting=True))
with ender:
    ender.ready()
    os.kill(os.getpid(), signal.SIGTERM)
    ender.stopping.wait()
"""


def test_a_signal_right_behind_ready_is_not_held_up() -> None:
    """The way back has only just begun, and gives way."""
    end = run(AT_ONCE)

    assert "left" in end.lines
    assert end.handler("way-back")["ended_s"] < 20.0
