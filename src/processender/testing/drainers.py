"""What every drainer must do: one check that its author runs with one line."""

from __future__ import annotations

from collections.abc import Callable

from ..core.handler import DRAIN, Handler
from .releasers import context


def check_drainer(make: Callable[[], Handler], gets_traffic: Callable[[], bool]) -> None:
    """
    Leave traffic and come back, each twice; raise `AssertionError` for the first promise that is broken.

    Args:

        make: Makes the handler, which must be sync; one that lasts must come back by another that was made anew, as in
            a new process.

        gets_traffic: Tells, on its own way, whether new requests come here.

    One line in a test:

        check_drainer(lambda: drain("/run/haproxy.sock", "web/one"), gets_traffic=lambda: "one" in who_answers())
    """
    handler = make()
    leave, back = handler.call, (make() if handler.lasting else handler).resume
    assert handler.phase == DRAIN, f"{handler.name!r} is of the phase {handler.phase!r}; a drainer's is {DRAIN!r}"
    assert leave is not None, f"{handler.name!r} does nothing"
    assert back is not None, f"{handler.name!r} has no way back"
    assert gets_traffic(), f"nothing comes here before {handler.name!r}, so the check would show nothing"
    for time in ("first", "second"):
        leave(context())
        assert not gets_traffic(), f"{handler.name!r} has returned the {time} time, and requests still come"
    for time in ("first", "second"):
        back(context())
        assert gets_traffic(), f"{handler.name!r} was taken back the {time} time, and no request comes"
