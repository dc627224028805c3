"""Several questions at once, none of which is waited for longer than all may take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

from ..engine.clock import SystemClock
from ..hints import Any


def side_by_side(calls: Mapping[str, Callable[[], Any]], limit: float) -> dict[str, Any]:
    """
    Return what each of *calls* has returned or raised within *limit* seconds; who takes longer is left behind.

    Args:

        calls: What to call, each on a thread of its own, by name.

        limit: How long all of them may take together, seconds.
    """
    clock, answers = SystemClock(), SimpleQueue[tuple[str, Any]]()

    def ask(name: str, call: Callable[[], Any]) -> None:
        try:
            answers.put((name, call()))
        except Exception as error:  # what it is belongs to the answer
            answers.put((name, error))

    for name, call in calls.items():
        threading.Thread(target=ask, args=(name, call), name=f"processender-ask-{name}", daemon=True).start()
    found: dict[str, Any] = {}
    until = clock.now() + limit
    while len(found) < len(calls):
        try:
            name, answer = answers.get(timeout=max(0.0, until - clock.now()))
        except Empty:
            late = TimeoutError(f"no answer within {limit:g} s")
            return {each: found.get(each, late) for each in calls}
        found[name] = answer
    return found
