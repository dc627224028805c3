"""What kind of thing a user's callable is, told from its code flags (`inspect` would cost 10 ms at import)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..core.graph import nearest
from ..core.handler import Handler, Importance
from ..errors import HandlerError
from ..hints import Any

GENERATOR = 0x20
COROUTINE = 0x80
ITERABLE_COROUTINE = 0x100
ASYNC_GENERATOR = 0x200
VARARGS = 0x04


def _unwrap(function: Any) -> tuple[Any, int]:
    """Return the plain function behind *function*, None if it has none, and how many arguments are bound by place."""
    bound = 0
    while True:
        if isinstance(function, partial):
            bound += len(function.args)
            function = function.func
        elif getattr(function, "__func__", None) is not None:
            bound += 1
            function = function.__func__
        elif hasattr(function, "__code__"):
            return function, bound
        elif isinstance(function, type) or not hasattr(type(function).__call__, "__code__"):
            return None, bound
        else:
            function = type(function).__call__.__get__(function)


def has_flag(function: Any, flags: int) -> bool:
    """Tell whether the code behind *function* has one of *flags*."""
    plain, _ = _unwrap(function)
    return plain is not None and bool(plain.__code__.co_flags & flags)


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling *function* makes a coroutine."""
    return has_flag(function, COROUTINE | ITERABLE_COROUTINE)


def _bound_by_name(function: Any) -> set[str]:
    """Return the names of the arguments that `partial` has bound by keyword."""
    names: set[str] = set()
    while isinstance(function, partial):
        names |= set(function.keywords)
        function = function.func
    return names


def positional(function: Callable[..., Any]) -> int:
    """Return how many arguments *function* takes by place, 1 where that cannot be told."""
    plain, bound = _unwrap(function)
    return 1 if plain is None else plain.__code__.co_argcount - bound


def takes_context(function: Callable[..., Any]) -> bool:
    """
    Tell whether *function* is called with the context.

    It is when it has at least one positional argument without a default. Raise `HandlerError` when it wants more.
    """
    plain, bound = _unwrap(function)
    if plain is None:
        return False
    code, defaults = plain.__code__, len(plain.__defaults__ or ())
    by_name = _bound_by_name(function)
    wanted = sum(name not in by_name for name in code.co_varnames[bound : code.co_argcount - defaults])
    if wanted > 1:
        name = getattr(function, "__qualname__", repr(function))
        raise HandlerError(f"cannot register {name}: it wants {wanted} arguments; a handler takes none, or the context")
    return wanted == 1 or (not defaults and bool(code.co_flags & VARARGS))


def name_of(function: Callable[..., Any]) -> str:
    """Return the name that a handler made of *function* has: its own, with hyphens."""
    while isinstance(function, partial):
        function = function.func
    name: str = getattr(function, "__name__", type(function).__name__)
    return name.replace("_", "-").strip("-<>") or "handler"


def _fields(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return *options* as fields of the handler *name*; raise `HandlerError` for what is none."""
    given = dict(options)
    for field in ("after", "needs", "before"):
        names = given.get(field, ())
        if field in given:
            given[field] = (names,) if isinstance(names, str) else tuple(names)
    importance = given.get("importance", Importance.SHOULD)
    if importance not in set(Importance):
        raise HandlerError(f"there is no importance {importance!r}" + nearest(str(importance), Importance))
    if "importance" in given:
        given["importance"] = Importance(importance)
    odd = sorted(set(given) - set(Handler.fields))
    if odd:
        text = f"cannot register {name!r}: there is no option {odd[0]!r}"
        raise HandlerError(text + nearest(odd[0], Handler.fields))
    return given


def make_handler(function: Callable[..., Any], options: dict[str, Any]) -> Handler:
    """Return the handler that *options* make of *function*; raise `HandlerError` for what cannot be."""
    name = options.get("name", name_of(function))
    given = _fields(name, {**options, "name": name})
    if not callable(function):
        raise HandlerError(f"cannot register {name!r}: {function!r} cannot be called")
    takes_context(function)
    return Handler(call=function, **given)


def change_handler(handler: Handler, options: dict[str, Any]) -> Handler:
    """Return *handler* with *options* instead of its own; raise `HandlerError` for what cannot be."""
    return handler.replace(**_fields(handler.name, options)) if options else handler
