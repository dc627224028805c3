"""The directory of one owner: private, with a file that says whose it is."""

from __future__ import annotations

import json
import os
import stat
import zlib

from ..errors import JournalError
from ..hints import Any
from ..identity import Identity
from ..paths import sync_directory

OWNER = "owner.json"
LOCK = "LOCK"
GIVEN_UP = "given-up"
"""An empty file: the owner lives on, and leaves what is still owed to whoever recovers it."""


def private(root: str) -> None:
    """Make the directory *root* for this user alone, or raise `JournalError` for one that is not."""
    os.makedirs(os.path.dirname(root), mode=0o700, exist_ok=True)
    try:
        os.mkdir(root, 0o700)
    except FileExistsError:
        # Made before, or by another just now: whose it is, and what, is looked at all the same.
        pass
    found = os.lstat(root)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        text = f"cannot use {root}: it must be a directory of this user that nobody else can write to"
        raise JournalError(text + "; set PROCESSENDER_STATE to another place")


def write_owner(directory: str, owner: dict[str, Any]) -> None:
    """Write down, durably, whose *directory* it is."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(os.path.join(directory, OWNER), flags, 0o600)
    try:
        data = json.dumps({**owner, _CHECK: _check(owner)}).encode()
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(directory)


def read_owner(directory: str) -> dict[str, Any]:
    """Return what the directory says of its owner; nothing if it says nothing that can be read."""
    try:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with open(os.open(os.path.join(directory, OWNER), flags), "rb") as file:
            said = json.loads(file.read(4096))
        # A changed byte must not make a living owner look like another, who is dead.
        sound = isinstance(said, dict) and said.pop(_CHECK, None) == _check(said)
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return said if sound else {}


_CHECK = "check"


def _check(owner: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(owner, sort_keys=True).encode())


def identity_of(owner: dict[str, Any]) -> Identity:
    """Return who an owner is, as far as its file says so."""
    numbers = {name: owner.get(name) for name in ("space", "pid", "started")}
    known = {name: number if isinstance(number, int) else 0 for name, number in numbers.items()}
    return Identity(boot=str(owner.get("boot", "")), **known)


def entries_of(root: str) -> list[str]:
    """Return the paths of all that lies in *root*, where journals are; nothing if it is not there."""
    try:
        names = sorted(os.listdir(root))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"cannot look into {root}: {error.strerror}; run as its owner") from error
    return [os.path.join(root, name) for name in names]


def kept_for(root: str, owner: Identity) -> str:
    """Return the directory of the journal that is kept for *owner* by its identity; empty if there is none yet."""
    for directory in entries_of(root):
        if os.path.basename(directory).startswith(f"{owner.pid}-{owner.started}-"):
            said = read_owner(directory)
            if said.get("held_by") == "identity" and said.get("boot") == owner.boot:
                return directory
    return ""


def unlink(path: str) -> None:
    """Remove a name that may be gone."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def discard(directory: str) -> None:
    """Remove a directory that was made by halves; it owes nothing, so one that stays is left to the next recovery."""
    try:
        for name in (OWNER, LOCK):
            unlink(os.path.join(directory, name))
        os.rmdir(directory)
    except OSError:
        return
