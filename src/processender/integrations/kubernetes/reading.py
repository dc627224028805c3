"""Reading the own pod: who that is, and what the API says of it now."""

from __future__ import annotations

import os
import socket

from ...errors import HandlerError, Permanent, ReleaserError
from ...exchange import Answer, Request
from ...glance import Glance, Unclear, data_of
from ...hints import Any
from .api import MOST_BYTES, SILENT_S, Api, granted
from .stream import Stream

NAME, UID = "POD_NAME", "POD_UID"
"""The variables by which a pod is told who it is, from the fields `metadata.name` and `metadata.uid`."""
PATIENCE_S = 30.0
"""How much longer than it was asked to hold a watch the server may be silent."""


def own_name() -> str:
    """Return the name of this pod: the variable `POD_NAME`, or else the name of the host."""
    return os.environ.get(NAME, "") or socket.gethostname()


def version_of(told: Any) -> str:
    """Return the version of a list, a pod or a bookmark; raise `Unclear` for what has none."""
    try:
        found = told["metadata"]["resourceVersion"]
    except (KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not found:
        raise Unclear(f"{str(told)[:80]!r} has no version")
    return found


class Reader:
    """The API, asked about one pod; everything it needs is read when it is asked, and raises `Permanent` if missing."""

    def __init__(self, api: str, account: str, namespace: str, pod: str) -> None:
        """Take where the API is, the directory of the service account, the *namespace*, and the name of the *pod*."""
        self.pod = pod
        """The name of the pod."""
        self._told = (api, account, namespace)

    def find(self, glance: Glance) -> tuple[Any, str]:
        """Return the pod, None if there is none of this name, and the version of what was seen."""
        api, fields = self._api()
        request = api.pods_named(self.pod)
        answer = glance.ask(request, fields, SILENT_S, MOST_BYTES)
        told = data_of(granted(request, answer, "list", "pods"))
        try:
            items = told["items"] or []
            return (items[0] if items else None), version_of(told)
        except (KeyError, TypeError, IndexError) as error:
            raise Unclear(f"{str(told)[:80]!r} is no list of pods") from error

    def watch(self, glance: Glance, version: str, seconds: int) -> Stream | None:
        """Return what follows behind this *version*, for so many *seconds*; None if that is not kept any more."""
        api, fields = self._api()
        request = api.watch_of(self.pod, version, seconds)
        patience = seconds + PATIENCE_S
        stream = Stream(request, glance, headers=request.headers | fields, timeout=SILENT_S, patience=patience)
        refused = stream.open(glance)
        if refused is None:
            return stream
        stream.close()
        if refused.status == 410:
            return None
        raise self._refusal(request, refused)

    def _refusal(self, request: Request, answer: Answer) -> Exception:
        granted(request, answer, "watch", "pods")
        return Unclear(f"a watch was answered with {answer}")

    def _api(self) -> tuple[Api, dict[str, str]]:
        try:
            api = Api(*self._told)
            return api, api.fields()
        except (HandlerError, ReleaserError) as error:
            raise Permanent(str(error)) from error
