"""What is refused before it is owed, because after a crash nobody could release it, or nobody may know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from processender import Ender, HandlerError, Obligation, ObligationError, ReleaserError
from processender.integrations.jobs import JobReleaser
from processender.looking import look


@pytest.fixture
def ender(tmp_path: Path) -> Iterator[Ender]:
    """Return an Ender with a journal of its own and a releaser `thing`."""
    made = Ender("demo", grace=20, signals=(), state=str(tmp_path / "state"), exit="return", observers=())
    made.releaser("thing")(lambda _obligation: None)
    with made:
        yield made


def written(tmp_path: Path) -> list[Obligation]:
    """Return what the journal on the disk holds."""
    (directory,) = (tmp_path / "state" / "demo" / "journal").iterdir()
    return [each.obligation for each in look(str(directory)).standings]


@pytest.mark.parametrize("field", ["key", "job", "releaser"])
def test_what_is_no_text_is_refused(ender: Ender, field: str) -> None:
    """The journal would give back an empty text, which tells nothing."""
    given: dict[str, Any] = {"key": "k", field: 5}
    with pytest.raises(ObligationError, match=f"its {field} 5 must be text"):
        ender.obligation("thing", **given)


def test_a_path_is_taken_as_a_key_and_as_an_argument(ender: Ender, tmp_path: Path) -> None:
    """It comes back as its text."""
    ender.obligation("file", key=tmp_path / "a", root=tmp_path).acquire()

    assert [(f"{tmp_path}/a", {"root": str(tmp_path)})] == [(each.key, each.args) for each in written(tmp_path)]


def test_what_is_owed_is_the_same_in_memory_and_on_the_disk(ender: Ender, tmp_path: Path) -> None:
    """What the caller does to the arguments later changes neither."""
    given = {"a": (1, 2)}
    held = ender.obligation("thing", key="k", deep=given).acquire()
    held.acquired("id", more=[(1,)])
    given["a"] = (3,)

    assert [held.obligation] == written(tmp_path)
    assert {"deep": {"a": [1, 2]}, "more": [[1]]} == held.obligation.args


@pytest.mark.parametrize("args", [{"a": {1: 2}}, {"a": float("nan")}, {"a": object()}, {"a": b"x"}])
def test_arguments_that_would_not_come_back_are_refused(ender: Ender, args: dict[str, Any]) -> None:
    """Before the thing exists, and when it does."""
    with pytest.raises(ObligationError, match="must be data of JSON"):
        ender.obligation("thing", key="k", **args)
    with pytest.raises(ObligationError, match="must be data of JSON"):
        ender.obligation("thing", key="k").acquire().acquired("id", **args)


def test_a_real_id_that_is_no_text_is_refused(ender: Ender) -> None:
    """The message says what to write."""
    with pytest.raises(ObligationError, match="its real id 7 must be text; write '7'"):
        ender.obligation("thing", key="k").acquire().acquired(7)  # type: ignore[arg-type] # the mistake that is meant


URL = "postgresql://shop:geheim@db/shop"


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("sql", {"url": URL, "release": "DELETE FROM a"}),
        ("sql", {"url": "mysql://db/shop?user=a&password=geheim", "release": "DELETE FROM a"}),
        ("postgres-session", {"url": URL}),
        ("postgres-session", {"url": "host=db password=geheim"}),
        ("redis-lock", {"url": "redis://:geheim@cache/0"}),
        ("http", {"url": "https://me:geheim@vm.example/vm"}),
        ("http", {"url": "https://vm.example/vm", "headers": {"authorization": "Bearer geheim"}}),
        ("command", {"run": ["vm", "stop", "--at", "https://me:geheim@vm.example"]}),
        ("thing", {"where": [{"place": URL}]}),
    ],
)
def test_a_password_is_refused_before_it_is_written(
    ender: Ender, tmp_path: Path, kind: str, args: dict[str, Any]
) -> None:
    """The message names the way out and does not show it."""
    with pytest.raises(ObligationError, match=r'\{"env": NAME\}') as caught:
        ender.obligation(kind, key="k", **args).acquire()

    assert "geheim" not in str(caught.value)
    assert not any(b"geheim" in path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())


def test_a_password_that_becomes_known_later_is_refused_too(ender: Ender) -> None:
    """What is written down when the thing exists is looked at as well."""
    with pytest.raises(ObligationError, match="there is a password in at"):
        ender.obligation("thing", key="k").acquire().acquired("id", at=URL)


@pytest.mark.parametrize(
    ("kind", "key", "args", "why"),
    [
        ("file", "/tmp/x", {"rot": "/tmp"}, "it has no root; give root=DIR"),
        ("tree", "x", {"root": "/tmp"}, "must be absolute"),
        ("tree", "/tmp/x", {"root": ["/tmp"]}, "must be absolute"),
        ("flock", "/tmp/../etc/x", {"root": "/tmp"}, "does not lie below its root"),
        ("pidfile", "/tmp", {"root": "/tmp"}, "does not lie below its root"),
        ("lockdir", "/tmp/x", {}, "it has no root"),
        ("socket", "/tmp/x", {}, "it has no root"),
        ("shm", "../x", {}, "does not lie below"),
        ("command", "vm", {"run": "/bin/false"}, r"run=\[...\], a list of words"),
        ("command", "vm", {"run": []}, "a list of words"),
        ("command", "vm", {"run": ["a", 1]}, "a list of words"),
        ("command", "vm", {"run": ["a"], "env": {"A": {"evn": "B"}}}, "it has no A"),
        ("http", "vm", {}, "need url="),
        ("http", "vm", {"url": "ftp://a"}, "need url="),
        ("http", "vm", {"url": "http://a", "headers": ["a"]}, "a table of names"),
        ("http", "vm", {"url": "http://a", "headers": {"authorization": 5}}, "it has no authorization"),
        ("sql", "row", {"release": "DELETE FROM a"}, "it has no url"),
        ("sql", "row", {"url": "sqlite://"}, "release= must be"),
        ("postgres-lock", "one", {"url": {"env": "DB"}}, "cannot understand the lock"),
        ("postgres-session", "s", {"url": {"evn": "DB"}}, "it has no url"),
        ("redis-lock", "k", {}, "it has no url"),
        ("s3-upload", "bucket", {}, "`bucket/key of the object`"),
        ("s3-upload", "b/k", {"finish": "complet"}, "'abort' or 'complete'"),
        ("process", "child", {"identity": {"pid": 7}}, "use process_args"),
        ("connection", "c", {"at_end": "rolback"}, "neither rollback nor commit"),
        ("job", "j", {"then": "requeue"}, "is none of: cancel"),
    ],
)
def test_what_its_releaser_could_never_release_is_refused(
    ender: Ender, kind: str, key: str, args: dict[str, Any], why: str
) -> None:
    """Before the thing exists, not by a recovery after the crash."""
    ender.releaser("job")(JobReleaser(print))

    with pytest.raises(ObligationError, match=f"cannot owe {kind}.*{why}"):
        ender.obligation(kind, key=key, **args)


def test_a_releaser_of_the_application_is_asked_too(ender: Ender) -> None:
    """What has `validate` says what it could never release."""

    class Machines:
        def validate(self, obligation: Obligation) -> None:
            if "region" not in obligation.args:
                raise ReleaserError("it has no region")

        def check(self, _obligation: Obligation) -> bool:
            return False

        def release(self, _obligation: Obligation, _token: int, _ctx: Any) -> None:
            raise AssertionError("there is nothing to release")

    ender.releaser("machine")(Machines())
    ender.obligation("machine", key="a", region="eu")

    with pytest.raises(ObligationError, match="cannot owe machine 'a': it has no region"):
        ender.obligation("machine", key="a")


def test_a_releaser_without_a_name_is_refused(ender: Ender) -> None:
    """The decorator without brackets would register nothing."""
    with pytest.raises(ObligationError, match=r'write @ender.releaser\("NAME"\)'):

        @ender.releaser  # type: ignore[arg-type] # the mistake that is meant
        def stop(obligation: Obligation) -> None:
            """Nothing."""


@pytest.mark.parametrize("what", [5, None, JobReleaser, "x"])
def test_what_cannot_release_is_no_releaser(ender: Ender, what: Any) -> None:
    """Neither a function nor an object with both methods; a class is one step short."""
    with pytest.raises(ObligationError, match="it is no function, and no object with"):
        ender.releaser("x")(what)


def test_a_check_that_is_no_function_is_refused(ender: Ender) -> None:
    """It would be called after the crash."""
    with pytest.raises(ObligationError, match="check= must be a function"):
        ender.releaser("x", check=True)(print)  # type: ignore[arg-type] # the mistake that is meant


@pytest.mark.parametrize("form", [lambda held: held, lambda held: held.id, lambda held: [held], lambda held: [held.id]])
def test_what_must_be_gone_first_is_one_or_several_held_things_or_ids(ender: Ender, form: Callable[..., Any]) -> None:
    """All forms mean the same."""
    first = ender.obligation("thing", key="first").acquire()

    assert (first.id,) == ender.obligation("thing", key="second", outlives=form(first)).obligation.outlives


@pytest.mark.parametrize("strange", ["abc", ["abc"], [5]])
def test_what_nobody_owes_cannot_be_outlived(ender: Ender, strange: Any) -> None:
    """A mistyped id would let the order be any."""
    with pytest.raises(ObligationError, match="nothing of this id is owed here"):
        ender.obligation("thing", key="k", outlives=strange)


def test_what_a_journal_still_owes_can_be_outlived_by_its_id_alone(ender: Ender) -> None:
    """Nobody need hold the object any more."""
    id_ = ender.obligation("thing", key="first").acquire().id

    assert (id_,) == ender.obligation("thing", key="second", outlives=id_).obligation.outlives


def test_what_was_not_acquired_cannot_be_there(ender: Ender) -> None:
    """The message names the thing and the step that is missing."""
    with pytest.raises(ObligationError, match=r"cannot say that thing k is there: .*acquire\(\) it first"):
        ender.obligation("thing", key="k").acquired("id")


@pytest.mark.parametrize("end", ["settle", "release"])
def test_what_is_gone_cannot_be_there(ender: Ender, end: str) -> None:
    """The message names the thing and says that it was settled."""
    held = ender.obligation("thing", key="k").acquire()
    getattr(held, end)()

    with pytest.raises(ObligationError, match="cannot say that thing k is there: it was settled or released"):
        held.acquired("id")


def test_a_scope_is_that_of_one_job(ender: Ender) -> None:
    """Another job is refused with the name of both."""
    with (
        ender.scope("one") as scope,
        pytest.raises(ObligationError, match="'two': the scope is that of the job 'one'; leave job= out"),
    ):
        scope.obligation("thing", key="k", job="two")


@pytest.mark.parametrize(
    "register",
    [
        lambda ender: ender.handler(name="obligations")(print),
        lambda ender: ender.add(print, name="obligations"),
        lambda ender: ender.resource(name="obligations")(print),
        lambda ender: ender.enter_context(nullcontext(), name="obligations"),
    ],
)
def test_the_name_of_what_releases_the_owed_is_taken(tmp_path: Path, register: Callable[[Ender], Any]) -> None:
    """Another handler of this name would let everything stay owed, and nobody would be told."""
    ender = Ender("demo", signals=(), state=str(tmp_path / "state"), exit="return", observers=())

    with pytest.raises(HandlerError, match="'obligations': the handler of this name releases what is owed"):
        register(ender)


def test_a_journal_that_is_opened_when_the_end_is_over_says_who_releases(tmp_path: Path) -> None:
    """No handler of this process will: only a recovery."""
    ender = Ender("demo", signals=(), state=str(tmp_path / "state"), exit="return", observers=())
    said: list[str] = []
    ender._complain = said.append  # type: ignore[method-assign] # nothing else tells it
    ender.releaser("thing")(lambda _obligation: None)

    @ender.handler(phase="release")
    def last() -> None:
        ender.obligation("thing", key="k").acquire()

    with ender:
        pass

    assert [True] == ["released by a recovery only" in text for text in said]


def test_on_crash_is_a_decorator_without_brackets_too(tmp_path: Path) -> None:
    """As `handler` is; what is no function is refused."""
    ender = Ender("demo", state=str(tmp_path / "state"), recover="on-start")

    @ender.on_crash
    def tell(_crash: Any) -> None:
        """Nothing."""

    assert ["tell"] == [each.name for each in ender._following]
    with pytest.raises(HandlerError, match="cannot follow a crash by 5: it is no function"):
        ender.on_crash(5)  # type: ignore[call-overload] # the mistake that is meant
