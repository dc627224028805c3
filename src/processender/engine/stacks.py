"""Where a thread or a task stands, as text for a person."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

_DEEPEST = 40


def _line(frame: FrameType, number: int) -> str:
    code = frame.f_code
    return f'  File "{code.co_filename}", line {number}, in {code.co_qualname}'


def thread_stack(ident: int) -> str:
    """Return the stack of the thread with this identifier, the innermost call last; empty if it has ended."""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - the documented way to another thread's stack
    lines: list[str] = []
    while frame is not None and len(lines) < _DEEPEST:
        lines.append(_line(frame, frame.f_lineno))
        frame = frame.f_back
    return "\n".join(reversed(lines))


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
        following = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
        coroutine = following or getattr(coroutine, "ag_await", None)
    return "\n".join(lines)
