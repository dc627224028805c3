"""Processes: ended by pidfd and identity, when they are owed, or as the children of this one."""

from __future__ import annotations

from .children import stop_children
from .releaser import GRACE_S, TAG, ProcessGroupReleaser, ProcessReleaser, process_args

__all__ = ["GRACE_S", "TAG", "ProcessGroupReleaser", "ProcessReleaser", "process_args", "stop_children"]
