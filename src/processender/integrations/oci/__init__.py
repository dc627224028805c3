"""
OCI containers: what a runtime says of them to its hooks, and what containerd says of one that has ended.

Hears: by `events.listen`, that the task of another container has ended, from the events of containerd, as soon as it is
there. Neither a runtime nor containerd announces a stop: OCI has no hook before it, the events of containerd come
afterwards, and those of `runc events` tell statistics and shortage of memory. So this is for who must end when his
neighbour has, such as a sidecar; of its own end a container hears by the signal, from [docker](docker.md), or from
Kubernetes.

Leaves: what happens while containerd itself is started anew, since it repeats nothing.

Versions: containerd 1.6, and grpcio from 1.66 on (`pip install 'processender[grpc]'`); the few messages that are needed
are read here, so no generated code is. Of the hooks: runc 1.1, crun 1.8 and podman 4.3.
"""

from __future__ import annotations

from .container import (
    KIND,
    LONGEST,
    Allowance,
    Container,
    ContainerReleaser,
    Wanted,
    parse_state,
    wanted,
)

__all__ = [
    "KIND",
    "LONGEST",
    "Allowance",
    "Container",
    "ContainerReleaser",
    "Wanted",
    "parse_state",
    "wanted",
]
