"""A real program, run for a test: wait for what it prints, send it signals, read its report, leave nothing behind."""

from __future__ import annotations

from ..stage.program import Program, ProgramError

__all__ = ["Program", "ProgramError"]
