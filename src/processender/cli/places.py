"""The services that have something on this host: one directory each below the state directory."""

from __future__ import annotations

import os

from ..core.graph import nearest
from ..errors import ProcessEnderError
from ..telemetry.state import file_name, state_root


def places(service: str = "") -> dict[str, str]:
    """Return the directory of each service that has kept something, of *service* alone if it is given."""
    root = state_root(os.environ)
    try:
        names = sorted(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise ProcessEnderError(f"cannot look into {root}: {error.strerror}; run as its owner") from error
    wanted = file_name(service) if service else ""
    if service and wanted not in names:
        text = f"there is no service {service!r} in {root}{nearest(service, names)}"
        raise ProcessEnderError(f"{text}; PROCESSENDER_STATE names the place")
    return {name: os.path.join(root, name) for name in names if wanted in {"", name}}
