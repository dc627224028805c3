"""
Events of the cluster about the own pod: `kubectl describe pod` shows that its end began, and how it went.

Source: `Event` of `v1` and its validation (`pkg/apis/core/validation/events.go`): an event with an `eventTime` needs
`reportingComponent`, a qualified name, `reportingInstance`, `action` and `reason`, of at most 128 characters, and has a
message of at most 1,024; it stands in the namespace of what it is about. Its name is made of the id of the run, so one
that is sent twice is refused as a conflict, which means that it is there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

from ...core.events import Event
from ...core.labels import printable
from ...errors import AccountRefused, Permanent
from ...exchange import exchange
from ...hints import Any
from ...ports import Context
from ...sending import REFUSED
from .api import ACCOUNT, Api, granted, in_cluster
from .reading import UID, own_name

COMPONENT = "processender.dev/processender"
"""Who reports, as a qualified name."""
SILENT_S = 5.0
"""How long the API may take for one event, where nobody says otherwise."""
MOST_MESSAGE, MOST_WORD = 1024, 128
"""How long a message, and each other text, may be."""
_CONFLICT = 409


class EventSender:
    """
    Sends what has become of a run, and that it has begun, to the cluster; made by `events`.

    It is an exporter, which is told of accounts and tries again later, and an observer, which sends at once.
    """

    name = "kubernetes"
    """What it is called, as an exporter."""

    def __init__(self, api: Api | None, pod: str, uid: str) -> None:
        """Take the *api*, None outside a cluster, and the name and `uid` of the pod, which is asked for if empty."""
        self._api = api
        self._pod = pod
        self._uid = uid
        self._asked = bool(uid)

    def observe(self, event: Event) -> None:
        """Send at once, where *event* tells of an account; a failure is raised."""
        account = getattr(event, "account", None)
        moment: Any = _Moment()
        if isinstance(account, dict):
            self.send(account, moment)

    def send(self, account: dict[str, Any], ctx: Context) -> None:
        """Send the events of *account* in the time of *ctx*; raise where one was not taken. Elsewhere do nothing."""
        if self._api is None:
            return
        about = self._about(ctx)
        for event in events_of(account):
            self._post(about, event, ctx)

    def _post(self, about: dict[str, str], event: dict[str, Any], ctx: Context) -> None:
        api = self._api
        assert api is not None  # `send` has seen to it
        request = api.new_event()
        named = f"{about['name'][:200]}.{event.pop('name')}"
        whole = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": named, "namespace": api.namespace}}
        whole |= {"involvedObject": about, "reportingComponent": COMPONENT, "reportingInstance": self._pod[:MOST_WORD]}
        whole |= {"source": {"component": COMPONENT}, **event}
        fields = {"Content-Type": "application/json", **api.fields()}
        answer = exchange(request, ctx, json.dumps(whole).encode(), headers=fields, timeout=SILENT_S)
        if answer.status in REFUSED:
            raise AccountRefused(f"the API of the cluster will not take the event {named}: {answer}: {answer.quoted()}")
        if answer.status != _CONFLICT:
            granted(request, answer, "create", "events")

    def _about(self, ctx: Context) -> dict[str, str]:
        """Return what the events are about; without its `uid` only `kubectl get events` shows them."""
        api = self._api
        assert api is not None  # see above
        if not self._asked:
            try:
                self._uid = api.uid_of(self._pod, ctx)
            except Permanent:
                # It may not list pods: an event without a uid is still one.
                self._uid = ""
            self._asked = True
        about = {"apiVersion": "v1", "kind": "Pod", "namespace": api.namespace, "name": self._pod}
        return {**about, "uid": self._uid} if self._uid else about


def events(
    *, pod: str = "", uid: str = "", namespace: str = "", endpoint: str = "", account: str = ACCOUNT
) -> EventSender:
    """
    Return what tells the cluster of each end, for `Ender(exporters=[...])` or `Ender(observers=[...])`.

    Args:

        pod: The name of this pod; by default the variable `POD_NAME`, or else the name of the host.

        uid: Its uid; by default the variable `POD_UID`, or else the API is asked.

        namespace: Its namespace; by default that of the service account.

        endpoint: Where the API is; by default as the cluster tells its containers.

        account: The directory of the service account: `token`, `ca.crt` and `namespace`.

    The service account needs `create` on `events`, and `list` on `pods` where `POD_UID` is not set. Outside a cluster
    nothing is sent. Raises `HandlerError` in a pod without a service account.
    """
    inside = bool(endpoint) or in_cluster()
    api = Api(endpoint, account, namespace) if inside else None
    return EventSender(api, pod or own_name(), uid or os.environ.get(UID, ""))


def events_of(account: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of *account*, of a run or of a crash, without what is the same in all: pure."""
    id_, service = _word(account.get("id")), _word(account.get("service"))
    if "handlers" not in account or "notices" not in account:
        text = f"{service} has died: {account.get('summary') or account.get('cause')}"
        return [_event(id_, "crashed", account.get("at"), ("ProcessCrashed", "Recover"), text, warns=True)]
    window = _of(account.get("window"), dict, {})
    cause = _word(account.get("cause"))
    begun = f"{service} is ending because of {cause}, within {_number(window.get('length_s')):.1f} s"
    found = [_event(id_, "began", account.get("started"), ("ShutdownStarted", "Shutdown"), begun)]
    if account.get("ended") is not None:
        verdict = _word(account.get("verdict"))
        ended = f"{service} ended {verdict} after {_number(account.get('seconds')):.2f} s{_undone(account)}"
        reason = ("ShutdownCompleted" if verdict == "clean" else f"Shutdown{verdict.title()}", "Shutdown")
        found.append(_event(id_, "ended", account["ended"], reason, ended, warns=verdict not in {"clean", "cancelled"}))
    return found


def _event(
    id_: str, stage: str, at: Any, what: tuple[str, str], message: str, *, warns: bool = False
) -> dict[str, Any]:  # fmt: skip
    seconds = _number(at)
    whole = int(seconds)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    named = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in id_.lower())[:60].strip("-")
    return {
        "name": f"{named or whole}.{stage}",
        "type": "Warning" if warns else "Normal",
        "reason": what[0][:MOST_WORD],
        "action": what[1],
        # The server counts bytes.
        "message": printable(message, MOST_MESSAGE).encode("utf-8", "replace")[:MOST_MESSAGE].decode("utf-8", "ignore"),
        "eventTime": f"{stamp}.{int((seconds - whole) * 1e6):06}Z",
        "firstTimestamp": f"{stamp}Z",
        "lastTimestamp": f"{stamp}Z",
        "count": 1,
    }


def _undone(account: dict[str, Any]) -> str:
    handlers = _of(account.get("handlers"), list, [])
    undone = [
        f"{_word(each.get('name'))} {_word(each.get('outcome'))}"
        for each in handlers
        if isinstance(each, dict) and _word(each.get("outcome")) not in {"", "done"}
    ]
    return f"; not done: {', '.join(undone)}" if undone else ""


def _of(value: Any, kind: type, otherwise: Any) -> Any:
    return value if isinstance(value, kind) else otherwise


def _word(value: Any) -> str:
    return printable(value, MOST_WORD) if isinstance(value, str) else ""


def _number(value: Any) -> float:
    good = isinstance(value, int | float) and 0 <= value < 1e11
    return float(value) if good else 0.0


class _Moment:
    """The time of an observer, which nobody takes back: as much of a context as one request needs."""

    handler = cause = idempotency_key = "kubernetes-events"
    attempt = 1

    def remaining(self) -> float:
        """Return how long one request may take."""
        return SILENT_S

    def on_cancel(self, function: Callable[[], object]) -> Callable[[], object]:
        """Never call *function*; return what takes that back."""
        del function
        return bool
