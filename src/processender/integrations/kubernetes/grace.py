"""
How long a pod has to end, and where that is known from: without asking anybody, or from the API in the background.

Source: the fields that the downward API gives to a container, of which `terminationGracePeriodSeconds` is none. So it
is written down once more, as an annotation of the pod, which that API does give: in a variable, or in a file that it
mounts, where each annotation is a line `name="text"`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from ...core.record import Record
from ...core.spans import LONGEST_S
from ...errors import ProcessEnderError, SourceError
from ...glance import Glance
from ...hints import Any
from ...ports import Clock
from .api import ACCOUNT, SILENT_S
from .pod import Grace, grace_of
from .reading import Reader, own_name

VARIABLE = "POD_GRACE_SECONDS"
"""The variable that says it."""
ANNOTATION = "processender.dev/grace-seconds"
"""The annotation that says it, in the file of all of them."""
PODINFO = "/etc/podinfo"
"""Where the downward API is mounted."""


def find_grace(environ: Mapping[str, str] = os.environ, podinfo: str = PODINFO) -> Grace | None:
    """
    Return how long the pod has to end, without asking anybody; None where nobody says.

    Args:

        environ: The variables, of which `POD_GRACE_SECONDS` says it.

        podinfo: The directory of the downward API, whose file `annotations` says it otherwise, in the line of
            `processender.dev/grace-seconds`.

    Raises `SourceError` for what is no number of seconds.
    """
    text = environ.get(VARIABLE, "")
    if text:
        return Grace(_seconds(text, VARIABLE), f"the variable {VARIABLE}")
    path = os.path.join(podinfo, "annotations")
    text = _annotation(path)
    return Grace(_seconds(text, path), f"the annotation {ANNOTATION} in {path}") if text else None


def read_grace(
    clock: Clock,
    limit: float = SILENT_S,
    *,
    pod: str = "",
    namespace: str = "",
    endpoint: str = "",
    account: str = ACCOUNT,
) -> Grace:
    """
    Ask the API how long the pod has to end, and wait for the answer.

    Args:

        clock: The time.

        limit: The longest that the answer may take, seconds.

        pod: The name of this pod; by default the variable `POD_NAME`, or else the name of the host.

        namespace: Its namespace; by default that of the service account.

        endpoint: Where the API is; by default as the cluster tells its containers.

        account: The directory of the service account.

    Raises `ProcessEnderError` where it does not say, with what to do about it, and `TimeoutError`.
    """
    return _ask(_glance(clock, limit), Reader(endpoint, account, namespace, pod or own_name()))


def ask_grace(
    tell: Callable[[Grace | ProcessEnderError | TimeoutError], object],
    clock: Clock,
    limit: float = SILENT_S,
    *,
    pod: str = "",
    namespace: str = "",
    endpoint: str = "",
    account: str = ACCOUNT,
) -> Callable[[], object]:
    """
    Ask the same in the background; return at once what lets nobody ask any more.

    *tell* is told the answer, or why there is none, on a thread of its own; the other arguments are those of
    `read_grace`.
    """
    glance, reader = _glance(clock, limit), Reader(endpoint, account, namespace, pod or own_name())

    def ask() -> None:
        told: Grace | ProcessEnderError | TimeoutError
        try:
            told = _ask(glance, reader)
        except (ProcessEnderError, TimeoutError) as error:
            told = error
        if not glance.cancelled:
            tell(told)

    threading.Thread(target=ask, name="processender-grace", daemon=True).start()
    return glance.cancel


def _glance(clock: Clock, limit: float) -> Glance:
    return Glance(_Nobody(clock), limit, lambda _error: None)


def _ask(glance: Glance, reader: Reader) -> Grace:
    found, _version = reader.find(glance)
    grace = None if found is None else grace_of(found)
    if grace is None:
        what = "there is no pod" if found is None else "nobody says how long it has:"
        raise SourceError(f"cannot tell the grace of the pod: {what} {reader.pod!r}; is that its name, or POD_NAME?")
    return grace


class _Nobody(Record):
    """Ears that hear nothing: a question is answered to who has asked it."""

    clock: Clock

    def notify(self, notice: Any) -> None:
        """Take nothing."""

    def trouble(self, code: str, text: str) -> None:
        """Take nothing."""


def _annotation(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            pairs = (line.rstrip("\n").partition("=") for line in file)
            return next((text.strip('"') for name, _, text in pairs if name == ANNOTATION), "")
    except OSError:
        return ""


def _seconds(text: str, place: str) -> float:
    try:
        found = float(text.strip().removesuffix("s"))
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST_S:
        raise SourceError(
            f"cannot tell the grace of the pod: {text[:40]!r} in {place} is no number of seconds; write 30"
        )
    return found
