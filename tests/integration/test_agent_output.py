"""The agent that reads the output of its command: nothing is lost, nothing grows, and nobody is held up for ever."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.agents import agent, kill, python, stops_with
from tests.integration.inits import Terminal

AGENT = [sys.executable, "-m", "processender", "run"]
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (stdout|stderr) (.*)$")
FLOOD = python(
    "import os, sys\nline = b'x' * 99 + b'\\n'\nfor _ in range(int(sys.argv[1]) // 100000): os.write(1, line * 1000)"
)
"""Writes as many bytes as it is told, in lines."""


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the reports of these agents where nobody looks for them."""
    monkeypatch.setenv("PROCESSENDER_STATE", str(tmp_path / "private"))


def ran(options: list[str], command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run an agent to its end and return both its streams."""
    argv = [*AGENT, *options, "--", *command]
    return subprocess.run(argv, cwd="/", capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)


def texts(output: bytes) -> list[str]:
    """Return the texts of captured lines."""
    found = [LINE.match(line) for line in output.decode().splitlines()]
    return [match[2] for match in found if match]


def memory(pid: int) -> int:
    """Return the largest resident set of a process so far, bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


class TestLines:
    def test_by_default_it_is_passed_through_untouched(self) -> None:
        """The command has the streams of the agent themselves."""
        source = "import os; os.write(1, b'a\\xff'); print(*(os.stat(f'/proc/{p}/fd/1').st_ino for p in ('self', os.getppid())))"
        done = ran([], python(source))
        text, _, inodes = done.stdout.partition(b"\xff")

        assert b"a" == text
        assert 1 == len(set(inodes.split()))

    def test_each_stream_stays_what_it_is(self) -> None:
        """With its name and the time of each line."""
        done = ran(["--capture"], ["sh", "-c", "echo out; echo err >&2; printf last"])

        assert ["out", "last"] == texts(done.stdout)
        assert ["err"] == texts(done.stderr)
        assert b" stderr err" in done.stderr

    def test_lines_can_be_json(self) -> None:
        """Also of what is no UTF-8."""
        done = ran(["--capture", "--json"], ["printf", r"a\377\n"])
        line = json.loads(done.stdout)

        assert ("stdout", "a�", "Yf8=") == (line["stream"], line["text"], line["base64"])

    def test_the_file_says_how(self, tmp_path: Path) -> None:
        """No times, no streams, a prefix, short lines."""
        file = tmp_path / "pe.toml"
        file.write_text(
            '[output]\ncapture = true\ntimestamps = false\nstreams = false\nprefix = "web |"\nmax_line = 64\n'
        )
        done = ran(["-c", str(file)], ["printf", f"hi\n{'x' * 70}"])

        assert ["web | hi", f"web | {'x' * 64} [more]", "web | xxxxxx"] == done.stdout.decode().splitlines()

    def test_what_would_change_nothing_is_refused(self, tmp_path: Path) -> None:
        """Unless a flag captures."""
        file = tmp_path / "pe.toml"
        file.write_text('[output]\nprefix = "web"\n')
        refused, taken = ran(["-c", str(file)], ["echo", "hi"]), ran(["-c", str(file), "--capture"], ["echo", "hi"])

        assert (125, b"") == (refused.returncode, refused.stdout)
        assert (
            b"output.prefix changes nothing, because the output is not captured; add capture = true" in refused.stderr
        )
        assert (0, True) == (taken.returncode, taken.stdout.endswith(b" stdout web hi\n"))

    @pytest.mark.parametrize("options", [[], ["--lean"]])
    def test_the_exit_code_is_that_of_the_command(self, options: list[str]) -> None:
        """And a lean agent captures as well."""
        done = ran(["--capture", *options], ["sh", "-c", "echo hi; exit 9"])

        assert (9, ["hi"]) == (done.returncode, texts(done.stdout))


class TestNothingIsLost:
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
    def test_by_a_crash_of_the_command(self, number: int) -> None:
        """What it had written is read to its end, also the line that it did not finish."""
        source = f"import os; os.write(1, b'line\\n' * 12000 + b'half'); os.kill(os.getpid(), {int(number)})"
        done = ran(["--capture"], python(source))

        assert 128 + number == done.returncode
        assert [*["line"] * 12000, "half"] == texts(done.stdout)

    def test_at_the_end_by_a_signal(self) -> None:
        """Its last words come after TERM."""
        source = (
            "import os,signal\n"
            "def term(*_): os.write(1, b'bye\\n' * 9000 + b'end'); os._exit(0)\n"
            "signal.signal(15, term); os.write(1, b'ready\\n'); signal.pause()"
        )
        # Both streams of the agent are one pipe here, and a large write can be cut in two by a line of its own.
        with agent(["--capture", "-q"], python(source)) as program:
            assert 0 == stops_with(program)
            lines = texts(program.output.encode())

        assert ["ready", *["bye"] * 9000, "end"] == lines

    def test_of_what_a_grandchild_writes_later(self, tmp_path: Path) -> None:
        """It is of the command's tree, which is waited for."""
        go = tmp_path / "go"
        source = f"mkfifo {go}; (trap '' TERM; echo > {go}; sleep 0.3; echo late) & read _ < {go}; echo early"
        done = ran(["--capture"], ["sh", "-c", source])

        assert ["early", "late"] == texts(done.stdout)

    def test_by_a_command_that_writes_to_both_streams_at_once(self) -> None:
        """Whole lines, in order within their stream."""
        source = "import os\nfor n in range(5000): os.write(1, b'o%d\\n' % n); os.write(2, b'e%d\\n' % n)"
        done = ran(["--capture"], python(source))

        assert [f"o{number}" for number in range(5000)] == texts(done.stdout)
        assert [f"e{number}" for number in range(5000)] == texts(done.stderr)


class TestNobodyIsHeldUp:
    def test_somebody_who_holds_the_pipe_is_not_waited_for(self) -> None:
        """With --no-wait-tree a daemon is left alone; that the rest of its output is lost is said."""
        done = ran(["--capture", "--no-wait-tree"], ["sh", "-c", "sleep 33.25 & echo $!"])
        kill(int(texts(done.stdout)[0]))

        assert 0 == done.returncode
        assert b"a process that is not the command's holds its stderr" in done.stderr

    def test_somebody_who_goes_on_writing_is_not_waited_for(self, tmp_path: Path) -> None:
        """Only what was in the pipe when the command was gone is passed on, however slow the reader is."""
        out = tmp_path / "pid"
        argv = [*AGENT, "--capture", "--no-wait-tree", "--grace", "60s", "--", "sh", "-c", f"yes & echo $! > {out}"]
        with subprocess.Popen(argv, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            read = 0
            while read < 16_000_000 and (data := os.read(process.stdout.fileno(), 4096)):
                read += len(data)
                time.sleep(0.001)
            kill(int(out.read_text()))
            process.stdout.read()
            said = process.stderr.read()

            assert 0 == process.wait(20)
        assert read < 16_000_000
        assert b"a process that is not the command's holds its stdout" in said

    def test_a_reader_that_has_stopped_has_the_window(self) -> None:
        """Then the agent leaves all the same."""
        argv = [*AGENT, "--capture", "--grace", "4s", "--", *FLOOD, "1000000"]
        with subprocess.Popen(argv, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(1)
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
            said = process.stderr.read()

        assert code in {0, 137, 143}
        assert b"cannot pass on the end of the command's output" in said

    def test_a_reader_that_is_gone_is_the_commands_affair(self) -> None:
        """It gets the EPIPE that it would have got without the agent."""
        argv = [*AGENT, "--capture", "--", "yes"]
        with subprocess.Popen(argv, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            process.stdout.read(10)
            process.stdout.close()

            assert process.wait(20) in {1, 141}

    def test_a_full_disk_is_told_and_holds_up_nothing(self) -> None:
        """The command ends as it would; what was lost is counted."""
        argv = [*AGENT, "--capture", "--", *FLOOD, "1000000"]
        with open("/dev/full", "wb") as full:
            done = subprocess.run(argv, cwd="/", stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)

        assert 0 == done.returncode
        assert b"cannot write the command's stdout: No space left on device" in done.stderr
        assert re.search(rb"processender: \d{7} bytes of stdout were lost", done.stderr)


class TestMemory:
    def test_a_slow_reader_makes_the_command_slow(self) -> None:
        """Nothing is piled up: after a pause the command has written little more than two pipes hold."""
        argv = [*AGENT, "--capture", "--", *FLOOD, "20000000"]
        with subprocess.Popen(argv, cwd="/", stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read(1)
            before = memory(process.pid)
            time.sleep(0.5)
            written = sum(len(process.stdout.read(65536)) for _ in range(4))
            grown = memory(process.pid) - before
            rest = len(process.stdout.read())

            assert 0 == process.wait(30)
        assert grown < 2_000_000
        assert 20_000_000 < 1 + written + rest

    def test_a_flood_passes_without_growth(self) -> None:
        """A hundred megabytes, and then ten lines without an end of ten megabytes each."""
        source = (
            "import os\n"
            "for _ in range(1000): os.write(1, (b'x' * 99 + b'\\n') * 1000)\n"
            "os.write(2, b'half\\n')\n"
            "for _ in range(100): os.write(1, b'y' * 1000000)\n"
            "os.write(2, b'all\\n'); os.read(0, 1)"
        )
        argv = [*AGENT, "--capture", "--", *python(source)]
        with subprocess.Popen(
            argv, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            assert b"half" in process.stderr.readline()
            half = memory(process.pid)
            assert b"all" in process.stderr.readline()
            most = memory(process.pid)
            process.stdin.close()

            assert 0 == process.wait(30)
        assert most < 616_000_000
        assert most - half < 3_000_000


def test_a_write_that_would_block_is_waited_for() -> None:
    """Whoever shares the agent's output has made it non-blocking."""
    out, into = os.pipe()
    os.set_blocking(into, False)
    argv = [*AGENT, "--capture", "--", *FLOOD, "3000000"]
    with subprocess.Popen(argv, cwd="/", stdout=into) as process:
        os.close(into)
        time.sleep(0.2)
        with os.fdopen(out, "rb") as reader:
            lines = reader.read().count(b"\n")

        assert 0 == process.wait(30)
    assert 30_000 == lines


class TestTerminal:
    @pytest.mark.parametrize("options", [[], ["--setsid"]])
    def test_captured_lines_go_to_the_terminal_and_words_come_from_it(self, options: list[str]) -> None:
        """In one session or in two: only what the command writes goes through the agent."""
        source = "test -t 0 && echo in; test -t 1 || echo captured; read line; echo got $line"
        with Terminal([*AGENT, "--capture", *options, "--", "sh", "-c", source]) as terminal:
            terminal.wait_for("Z stdout captured")
            terminal.type("words\n")
            terminal.wait_for("Z stdout got words")

            assert 0 == terminal.wait()
            assert "Z stdout in" in terminal.output

    @pytest.mark.parametrize("options", [[], ["--setsid"]])
    def test_what_is_typed_is_fed_to_a_command_that_ends_with_its_input(
        self, options: list[str], tmp_path: Path
    ) -> None:
        """The agent keeps the terminal, and reads it."""
        file = tmp_path / "pe.toml"
        file.write_text("[[command.stop]]\nclose_stdin = true\n")
        source = "test -t 0 || echo fed; while read line; do echo got $line; done; exit 6"
        with Terminal([*AGENT, "-c", str(file), *options, "--", "sh", "-c", source]) as terminal:
            terminal.wait_for("fed")
            terminal.type("words\n")
            terminal.wait_for("got words")
            terminal.signal(signal.SIGTERM)

            assert 6 == terminal.wait()
