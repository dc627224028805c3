"""
The source that listens to containerd: its events come over one call of gRPC, which is held for as long as it lives.

Each look waits for the next event that says something, so that a notice is as old as the event.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from ...core.notice import Action
from ...core.sighting import Sighting
from ...errors import Permanent, SourceError, Unreachable
from ...glance import Glance, Unclear
from ...hints import Any
from ...listening import Look, Polled
from .messages import Told, subscription, understood

__all__ = ["listen"]
ADDRESS = "/run/containerd/containerd.sock"
"""Where containerd listens unless it is told otherwise."""
METHOD = "/containerd.services.events.v1.Events/Subscribe"
HINT = "is its socket mounted, and may this user use it?"
AGAIN_S = 1.0
"""The pause before a call that has ended is made anew."""
READY_S = 5.0
"""How long a connection may take."""
_EXIT, _OOM = "/tasks/exit", "/tasks/oom"


class Events:
    """The events of one container."""

    def __init__(self, container: str, namespace: str, address: str) -> None:
        """Take what `listen` takes."""
        self._container = container
        self._namespace = namespace
        self._address = address
        self._channel: Any = None
        self._call: Any = None
        self._stands: list[Sighting] = []
        self._process = 0

    def look(self, glance: Glance) -> Sequence[Sighting]:
        """Return what stands as soon as an event has said it; at first, as soon as the call is made."""
        glance.pause = 0.0
        if self._process != os.getpid():
            # A fork child has inherited the call, which is its parent's.
            self._process, self._channel, self._call, self._stands = os.getpid(), None, None, []
        try:
            if self._call is None:
                self._open(glance)
                return self._stands
            while (seen := self._next(glance)) is None:
                pass
        except Exception:
            self.close()
            raise
        self._stands = [*(each for each in self._stands if each.key != seen.key), seen]
        return self._stands

    def close(self) -> None:
        """Give the connection back."""
        channel, self._channel, self._call = self._channel, None, None
        if channel is not None:
            channel.close()

    def _open(self, glance: Glance) -> None:
        try:
            import grpc  # noqa: PLC0415 - for those who listen to containerd
        except ImportError as error:
            raise Permanent(f"grpcio is missing ({error}); pip install 'processender[grpc]'") from error
        self._reach()
        if glance.cancelled:
            return
        self._channel = channel = grpc.insecure_channel(f"unix:{self._address}")
        filters = [f'topic=="{topic}",namespace=="{self._namespace}"' for topic in (_EXIT, _OOM)]
        self._call = channel.unary_stream(METHOD, request_serializer=bytes, response_deserializer=bytes)(
            subscription(filters)
        )

    def _reach(self) -> None:
        """Raise `Unreachable` where nobody is; gRPC itself would say so late, and in other words."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(READY_S)
            try:
                probe.connect(self._address)
            except BlockingIOError as error:
                raise TimeoutError(f"cannot reach {self._address}: nobody accepts the connection") from error
            except OSError as error:
                raise Unreachable(f"cannot reach {self._address}: {error.strerror or error}") from error

    def _next(self, glance: Glance) -> Sighting | None:
        import grpc  # noqa: PLC0415 - loaded by the call

        call = self._call
        forget = glance.on_cancel(call.cancel)
        try:
            data = next(call)
        except StopIteration as error:
            raise Unreachable(f"{self._address}: containerd has ended the stream") from error
        except grpc.RpcError as error:
            text = f"{self._address}: {call.code().name} {call.details()}"
            away = call.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
            raise (Unreachable(text) if away else Permanent(text)) from error
        finally:
            forget()
        try:
            return self._meant(understood(data))
        except Unclear as error:
            glance.unclear(str(error))
            return None

    def _meant(self, told: Told) -> Sighting | None:
        if (told.namespace, told.container) != (self._namespace, self._container):
            return None
        if told.topic == _OOM:
            return Sighting("oom", "container out of memory", Action.ADVISE)
        # The exit of another process is that of an `exec`.
        ended = told.topic == _EXIT and told.process in {"", self._container}
        return Sighting("exit", "container died", about=f"exit {told.status}") if ended else None


def listen(*, container: str, name: str = "containerd", namespace: str = "default", endpoint: str = ADDRESS) -> Polled:
    """
    Return the source that hears when another container has ended (needs grpcio); nothing is asked before it is started.

    Args:

        container: The id of the container.

        name: What it is called in notices and troubles.

        namespace: The namespace of containerd in which it is: `k8s.io` for Kubernetes, `moby` for Docker.

        endpoint: The path of the socket of containerd.
    """
    if not container:
        raise SourceError("cannot watch a container without its `container`, the id")
    endpoint = endpoint.removeprefix("unix://")
    if not endpoint.startswith("/"):
        raise SourceError(f"cannot listen to containerd at {endpoint!r}: give the path of its socket, like {ADDRESS}")
    events = Events(container, namespace, endpoint)
    return Polled(name, [Look("events", events.look, AGAIN_S, READY_S)], hint=HINT, close=events.close)
