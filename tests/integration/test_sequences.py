"""The signals of runners and platforms, against programs with the library, and against the agent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.integrations.ci import Step
from processender.testing.processes import Program
from processender.testing.sequences import (
    ALL,
    CLOUD_RUN,
    GITHUB,
    GITLAB,
    HEROKU,
    JENKINS,
    Sequence,
    SequenceError,
    replay,
)
from tests.integration.agents import agent
from tests.integration.library_programs import LIMIT_S, program

NAMES = [each.name for each in ALL]
LIBRARY = """
ender = Ender('job', grace=float(sys.argv[1]), exit='return', drain_delay=0)
ender.add(lambda: say('saved'), name='save', phase='flush')
with ender:
    say('ready')
    ender.stopping.wait()
"""
PATIENT = """
ender = Ender('job', grace=30, exit='return', drain_delay=0)

def save(ctx):
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)

ender.add(save, name='save', phase='flush')
with ender:
    say('ready')
    ender.stopping.wait()
"""
TWICE = Sequence("twice", (Step(0.0, "INT"), Step(1.0, "TERM"), Step(60.0, "KILL")))
"""As GitHub Actions, with a second signal that comes soon, and a kill that no busy machine meets."""


@pytest.mark.parametrize("sequence", ALL, ids=NAMES)
def test_a_program_with_the_library_ends_clean_inside_the_window(sequence: Sequence) -> None:
    """By the first signal, with the whole window, in the platform's real times."""
    with program(LIBRARY, str(sequence.window)) as running:
        running.wait_for("ready", LIMIT_S)
        came = replay(sequence, running.pid)
        running.wait()

        assert came.in_time, came
        report = running.report()
        assert "clean" == report["verdict"]
        assert f"SIG{sequence.steps[0].signal}" == report["cause"]
        assert sequence.window == round(report["window"]["length_s"], 3)
        assert came.gone_at < sequence.window


@pytest.mark.parametrize("sequence", ALL, ids=NAMES)
def test_a_command_of_the_agent_ends_clean_inside_the_window(sequence: Sequence) -> None:
    """Although it may be asked by the platform and by its agent."""
    command = ["sh", "-c", "trap 'echo saved; exit 0' INT TERM; echo ready; while :; do sleep 0.02; done"]
    with agent(["--grace", f"{sequence.window:g}s"], command) as running:
        running.wait_for("ready", LIMIT_S)
        came = replay(sequence, running.pid)
        running.wait()

        assert came.in_time, came
        assert "saved" in running.output
        assert "clean" == running.report()["verdict"]
        assert sequence.window == round(running.report()["window"]["length_s"], 3)


class TestSecondSignal:
    def test_it_hurries_nothing_in_a_program(self, tmp_path: Path) -> None:
        """What the first signal has begun goes on until it is done."""
        go = tmp_path / "go"
        with program(PATIENT, str(go)) as running:
            running.wait_for("ready", LIMIT_S)
            came = replay(TWICE, running.pid, on_step=lambda step: step.signal == "TERM" and go.touch())
            running.wait()

            assert ["INT", "TERM"] == [step.signal for step in came.sent]
            report = running.report()
            assert ("clean", "SIGINT", 30.0) == (report["verdict"], report["cause"], report["window"]["length_s"])
            assert ["done"] == [each["outcome"] for each in report["handlers"] if each["name"] == "save"]

    def test_it_hurries_nothing_in_the_agent(self, tmp_path: Path) -> None:
        """The command has the time that it was given."""
        go = tmp_path / "go"
        command = [
            "sh",
            "-c",
            f"trap 'e=1' INT TERM; echo ready; while ! test $e || ! test -e {go}; do sleep 0.02; done",
        ]
        with agent(["--grace", "30s"], command) as running:
            running.wait_for("ready", LIMIT_S)
            came = replay(TWICE, running.pid, on_step=lambda step: step.signal == "TERM" and go.touch())
            code = running.wait()

            assert ["INT", "TERM"] == [step.signal for step in came.sent]
            assert ("clean", 0) == (running.report()["verdict"], code)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start programs that the test has to name, and leave none."""
    made: list[subprocess.Popen[bytes]] = []
    yield made
    for each in made:
        each.kill()
        each.wait()


class TestReplay:
    def test_who_is_deaf_is_killed(self) -> None:
        """When the window is over, and so is all that comes from it."""
        deaf = "trap '' INT TERM; sleep 100 & echo ready; while :; do sleep 0.02; done"
        with Program(["sh", "-c", deaf]) as running:
            running.wait_for("ready")
            came = replay(GITHUB, running.pid, scale=0.05)

            assert ["INT", "TERM", "KILL"] == [step.signal for step in came.sent]
            assert not came.in_time
            assert came.gone_at >= GITHUB.window

    def test_what_is_left_behind_is_told(self) -> None:
        """By a first process that passes nothing on."""
        with Program(["sh", "-c", "trap '' HUP; (trap '' INT; echo ready; exec sleep 100) & wait"]) as running:
            running.wait_for("ready")
            came = replay(GITHUB, running.pid)

            assert 1 == len(came.left)
            assert not came.in_time

    @pytest.mark.parametrize("sequence", [JENKINS, HEROKU, GITLAB], ids=["jenkins", "heroku", "gitlab"])
    def test_all_are_asked_where_the_platform_asks_all(self, sequence: Sequence) -> None:
        """Also those whose parent passes nothing on."""
        script = (
            "trap 'exit 0' TERM; sh -c 'trap \"echo child; exit 0\" TERM; echo ready; while :; do sleep 0.02; done' & "
        )
        with Program(["sh", "-c", script + "while :; do sleep 0.02; done"]) as running:
            running.wait_for("ready")
            came = replay(sequence, running.pid)
            running.wait_for("child")

            assert came.in_time

    def test_one_alone_is_asked_by_the_others(self) -> None:
        """As Cloud Run asks the first process of the container."""
        script = "sh -c 'trap \"echo child\" TERM; echo ready; while :; do sleep 0.02; done' & wait"
        with Program(["sh", "-c", script]) as running:
            running.wait_for("ready")
            replay(CLOUD_RUN, running.pid)

            assert "child" not in running.output

    def test_nobody_ends_his_own_group(self, started: list[subprocess.Popen[bytes]]) -> None:
        """It would end the test."""
        started.append(subprocess.Popen([sys.executable, "-c", "import os; os.read(0, 1)"], stdin=subprocess.PIPE))
        with pytest.raises(SequenceError, match="the caller is in it"):
            replay(GITLAB, started[0].pid)
        stdin = started[0].stdin
        assert stdin is not None
        stdin.close()

    @pytest.mark.parametrize("sequence", [GITHUB, GITLAB], ids=["process", "group"])
    def test_a_process_that_is_not_there_is_told(self, sequence: Sequence) -> None:
        """Before anything is sent."""
        with subprocess.Popen(["true"]) as gone:
            gone.wait()
        with pytest.raises(SequenceError, match=f"cannot end process {gone.pid}"):
            replay(sequence, gone.pid)
