"""The description of one clean-up step."""

from __future__ import annotations

from typing import Any

import pytest

from processender.core.handler import LONGEST_S, Handler, Importance
from processender.errors import HandlerError


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": ""}, "the name must be printable"),
        ({"name": "a\nb"}, "the name must be printable"),
        ({"timeout": 0}, "timeout=0 must be seconds above 0"),
        ({"timeout": -5}, "timeout=-5"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"timeout": float("inf")}, "timeout=inf"),
        ({"timeout": LONGEST_S + 1}, "at most a week"),
        ({"attempt_timeout": -1}, "attempt_timeout=-1"),
        ({"expected": -1}, "expected=-1"),
        ({"value": -1}, "value=-1"),
        ({"value": float("nan")}, "value=nan"),
        ({"loop": "main"}, "loop='main' must be 'app' or 'any'"),
    ],
)
def test_an_absurd_description_is_refused(options: dict[str, Any], text: str) -> None:
    """The error names the handler, the field and what would be right."""
    with pytest.raises(HandlerError, match=text):
        Handler(**({"name": "flush"} | options))


@pytest.mark.parametrize(
    "options", [{"expected": 0}, {"timeout": 1e-9}, {"timeout": LONGEST_S}, {"value": 0}], ids=repr
)
def test_the_limits_are_included(options: dict[str, Any]) -> None:
    """What is just right is taken."""
    assert Handler("flush", **options)


def test_the_defaults() -> None:
    """A handler is a `should` in `close` with one attempt and no limit of its own."""
    handler = Handler("flush")

    assert ("close", Importance.SHOULD, 1, None) == (
        handler.phase,
        handler.importance,
        handler.retry.attempts,
        handler.timeout,
    )
