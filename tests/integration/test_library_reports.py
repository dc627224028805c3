"""The report and what stands in its way: disks, directories and closed streams."""

from __future__ import annotations

import json
import os
import signal
import stat

import pytest

from tests.integration.library_programs import LIMIT_S, finish, program, run

WAITING = """
with Ender('orders', grace=10, version='1.2') as ender:
    ender.add(lambda: say('flushed'), name='flush')
    say('ready')
    ender.stopping.wait()
"""


def test_the_report_is_forced_first_and_final_afterwards() -> None:
    """While the first handler runs a provisional report is on disk; what a kill cuts off has it."""
    source = """
    gate = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: gate.set())
    with Ender('orders', grace=20) as ender:
        ender.add(lambda: (say('flushing'), gate.wait()), name='flush')
        say('ready')
        ender.stopping.wait()
    """
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        running.wait_for("flushing", LIMIT_S)
        provisional = running.report()
        running.signal("USR1")
        end = finish(running)

    assert ("forced", None) == (provisional["verdict"], provisional["ended"])
    assert ("clean", provisional["id"]) == (end.report["verdict"], end.report["id"])


def test_a_killed_process_leaves_a_forced_report() -> None:
    """SIGKILL in the middle of the run: the report says that it was cut, and names the handlers."""
    source = """
    with Ender('orders', grace=20) as ender:
        ender.add(lambda: (say('flushing'), time.sleep(3600)), name='flush')
        say('ready')
        ender.stopping.wait()
    """
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        running.wait_for("flushing", LIMIT_S)
        running.signal("KILL")
        end = finish(running)

    assert "forced" == end.report["verdict"]
    assert {"flush": None, "body": None} == end.outcomes


def test_the_report_is_private_and_linked() -> None:
    """Mode 0600 in directories of mode 0700; `last.json` is a link to the newest."""
    with program(WAITING) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        end = finish(running)
        link = running.state / "orders" / "reports" / "last.json"
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (link, link.parent, link.parent.parent)]
        files = sorted(os.listdir(link.parent))

        assert link.is_symlink()

    assert [0o600, 0o700, 0o700] == modes
    assert [f"{end.report['id']}.json", "last.json"] == files
    wanted = (
        "schema id service version instance host cause notices window verdict exit started ended handlers in_flight"
    )
    assert set(wanted.split()) | {"skipped", "stuck", "journal", "environment"} <= set(end.report)


def test_a_full_disk_does_not_hold_the_run() -> None:
    """The report cannot be written: that is said, and the handlers run all the same."""
    source = (
        """
import resource
from processender.core.outcome import describe
resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
"""
        + WAITING
    )
    end = run(source, "TERM")

    assert 0 == end.code
    assert "flushed" in end.output
    assert "cannot be written" in end.output


def test_a_disk_that_is_full_at_the_end_keeps_the_provisional_report() -> None:
    """What cannot be replaced whole is not replaced at all."""
    source = """
    import resource
    def fill_the_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
    with Ender('orders', grace=10) as ender:
        ender.add(fill_the_disk, name='flush')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert "forced" == end.report["verdict"]
    assert "cannot be written" in end.output


@pytest.mark.parametrize("wrong", ["link", "writable", "file"])
def test_a_state_directory_that_is_not_private_is_refused(wrong: str, tmp_path) -> None:
    """That is said with the next step, and the run goes on without a report on disk."""
    place = tmp_path / "orders"
    if wrong == "link":
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    elif wrong == "writable":
        place.mkdir()
        place.chmod(0o777)
    else:
        place.write_text("in the way")
    with program(WAITING, env={"PROCESSENDER_STATE": str(tmp_path)}) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        end = finish(running)

    assert 0 == end.code
    assert "flushed" in end.output
    assert f"cannot use {place}" in end.output
    assert "set PROCESSENDER_STATE to another place" in end.output
    assert not list(tmp_path.glob("*/reports"))


def test_the_report_in_memory_does_not_need_a_disk() -> None:
    """`ender.report` is there although nothing could be written."""
    source = WAITING + "say('verdict', ender.report['verdict'])"
    with program(source, env={"PROCESSENDER_STATE": "/dev/null/nowhere"}) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        end = finish(running)

    assert "verdict clean" in end.output


def test_the_state_directory_of_an_ender_can_be_told(tmp_path) -> None:
    """`state=` goes before the environment."""
    end = run(f"with Ender('orders', state={str(tmp_path)!r}): pass")

    assert 0 == end.code
    report = json.loads((tmp_path / "orders" / "reports" / "last.json").read_text())
    assert "clean" == report["verdict"]


def test_a_closed_standard_output_stops_nothing() -> None:
    """Handlers that print fail with it; the run, the report and the exit code do not."""
    source = """
    with Ender('orders', grace=10) as ender:
        ender.add(lambda: print('nobody reads this', flush=True), name='talk', phase='flush')
        ender.add(lambda: None, name='close', importance='must')
        say('ready')
        os.close(1)
        os.close(2)
        ender.stop('quiet')
    os._exit(ender.report['verdict'] != 'degraded')
    """
    end = run(source)

    assert 0 == end.code
    assert {"talk": "failed", "close": "done", "body": "done"} == end.outcomes


def test_an_observer_that_raises_is_said_and_stops_nothing() -> None:
    """An observer is foreign code."""
    source = """
    class Bad:
        def observe(self, event):
            raise ValueError('I take nothing')
    from processender.telemetry.structured import LoggingObserver
    with Ender('orders', grace=10, observers=[Bad(), LoggingObserver('orders')]) as ender:
        ender.add(lambda: say('flushed'), name='flush')
        ender.stop()
    """
    end = run(source)

    assert "clean" == end.report["verdict"]
    assert "the observer Bad cannot take" in end.output


def test_an_observer_that_hangs_does_not_hold_the_run() -> None:
    """It has a thread of its own; the reserve is all that is waited for it."""
    source = """
    class Stuck:
        def observe(self, event):
            time.sleep(3600)
    with Ender('orders', grace=1, observers=[Stuck()]) as ender:
        ender.add(lambda: say('flushed'), name='flush')
        say('ready')
        ender.stopping.wait()
    say('left')
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert "left" in end.output
    assert signal.SIGTERM.name == end.report["cause"]


@pytest.mark.parametrize("name", ["TERM", "exit"])
def test_a_clean_end_leaves_no_file_for_stacks(name: str) -> None:
    """It is there for the last resort, which stays armed until the process is gone."""
    source = "ender = Ender('orders')\nwith ender:\n    say('ready')\n    ender.stopping.wait(%s)"
    with program(source % ("0" if name == "exit" else "")) as running:
        running.wait_for("ready")
        if name != "exit":
            running.signal(name)
        end = finish(running)
        left = [*running.state.glob("*/stacks-*.txt")]

    assert ([], 0, "clean") == (left, end.code, end.report["verdict"])
