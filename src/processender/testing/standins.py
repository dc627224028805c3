"""What stands in for everything that blocks or tells the time, for the threads of a world and for nobody else."""

from __future__ import annotations

import _thread
import functools
import queue
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import session
from ..engine import clock, mailbox, watchdog
from .world import World


@contextmanager
def standing_in(
    world: World, wall: float, chance: Callable[[], float], left: Callable[[int], object]
) -> Iterator[None]:
    """
    Let the threads of *world* live in its time for the length of a block.

    Args:

        world: The world.

        wall: How far its date is ahead of its clock, seconds.

        chance: Gives the numbers in [0, 1) from which the engine draws.

        left: Is told the code by which the process would have been left by force.
    """
    names = [*_table(world, wall), *_own(world, chance, left)]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in names]
    for owner, name, made in names:
        setattr(owner, name, made(getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, real in before:
            setattr(owner, name, real)


StandIn = tuple[Any, str, Callable[[Any], Any]]
"""Where something is replaced, under which name, and what makes the stand-in of the real one."""


def _here(world: World, real: Any, inside: Callable[..., Any]) -> Any:
    """Return what calls *inside* on the threads of the *world*, and *real* on all others."""

    @functools.wraps(real)
    def either(*args: Any, **options: Any) -> Any:
        return (inside if world.has(_thread.get_ident()) else real)(*args, **options)

    return either


def _table(world: World, wall: float) -> list[StandIn]:
    """Return what stands in for the standard library."""

    def instead(inside: Callable[..., Any]) -> Callable[[Any], Any]:
        return lambda real: _here(world, real, inside)

    def around(inside: Callable[..., Any]) -> Callable[[Any], Any]:
        return lambda real: _here(world, real, functools.partial(inside, world, real))

    now = instead(lambda: world.now)
    return [
        (time, "monotonic", now),
        (time, "time", instead(lambda: world.now + wall)),
        (time, "sleep", instead(functools.partial(_pause, world))),
        (threading, "_time", now),
        (threading.Condition, "wait", instead(functools.partial(_wait, world))),
        (threading.Thread, "start", around(_start)),
        (threading.Thread, "join", around(_join)),
        (queue, "time", now),
        # The one of the standard library is written in C.
        (queue, "SimpleQueue", lambda _real: vars(queue)["_PySimpleQueue"]),
        (selectors.DefaultSelector, "select", around(_select)),
    ]


def _own(world: World, chance: Callable[[], float], left: Callable[[int], object]) -> list[StandIn]:
    """Return what stands in for what is ours: nothing in a world may end the process of the test."""

    def instead(inside: Callable[..., Any]) -> Callable[[Any], Any]:
        return lambda real: _here(world, real, inside)

    def wait(real: Any) -> Any:
        return _here(world, real, functools.partial(_wait_for_mail, world, real))

    def exit_policy(real: Any) -> Any:
        return _here(world, real, functools.partial(_exit_policy, real, left))

    return [
        (mailbox.Mailbox, "wait", wait),
        (clock.SystemClock, "chance", instead(lambda _clock: chance())),
        (watchdog.Watchdog, "arm", instead(lambda _watchdog, _window: "")),
        (session, "leave_now", instead(lambda code, _seconds: left(code))),
        (session.Session, "exit_policy", exit_policy),
    ]


def _pause(world: World, seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    world.wait(lambda: False, seconds)


def _wait(world: World, condition: Any, timeout: float | None = None) -> bool:
    """Do as `threading.Condition.wait` does, of which the middle is that of the *world*."""
    if not condition._is_owned():  # noqa: SLF001 - it stands in for a method of this class
        raise RuntimeError("cannot wait on un-acquired lock")
    waiter = _thread.allocate_lock()
    waiter.acquire()
    condition._waiters.append(waiter)  # noqa: SLF001 - as above
    state = condition._release_save()  # noqa: SLF001 - as above
    came = False
    try:
        if timeout is not None and timeout <= 0:
            came = waiter.acquire(False)
        else:
            told = world.wait(lambda: waiter.acquire(False), timeout)
            came = waiter.acquire(True, -1 if timeout is None else timeout) if told is None else told
        return came
    finally:
        condition._acquire_restore(state)  # noqa: SLF001 - as above
        if not came:
            try:
                condition._waiters.remove(waiter)  # noqa: SLF001 - as above
            except ValueError:
                pass


def _start(world: World, real: Any, thread: threading.Thread) -> None:
    """Start *thread* in the world of the one that starts it."""
    place, run = world.expect(), thread.run

    def live() -> None:
        world.arrive(place)
        try:
            run()
        finally:
            world.depart(place)

    thread.run = live  # type: ignore[method-assign]
    with world.outside():
        try:
            real(thread)
        except BaseException:
            world.depart(place)
            raise


def _join(world: World, real: Any, thread: threading.Thread, timeout: float | None = None) -> None:
    if world.wait(lambda: not thread.is_alive(), timeout) is None:
        real(thread, timeout)


def _select(world: World, real: Any, selector: selectors.BaseSelector, timeout: float | None = None) -> Any:
    found: list[Any] = real(selector, 0)
    if found or (timeout is not None and timeout <= 0):
        return found

    def look() -> bool:
        found.extend(real(selector, 0))
        return bool(found)

    # An event loop has one file of its own.
    if world.wait(look, timeout, networked=len(selector.get_map() or ()) > 1) is None:
        return real(selector, timeout)
    return found


def _wait_for_mail(world: World, real: Any, box: Any, seconds: float | None) -> None:
    if world.wait(lambda: box._poll.poll(0), seconds) is None:  # noqa: SLF001 - it stands in for a method of this class
        real(box, seconds)


def _exit_policy(real: Any, left: Callable[[int], object], ended: session.Session) -> None:
    """Let the process go as its owner wants, but where it would die of the signal."""
    if ended.signum and ended._settings.exit == "reraise":  # noqa: SLF001 - it stands in for a method of this class
        left(-ended.signum)
    else:
        real(ended)
