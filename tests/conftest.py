"""What all tests share: how long property tests search, and the same beginning for whoever starts them, however."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# A busy machine must not fail a test, so no example has a deadline; `HYPOTHESIS_PROFILE=thorough` searches longer.
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin as on a terminal, and, in a worker, keep the path of its temporary directory short."""
    # Who runs the tests under nohup, or behind a shell, ignores these, and so would every program of a test.
    for number, ordinary in (
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGQUIT, signal.SIG_DFL),
        (signal.SIGINT, signal.default_int_handler),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, ordinary)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        # The path of a socket has at most 107 bytes; `popen-gw0` would be nine of them.
        base, number = os.path.dirname(config.option.basetemp), worker.removeprefix("gw")
        config.option.basetemp = os.path.join(base, number)
