"""What kind of thing a user's callable is, told from its code flags (`inspect` would cost 10 ms at import)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import HandlerError

GENERATOR = 0x20
COROUTINE = 0x80
ITERABLE_COROUTINE = 0x100
ASYNC_GENERATOR = 0x200
_VARARGS = 0x04


def _code(function: Any) -> tuple[Any, int]:
    """Return the code object behind *function*, None if it has none, and how many arguments are bound already."""
    bound = 0
    while True:
        if isinstance(function, partial):
            bound += len(function.args)
            function = function.func
        elif getattr(function, "__func__", None) is not None:
            bound += 1
            function = function.__func__
        elif getattr(function, "__wrapped__", None) is not None and not hasattr(function, "__code__"):
            function = function.__wrapped__
        elif hasattr(function, "__code__"):
            return function.__code__, bound
        elif isinstance(function, type) or not hasattr(type(function).__call__, "__code__"):
            return None, bound
        else:
            function = type(function).__call__.__get__(function)


def has_flag(function: Callable[..., Any], flags: int) -> bool:
    """Tell whether the code behind *function* has one of *flags*."""
    code, _ = _code(function)
    return code is not None and bool(code.co_flags & flags)


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling *function* makes a coroutine."""
    return has_flag(function, COROUTINE | ITERABLE_COROUTINE)


def takes_context(function: Callable[..., Any]) -> bool:
    """
    Tell whether *function* is called with the context.

    It is when it has at least one positional argument without a default. Raise `HandlerError` when it wants more.
    """
    code, bound = _code(function)
    if code is None:
        return False
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    defaults = len(getattr(inner, "__defaults__", None) or getattr(inner, "__func__", inner).__defaults__ or ())
    wanted = code.co_argcount - bound - defaults
    if wanted > 1:
        name = getattr(function, "__qualname__", repr(function))
        raise HandlerError(f"cannot register {name}: it wants {wanted} arguments; a handler takes none, or the context")
    return wanted == 1 or (wanted <= 0 and bool(code.co_flags & _VARARGS) and not defaults)


def name_of(function: Callable[..., Any]) -> str:
    """Return the name that a handler made of *function* has: its own, with hyphens."""
    while isinstance(function, partial):
        function = function.func
    name: str = getattr(function, "__name__", type(function).__name__)
    return name.replace("_", "-").strip("-<>") or "handler"
