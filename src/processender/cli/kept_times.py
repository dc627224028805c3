"""How long the record and the observers took at the ends of a service, from its history of times."""

from __future__ import annotations

import os

from ..archive.advice import Kept
from ..core.reserve import NAME
from ..telemetry.history import read
from ..telemetry.state import HISTORY, file_name


def kept_times(where: str, service: str) -> Kept:
    """Return what the history of *service* below the state directory *where* tells; nothing where there is none."""
    if "://" in where:
        return Kept()
    # The history is only looked at: one that is broken is for the next run to put aside.
    history, _ = read(os.path.join(where, file_name(service), HISTORY), put_aside=False)
    samples = history.get(NAME, [])
    late = [each for each in samples if each.censored]
    return Kept(len(samples), len(late), max((each.seconds for each in samples), default=0.0))
