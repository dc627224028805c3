"""What a file or an answer announces, and what of it nobody believes."""

from __future__ import annotations

import pytest

from processender.announcement import LONGEST_REASON, announced
from processender.core.notice import Action, DeadlineKind
from processender.core.sighting import Sighting
from processender.glance import Unclear


def read(text: str, action: Action | None = Action.STOP, within: float | None = None) -> Sighting | None:
    """Return what is announced."""
    return announced(text, "file", "the file", action, within)


ROWS = [
    ("", ("stop", None, None, "the file")),
    ("\n # nothing\n", ("stop", None, None, "the file")),
    ("action = drain", ("drain", None, None, "the file")),
    ("action=advise\nreason = 'patch day'\n", ("advise", None, None, "patch day")),
    ("within = 30s", ("stop", 30.0, None, "the file")),
    ("within = 1.5 m", ("stop", 90.0, None, "the file")),
    ("within = 500ms", ("stop", 0.5, None, "the file")),
    ("within = 20", ("stop", 20.0, None, "the file")),
    ('{"within": 20}', ("stop", 20.0, None, "the file")),
    ('{"within": "2m", "action": "drain", "reason": "a = b"}', ("drain", 120.0, None, "a = b")),
    ('{"deadline": "2017-09-18T08:22:00Z"}', ("stop", None, 1505722920.0, "the file")),
    ('deadline = "18 Sep 2017 08:22:00 GMT"', ("stop", None, 1505722920.0, "the file")),
    ("{}", ("stop", None, None, "the file")),
    ("reason = two\x1b[31m words\x07", ("stop", None, None, "two [31m words")),
    (f"reason = {'x' * 500}", ("stop", None, None, "x" * LONGEST_REASON)),
]


@pytest.mark.parametrize(("text", "expected"), ROWS, ids=[repr(row[0])[:40] for row in ROWS])
def test_what_is_announced(text: str, expected: tuple[str, float | None, float | None, str]) -> None:
    """In either way of writing it; a reason is one line without signs that a terminal obeys."""
    found = read(text)
    assert found is not None

    assert expected == (str(found.action), found.within, found.deadline, found.cause)
    assert found.can_cancel


@pytest.mark.parametrize(
    "text",
    [
        "leave", "<html></html>", "action = explode", "action =", "action = stop\naction = drain", "when = now", "= 7",
        "within = soon", "within = -1s", "within = 1d", "within = 30s now", "within = 999999999999h", "within = 1e3",
        "deadline = soon", "deadline = 7", "within = 1s\ndeadline = 2017-09-18T08:22:00Z",
        "{", "{]", '{"action": 7}', '{"action": ["stop"]}', '{"action": null}x', '{"within": true}',
        '{"within": NaN}', '{"within": Infinity}', '{"within": -1}', '{"within": null}', '{"within": []}',
        '{"deadline": 7}', '{"reason": 7}', '{"Action": "stop"}', "{" * 4000, '{"a":' * 700,
    ],
)  # fmt: skip
def test_what_nobody_understands_announces_nothing(text: str) -> None:
    """Not even in part; what is said of it is short."""
    with pytest.raises(Unclear) as caught:
        read(text)

    assert len(str(caught.value)) < 150


def test_without_an_action_nothing_is_asked_for() -> None:
    """Where there is none by default: an answer may be about something else."""
    assert read("within = 5s", None) is None
    assert read("{}", None) is None


def test_the_time_by_default_is_a_configured_one() -> None:
    """A person has written it down."""
    found = read("", within=7.0)
    assert found is not None

    assert (7.0, DeadlineKind.CONFIGURED) == (found.within, found.kind)
