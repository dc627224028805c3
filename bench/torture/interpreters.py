"""Which Python runs a case, and whether it has what the case needs."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .cases import Case

ROOT = Path(__file__).parents[2]


@functools.cache
def has(python: str, module: str) -> bool:
    """Tell whether *python* can import *module*."""
    ran = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return ran.returncode == 0


@functools.cache
def interpreter(version: str, *, make: bool = False) -> str:
    """
    Return a Python of this *version* that has what the programs need, empty if there is none.

    Args:

        version: Such as "3.12", or empty; the one that runs this is taken when it is as new.

        make: Whether an environment may be made where only the bare interpreter is found.
    """
    if not version or tuple(map(int, version.split("."))) <= sys.version_info[:2]:
        return sys.executable
    ours = ROOT / ".venv" / version
    if not any((ours / stamp).exists() for stamp in (".has-bench", ".has-test")):
        bare = _find(version)
        if not bare or not make:
            return ""
        subprocess.run([str(ROOT / "tools" / "setup"), bare, str(ours), "bench"], check=True, cwd=ROOT)
    return str(ours / "bin" / "python")


def _find(version: str) -> str:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    return str(found[-1]) if found else shutil.which(f"python{version}") or ""


def why_not(case: Case, column: str, python: str) -> str:
    """Return why *case* cannot be run by *python* in this column, empty if it can."""
    if not python:
        return f"there is no Python {case.python} here"
    needed = "" if column == "library" and case.replaces else case.needs
    if needed and not has(python, needed):
        return f"{needed} is not installed"
    return ""
