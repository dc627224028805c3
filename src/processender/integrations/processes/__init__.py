"""
Processes: ended by pidfd and identity, when they are owed, or as the children of this one.

Takes over: the children of this process, of `multiprocessing` or `subprocess`, in the phase `quiesce`: TERM, a time to
end, KILL, until none is left; those that had to be killed are named.

Leaves: what the children have started themselves; give such a child a group of its own, and owe the group.
"""

from __future__ import annotations

from .children import stop_children
from .releaser import GRACE_S, TAG, ProcessGroupReleaser, ProcessReleaser, process_args

__all__ = ["GRACE_S", "TAG", "ProcessGroupReleaser", "ProcessReleaser", "process_args", "stop_children"]
