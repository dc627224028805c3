"""What kind of thing a user's callable is."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from processender.core.handler import Handler, Importance
from processender.engine.callables import (
    ASYNC_GENERATOR,
    GENERATOR,
    change_handler,
    has_flag,
    is_async,
    make_handler,
    name_of,
    takes_context,
)
from processender.errors import HandlerError


def plain() -> None:
    """Take nothing."""


def with_context(ctx: object) -> None:
    """Take the context."""


def with_default(ctx: object = None) -> None:
    """Take something, and have it already."""


def with_any(*args: object) -> None:
    """Take whatever comes."""


def with_keywords(*, verbose: bool = False) -> None:
    """Take nothing by position."""


def with_two(one: object, two: object) -> None:
    """Take too much."""


def with_context_and_default(ctx: object, verbose: bool = False) -> None:
    """Take the context, and more if it comes."""


async def coroutine(ctx: object) -> None:
    """Be async."""


def generator() -> Iterator[None]:
    """Yield."""
    yield


async def async_generator() -> AsyncIterator[None]:
    """Yield, asynchronously."""
    yield


class Pool:
    """Something with methods."""

    def close(self) -> None:
        """Take nothing."""

    def drain(self, ctx: object) -> None:
        """Take the context."""

    async def aclose(self) -> None:
        """Be async."""

    @classmethod
    def close_all(cls) -> None:
        """Take nothing."""

    @staticmethod
    def sweep(ctx: object) -> None:
        """Take the context."""


class Closer:
    """A callable object."""

    def __call__(self, ctx: object) -> None:
        """Take the context."""


class AsyncCloser:
    """An async callable object."""

    async def __call__(self) -> None:
        """Take nothing."""


TAKES = [
    (plain, False),
    (with_context, True),
    (with_default, False),
    (with_any, True),
    (with_keywords, False),
    (with_context_and_default, True),
    (coroutine, True),
    (lambda: None, False),
    (lambda ctx: None, True),
    (functools.partial(with_context, "bound"), False),
    (functools.partial(with_two, "bound"), True),
    (functools.partial(functools.partial(with_two, 1), 2), False),
    (Pool().close, False),
    (Pool().drain, True),
    (Pool.close_all, False),
    (Pool.sweep, True),
    (functools.partial(Pool().drain, "bound"), False),
    (Closer(), True),
    (AsyncCloser(), False),
    ([].clear, False),
    (print, False),
    (Pool, False),
]
SHOWN = [getattr(function, "__qualname__", repr(type(function))) for function, _ in TAKES]


@pytest.mark.parametrize(("function", "expected"), TAKES, ids=SHOWN)
def test_who_takes_the_context(function: Callable[..., Any], expected: bool) -> None:
    """Who has one positional argument without a default."""
    assert expected is takes_context(function)


def test_a_keyword_that_is_bound_is_not_wanted() -> None:
    """`partial(f, ctx=...)` has its argument already."""
    assert not takes_context(functools.partial(with_context, ctx="bound"))


@pytest.mark.parametrize("function", [with_two, functools.partial(with_two)], ids=["plain", "partial"])
def test_who_wants_more_is_refused(function: Callable[..., Any]) -> None:
    """At registration, not at the end."""
    with pytest.raises(HandlerError, match="it wants 2 arguments; a handler takes none, or the context"):
        takes_context(function)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (coroutine, True),
        (Pool().aclose, True),
        (AsyncCloser(), True),
        (functools.partial(coroutine, None), True),
        (functools.partial(Pool().aclose), True),
        (plain, False),
        (Pool().close, False),
        (Closer(), False),
        (generator, False),
        (async_generator, False),
        ([].clear, False),
        (Pool, False),
    ],
    ids=["coroutine", "method that is one", "object that is one", "partial of one", "partial of a method", "plain",
         "method", "object", "generator", "async generator", "built-in", "class"],
)  # fmt: skip
def test_who_is_async(function: Callable[..., Any], expected: bool) -> None:
    """Whoever makes a coroutine when it is called."""
    assert expected is is_async(function)


@pytest.mark.parametrize(
    ("function", "flag"), [(generator, GENERATOR), (async_generator, ASYNC_GENERATOR)], ids=["sync", "async"]
)
def test_generators_are_told_apart(function: Callable[..., Any], flag: int) -> None:
    """A resource is one of them."""
    assert has_flag(function, flag)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (with_context, "with-context"),
        (functools.partial(with_context, 1), "with-context"),
        (Pool().close, "close"),
        (Closer(), "Closer"),
        (lambda: None, "lambda"),
        (print, "print"),
    ],
    ids=["function", "partial", "method", "object", "lambda", "builtin"],
)
def test_a_handler_is_named_after_its_function(function: Callable[..., Any], name: str) -> None:
    """With hyphens."""
    assert name == name_of(function)


def test_one_name_may_stand_without_a_list() -> None:
    """`needs="flush"` is not six letters."""
    assert ("flush",) == make_handler(plain, {"needs": "flush"}).needs


def test_the_importance_may_be_a_word() -> None:
    """It becomes a member."""
    assert Importance.MUST is make_handler(plain, {"importance": "must"}).importance


def test_a_handler_that_is_given_is_changed_by_options() -> None:
    """As one that is made of them; without options it stays the same."""
    made = Handler("close-pool", plain, phase="close")

    assert made is change_handler(made, {})
    assert made.replace(phase="release", after=("cache",)) == change_handler(
        made, {"phase": "release", "after": "cache"}
    )
    with pytest.raises(HandlerError, match="cannot register 'close-pool': there is no option 'fase'"):
        change_handler(made, {"fase": "release"})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"importance": "musst"}, "there is no importance 'musst'; did you mean 'must'?"),
        ({"timeot": 5}, "cannot register 'plain': there is no option 'timeot'; did you mean 'timeout'?"),
        ({"timeout": -1}, "cannot register 'plain': timeout=-1"),
    ],
    ids=["importance", "unknown", "absurd"],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], text: str) -> None:
    """The error names the nearest known one."""
    with pytest.raises(HandlerError) as caught:
        make_handler(plain, options)

    assert str(caught.value).startswith(text)


def test_what_cannot_be_called_is_refused() -> None:
    """At registration."""
    with pytest.raises(HandlerError, match="cannot be called"):
        make_handler("flush", {"name": "flush"})  # type: ignore[arg-type]
