"""What every releaser must do: one check that the author of a plugin runs with one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.obligation import Obligation
from ..engine.clock import SystemClock
from ..engine.context import Context
from ..engine.dependencies import Dependencies
from ..hints import Any
from ..keepers import Releaser


def context(seconds: float = 20.0) -> Context:
    """Return the context of an attempt that has this many seconds."""
    clock = SystemClock()
    return Context(
        handler="release", cause="test", run="run", attempt=1, until=clock.now() + seconds, clock=clock,
        dependencies=Dependencies(clock), is_async=False,
    )  # fmt: skip


def check_releaser(
    releaser: Releaser, make: Callable[[str], Mapping[str, Any]], exists: Callable[[str], bool], key: str = "thing"
) -> None:
    """
    Make a thing, release it, and release it again; raise `AssertionError` for the first promise that is broken.

    Args:

        releaser: What is tried.

        make: Makes the thing with this key and returns the arguments of its obligation.

        exists: Tells, on its own way, whether the thing with this key is there.

        key: The key.

    One line in a test:

        check_releaser(MyReleaser(), make=server.create, exists=server.has)
    """
    name = type(releaser).__name__
    obligation = Obligation("0-test", "thing", key, "releaser", dict(make(key)))
    assert exists(key), f"make({key!r}) has made nothing"
    assert releaser.check(obligation), f"{name}.check() does not see the thing that is there"
    assert exists(key), f"{name}.check() has released the thing; it may only look"
    releaser.release(obligation, 1, context())
    assert not exists(key), f"{name}.release() has returned, and the thing is there"
    try:
        releaser.release(obligation, 2, context())
    except Exception as error:
        raise AssertionError(f"{name}.release() must be safe to repeat, and raised {error!r}") from error
