"""Unix sockets: a file that outlives its listener, and makes the next one fail to bind."""

from __future__ import annotations

import os
import socket
import stat

from ..core.obligation import Obligation
from ..errors import Transient
from ..hints import Any
from ..paths import BelowRoot, Place, mark, stands
from ..ports import Context

_PATIENCE_S = 1.0


def socket_args(path: str, root: str) -> dict[str, Any]:
    """Return the arguments of the obligation to remove the socket at *path*, below *root*."""
    return {"root": root, **mark(path)}


class SocketReleaser(BelowRoot):
    """Removes the file of a Unix socket that nobody listens on; the key is its absolute path."""

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the file is there."""
        return stands(obligation.key, obligation.args)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Remove the file; raise `Transient` while somebody answers there."""
        with Place(obligation.key, str(obligation.args.get("root", ""))) as place:
            found = place.marked(obligation.args)
            if found is None or not stat.S_ISSOCK(found.st_mode):
                return
            if _answers(f"/proc/self/fd/{place.directory}/{place.name}"):
                raise Transient(f"cannot remove the socket {obligation.key}: a process listens on it")
            place.unlink()


def _answers(path: str) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        with socket.socket(socket.AF_UNIX, kind) as probe:
            probe.settimeout(_PATIENCE_S)
            try:
                probe.connect(os.fsencode(path))
            except (BlockingIOError, TimeoutError):
                return True
            except OSError:
                # Refused, or a socket of another kind.
                continue
            return True
    return False
