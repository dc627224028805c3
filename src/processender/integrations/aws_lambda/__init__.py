"""
AWS Lambda: an end of 300 ms to 2 s, in the function itself and in an extension beside it.

Takes over: being told. A function gets SIGTERM only where an extension is registered; `listen()` registers one inside
the process, which costs nothing more. In an external extension, `run_extension` hears `SHUTDOWN` with its reason and
its deadline, an instant and not a length, and the process ends as soon as the handlers have, which frees the rest.

In short: `Ender("orders", **aws_lambda.settings())` has the window and the place for its state; `save_in_one`,
`flush_telemetry` and `empty_tmp` are made for so short a time; `python -m processender.integrations.aws_lambda.pack`
makes one file of an extension, for /opt/extensions.

Leaves: what no process is told: a function that runs out of memory or of its time, and a sandbox that is lost.

Versions: the Extensions API 2020-01-01; nothing beside the standard library.
"""

from __future__ import annotations

from .extension import Extension, listen, run_extension
from .handlers import empty_tmp, flush_telemetry, save_in_one
from .places import EXTENSION_S, FUNCTION_S, find_grace, settings

__all__ = [
    "EXTENSION_S",
    "FUNCTION_S",
    "Extension",
    "empty_tmp",
    "find_grace",
    "flush_telemetry",
    "listen",
    "run_extension",
    "save_in_one",
    "settings",
]
