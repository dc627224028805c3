"""How long each handler took in earlier runs, on disk, on good days and on bad ones."""

from __future__ import annotations

import fcntl
import math
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.estimates import Sample
from processender.core.handler import Handler
from processender.core.outcome import Outcome, Result
from processender.core.reserve import NAME
from processender.core.spans import LONGEST_S
from processender.telemetry import planned
from processender.telemetry.history import MOST_HANDLERS, RING, SCHEMA, read, received, remember
from processender.testing.simulate import make_plan


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return where the history is to be."""
    return str(tmp_path / "history.tsv")


def test_what_is_remembered_is_read(path: str) -> None:
    """With all that belongs to it."""
    first, second = Sample(1.5, version="1"), Sample(2.5, censored=True, size=30, version="2")
    remember(path, {"flush": first})
    remember(path, {"flush": second})

    assert ({"flush": [first, second]}, "") == read(path)


def test_no_file_is_no_history_and_no_trouble(path: str) -> None:
    """The first run of all."""
    assert ({}, "") == read(path)


def test_nothing_to_remember_makes_no_file(path: str) -> None:
    """Nor a lock beside it."""
    remember(path, {})

    assert [] == os.listdir(os.path.dirname(path))


def test_names_and_versions_of_any_kind_come_back(path: str) -> None:
    """A name is printable text, with blanks and all; of a version, what can be printed."""
    remember(path, {"close the café": Sample(1.0, version="1.0\t\n-β")})

    assert ({"close the café": [Sample(1.0, version="1.0-β")]}, "") == read(path)


def test_only_the_last_ones_are_kept(path: str) -> None:
    """A ring; yesterday's weather passes."""
    for number in range(RING + 3):
        remember(path, {"a": Sample(float(number))})
    kept = [sample.seconds for sample in read(path)[0]["a"]]

    assert [float(number) for number in range(3, RING + 3)] == kept


def test_the_file_is_bounded_in_handlers(path: str) -> None:
    """Those that have not run for the longest time go first."""
    remember(path, {f"h{n}": Sample(1.0) for n in range(MOST_HANDLERS)})
    remember(path, {"new": Sample(1.0), "h0": Sample(2.0)})
    names = list(read(path)[0])

    assert (MOST_HANDLERS, False, ["new", "h0"]) == (len(names), "h1" in names, names[-2:])


def test_the_file_is_of_this_user_alone(path: str) -> None:
    """As all of the state is."""
    remember(path, {"a": Sample(1.0)})

    assert 0o600 == stat.S_IMODE(os.stat(path).st_mode)


HEAD = b"processender history 1\n"
BROKEN = {
    "empty": b"",
    "no text": b"\x00\xff{",
    "cut short": HEAD + b"1.0\t0\t",
    "a future format": f"processender history {SCHEMA + 1}\n".encode(),
    "of somebody else": b'{"name":"left-pad","version":"1.3.0"}',
    "a sample of text": HEAD + b"x\t0\t\t\ta\n",
    "a sample below 0": HEAD + b"-1\t0\t\t\ta\n",
    "a sample of years": HEAD + b"1e12\t0\t\t\ta\n",
    "not a number": HEAD + b"nan\t0\t\t\ta\n",
    "a size without end": HEAD + b"1.0\t0\tinf\t\ta\n",
    "without a name": HEAD + b"1.0\t0\t\t\t\n",
    "an empty line": HEAD + b"\n1.0\t0\t\t\ta\n",
    "too long": b" " * (9 * 1024 * 1024),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_put_aside_and_said(path: str, data: bytes) -> None:
    """And the next one is good."""
    Path(path).write_bytes(data)
    history, trouble = read(path)
    remember(path, {"a": Sample(1.0)})

    assert {} == history
    assert trouble.startswith(f"the history {path} cannot be used: ")
    assert "put aside" in trouble
    assert data == Path(f"{path}.broken").read_bytes()
    assert ({"a": [Sample(1.0)]}, "") == read(path)


def test_a_broken_file_is_found_at_the_end_too(path: str) -> None:
    """Also if nobody has read it before."""
    Path(path).write_bytes(b"")

    assert "it is empty" in remember(path, {"a": Sample(1.0)})
    assert ["a"] == list(read(path)[0])


def test_who_only_looks_puts_nothing_aside(path: str) -> None:
    """`processender plan` changes nothing."""
    Path(path).write_bytes(b"")
    read(path, put_aside=False)

    assert ["history.tsv"] == os.listdir(os.path.dirname(path))


def test_a_link_is_not_followed(path: str, tmp_path: Path) -> None:
    """Neither to be read nor to be written."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    os.symlink(elsewhere, path)
    remember(path, {"a": Sample(1.0)})

    assert "mine" == elsewhere.read_text()


def test_a_directory_in_its_place_is_put_aside(path: str) -> None:
    """Whatever is there."""
    os.mkdir(path)
    remember(path, {"a": Sample(1.0)})

    assert ["a"] == list(read(path)[0])


def test_a_second_writer_leaves_its_numbers_out(path: str) -> None:
    """One at a time; nobody waits at the end of a process."""
    remember(path, {"a": Sample(1.0)})
    lock = os.open(f"{path}.lock", os.O_RDWR)
    pid = os.fork()
    if not pid:
        remember(path, {"a": Sample(2.0)})
        os._exit(0)
    os.waitpid(pid, 0)
    alone = read(path)[0]["a"]
    fcntl.lockf(lock, fcntl.LOCK_EX)
    pid = os.fork()
    if not pid:
        remember(path, {"a": Sample(3.0)})
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(lock)

    assert (2, 2) == (len(alone), len(read(path)[0]["a"]))


@given(st.binary(max_size=400))
def test_whatever_stands_there_is_no_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """A file is input."""
    path = str(tmp_path_factory.mktemp("state") / "history.tsv")
    Path(path).write_bytes(data)

    assert "cannot be used" in read(path)[1]


RESULTS = {
    "done": Result("done", Outcome.DONE, "", 1.0, 3.0, 1),
    "cut": Result("cut", Outcome.TIMED_OUT, "", 1.0, 5.0, 1),
    "deaf": Result("deaf", Outcome.ABANDONED, "", 1.0, 6.0, 1),
    "failed": Result("failed", Outcome.FAILED, "", 1.0, 2.0, 1, "OSError"),
    "skipped": Result("skipped", Outcome.SKIPPED, "needs x", None, 2.0),
}

KEPT = planned.Kept(9.0, 0.25, whole=True)


def test_what_was_cut_short_is_remembered_as_such() -> None:
    """A failure and a skip say nothing of the time that the work takes."""
    found = planned.samples(RESULTS, {"done": 30.0}, "7")

    assert {
        "done": Sample(2.0, censored=False, size=30.0, version="7"),
        "cut": Sample(4.0, censored=True, version="7"),
        "deaf": Sample(5.0, censored=True, version="7"),
    } == found


def test_the_account_says_what_was_foretold_and_what_came() -> None:
    """For each handler, and for the whole."""
    plan = make_plan([Handler("done", expected=1.5), Handler("skipped", after=("done",), expected=0.0)])
    account = planned.account(plan, RESULTS, 2)

    assert (1.5, 6.0, 0.5, 2) == tuple(account[key] for key in ("expected_s", "took_s", "off_s", "changes"))
    assert (1.5, 2.0, True) == tuple(account["handlers"]["done"][key] for key in ("expected_s", "took_s", "done"))
    assert account["handlers"]["skipped"]["took_s"] is None
    assert (2, 1) == (account["kept"], account["kept_done"])


def test_who_was_given_up_was_expected_to_take_no_time_of_this_window() -> None:
    """It is none of those that were kept, and no time of it is compared."""
    plan = make_plan([Handler("done", expected=1.0), Handler("failed", expected=0.0)])
    plan = plan.replace(skips={"failed": "no room"})
    account = planned.account(plan, RESULTS, 0)

    assert (1, 1) == (account["kept"], account["kept_done"])
    assert ({"failed": "no room"}, None) == (account["given_up"], account["handlers"]["failed"]["expected_s"])


@pytest.mark.parametrize("whole", [True, False])
def test_what_the_record_took_is_remembered_beside_it(path: str, whole: bool) -> None:
    """Under a name that no handler has; cut short if an observer had not come back."""
    kept = KEPT.replace(whole=whole)
    planned.remember(os.path.dirname(path), RESULTS, {}, "7", kept)

    assert [Sample(0.25, censored=not whole, version="7")] == read(path)[0][NAME]


def test_without_a_handler_that_ran_nothing_is_remembered(path: str) -> None:
    """An end that had nothing to do makes no file."""
    planned.remember(os.path.dirname(path), {}, {}, "7", KEPT)

    assert [] == os.listdir(os.path.dirname(path))


def test_a_guess_has_no_chance() -> None:
    """It would be that of a time that nobody knows."""
    made = [Handler("done", expected=9.0, importance="may"), Handler("cut", importance="must", after=("done",))]  # type: ignore[arg-type]
    account = planned.account(make_plan(made, 2.0).replace(chances={"done": 0.25, "cut": 1.0}), RESULTS, 0)

    assert {"done": 0.25, "cut": None} == {name: each["chance"] for name, each in account["handlers"].items()}


def test_a_history_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """And nothing is raised."""
    text = planned.remember(str(tmp_path / "gone"), RESULTS, {}, "", KEPT)

    assert text.endswith("history.tsv cannot be written: No such file or directory")


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(path: str) -> None:
    """Whoever holds its other end: it is put aside, and the draft of the next file is not waited for."""
    os.mkfifo(path)
    held = os.open(path, os.O_RDWR)
    found = read(path)
    os.close(held)
    os.mkfifo(f"{path}.new")

    assert {} == found[0]
    assert f"it is no regular file; it was put aside as {path}.broken" in found[1]
    assert "No such device" in planned.remember(
        os.path.dirname(path), {"flush": Result("flush", Outcome.DONE, started=0.0, ended=1.0)}, {}, "", KEPT
    )
    os.mkfifo(f"{path}.shipped")
    assert "cannot be used: it is no regular file" in received(f"{path}.shipped")[1]


@pytest.mark.parametrize("sample", [Sample(LONGEST_S + 1), Sample(-1.0), Sample(math.nan), Sample(1.0, size=math.inf)])
def test_what_could_not_be_read_again_is_not_written(sample: Sample, path: str) -> None:
    """A drain of ten days costs its own sample, and not the history of all."""
    remember(path, {"flush": Sample(1.0)})
    remember(path, {"drain": sample, "close": Sample(2.0)})

    assert ({"flush": [Sample(1.0)], "close": [Sample(2.0)]}, "") == read(path)


def test_a_file_of_more_samples_than_are_kept_is_none_of_ours(path: str) -> None:
    """To read it would hold up the end."""
    lines = [f"processender history {SCHEMA}", *["0\t0\t\t\ta"] * (RING * MOST_HANDLERS + 1)]
    Path(path).write_text("\n".join(lines))

    assert "it has more than 32768 samples" in read(path)[1]
