"""Where a thread or a task stands, as text for a person."""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType

from ..hints import Any

_DEEPEST = 40


def _line(frame: FrameType, number: int) -> str:
    code = frame.f_code
    return f'  File "{code.co_filename}", line {number}, in {code.co_qualname}'


def thread_stack(ident: int) -> str:
    """Return the stack of the thread with this identifier, the innermost call last; empty if it has ended."""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - the documented way to another thread's stack
    frames: list[FrameType] = []
    while frame is not None and len(frames) < _DEEPEST:
        frames.append(frame)
        frame = frame.f_back
    while frames and _is_ours(frames[-1]):
        frames.pop()
    return "\n".join(_line(frame, frame.f_lineno) for frame in reversed(frames))


def _is_ours(frame: FrameType) -> bool:
    """Tell whether *frame* is what every thread of ours begins with, which tells a reader nothing."""
    file = frame.f_code.co_filename
    return file == threading.__file__ or os.path.dirname(file) == os.path.dirname(__file__)


def _threads_of(frame: FrameType) -> list[str]:
    """Return the stacks of threads that the code at *frame* waits for, as anyio does for a sync endpoint."""
    # Whoever waits for a thread has it at hand in a variable of its own.
    found = [value for value in tuple(frame.f_locals.values()) if isinstance(value, threading.Thread)]
    return [f"  on the thread {each.name}:\n{thread_stack(each.ident)}" for each in found if each.ident]


def await_chain(coroutine: Any) -> str:
    """Return what *coroutine* awaits, and what that awaits in turn, the innermost last."""
    lines: list[str] = []
    while coroutine is not None and len(lines) < _DEEPEST:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        frame = frame or getattr(coroutine, "ag_frame", None)
        if frame is None:
            lines.append(f"  awaiting {coroutine!r}"[:200])
            break
        lines.append(_line(frame, frame.f_lineno))
        lines += _threads_of(frame)
        following = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
        coroutine = following or getattr(coroutine, "ag_await", None)
    return "\n".join(lines)
