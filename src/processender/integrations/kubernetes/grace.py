"""
How long a pod has to end, and from where that is known: without asking anybody, or from the API.

Source: the fields that the downward API gives to a container, of which `terminationGracePeriodSeconds` is none. So it
is written down once more, as an annotation of the pod, which that API does give: in a variable, or in a file that it
mounts, where each annotation is a line `name="text"`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...core.grace import Grace, no_length
from ...core.notice import DeadlineKind
from ...core.spans import seconds_of
from ...errors import SourceError
from ...glance import question
from ...ports import Clock
from .api import ACCOUNT, SILENT_S
from .pod import grace_of
from .reading import Reader, own_name

VARIABLE = "POD_GRACE_SECONDS"
"""The variable that says it."""
ANNOTATION = "processender.dev/grace-seconds"
"""The annotation that says it, in the file of all of them."""
PODINFO = "/etc/podinfo"
"""Where the downward API is mounted."""
DEFAULT_S = 30.0
"""What a pod has where nobody has said anything."""
_BETTER = (
    f"repeat it as the annotation {ANNOTATION}, and mount that by the downward API as the variable {VARIABLE} or below"
    f" {PODINFO}; or bind a Role with the verb `list` on pods"
)


def find_grace(environ: Mapping[str, str] | None = None, podinfo: str = PODINFO) -> Grace | None:
    """
    Return how long the pod has to end, without asking anybody; the usual 30 s if nobody says, None outside of a pod.

    Args:

        environ: The variables, of which `POD_GRACE_SECONDS` says it; by default those of this process.

        podinfo: The directory of the downward API, whose file `annotations` says it otherwise, in the line of
            `processender.dev/grace-seconds`.
    """
    environ = os.environ if environ is None else environ
    text, place = environ.get(VARIABLE, ""), f"the variable {VARIABLE}"
    if not text:
        path = os.path.join(podinfo, "annotations")
        text, place = _annotation(path), f"the annotation {ANNOTATION} in {path}"
    seconds = seconds_of(text)
    if seconds is not None:
        return Grace(seconds, place)
    if not text and not environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    usual, wrong = "the default of terminationGracePeriodSeconds", no_length(text, place) if text else ""
    return Grace(DEFAULT_S, usual, DeadlineKind.ASSUMED, _BETTER, wrong)


def ask_grace(
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
    reader = Reader(endpoint, account, namespace, pod or own_name())
    found, _version = reader.find(question(clock, limit))
    grace = None if found is None else grace_of(found)
    if grace is None:
        what = "there is no pod" if found is None else "nobody says how long it has:"
        raise SourceError(f"cannot tell the grace of the pod: {what} {reader.pod!r}; is that its name, or POD_NAME?")
    return grace


def _annotation(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            pairs = (line.rstrip("\n").partition("=") for line in file)
            return next((text.strip('"') for name, _, text in pairs if name == ANNOTATION), "")
    except OSError:
        return ""
