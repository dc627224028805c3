"""What the agent writes, and what it does when nobody reads it, or nothing can be written any more."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.core.vocabulary import ATTRIBUTES
from tests.integration.agents import SLEEPER, agent, stops_with

AGENT = [sys.executable, "-m", "processender", "run"]


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the reports of these agents where nobody looks for them."""
    monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "private"))


class TestLines:
    def test_a_command_that_ends_by_itself_is_nothing_to_talk_about(self) -> None:
        """What it writes is all there is."""
        with agent([], ["echo", "hello"]) as program:
            program.wait()
            assert "hello\n" == program.output

    def test_an_end_from_outside_is_told(self) -> None:
        """What was heard, what was done, how it ended."""
        with agent([], SLEEPER) as program:
            stops_with(program)
            lines = program.output.splitlines()[1:]

        assert f"processender: heard SIGTERM from process {os.getpid()} of user {os.getuid()}" == lines[0]
        assert "processender: command: done after" in "\n".join(lines)
        assert lines[-1].startswith("processender: ended clean after ")

    def test_a_failure_is_told_also_when_the_command_ended_by_itself(self, tmp_path: Path) -> None:
        """With the handler's last words."""
        file = tmp_path / "pe.toml"
        file.write_text('[handlers.save]\nrun = ["sh", "-c", "echo no room; exit 4"]\n')
        with agent(["-c", str(file)], ["true"]) as program:
            program.wait()
            assert "save: failed after" in program.output
            assert "'sh' ended with code 4: no room" in program.output

    def test_lines_can_be_json(self) -> None:
        """Each with a stable key, a date, and what it says in the words of the vocabulary."""
        with agent(["--json"], SLEEPER) as program:
            stops_with(program)
            lines = [json.loads(line) for line in program.output.splitlines()[1:]]
        told = {key for line in lines for key in line if "." in key}

        assert {"time", "at", "level", "key", "text"} <= set(lines[0])
        assert told <= ATTRIBUTES.keys()
        assert {f"processender.{line['key']}" for line in lines} == {line["event.name"] for line in lines}
        assert 1 == len({line["processender.run.id"] for line in lines[1:]})
        assert ["notice.heard", "run.started"] == [line["key"] for line in lines[:2]]
        assert "run.ended" == lines[-1]["key"]

    def test_a_secret_in_the_arguments_is_not_written(self, tmp_path: Path) -> None:
        """Neither in lines nor in the report."""
        file = tmp_path / "pe.toml"
        file.write_text('[handlers.save]\nrun = ["false", "--password=hunter2"]\n')
        with agent(["-c", str(file)], ["sh", "-c", "echo ready; exec sleep 60", "--token=hunter2"]) as program:
            stops_with(program)
            assert "hunter2" not in program.output
            assert "hunter2" not in json.dumps(program.report())


class TestClosed:
    def start(self, state: Path, **streams: object) -> subprocess.Popen[bytes]:
        """Start an agent with particular streams."""
        env = {**os.environ, "PROCESSENDER_STATE": str(state)}
        return subprocess.Popen([*AGENT, "--", "sleep", "60"], cwd="/", env=env, **streams)  # type: ignore[call-overload,no-any-return]

    def ends_well(self, process: subprocess.Popen[bytes], state: Path) -> bool:
        """End it and tell whether it left in time with the right code and a report."""
        until = time.monotonic() + 60
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        assert code == 143, f"ended with {code}, {sorted(map(str, state.rglob('*')))}"
        report = json.loads((state / "sleep" / "reports" / "last.json").read_text())
        return (143, "SIGTERM") == (code, report["cause"])

    def test_closed_streams_do_not_matter(self, tmp_path: Path) -> None:
        """None of 0, 1, 2 is there, and none of our files takes its place."""
        with self.start(tmp_path, preexec_fn=lambda: os.closerange(0, 3)) as process:
            assert self.ends_well(process, tmp_path)

    def test_a_reader_that_has_gone_does_not_matter(self, tmp_path: Path) -> None:
        """Standard output and error are broken pipes."""
        out, into = os.pipe()
        os.close(out)
        with self.start(tmp_path, stdout=into, stderr=into) as process:
            os.close(into)
            assert self.ends_well(process, tmp_path)

    def test_a_reader_that_does_not_read_does_not_matter(self, tmp_path: Path) -> None:
        """Standard error is a full pipe."""
        out, into = os.pipe()
        os.set_blocking(into, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(into, b"x" * 4096)
        os.set_blocking(into, True)
        with self.start(tmp_path, stdout=subprocess.DEVNULL, stderr=into) as process:
            assert self.ends_well(process, tmp_path)
        os.close(into)
        os.close(out)

    def test_a_full_device_does_not_matter(self, tmp_path: Path) -> None:
        """Every write to it fails."""
        with Path("/dev/full").open("wb") as full, self.start(tmp_path, stdout=full, stderr=full) as process:
            assert self.ends_well(process, tmp_path)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a directory on a disk that is full."""
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "pe", tmp_path], check=False).returncode
    ):
        pytest.skip("needs the right to mount a disk")
    state = tmp_path / "state"
    state.mkdir(0o700)
    with contextlib.suppress(OSError), (tmp_path / "fill").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    yield state
    subprocess.run(["umount", tmp_path], check=True)


class TestDisk:
    def test_a_full_disk_is_said_and_stops_nothing(self, full_disk: Path) -> None:
        """On standard error; the code is that of the command."""
        with agent([], SLEEPER, PROCESSENDER_STATE=str(full_disk)) as program:
            assert 143 == stops_with(program)
            assert "cannot be written: [Errno 28] No space left on device" in program.output
            assert "ended clean" in program.output

    def test_a_limit_on_files_is_said_and_stops_nothing(self) -> None:
        """As a disk that fills up while the report is written."""
        shell = f"ulimit -f 0; exec {' '.join(AGENT)} -- sh -c 'exit 5'"
        done = subprocess.run(["sh", "-c", shell], cwd="/", capture_output=True, text=True, check=False)

        assert 5 == done.returncode
        assert "cannot be written: [Errno 27] File too large" in done.stderr

    @pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null"])
    def test_a_place_that_cannot_be_written_to_is_said_and_stops_nothing(self, place: str) -> None:
        """With the next step."""
        with agent([], ["sh", "-c", "exit 6"], PROCESSENDER_STATE=place) as program:
            assert 6 == program.wait()
            assert "set PROCESSENDER_STATE to a place that can be written to" in program.output

    def test_a_place_that_others_can_write_to_is_refused(self, tmp_path: Path) -> None:
        """The clean-up runs all the same."""
        (tmp_path / "sh").mkdir()
        (tmp_path / "sh").chmod(0o777)
        with agent([], ["sh", "-c", "exit 6"], PROCESSENDER_STATE=str(tmp_path)) as program:
            assert 6 == program.wait()
            assert "nobody else can write to" in program.output

    def test_the_report_is_private(self) -> None:
        """0600, and `last.json` leads to it."""
        with agent([], ["true"]) as program:
            program.wait()
            link = next(program.state.glob("*/reports/last.json"))

            assert link.is_symlink()
            assert 0o600 == link.stat().st_mode & 0o777


class TestThreads:
    def test_no_room_for_threads_is_said_before_anything_starts(self, tmp_path: Path) -> None:
        """125, and the command never ran."""
        mark = tmp_path / "mark"
        code = (
            "import sys, threading\n"
            "import processender.cli.main as main\n"
            'def refuse(*_a, **_k): raise RuntimeError("can\'t start new thread")\n'
            "threading.Thread.start = refuse\n"
            "sys.exit(main.main(['run', '--', *sys.argv[1:]]))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "touch", str(mark)], cwd="/", capture_output=True, text=True, check=False
        )

        assert (125, False) == (done.returncode, mark.exists())
        assert "cannot start: can't start new thread; see the limits of the system" in done.stderr


@pytest.mark.alone
def test_an_end_with_everything_against_it(tmp_path: Path) -> None:
    """No disk, no reader, a deaf command, a handler that hangs: over in time, with the right code."""
    file = tmp_path / "pe.toml"
    file.write_text('[handlers.hang]\nphase = "flush"\nrun = ["sleep", "60"]\n')
    out, into = os.pipe()
    os.close(out)
    deaf = tmp_path / "deaf"
    command = ["sh", "-c", f"trap '' TERM; : > {deaf}; while :; do sleep 0.02; done"]
    process = subprocess.Popen(
        [*AGENT, "-c", str(file), "--grace", "1s", "--", *command], cwd="/", stdout=into, stderr=into,
        env={**os.environ, "PROCESSENDER_STATE": "/proc/nowhere"},
    )  # fmt: skip
    os.close(into)
    while not deaf.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()

    assert 137 == process.wait(10)
    assert time.monotonic() - began < 1.0
