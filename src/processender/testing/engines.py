"""
A double of a container engine: what Docker, or podman, says over its socket of one container that is stopped.

It answers byte for byte as Docker 20.10.24 and podman 4.3.1 were seen to: the account of the container, and the stream
of its events. They differ in what matters. Docker tells each signal that it sends, with its number, and at last `die`
and `stop`. podman 4.3 tells nothing of a stop before it is over, shows the state `stopping` meanwhile, and does not say
which signal a `kill` has sent. It has the bad days of a server, see `Served.fail`, and those of a stream: `restart`,
`say`, and parts of any size.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from ..engine.clock import SystemClock
from .served import Asked, Served, Streamed, Told, as_json

ID = "b0221aeada50dd65291cbba774d7b8d78c766db5add92e82427fcfebe4bcf601"
"""The id of the container, unless another is given."""
_HEADERS = {
    False: (("Api-Version", "1.41"), ("Content-Type", "application/json"), ("Docker-Experimental", "false"),
            ("Ostype", "linux"), ("Server", "Docker/20.10.24+dfsg1 (linux)")),
    True: (("Api-Version", "1.41"), ("Content-Type", "application/json"), ("Libpod-Api-Version", "4.3.1"),
           ("Server", "Libpod/4.3.1 (linux)")),
}  # fmt: skip


class Engine(Served):
    """An engine with one container, which runs."""

    def __init__(
        self, *, podman: bool = False, container: str = ID, stop_timeout: int | None = None, stop_signal: str = "",
        labels: Mapping[str, str] | None = None, unix: str = "", part: int = 0,
    ) -> None:  # fmt: skip
        """
        Describe it.

        Args:

            podman: Whether it speaks as podman does, and not as Docker.

            container: The id of the container.

            stop_timeout: What was given as `--stop-timeout`.

            stop_signal: What was given as `--stop-signal`.

            labels: The labels of the container.

            unix: The path of its socket; by default it is on a port of the loopback.

            part: How many bytes are sent at once, at most; 0 for whole events.
        """
        super().__init__(unix=unix)
        self.container = container
        """The id of the container."""
        self.status: Any = "running"
        """The state of the container."""
        self._podman = podman
        self._labels = dict(labels or {})
        self._config = {
            "StopSignal": stop_signal or ("15" if podman else None), "StopTimeout": stop_timeout,
            "Labels": self._labels, "Hostname": container[:12],
        }  # fmt: skip
        self._part = part
        self._clock = SystemClock()
        self._events: list[tuple[float, bytes]] = []
        self._changed = threading.Condition(self.lock)
        self._generation = 0
        self._listening = 0

    @property
    def listening(self) -> int:
        """How many streams of events are open."""
        with self.lock:
            return self._listening

    def stop(self) -> None:
        """Send the stop signal, as `docker stop` or `podman stop` begins; nothing of it is over."""
        if self._podman:
            with self.lock:
                self.status = "stopping"
            return
        self.kill(15)

    def kill(self, number: int) -> None:
        """Send a signal, as `docker kill -s` does."""
        self.emit("kill", **({} if self._podman else {"signal": str(number)}))

    def die(self, code: int = 0) -> None:
        """Let the container end."""
        with self.lock:
            self.status = "exited"
            self.emit("die", exitCode=str(code))

    def emit(self, action: str, container: str = "", **attributes: str) -> None:
        """Tell an event of the container, or of another one, to all who listen."""
        id_, name = container or self.container, "one-2" if container else "one"
        now = self._clock.wall()
        before = {"containerExitCode": "0"} if self._podman else {}
        after = {"image": "base", "name": name} | ({"podId": ""} if self._podman else {})
        told: dict[str, Any] = {"status": action, "id": id_} | ({} if self._podman else {"from": "base"})
        told |= {
            "Type": "container", "Action": action,
            "Actor": {"ID": id_, "Attributes": {**before, **self._labels, **after, **attributes}},
            "scope": "local", "time": int(now), "timeNano": int(now * 1e9),
        }  # fmt: skip
        self.say(json.dumps(told, separators=(",", ":")).encode() + b"\n")

    def say(self, data: bytes) -> None:
        """Send *data*, whatever it is, to all who listen, now and later."""
        with self.lock:
            self._events.append((self._clock.wall(), data))
            self._changed.notify_all()

    def restart(self) -> None:
        """End all streams, as when the engine is started anew."""
        with self.lock:
            self._generation += 1
            self._changed.notify_all()

    def answer(self, asked: Asked) -> Told | Streamed:
        """Answer as the engines do; the version in front of a path is of no account."""
        path = asked.path
        if path.startswith("/v1."):
            path = path[path.index("/", 1) :]
        if path == "/events":
            since = float(asked.query.get("since", ["0"])[0] or 0)
            return Streamed(self._stream(since, self._generation), _HEADERS[self._podman])
        if path == "/_ping":
            return Told(200, b"OK")
        names = {f"/containers/{name}/json" for name in (self.container, self.container[:12], "one")}
        if path in names:
            told = as_json({"Id": self.container, "Name": "/one", "State": {"Status": self.status},
                            "Config": self._config, "HostConfig": {}})  # fmt: skip
            return told._replace(headers=_HEADERS[self._podman])
        return as_json({"message": f"No such container: {path}"}, 404)

    def _stream(self, since: float, generation: int) -> Iterator[bytes]:
        at = 0
        with self.lock:
            self._listening += 1
        try:
            while True:
                with self.lock:
                    self._changed.wait_for(lambda: at < len(self._events) or self._ends(generation))  # noqa: B023
                    if self._ends(generation):
                        return
                    told, data = self._events[at]
                at += 1
                if told >= since:
                    yield from self._parts(data)
        finally:
            with self.lock:
                self._listening -= 1

    def _ends(self, generation: int) -> bool:
        return self._over.is_set() or generation != self._generation

    def _parts(self, data: bytes) -> Iterator[bytes]:
        size = self._part or len(data)
        yield from (data[at : at + size] for at in range(0, len(data), size))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Serve no more; all streams end."""
        self._over.set()
        with self.lock:
            self._changed.notify_all()
        super().__exit__(kind, error, trace)
