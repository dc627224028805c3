"""Releases machines of ACME; here a machine is a file in a directory, so that the template runs anywhere."""

from __future__ import annotations

import os

from processender import Obligation, ReleaserError
from processender.ports import Context


class MachineReleaser:
    """
    Stops the machine that an obligation names.

    The key is the tag under which the machine was ordered, the obligation's own id if possible; `inventory` in the
    arguments is where machines are listed.
    """

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the machine is there and is the one that was meant; look only."""
        return os.path.exists(_path(obligation))

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:
        """
        Stop the machine; return when it is gone, also when it was gone before.

        Raise `Transient` for what may pass (it is tried again with a pause), `ReleaserError` for what never will (it
        waits for a human). Hand *token* to a system that can refuse an older one; stay within `ctx.remaining()`.
        """
        try:
            os.unlink(_path(obligation))
        except FileNotFoundError:
            return


def _path(obligation: Obligation) -> str:
    inventory = obligation.args.get("inventory")
    # A record is hostile input: it may name only what this releaser is for.
    if not isinstance(inventory, str) or not obligation.key or "/" in obligation.key or obligation.key in {".", ".."}:
        raise ReleaserError(f"cannot release {obligation.label}: it needs inventory= and the plain tag of a machine")
    return os.path.join(inventory, obligation.key)
