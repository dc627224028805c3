"""The Ender of an application, found by the name that `--app` gives."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ..core.graph import nearest
from ..ender import Ender
from ..errors import ProcessEnderError
from ..hints import Any
from ..settings import Importing


def find_ender(place: str) -> Ender:
    """Return the Ender at *place*, `module:name`; raise `ProcessEnderError` that says why there is none."""
    module_name, colon, name = place.partition(":")
    if not (module_name and colon and name):
        raise ProcessEnderError(f"cannot find {place!r}: write it like --app shop.service:ender")
    sys.path.insert(0, os.getcwd())
    Importing.module = module_name
    try:
        found: Any = import_module(module_name)
    except ImportError as error:
        raise ProcessEnderError(f"cannot import {module_name!r}: {error}; check the name and the directory") from error
    finally:
        Importing.module = ""
    for part in name.split("."):
        holder, found = found, getattr(found, part, None)
        if found is None:
            enders = [name for name, value in getattr(holder, "__dict__", {}).items() if isinstance(value, Ender)]
            raise ProcessEnderError(f"cannot use {place!r}: {module_name} has no {part!r}{_instead(part, enders)}")
    if not isinstance(found, Ender):
        kind = type(found).__name__
        raise ProcessEnderError(
            f"cannot use {place!r}: it is of type {kind}, no Ender; name the variable that holds one"
        )
    return found


def _instead(part: str, enders: Sequence[str]) -> str:
    return nearest(part, enders) if enders else ", and no other Ender; name the module that makes it"
