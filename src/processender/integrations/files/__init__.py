"""
Files: one whose appearance is a notice; and files and trees that are owed, or appear whole or not at all.

Hears (`files.listener`, which is loaded for itself): that a file is there, which begins the end or leaves traffic, as
it says or as you say; and that it is there no longer, which takes that back where it can be. It may say `action`,
`within` or `deadline`, and `reason`, in JSON or a line for each, at most 4 KiB.

Leaves: who may write it. Whoever can make this file can end the process: it must be a file of root, of this process's
user, or of one of the `writers`, which nobody else may write, in directories that nobody else may write. A link is
refused. It is looked for at a pace, so this works on every file system; one that hangs is not heard of.

Versions: any POSIX system.
"""

from __future__ import annotations

from .releaser import AtomicFile, FileReleaser, TreeReleaser, atomic_write, file_args

__all__ = ["AtomicFile", "FileReleaser", "TreeReleaser", "atomic_write", "file_args"]
