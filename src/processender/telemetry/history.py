"""
How long each handler took in earlier runs: one small file for each service, from which the next plan learns.

The file is a convenience, never a condition: one that is broken, foreign or from a later version is put aside under
another name and the runs begin to be counted anew. It is replaced as a whole, by one process at a time; who finds
another at it leaves its own numbers out, which costs one sample. Nothing is flushed for it: after a power cut an older
file, or an empty one, is as good. A head names the format; then comes a line for each sample, oldest first: seconds, 1
if it was cut short, size, version and name, with tabs between. JSON would take longer to load than all the rest.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping, Sequence

from ..core.estimates import Sample
from ..core.spans import LONGEST_S
from ..hints import Any
from ..opening import open_beyond
from .state import read_whole, set_aside

SCHEMA = 1
_HEAD = "processender history "
RING = 64
"""How many samples of each handler are kept."""
MOST_HANDLERS = 512
"""How many handlers are kept; those that have not run for the longest time go first."""
_LONGEST = 8 * 1024 * 1024
_ENDLESS = float("inf")
History = dict[str, list[Sample]]
Shipped = str | os.PathLike[str] | Callable[[], Any]
"""A history from elsewhere: its file, or what returns its text."""


def read(path: str, *, put_aside: bool = True) -> tuple[History, str]:
    """Return what is known, and what was wrong with the file, which is then *put_aside*; nothing is raised."""
    try:
        return _parse(_load(path)), ""
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:
        step = set_aside(path) if put_aside else "the next run puts it aside"
        return {}, f"the history {path} cannot be used: {error}; {step}"


def received(shipped: Shipped) -> tuple[History, str]:
    """Return the history that was *shipped* with a program, or kept elsewhere, and what is wrong with it."""
    try:
        if callable(shipped):
            text = shipped()
            # Nothing was kept there yet.
            return ({}, "") if not text else (_parse(text if isinstance(text, str) else bytes(text).decode()), "")
        return _parse(_load(shipped, 0)), ""
    except Exception as error:  # what is fetched from elsewhere may fail in any way
        what = "from elsewhere" if callable(shipped) else os.fspath(shipped)
        return {}, f"the history {what} cannot be used: {error}; the plans go without it"


def joined(older: History, newer: History) -> History:
    """Return both in one, the samples of each handler in their order."""
    names = {**dict.fromkeys(older), **dict.fromkeys(newer)}
    return {name: [*older.get(name, ()), *newer.get(name, ())][-RING:] for name in names}


def remember(path: str, samples: Mapping[str, Sample]) -> str:
    """Add *samples* to the file at *path* and return what was wrong with it; raise `OSError` if it cannot be."""
    if not samples:
        return ""
    lock = open_beyond(f"{path}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return ""
    try:
        history, trouble = read(path)
        for name, sample in samples.items():
            if not _is_known(sample):
                continue  # it would make the whole file unreadable
            # Last in the order of the file: who has just run is forgotten last.
            history[name] = [*history.pop(name, []), sample][-RING:]
        for name in list(history)[:-MOST_HANDLERS]:
            del history[name]
        _write(path, history)
    finally:
        os.close(lock)
    return trouble


def _load(path: str | os.PathLike[str], flags: int = os.O_NOFOLLOW) -> str:
    text = read_whole(path, _LONGEST, flags)
    if not text:
        raise ValueError("it is empty")
    return text


def _parse(text: str) -> History:
    head, *lines = text.removesuffix("\n").split("\n")
    if not head.startswith(_HEAD):
        raise ValueError("it is no history")
    if head != f"{_HEAD}{SCHEMA}":
        raise ValueError(f"it has the format {head.removeprefix(_HEAD)[:20]!r}, and this version knows {SCHEMA}")
    if len(lines) > RING * MOST_HANDLERS:
        raise ValueError(f"it has more than {RING * MOST_HANDLERS} samples")
    history: History = {}
    for line in lines:
        name, sample = _sample(line)
        history.setdefault(name, []).append(sample)
    return {name: samples[-RING:] for name, samples in list(history.items())[-MOST_HANDLERS:]}


def _sample(line: str) -> tuple[str, Sample]:
    fields = line.split("\t")
    try:
        seconds, cut, size, version, name = fields
        sample = Sample(float(seconds), cut == "1", float(size) if size else None, version)
    except ValueError:
        sample, name = Sample(-1.0), ""
    if not (_is_known(sample) and name):
        raise ValueError(f"a sample is {line[:80]!r}")
    return name, sample


def _is_known(sample: Sample) -> bool:
    return 0 <= sample.seconds <= LONGEST_S and (sample.size is None or 0 <= sample.size < _ENDLESS)


def _write(path: str, history: Mapping[str, Sequence[Sample]]) -> None:
    lines = [f"{_HEAD}{SCHEMA}"]
    for name, samples in history.items():
        for each in samples:
            size = "" if each.size is None else repr(each.size)
            version = "".join(letter for letter in each.version if letter.isprintable())
            lines.append(f"{each.seconds:.6f}\t{each.censored:d}\t{size}\t{version}\t{name}")
    draft = f"{path}.new"
    # Whatever else bears the name of the draft must not hold up the end.
    descriptor = open_beyond(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK)
    with open(descriptor, "wb") as file:
        file.write("\n".join(lines).encode("utf-8", "replace") + b"\n")
    os.replace(draft, path)
