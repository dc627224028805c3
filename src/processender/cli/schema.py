"""`processender schema`: print the JSON Schema of the configuration, for editors and for checks elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from ..agent.explained import json_schema
from . import output
from .options import Options

_USAGE = "processender schema"
_DESCRIPTION = """\
Print the JSON Schema of processender.toml, with the meaning, the type and the default of every key. Name the file that
it is written to in `#:schema ./processender.schema.json`, the first line of the configuration, for Taplo and its like.\
"""
_EPILOG = """\
What a schema cannot say, such as a circle among handlers, `processender check` and `processender plan` find.

exit codes: 0 it is printed, 2 a mistake in what was given

examples:
  processender schema > processender.schema.json\
"""
_MISTAKE = 2


def main(argv: Sequence[str]) -> int:
    """Print the schema and return the exit code."""
    Options("schema", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE).parse_args(argv)
    output.say_json(json_schema())
    return 0
