"""The pipes of a command's output by themselves: when it has last said something, over several starts, as it is."""

from __future__ import annotations

import os
import time

import pytest

from processender.agent.output import Output
from processender.agent.pipes import Pipes
from processender.agent.settings import Settings, Style


def run(pipes: Output | Pipes, source: str) -> None:
    """Start a shell with the pipes and wait for its end."""
    actions = pipes.open()
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", source], {}, file_actions=actions)
    pipes.settle()
    os.waitpid(pid, 0)


def never(code: str, text: str) -> None:
    """Fail on any trouble."""
    raise AssertionError(f"{code}: {text}")


def test_it_is_known_when_the_command_has_last_said_something(capfd: pytest.CaptureFixture[str]) -> None:
    """At the start, and then with each output; silence changes nothing."""
    output = Output(Style(raw=True), never)
    before = time.monotonic()
    run(output, "read -r _ < /dev/null; sleep 0.3")
    started = output.last_at
    run(output, "sleep 0.2; echo hi")

    assert "" == output.finish(20)
    assert before <= started
    assert output.last_at >= started + 0.5
    assert "hi\n" == capfd.readouterr().out


def test_every_start_has_its_pipes(capfd: pytest.CaptureFixture[str]) -> None:
    """The half line of one is not completed by the next."""
    output = Output(Style(timestamps=False), never)
    for number in range(20):
        run(output, f"printf {number}; printf e{number} >&2")

    assert "" == output.finish(20)
    said, told = capfd.readouterr()
    assert sorted(f"stdout {number}" for number in range(20)) == sorted(said.splitlines())
    assert sorted(f"stderr e{number}" for number in range(20)) == sorted(told.splitlines())


def test_output_that_is_only_watched_is_passed_on_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    """For who wants to know whether the command is silent, and nothing else."""
    pipes = Pipes(Settings(), never, watch=True)
    run(pipes, "printf 'a\nb'")
    pipes.finish(20)

    assert "a\nb" == capfd.readouterr().out
    assert pipes.output is not None
    assert pipes.output.last_at > 0
    assert not pipes.close_stdin()


def test_a_command_that_was_never_started_has_nothing_to_lose() -> None:
    """The end of its output is not waited for."""
    assert "" == Output(Style(), never).finish(20)
