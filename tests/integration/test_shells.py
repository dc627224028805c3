"""What real shells do with the program that they start: the facts that `processender check` rests on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from processender.checking.words import swallowing
from tests.integration.test_agent_signals import can_unshare

SHOW = f"{sys.executable} -c 'import os; print(os.getpid())'"
"""A program that tells its number, which is that of the shell if it has taken its place."""
LAST = {"exec", "single", "list", "assigned"}
GIVES = {"dash": {"exec"}, "bash": LAST, "busybox sh": LAST | {"redirected", "subshell", "compound"}}
SCRIPTS = {
    "single": SHOW,
    "list": f"cd / && {SHOW}",
    "assigned": f"A=1 {SHOW}",
    "exec": f"cd / && exec {SHOW}",
    "redirected": f"{SHOW} 2>&1",
    "pipeline": f"{SHOW} | cat",
    "not last": f"{SHOW}; true",
    "subshell": f"({SHOW})",
    "compound": f"if true; then {SHOW}; fi",
    "background": f"{SHOW} & wait",
}


def needs(command: str) -> None:
    """Skip where the program of the command is not there."""
    if shutil.which(command.split(maxsplit=1)[0]) is None:
        pytest.skip(f"there is no {command}")


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("shell", GIVES)
def test_whether_a_shell_gives_its_place_to_the_program(shell: str, name: str) -> None:
    """As the rule believes: with dash only by `exec`, with bash and ash for a plain last command, too."""
    needs(shell)
    words = [*shell.split(), "-c", SCRIPTS[name]]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        out, _ = process.communicate(timeout=60)
    found = swallowing(words)

    assert (name in GIVES[shell]) == (int(out) == process.pid)
    assert (name == "exec") == (found is None)
    # What the rule calls simple is what bash gives its place to.
    assert found is None or found.simple == (name in LAST)


CHILD = """\
import signal
heard = {signal.SIGTERM, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, heard)
print("ready", flush=True)
while True:
    print(signal.sigwait(heard).name, flush=True)
"""


def child_of(pid: int) -> int:
    """Return the only child of a process."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


@pytest.mark.skipif(not can_unshare(), reason="needs the right to make a namespace of processes")
@pytest.mark.parametrize(("prefix", "heard"), [("", ["SIGUSR1"]), ("exec ", ["SIGTERM", "SIGUSR1"])])
def test_a_shell_as_the_first_process_swallows_the_signal(prefix: str, heard: list[str], tmp_path: Path) -> None:
    """The kernel drops TERM for a first process that does not handle it; after `exec` the program is told."""
    needs("dash")
    program = tmp_path / "program.py"
    program.write_text(CHILD)
    words = [*UNSHARE, "dash", "-c", f"{prefix}{sys.executable} {program}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
            first = child_of(process.pid)
            os.kill(first, signal.SIGTERM)
            said = [process.stdout.readline().strip()] if prefix else []
            # Who answers afterwards has not been told, and the shell is still there.
            os.kill(first if prefix else child_of(first), signal.SIGUSR1)
            said.append(process.stdout.readline().strip())
        finally:
            process.kill()

    assert heard == said


SLOW = """\
import os, signal, time
shell = os.getppid()
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})
print("ready", flush=True)
signal.sigwait({{signal.SIGTERM}})
print("told", flush=True)
while os.getppid() == shell or not {finishes}:
    time.sleep(0.01)
print("done", flush=True)
"""
"""A program that ends only after its shell."""


def ended_behind(init: list[str], program: Path, *, finishes: bool) -> list[str]:
    """Return what a program behind an init and a shell says, once it is told to end, until all are gone."""
    program.write_text(SLOW.format(finishes=finishes))
    words = [*UNSHARE, *init, "dash", "-c", f"{sys.executable} {program}; true"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=program.parent) as process:
        try:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
            os.kill(child_of(process.pid), signal.SIGTERM)
            return process.stdout.read().split()
        finally:
            process.kill()


@pytest.mark.skipif(not can_unshare(), reason="needs the right to make a namespace of processes")
@pytest.mark.parametrize("init", [["tini", "--"], ["tini", "-g", "--"], ["dumb-init"]], ids=" ".join)
def test_a_shell_behind_an_init_dies_and_takes_the_program_along(init: list[str], tmp_path: Path) -> None:
    """The init leaves with the shell, which kills the rest: what would go on for ever is gone, told or not."""
    needs(init[0])
    needs("dash")

    assert ended_behind(init, tmp_path / "program.py", finishes=False) in ([], ["told"])


@pytest.mark.skipif(not can_unshare(), reason="needs the right to make a namespace of processes")
def test_a_shell_behind_the_agent_dies_and_the_program_ends_well(tmp_path: Path) -> None:
    """The agent tells all that the command has started, and waits for it."""
    needs("dash")
    agent = [sys.executable, "-m", "processender", "run", "-q", "--"]

    assert ["told", "done"] == ended_behind(agent, tmp_path / "program.py", finishes=True)
