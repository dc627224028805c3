"""
Kubernetes, as a pod sees it: its own end, when traffic has left it, its readiness gate, its termination message, and
the events that `kubectl describe pod` shows.

The source, `listen`, and what it hears, stand on [a page of their own](../../how-to/platforms/kubernetes.md), with
`find_grace` and `ask_grace`, which tell how long the pod has to end. What follows is about the drainer.

Takes over: looking in the EndpointSlices of a Service for the pod's own entry, so that the end waits for what has
happened and not for a guess; all of them are listed once, then only the one that has the entry, every 0.5 to 2 s. And
the condition of a readiness gate, with which a pod leaves that is not deleted.

Leaves: the deletion of the pod, whose endpoint the cluster itself takes out; and the way from the EndpointSlice to each
node and each balancer, which nobody acknowledges: `drain_delay` is for that.

Evidence: each entry of this pod in the EndpointSlices of the Service says `ready: false`, or there is none. The note
tells which: a pod that was never selected has none either.

Way back: the condition of the gate becomes true, and the entry ready. The condition outlasts the container, so it is
also set when a new process serves; without a gate there is nothing to take back.

Versions: `discovery.k8s.io/v1`, served from Kubernetes 1.21 on. The service account needs `list` on `endpointslices`
and, with a gate, `patch` on `pods/status`; the source `list` and `watch` on `pods`. Outside a cluster nothing is done,
and that is noted.
"""

from __future__ import annotations

from .api import ACCOUNT
from .drainer import drain
from .events import EventSender, events, events_of
from .grace import ask_grace, find_grace
from .listener import listen
from .termination import MOST_BYTES, PATH, TerminationMessage, encode, encode_outcome, termination_message

__all__ = [
    "ACCOUNT",
    "MOST_BYTES",
    "PATH",
    "EventSender",
    "TerminationMessage",
    "ask_grace",
    "drain",
    "encode",
    "encode_outcome",
    "events",
    "events_of",
    "find_grace",
    "listen",
    "termination_message",
]
