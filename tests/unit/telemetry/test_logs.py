"""Where lines go; what they say is tested with the events."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from processender.core.events import AttemptStarted, Waiting
from processender.core.rendering import DEBUG, ERROR, INFO, WARNING
from processender.telemetry.logs import StreamObserver, write_line

WAITING = Waiting(1.0, ("one",))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return the ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_the_levels_are_those_of_logging() -> None:
    """Without importing it."""
    assert (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR) == (DEBUG, INFO, WARNING, ERROR)


def test_a_stream_gets_a_line(pipe: tuple[int, int]) -> None:
    """With the name of who speaks."""
    StreamObserver(pipe[1]).observe(WAITING)

    assert b"processender: waiting for 1 in flight: one\n" == os.read(pipe[0], 999)


def test_a_stream_gets_nothing_below_its_level(pipe: tuple[int, int]) -> None:
    """Each attempt is for those who debug."""
    observer = StreamObserver(pipe[1])
    observer.observe(AttemptStarted(1.0, "flush", 1, 2.0))
    observer.observe(WAITING)

    assert b"processender: waiting for 1 in flight: one\n" == os.read(pipe[0], 999)


def raised_by_a_line(descriptor: int) -> OSError | None:
    """Return what writing a line to *descriptor* raises."""
    try:
        write_line(descriptor, "nobody")
    except OSError as error:
        return error
    return None


def test_a_stream_that_nobody_reads_is_no_error(pipe: tuple[int, int]) -> None:
    """The run goes on."""
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        os.write(pipe[1], b"nobody")

    assert raised_by_a_line(pipe[1]) is None


def test_a_stream_that_was_closed_is_no_error(pipe: tuple[int, int]) -> None:
    """The run goes on."""
    os.close(pipe[1])
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(pipe[1], b"nobody")

    assert raised_by_a_line(pipe[1]) is None


def test_a_full_pipe_that_does_not_block_is_no_error(pipe: tuple[int, int]) -> None:
    """The line is lost, and nothing else."""
    os.set_blocking(pipe[1], False)
    write_line(pipe[1], "x" * 1_000_000)

    assert os.read(pipe[0], 10).startswith(b"xxx")


def test_a_full_disk_is_an_error() -> None:
    """It is reported as what the observer cannot do."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        write_line(descriptor, "text")
    os.close(descriptor)


def test_what_cannot_be_encoded_is_replaced(pipe: tuple[int, int]) -> None:
    """A file name in an error may hold anything."""
    write_line(pipe[1], "bad \udcff name")

    assert b"bad ? name\n" == os.read(pipe[0], 99)
