"""What servers answer for the Ender, whatever their framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from processender.errors import HandlerError
from processender.own_paths import OwnPaths
from tests.unit.serving import FakeEnder


def paths(ender: FakeEnder | None = None, **options: Any) -> OwnPaths:
    """Return the paths as the frameworks take them."""
    taken = {"ready": "/readyz", "live": "/livez", "drain": None, "resume": None, "token": None, **options}
    return OwnPaths(ender or FakeEnder(), **taken)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"drain": "/drain"}, "it has no token"),
        ({"drain": "/drain", "token": {"env": "NOT_SET_ANYWHERE"}}, "NOT_SET_ANYWHERE is not set"),
        ({"drain": "/drain", "token": " "}, "the token is empty"),
        ({"drain": "/drain", "token": "two words"}, "a sign that cannot be sent"),
        ({"resume": "/back", "token": "s3cret"}, "cannot take resume_path='/back' without a drain_path"),
        ({"token": "s3cret"}, "cannot take a token without a drain_path"),
        ({"ready": "readyz"}, "begins with a slash"),
        ({"ready": "/z", "live": "/z"}, "two things at '/z'"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(options: dict[str, Any], text: str) -> None:
    """Nothing is opened that nobody has asked for, and nothing that was asked for is left out without a word."""
    with pytest.raises(HandlerError, match=text):
        paths(**options)


def test_each_has_its_path() -> None:
    """What is None is the application's own."""
    assert {"/readyz", "/livez"} == paths().names
    assert {"/ops/drain", "/ops/resume"} == paths(ready=None, live=None, drain="/ops/drain", token="s3cret").names
    assert {"/livez", "/down", "/up"} == paths(ready=None, drain="/down", resume="/up", token="s3cret").names


def test_readiness_is_that_of_the_ender() -> None:
    """No answer may be kept by anybody on the way."""
    ender = FakeEnder()
    before = paths(ender).answer("/readyz", "GET")
    ender.serving = True

    assert (503, "not ready\n", {"Cache-Control": "no-store"}) == before
    assert (200, "ready\n", {"Cache-Control": "no-store"}) == paths(ender).answer("/readyz", "HEAD")


@pytest.mark.parametrize("authorization", ["Bearer s3cret", b"bearer  s3cret "])
def test_whoever_has_the_token_begins_the_drain_and_is_named(authorization: str | bytes) -> None:
    """On one line."""
    ender = FakeEnder()
    status, _, _ = paths(ender, drain="/drain", token="s3cret").answer("/drain", "POST", authorization, "::1\nforged")

    assert (202, ["drain: POST /drain from ::1\\nforged"]) == (status, ender.story)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("", 401), ("Basic czNjcmV0", 401), ("Bearer", 401), ("Bearer s3cre", 403), ("Bearer \udcff", 403)],
)
def test_nobody_else_begins_it(authorization: str, status: int) -> None:
    """401 without a token, 403 with another."""
    ender = FakeEnder()
    answered, _, fields = paths(ender, drain="/drain", token="s3cret").answer("/drain", "POST", authorization)

    assert (status, []) == (answered, ender.story)
    assert (status == 401) == ("WWW-Authenticate" in fields)


def test_a_token_that_was_replaced_is_the_new_one(tmp_path: Path) -> None:
    """A reference is read anew; one that leads nowhere any more lets nobody in, and does not say where it led."""
    file = tmp_path / "token"
    file.write_text("first\n")
    made = paths(drain="/drain", token={"file": str(file)})
    file.write_text("second\n")
    statuses = [made.answer("/drain", "POST", f"Bearer {token}")[0] for token in ("first", "second")]
    file.unlink()
    lost = made.answer("/drain", "POST", "Bearer second")

    assert [403, 202] == statuses
    assert (503, False) == (lost[0], str(file) in lost[1])
