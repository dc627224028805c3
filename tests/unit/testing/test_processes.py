"""The helper that runs a real program for a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from processender.stage.program import KEPT
from processender.testing.processes import Program, ProgramError

PATIENT = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(7)); print('ready')\nwhile True: signal.pause()"
ENDER = """
from processender import Ender
with Ender('orders') as ender:
    ender.add(lambda: None, name='flush')
"""


def test_wait_returns_the_exit_code() -> None:
    """A program that ends by itself tells its code."""
    with Program("raise SystemExit(3)") as program:
        code = program.wait()

    assert 3 == code


def test_a_signal_can_be_named_without_its_prefix() -> None:
    """`TERM` is SIGTERM."""
    with Program(PATIENT) as program:
        program.wait_for("ready")
        program.signal("TERM")
        code = program.wait()

    assert 7 == code


def test_death_by_a_signal_is_a_negative_code() -> None:
    """As in `subprocess`."""
    with Program(PATIENT) as program:
        program.wait_for("ready")
        program.signal(9)
        code = program.wait()

    assert -9 == code


def test_both_streams_are_read() -> None:
    """What a program writes to standard output and to standard error stands in `output`."""
    with Program("import os; os.write(1, b'one'); os.write(2, b'two')") as program:
        program.wait()

        assert "onetwo" == program.output


def test_arguments_follow_the_source() -> None:
    """`args` end up in `sys.argv`."""
    with Program("import sys; print(sys.argv[1:])", "--grace", "1s") as program:
        program.wait()

        assert "['--grace', '1s']\n" == program.output


def test_a_program_that_ends_without_the_text_is_an_error_at_once() -> None:
    """`wait_for` does not wait for the dead, and shows what was written."""
    with Program("print('something else')") as program, pytest.raises(ProgramError, match="something else"):
        program.wait_for("ready", limit=60)


def test_a_program_that_runs_too_long_is_an_error() -> None:
    """`wait` has a limit."""
    with Program(PATIENT) as program:
        program.wait_for("ready")
        with pytest.raises(ProgramError, match="still runs"):
            program.wait(0.01)


def test_leaving_the_block_kills_a_descendant_in_another_session() -> None:
    """A test leaves nothing behind, also what has left the session of its parent."""
    code = """
import subprocess
print(subprocess.Popen(['sleep', '60'], start_new_session=True, stdout=-3, stderr=-3).pid)
"""
    with Program(code) as program:
        pid = program.wait_for("\n").strip()
        program.wait()
    # Whoever has become its parent may not have collected it yet: then its command line is empty.
    command = Path("/proc", pid, "cmdline")

    assert not command.exists() or not command.read_bytes()


def test_the_report_is_that_of_the_program() -> None:
    """Each program has a state directory of its own."""
    with Program(ENDER) as program:
        program.wait()

        assert "clean" == program.report()["verdict"]


def test_no_report_is_an_error_with_the_output() -> None:
    """A missing report shows what the program wrote."""
    with Program("print('no ender here')") as program:
        program.wait()
        with pytest.raises(ProgramError, match="no ender here"):
            program.report()


def test_of_gigabytes_the_beginning_and_the_end_are_kept() -> None:
    """What it wrote first is still found, and memory stays small."""
    code = f"import os; os.write(1, b'first'); [os.write(1, b'x' * 65536) for _ in range({3 * KEPT // 65536})]; print('last')"
    with Program(code) as program:
        program.wait(60)
        output = program.wait_for("last", 60)

        assert program.has_written("first")
        assert output.startswith("first")
        assert "bytes are left out" in output
        assert len(output) < 2 * KEPT + 100


def test_who_hides_from_everything_but_holds_the_output_is_found() -> None:
    """A daemon without the environment, in a session and under a parent of its own, neither stays nor blocks the test."""
    hides = "(setsid env -i sleep 61 & echo $! & ) ; exit 0"
    with Program(["sh", "-c", hides]) as program:
        pid = int(program.wait_for("\n").strip())
        program.wait()

        assert [pid] == program.left()
    command = Path("/proc", str(pid), "cmdline")

    assert not command.exists() or not command.read_bytes()
