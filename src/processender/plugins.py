"""From a name to what releases a thing, leaves traffic, hears of the end or exports: loaded on demand."""

from __future__ import annotations

from collections.abc import Callable

from .core.handler import Handler
from .demand import load
from .errors import HandlerError, ProcessEnderError, ReleaserError, SourceError
from .hints import Any
from .keepers import Releaser
from .ports import Exporter, Source

GROUP = "processender.releasers"
"""The group of the entry points by which a package makes its releasers known."""

_BUILT_IN = {
    "file": ("files", "FileReleaser"),
    "tree": ("files", "TreeReleaser"),
    "flock": ("locks", "FlockReleaser"),
    "pidfile": ("locks", "PidFileReleaser"),
    "lockdir": ("locks", "LockDirReleaser"),
    "process": ("processes", "ProcessReleaser"),
    "process-group": ("processes", "ProcessGroupReleaser"),
    "http": ("http.releaser", "HttpReleaser"),
    "command": ("command.releaser", "CommandReleaser"),
    "shm": ("shm", "SharedMemoryReleaser"),
    "container": ("oci", "ContainerReleaser"),
    "socket": ("sockets", "SocketReleaser"),
    "postgres-session": ("postgres", "SessionReleaser"),
    "postgres-lock": ("postgres", "AdvisoryLockReleaser"),
    "sql": ("sql", "SqlReleaser"),
    "connection": ("sql", "ConnectionReleaser"),
    "redis-lock": ("redis", "LockReleaser"),
    "s3-upload": ("s3", "UploadReleaser"),
    "s3-object": ("s3", "ObjectReleaser"),
}
DRAINERS = "processender.drainers"
"""The group of the entry points by which a package makes its drainers known: functions that return a `Handler`."""

_DRAINERS = {
    "haproxy": ("haproxy", "drain"),
    "nginx": ("nginx", "drain"),
    "envoy": ("envoy", "drain"),
    "envoy-endpoint": ("envoy", "drain_endpoint"),
    "istio": ("istio", "drain"),
    "linkerd": ("linkerd", "drain"),
    "consul": ("consul", "drain"),
    "aws": ("aws", "drain"),
    "kubernetes": ("kubernetes", "drain"),
    "http": ("http", "drain"),
    "command": ("command", "drain"),
}
SOURCES = "processender.sources"
"""The group of the entry points by which a package makes its sources known: functions that return a `Source`."""

_SOURCES = {
    "aws": ("aws", "listen"),
    "aws-ecs": ("aws", "listen_ecs"),
    "aws-queue": ("aws", "listen_queue"),
    "aws-lambda": ("aws_lambda", "listen"),
    "gcp": ("gcp", "listen"),
    "azure": ("azure", "listen"),
    "alibaba": ("alibaba", "listen"),
    "logind": ("logind", "listen"),
    "kubernetes": ("kubernetes", "listen"),
    "docker": ("docker", "listen"),
    "containerd": ("oci.events", "listen"),
    "nut": ("nut", "listen"),
    "parent": ("parent", "listen"),
    "file": ("files.listener", "listen"),
    "http": ("http.listener", "listen"),
}
EXPORTERS = "processender.exporters"
"""The group of the entry points by which a package makes its exporters known: functions that return an `Exporter`."""

_EXPORTERS = {
    "otlp": ("integrations.otlp", "exporter"),
    "cloudevents": ("integrations.http.cloudevents", "exporter"),
    "pushgateway": ("integrations.pushgateway", "exporter"),
    "postgresql": ("archive.exporter", "exporter"),
}
_loaded: dict[str, Releaser] = {}


def find_releaser(name: str) -> Releaser | None:
    """Return the releaser of this name, None for an unknown one; raise `ReleaserError` for a broken plugin."""
    if name not in _loaded:
        made = _built_in(name) if name in _BUILT_IN else _from_plugin(name)
        if made is None:
            return None
        _loaded[name] = made
    return _loaded[name]


def releaser_names() -> list[str]:
    """Return the names of all releasers that are installed, sorted."""
    return sorted({*_BUILT_IN, *(point.name for point in _points(GROUP))})


def find_drainer(name: str) -> Callable[..., Handler] | None:
    """Return the function that makes drainers of this name, None for an unknown one; raise `HandlerError` if broken."""
    if name in _DRAINERS:
        room, function = _DRAINERS[name]
        found: Callable[..., Handler] = getattr(load(f"integrations.{room}"), function)
        return found
    return _function(name, DRAINERS, "drainer", HandlerError)


def drainer_names() -> list[str]:
    """Return the names of all drainers that are installed, sorted."""
    return sorted({*_DRAINERS, *(point.name for point in _points(DRAINERS))})


def find_source(name: str) -> Callable[..., Source] | None:
    """Return the function that makes sources of this name, None for an unknown one; raise `SourceError` if broken."""
    if name in _SOURCES:
        room, function = _SOURCES[name]
        found: Callable[..., Source] = getattr(load(f"integrations.{room}"), function)
        return found
    return _function(name, SOURCES, "source", SourceError)


def source_names() -> list[str]:
    """Return the names of all sources that are installed, sorted."""
    return sorted({*_SOURCES, *(point.name for point in _points(SOURCES))})


def find_exporter(name: str) -> Callable[..., Exporter] | None:
    """Return the function that makes exporters of this name, None for an unknown one; raise `HandlerError`."""
    if name in _EXPORTERS:
        module, function = _EXPORTERS[name]
        found: Callable[..., Exporter] = getattr(load(module), function)
        return found
    return _function(name, EXPORTERS, "exporter", HandlerError)


def exporter_names() -> list[str]:
    """Return the names of all exporters that are installed, sorted."""
    return sorted({*_EXPORTERS, *(point.name for point in _points(EXPORTERS))})


def _function(name: str, group: str, what: str, broken: type[ProcessEnderError]) -> Callable[..., Any] | None:
    """Return the function of this name that a plugin makes known, None if none does."""
    for point in _points(group):
        if point.name == name:
            try:
                made: Callable[..., Any] = point.load()
            except Exception as error:
                text = f"cannot load the {what} {name!r}: its plugin {point.value} is broken: {error!r}"
                raise broken(f"{text}; mend or remove it") from error
            if not callable(made):
                raise broken(f"cannot use the {what} {name!r}: its plugin {point.value} is no function")
            return made
    return None


def _built_in(name: str) -> Releaser:
    module, kind = _BUILT_IN[name]
    made: Releaser = getattr(load(f"integrations.{module}"), kind)()
    return made


def _from_plugin(name: str) -> Releaser | None:
    for point in _points(GROUP):
        if point.name == name:
            try:
                made: Releaser = point.load()()
            except Exception as error:
                text = f"cannot load the releaser {name!r}: its plugin {point.value} is broken: {error!r}"
                raise ReleaserError(f"{text}; mend or remove it") from error
            return made
    return None


def _points(group: str) -> Any:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 10 ms, for an unknown name only

    return entry_points(group=group)
