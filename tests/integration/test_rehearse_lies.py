"""A rehearsal that has seen nothing does not pass, and what is odd in a program is said and not stumbled over."""

from __future__ import annotations

import sys

import pytest

from bench.bugs import found, rehearse

WAITS = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done"
DRIPS = r"""
import os, socket, threading
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))


def answer(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


print("ready", flush=True)
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
"""


def shell(script: str, **more: object) -> dict[str, object]:
    """Return what is said of a program of the shell."""
    return {"command": ["sh", "-c", script], "ready": "ready", "lead": "0s", **more}


def test_a_program_that_ends_by_itself_does_not_pass() -> None:
    """Nobody had asked it to, whatever its code is."""
    verdict = rehearse(shell("echo ready; sleep 0.3; exit 0", lead="2s"))

    assert "it ended with 0 before its end came" in found(verdict)
    assert verdict.seconds < 2


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"post": "http://127.0.0.1:zz/"}, "a step of the end could not be done"),
        ({"run": ["sh", "-c", "echo oops; exit 3"]}, "'sh' left with 3: oops"),
    ],
)
def test_a_step_that_could_not_be_done_is_found(step: dict[str, object], why: str) -> None:
    """With what it has written, which stands nowhere else."""
    verdict = rehearse(shell(WAITS, end=[step, {"signal": "TERM", "at": "300ms"}]))

    assert why in found(verdict)


def test_a_step_runs_as_the_program_does_and_leaves_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """It knows the directory of the run, prints nothing between the words of the verdict, and is found if it stays."""
    step = {"run": ["sh", "-c", "echo noise; test -d $REHEARSAL_WORK && sleep 61 &"]}
    verdict = rehearse(shell(WAITS, end=[step, {"signal": "TERM", "at": "200ms"}]))

    assert "(sleep 61) is left behind" in found(verdict)
    assert "noise" not in capfd.readouterr().out


def test_endless_answers_are_lost_requests() -> None:
    """Each piece of them is in time, and the whole never is."""
    load = {"url": "http://127.0.0.1:{port}/", "timeout": "300ms", "clients": 1}
    verdict = rehearse({"command": [sys.executable, "-c", DRIPS], "ready": "ready", "lead": "0s", "load": load})

    assert "timed out" in found(verdict)


@pytest.mark.parametrize("of", ["all", "scenario"])
def test_what_could_not_be_run_twice_is_not_idempotent(of: str) -> None:
    """No report tells of a handler, and no file of a state; asked for everywhere, or in a scenario."""
    asked = {"assert": ["idempotent"]}
    verdict = rehearse(shell(WAITS, state=["{work}/*.none"], **(asked if of == "all" else {"scenarios": {"a": asked}})))

    assert "no report tells of a handler" in found(verdict)
    assert "no file fits '{work}/*.none'" in found(verdict)


def test_a_full_disk_ends_no_program_by_a_signal() -> None:
    """The write fails, as it does on a disk; what stands in for it in the kernel would kill by default."""
    script = "trap 'echo all > $REHEARSAL_WORK/all || exit 3; exit 4' TERM; echo ready; while :; do sleep 0.02; done"
    verdict = rehearse(shell(script, scenarios={"full": {"faults": ["disk full"]}}, exit=[3]))

    assert verdict.passed, found(verdict)


def test_a_program_that_tells_nobody_is_left_to_start() -> None:
    """However long a busy machine lets it compute before it listens to TERM."""
    busy = "import signal, sys, time\nwhile time.process_time() < 0.6: pass\n"
    code = f"{busy}signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\nwhile True: signal.pause()"
    verdict = rehearse({"command": [sys.executable, "-c", code], "lead": "0s", "exit": [7]})

    assert verdict.passed, found(verdict)
