"""
Rules about shells that stand between the kubelet and the program.

Seen with real ones: `dash -c CMD` starts CMD as a child, also a single simple command, and stays. `bash -c`, and the
ash of BusyBox, become the last command of their list; bash not if that is redirected, in a pipeline, or part of a
compound. For a first process without a handler the kernel drops SIGTERM; any other shell dies of it, and an init before
it leaves at once, which kills what the shell has started, told (`tini -g`, `dumb-init`) or not. An agent waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from .facts import Facts
from .finding import ERROR, WARNING, Finding
from .words import Shell, swallowing
from .workload import Pod


def shell_keeps_signal(pod: Pod, _facts: Facts) -> Iterator[Finding]:
    """Find a shell that gets SIGTERM in the place of the program."""
    for container in pod.living:
        shell = swallowing(container.words)
        if shell is None or (shell.simple and shell.name in _GIVING):
            continue
        what = f"{shell.name} runs {shell.file or 'a script'} and stays in front of the program"
        why = f"{_WHY}{_doubt(shell)}"
        sure = bool(shell.script) and not shell.simple
        severity = ERROR if sure else WARNING
        place = container.runs_at.place
        yield Finding(place, severity, "shell-keeps-signal", pod.subject(container), what, why, _step(shell))


_GIVING = frozenset({"bash", "ash"})
_WHY = (
    "SIGTERM goes to the shell: as PID 1 it does not hear it, behind an init it dies of it and takes the rest along; "
    "either way the program ends by SIGKILL"
)


def _doubt(shell: Shell) -> str:
    if shell.simple:
        return "; only a bash or an ash gives its place to the last command"
    return "" if shell.script else "; unless the script ends with an `exec`, which is not seen here"


def _step(shell: Shell) -> str:
    if not shell.script:
        return (
            f"begin the last line of {shell.file or 'the script'} with `exec`, or put `processender run --` before it"
        )
    return "begin the last command with `exec`, name the program as the command, or put `processender run --` before it"
