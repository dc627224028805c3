"""
A short way to the modules of this package, for its own programs, which load a hundred of them at each start.

The ordinary way asks half a dozen finders for each module, lists directories and reads each file in many steps, which
costs a start 3 ms. A module of ours lies in the directory of its package, and what Python has compiled lies beside it.
In every doubt - a package, an archive, no compiled file or an old one, a Python with options of its own - the ordinary
way is taken.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from marshal import loads

from .hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

_PACKAGE = f"{__name__.partition('.')[0]}."
# PEP 552: four bytes for the version of the code, four for how it is compared with its source, here by time and size.
_HEAD = MAGIC_NUMBER + bytes(4)
_HEAD_SIZE = 16
_32_BITS = 0xFFFF_FFFF


class NearbyLoader(SourceFileLoader):
    """The ordinary loader, which first looks for itself whether there is a compiled file that tells the same."""

    def __init__(self, name: str, path: str, compiled: str, found: os.stat_result) -> None:
        """Take the *path* of the source of the module *name*, what was *found* there, and where it is *compiled*."""
        super().__init__(name, path)
        self._compiled = compiled
        self._found = found

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the compiled code."""
        return self._ready() or super().get_code(fullname)

    def _ready(self) -> CodeType | None:
        """Return what is compiled already, None unless it is that of the source as it is, in its place."""
        try:
            descriptor = os.open(self._compiled, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            data = os.read(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
        source = int(self._found.st_mtime) & _32_BITS | (self._found.st_size & _32_BITS) << 32
        if data[:_HEAD_SIZE] != _HEAD + source.to_bytes(8, "little"):
            return None
        code: CodeType = loads(memoryview(data)[_HEAD_SIZE:])  # noqa: S302 - Python itself would load the same
        return code if code.co_filename == self.path else None


class Nearby:
    """A finder that looks for a module of ours in the directory of its package, and nowhere else."""

    @staticmethod
    def find_spec(name: str, path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """Return where the module *name* is, below its package's *path*; None for what others must find."""
        if not path or not name.startswith(_PACKAGE):
            return None
        directory, tail = path[0], name.rpartition(".")[2]
        place = f"{directory}/{tail}.py"
        compiled = f"{directory}/__pycache__/{tail}.{sys.implementation.cache_tag}.pyc"
        try:
            found = os.stat(place)
        except OSError:
            return None
        spec = ModuleSpec(name, NearbyLoader(name, place, compiled, found), origin=place)
        spec.cached, spec.has_location = compiled, True
        return spec


def look_nearby() -> None:
    """Find modules of ours the short way from now on."""
    if not sys.flags.optimize and sys.pycache_prefix is None and Nearby not in sys.meta_path:
        sys.meta_path.insert(0, Nearby)
