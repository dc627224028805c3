"""The source that looks for a file: who may write it decides whether it counts."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence

from ...announcement import LARGEST, announced
from ...core.notice import Action
from ...core.sighting import Sighting
from ...errors import Permanent, SourceError
from ...glance import Glance, Unclear
from ...hints import Literal
from ...listening import Look, Polled

__all__ = ["listen"]
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def listen(
    path: str,
    *,
    name: str = "file",
    action: Literal["advise", "drain", "stop"] = "stop",
    within: float | None = None,
    writers: Sequence[int] | Literal["anyone"] = (),
    every: float = 1.0,
) -> Polled:
    """
    Return the source that looks for a file; nothing is looked at before it is started.

    Args:

        path: Where the file is when it is there, from the root on.

        name: What it is called in notices and troubles.

        action: What its appearance means, unless it says something else.

        within: How long is left from when it is heard, seconds, unless it says something else; None leaves it at the
            grace.

        writers: The numbers of the users who may write it, beside root and the user of this process; `anyone` for
            whoever can.

        every: How often it looks, seconds.

    Raises `SourceError` for what makes no sense.
    """
    if within is not None and not within >= 0:
        raise SourceError("cannot end in less than no time: `within` must not be below 0")
    if not os.path.isabs(path) or "\0" in path:
        raise SourceError(f"cannot look for {path!r}: write its path from the root on, like /run/shop/leave")
    if isinstance(writers, str) and writers != "anyone":
        raise SourceError('cannot tell who may write the file: give numbers of users, or writers="anyone"')
    file = _File(path, None if isinstance(writers, str) else frozenset(writers))

    def see(glance: Glance) -> Sequence[Sighting]:
        text = file.read(glance)
        if text is None:
            return []
        found = announced(text, "file", f"the file {os.path.basename(path)}", Action(action), within)
        return [] if found is None else [found]

    return Polled(name, [Look("file", see, every, slowest=every)])


class _File:
    """A file that others write."""

    def __init__(self, path: str, writers: frozenset[int] | None) -> None:
        """Take its *path*, and who may write it beside root and us; None for whoever can."""
        self._path = path
        self._writers = writers

    def read(self, glance: Glance) -> str | None:  # noqa: ARG002 - the face of all that is looked at
        """Return what it says, None if it is not there; raise `Permanent` for one that does not count."""
        try:
            # A device may act when it is opened, so what is none is not.
            _check_kind(self._path, os.lstat(self._path))
            descriptor = os.open(self._path, _FLAGS)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise Permanent(f"the file {self._path} cannot be read: {error.strerror}") from error
        try:
            found = os.fstat(descriptor)
            _check_kind(self._path, found)
            if self._writers is not None:
                self._check_writers(found, self._writers | {0, os.geteuid()})
            data = os.read(descriptor, LARGEST + 1)
        except OSError as error:
            raise Permanent(f"the file {self._path} cannot be read: {error.strerror}") from error
        finally:
            os.close(descriptor)
        if len(data) > LARGEST:
            raise Unclear(f"the file {self._path} is larger than {LARGEST} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Unclear(f"the file {self._path} is no text") from error

    def _check_writers(self, found: os.stat_result, trusted: frozenset[int]) -> None:
        """Raise `Permanent` if somebody else could have written it, or put it there."""
        advice = "see `writers`"
        if found.st_uid not in trusted or found.st_mode & _BY_OTHERS:
            raise Permanent(
                f"the file {self._path} does not count: others than root and this user may write it; {advice}"
            )
        place, is_own = os.path.realpath(os.path.dirname(self._path)), True
        while True:
            of_place = os.stat(place)
            # In a directory like /tmp nobody can rename what another one has made.
            may_rename = of_place.st_mode & _BY_OTHERS and (is_own or not of_place.st_mode & stat.S_ISVTX)
            if of_place.st_uid not in trusted or may_rename:
                raise Permanent(f"the file {self._path} does not count: others may put files into {place}; {advice}")
            if place == "/":
                return
            place, is_own = os.path.dirname(place), False


def _check_kind(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        what = "a link" if stat.S_ISLNK(found.st_mode) else "no regular file"
        raise Permanent(f"the file {path} does not count: it is {what}")
