"""
An extension as one file for /opt/extensions: `python -m processender.integrations.aws_lambda.pack flush.py flush`.

The program and this package lie in it, as source for every Python and compiled for the one that packs them, which then
starts in a part of the time: take the version of the runtime. Nothing is compressed, because reading is faster than
inflating.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import marshal
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ...errors import HandlerError

SHEBANG = b"#!/usr/bin/env python3\n"
"""A Python runtime of Lambda has its own first in the path; other runtimes have none, and need one in a layer."""
_PACKAGE = Path(__file__).parents[2]
_LEFT_OUT = ("agent/", "checking/", "cli/", "inits/", "testing/")
_LONG_AGO = (2020, 1, 1, 0, 0, 0)


def pack(program: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """
    Write the file *target*, executable, whose main program is the file *program*; raise `HandlerError`.

    Args:

        program: What calls `run_extension`.

        target: Where the file goes; its name is that of the extension.
    """
    try:
        source = Path(program).read_bytes()
        main = _compiled(source, "__main__.py")
    except (OSError, SyntaxError, ValueError) as error:
        raise HandlerError(f"cannot pack {os.fspath(program)}: {error}") from error
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        _put(file, "__main__.py", source, main)
        for path in sorted(_PACKAGE.rglob("*.py")):
            name = path.relative_to(_PACKAGE).as_posix()
            if not name.startswith(_LEFT_OUT):
                name, source = f"{_PACKAGE.name}/{name}", path.read_bytes()
                _put(file, name, source, _compiled(source, name))
    made = Path(target)
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_bytes(SHEBANG + archive.getvalue())
    made.chmod(0o755)


def _put(file: zipfile.ZipFile, name: str, source: bytes, compiled: bytes) -> None:
    file.writestr(zipfile.ZipInfo(f"{name}c", _LONG_AGO), compiled)
    file.writestr(zipfile.ZipInfo(name, _LONG_AGO), source)


def _compiled(source: bytes, name: str) -> bytes:
    """Return *source* as Python keeps it compiled, marked as never to be compared with its source."""
    code = compile(source, name, "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + (0b01).to_bytes(4, "little") + bytes(8) + marshal.dumps(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Pack what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m processender.integrations.aws_lambda.pack", description=__doc__)
    parser.add_argument("program", help="the file that calls run_extension")
    parser.add_argument("target", help="the file to write, such as layer/extensions/flush")
    given = parser.parse_args(arguments)
    try:
        pack(given.program, given.target)
    except HandlerError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
