"""
The words of `typing`, for the type checker; at run time stand-ins that mean nothing.

`typing` and its `Protocol` cost 10 ms and 1 MB at import, which a program that only wants to end well, and an agent in
front of every container, must not pay for what nobody looks at while it runs.
"""

# ruff: noqa: ANN001, ANN003, ANN201, ANN204 - the stand-ins below have no types of their own

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from typing import (
        Any,
        ClassVar,
        Generic,
        Literal,
        NoReturn,
        Protocol,
        Self,
        TypeVar,
        assert_never,
        dataclass_transform,
        overload,
    )
else:

    class _Word:
        """Stands for a word of `typing`: it can be subscripted, and be the base of a class."""

        __slots__ = ()

        def __class_getitem__(cls, _item):
            return cls

    AbstractAsyncContextManager = AbstractContextManager = _Word
    Any = ClassVar = Generic = Literal = NoReturn = Protocol = Self = _Word

    def TypeVar(_name, **_options):  # noqa: N802 - the word of `typing`
        """Return a stand-in."""
        return _Word

    def assert_never(value):
        """Refuse *value*, which the types say cannot come."""
        raise AssertionError(f"expected no value like {value!r}")

    def dataclass_transform(**_options):
        """Return the class as it is."""
        return lambda kind: kind

    def overload(function):
        """Return *function*, which the implementation behind it replaces."""
        return function


__all__ = [
    "TYPE_CHECKING",
    "AbstractAsyncContextManager",
    "AbstractContextManager",
    "Any",
    "ClassVar",
    "Generic",
    "Literal",
    "NoReturn",
    "Protocol",
    "Self",
    "TypeVar",
    "assert_never",
    "dataclass_transform",
    "overload",
]
