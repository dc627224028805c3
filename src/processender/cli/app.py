"""The Ender of an application, found by the name that `--app` gives."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from ..ender import Ender
from ..errors import ProcessEnderError
from ..hints import Any


def find_ender(place: str) -> Ender:
    """Return the Ender at *place*, `module:name`; raise `ProcessEnderError` that says why there is none."""
    module_name, colon, name = place.partition(":")
    if not (module_name and colon and name):
        raise ProcessEnderError(f"cannot find {place!r}: write it like --app shop.service:ender")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module_name)
    except ImportError as error:
        raise ProcessEnderError(f"cannot import {module_name!r}: {error}; check the name and the directory") from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, Ender):
        kind = "nothing" if found is None else f"a {type(found).__name__}"
        raise ProcessEnderError(f"cannot use {place!r}: there is {kind}, not an Ender; name the variable that holds it")
    return found
