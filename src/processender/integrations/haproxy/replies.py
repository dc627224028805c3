"""What HAProxy's runtime API answers, read: who the servers are, and what one of them still carries."""

from __future__ import annotations

from ...core.record import Record
from ...core.texts import counted
from ...errors import Permanent

FORCED_MAINTENANCE = 0x01
FORCED_DRAIN = 0x08
_IN_ROTATION = ("UP", "no check")


class Server(Record):
    """One line of `show servers state`."""

    name: str
    """`backend/server`."""
    ids: str
    """Its numbers, as `show stat` takes them: that of the backend, 4 for servers, its own."""
    admin: int
    """What an operator, or an agent, has ordered: a sum of bits (SRV_ADMF_* in HAProxy's source)."""


class Load(Record):
    """What a server still carries."""

    status: str
    """HAProxy's word for its state: `UP`, `DRAIN`, `MAINT`, `no check`."""
    sessions: int
    """How many requests or connections it works on."""
    queued: int
    """How many requests wait for it."""

    @property
    def in_rotation(self) -> bool:
        """Whether it still gets what could go to any server."""
        return self.status.startswith(_IN_ROTATION)

    @property
    def quiet(self) -> bool:
        """Whether nothing is left."""
        return not (self.in_rotation or self.sessions or self.queued)

    def __str__(self) -> str:
        """Return it for a human."""
        kinds = ((self.sessions, "session"), (self.queued, "queued request"))
        parts = [counted(number, kind) for number, kind in kinds if number]
        return f"{self.status}, {' and '.join(parts) or 'no sessions'}"


def servers(text: str) -> list[Server]:
    """Return the servers in an answer to `show servers state`, whose columns are named in its second line."""
    lines = text.splitlines()
    columns = next((line[1:].split() for line in lines if line.startswith("#")), [])
    found = []
    for line in lines:
        row = dict(zip(columns, line.split(), strict=False)) if not line.startswith("#") else {}
        try:
            ids = f"{int(row['be_id'])} 4 {int(row['srv_id'])}"
            found.append(Server(f"{row['be_name']}/{row['srv_name']}", ids, int(row["srv_admin_state"])))
        except (KeyError, ValueError):
            continue
    return found


def load(text: str, server: str) -> Load:
    """Return what *server* carries by an answer to `show stat`; raise `Permanent` if it says nothing of it."""
    lines = text.splitlines()
    columns = next((line[1:].strip().split(",") for line in lines if line.startswith("#")), [])
    for line in lines:
        row = dict(zip(columns, line.split(","), strict=False))
        if f"{row.get('pxname')}/{row.get('svname')}" == server:
            return Load(row.get("status", ""), _number(row.get("scur")), _number(row.get("qcur")))
    said = text.strip()[:200]
    raise Permanent(f"HAProxy tells nothing of the server {server!r}: {said!r}; is its stats socket what was named?")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
