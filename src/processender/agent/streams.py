"""The standard streams as a process may find them: closed ones would be given to the next file that is opened."""

from __future__ import annotations

import os


def keep_standard_streams() -> None:
    """Open the null device in the place of each standard stream that is closed, for us and for the command."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)
