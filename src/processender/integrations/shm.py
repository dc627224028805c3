"""POSIX shared memory: a name below /dev/shm (shm_overview(7)), which no exit of a process removes."""

from __future__ import annotations

from ..core.obligation import Obligation
from ..hints import Any
from ..paths import Place, mark, stands, steps_below
from ..ports import Context

ROOT = "/dev/shm"  # noqa: S108 - the place that glibc uses; what is removed there must be marked


def shm_args(name: str) -> dict[str, Any]:
    """Return the arguments of the obligation to remove the shared memory *name*, which exists."""
    return mark(_path(name))


class SharedMemoryReleaser:
    """Removes shared memory; the key is its name, with or without the slash before it."""

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for a name that leads elsewhere."""
        steps_below(_path(obligation.key), ROOT)

    def check(self, obligation: Obligation) -> bool:
        """Tell whether it is there."""
        # Memory does not outlive its mount.
        return stands(_path(obligation.key), {**obligation.args, "root": ROOT}, comes_back=False)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Remove it; processes that have it mapped keep what they have."""
        with Place(_path(obligation.key), ROOT) as place:
            if place.marked(obligation.args) is not None:
                place.unlink()


def _path(name: str) -> str:
    return f"{ROOT}/{name.lstrip('/')}"
