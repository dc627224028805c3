"""Files and trees: removed below a declared root only; and files that appear whole or not at all."""

from __future__ import annotations

import os
import sys
from types import TracebackType

from ...core.obligation import Obligation
from ...hints import Any
from ...paths import BelowRoot, Place, mark, stands, sync_directory
from ...ports import Context, Owing


def file_args(path: str, root: str) -> dict[str, Any]:
    """Return the arguments of the obligation to remove the file or the tree that stands at *path*, below *root*."""
    return {"root": root, **mark(path)}


class FileReleaser(BelowRoot):
    """
    Removes one file; what has taken its name since is left alone.

    The key is its absolute path; the arguments are `root`, and `device` and `inode` once it exists.
    """

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the file is there."""
        return stands(obligation.key, obligation.args)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Remove the file."""
        with Place(obligation.key, str(obligation.args.get("root", ""))) as place:
            if place.marked(obligation.args) is not None:
                place.unlink()


class TreeReleaser(FileReleaser):
    """Removes a directory and all that is in it; never through a link, and never what is mounted in it."""

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Remove the tree."""
        with Place(obligation.key, str(obligation.args.get("root", ""))) as place:
            if place.marked(obligation.args) is not None:
                place.remove_tree()


class AtomicFile:
    """
    A file that appears whole or not at all: written beside its place, flushed, and renamed when the block is left.

    The part that was written is an obligation, so a crash leaves nothing behind.
    """

    def __init__(self, owing: Owing, path: str, root: str, mode: int = 0o644) -> None:
        """Take the *path*, below *root*, at which it is to appear, and its *mode*."""
        self._path = path
        self._mode = mode
        self._partial = f"{path}.{os.urandom(6).hex()}.partial"
        self._held = owing.obligation("file", key=self._partial, releaser="file", root=root)
        self._file: Any = None

    def __enter__(self) -> Any:
        """Return the file, open for writing bytes."""
        self._held.__enter__()
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = open(os.open(self._partial, flags, self._mode), "wb")
        except BaseException:
            self._held.__exit__(*sys.exc_info())
            raise
        return self._file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the file appear, unless the block has raised."""
        try:
            with self._file as file:
                if kind is None:
                    file.flush()
                    os.fsync(file.fileno())
            if kind is None:
                os.replace(self._partial, self._path)
                sync_directory(os.path.dirname(self._path))
        finally:
            self._held.__exit__(kind, error, trace)


def atomic_write(owing: Owing, path: str, *, root: str, mode: int = 0o644) -> AtomicFile:
    """Return the block that writes the file at *path*; see `AtomicFile`."""
    return AtomicFile(owing, path, root, mode)
