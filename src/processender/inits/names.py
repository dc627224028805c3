"""From the name under which the program was called to the init that it is then."""

from __future__ import annotations

from ..agent import kernel
from ..demand import load
from ..hints import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = {"tini": "tini", "tini-static": "tini", "docker-init": "tini", "dumb-init": "dumb_init"}


def personality(path: str) -> str:
    """Return the room of the init whose name stands at the end of *path*; empty where it is the name of none."""
    return _NAMES.get(path.rpartition("/")[2], "")


def become(room: str, path: str, words: Sequence[str]) -> NoReturn:
    """Be the init of *room*, called as *path* with *words*, until its command has ended."""
    mask = kernel.block()
    load(f"inits.{room}").main(path.rpartition("/")[2], words, mask)
    raise AssertionError("an init leaves by os._exit")
