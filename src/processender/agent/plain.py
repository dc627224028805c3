"""The end of a command where there is no room for an engine, a thread or a descriptor: the main thread alone."""

from __future__ import annotations

import contextlib

from ..engine.clock import SystemClock
from . import kernel
from .command import Command
from .durations import format_duration
from .settings import Settings
from .voice import tell

_KILLED_S = 0.5


def end(command: Command, settings: Settings, error: Exception) -> None:
    """Ask the command to end, wait for the grace, and kill what is left; no handler runs, because of *error*."""
    clock = SystemClock()
    signum = settings.steps[0].signum or kernel.TERM
    command.bar()
    if command.running:
        command.send(signum)
        # Who is stopped hears nothing before it goes on.
        command.send(kernel.CONT)
    what = f"the command gets {kernel.name_of(signum)} and has {format_duration(settings.grace)}"
    text = (
        f"cannot end by the plan: {error.__cause__ or error}; {what}, and no handler runs; see the limits (ulimit -a)"
    )
    tell(settings, "plain-end", text)
    until = clock.now() + settings.grace
    while not command.watch() and clock.now() < until:
        kernel.take(until - clock.now())
    with contextlib.suppress(OSError):
        if command.running:
            # What it has started cannot be looked for without a descriptor.
            command.strike(kernel.KILL)
        command.sweep(everything=True, wait_tree=settings.wait_tree)
    while command.running and clock.now() < until + _KILLED_S and not command.watch():
        kernel.take(_KILLED_S)
