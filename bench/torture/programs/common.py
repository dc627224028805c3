"""What the programs share: where they leave their marks, and which column they stand in."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

DIRECTORY = os.environ["TORTURE_DIR"]
GRACE = float(os.environ.get("TORTURE_GRACE", "3"))
LIBRARY = os.environ.get("TORTURE_COLUMN") == "library"
PORT = int(os.environ.get("TORTURE_PORT", "0"))
HANG = os.environ.get("TORTURE_HANG") == "1"
STEAL = os.environ.get("TORTURE_STEAL") == "1"


def ready() -> None:
    """Tell the driver that this process can be signalled."""
    mark(f"ready.{os.getpid()}")


def mark(name: str, text: str = "") -> None:
    """Leave a mark that the driver finds."""
    path = Path(DIRECTORY, name)
    draft = path.with_name(f".{name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def critical() -> None:
    """Do the clean-up that must not be lost; each process leaves a mark of its own."""
    mark(f"critical.{os.getpid()}")


def hang() -> None:
    """Never come back."""
    while True:
        time.sleep(3600)


def say(text: str) -> None:
    """Write one line for a person who looks into the cell's log."""
    print(text, file=sys.stderr, flush=True)
