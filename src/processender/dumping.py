"""The dump of a session: which signal, and what is said of who is asked."""

from __future__ import annotations

import os

from .core.texts import listed
from .engine.coordinator import Coordinator
from .engine.registry import Registry
from .live.dump import Dump
from .settings import Settings, numbers


def dump_of(settings: Settings, registry: Registry, coordinator: Coordinator) -> Dump:
    """Return what tells, at the signal that *settings* name, where everything stands; nothing is taken yet."""

    def about() -> str:
        run = coordinator.run
        state = "ended" if coordinator.over else "running" if run is None else "drained" if run.held else "ending"
        names = listed(handler.name for handler in registry.handlers())
        return f"{settings.name} ({os.getpid()}) is {state}; its handlers: {names or 'none'}"

    def loop() -> object:
        driver = coordinator.executor.app_loop
        return None if driver is None else driver.loop

    return Dump(numbers([settings.dump])[0], about, loop, coordinator.clock)
