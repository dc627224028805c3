"""Inits side by side: their start, what 50,000 orphans cost them, and 10,000 signals in a second."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .figures import Figure, say
from .programs import environment

ROOT = Path(__file__).parent.parent
ROUNDS = 40
ORPHANS = 50_000
SIGNALS = 10_000

FORKER = f"""
import os, time
for _ in range({ORPHANS // 100}):
    pid = os.fork()
    if not pid:
        for _ in range(100):
            if not os.fork():
                os._exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
above = os.getppid()
while open(f"/proc/{{above}}/task/{{above}}/children").read().split() != [str(os.getpid())]:
    time.sleep(0.01)
"""
"""A program that leaves orphans behind, each of which ends at once, and itself when the last has been reaped."""

COUNTER = """
import os, signal
everything = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, everything)
os.write(1, b"ready\\n")
counts = {}
while not counts.get(signal.SIGTERM):
    number = signal.sigwaitinfo(everything).si_signo
    counts[number] = counts.get(number, 0) + 1
while (more := signal.sigtimedwait(everything, 0.5)) is not None:
    counts[more.si_signo] = counts.get(more.si_signo, 0) + 1
os.write(1, b"%d %d" % (sum(counts[number] for number in counts if number >= 34), counts[signal.SIGTERM]))
"""
"""A program that counts the signals that it gets, up to TERM and what comes with it."""


def build(where: str) -> Path:
    """Build the one-file program in *where*, with the links of its other names."""
    program = Path(where) / "processender-init"
    subprocess.run([sys.executable, ROOT / "tools" / "zipapp", program], check=True)
    for name in ("tini", "dumb-init"):
        (Path(where) / name).symlink_to(program)
    # The first line of the program asks for python3, which is to be the one that measures.
    (Path(where) / "python3").symlink_to(os.path.realpath(sys.executable))
    return program


def surroundings(where: str) -> dict[str, str]:
    """Return the environment in which python3 is the one that measures."""
    return {**environment(where), "PATH": f"{where}:{os.environ['PATH']}"}


def starts(cases: dict[str, list[str]], where: str) -> dict[str, float]:
    """Return the least time of each case, in milliseconds: what neighbours take away is not the program's."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, argv in cases.items():
            began = time.perf_counter()
            subprocess.run(argv, env=surroundings(where), check=True, capture_output=True)
            times[name].append(time.perf_counter() - began)
    return {name: min(each) * 1000 for name, each in times.items()}


def processor_time(argv: list[str], where: str) -> float:
    """Return the processor time that an init itself takes for all orphans, in seconds."""
    process = subprocess.Popen(argv, env=surroundings(where), stdout=subprocess.DEVNULL)
    # What is not waited for yet still tells its own time, without that of those it has reaped.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    if process.wait():
        raise RuntimeError(f"{argv[0]} has left with {process.returncode}")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def storm(argv: list[str], where: str) -> tuple[int, int, float]:
    """Send an init signals of all kinds; return the real-time ones that are lost, the stops and the seconds."""
    process = subprocess.Popen(
        [*argv, sys.executable, "-IS", "-c", COUNTER], env=surroundings(where), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    kinds = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, 35, 40, 50, 60]
    began, queued = time.perf_counter(), 0
    for count in range(SIGNALS - 1):
        number = kinds[count % len(kinds)]
        queued += number >= 34
        process.send_signal(number)
        # A second's worth, evenly: the kernel keeps no more real-time signals than the limit of pending ones.
        if (ahead := began + count / SIGNALS - time.perf_counter()) > 0.005:
            time.sleep(ahead)
    process.send_signal(signal.SIGTERM)
    seconds = time.perf_counter() - began
    came, stops = map(int, process.stdout.read().split())
    if code := process.wait():
        raise RuntimeError(f"{argv[0]} has left with {code}, its command with 0")
    return queued - came, stops, seconds


def measure() -> list[Figure]:
    """Measure the starts, the orphans and the signals."""
    where = tempfile.mkdtemp(prefix="processender-bench-")
    try:
        own = str(build(where))
        say("inits: starts ...")
        python = f"{where}/python3"
        took = starts({
            "python": [python, "-IS", "-c", "pass"], "own": [own, "--", "true"],
            "as tini": [f"{where}/tini", "-s", "true"], "as dumb-init": [f"{where}/dumb-init", "true"],
            "tini": ["/usr/bin/tini", "-s", "true"], "dumb-init": ["/usr/bin/dumb-init", "true"],
        }, where)  # fmt: skip
        beside = ", ".join(f"{name} {took[name]:.1f} ms" for name in took if name != "own")
        figures = [
            Figure("zipapp `-- true` / python -IS -c pass", took["own"] / took["python"], "", bar=3, beside=beside)
        ]
        say("inits: orphans ...")
        forker = [sys.executable, "-IS", "-c", FORKER]
        tini = processor_time(["/usr/bin/tini", "-s", "--", *forker], where)
        agent = processor_time([own, "--", *forker], where)
        named = processor_time([f"{where}/tini", "-s", "--", *forker], where)
        figures.append(Figure(f"processor time for {ORPHANS} orphans / tini's", agent / tini, "", bar=10,
                              beside=f"tini {tini:.2f} s, agent {agent:.2f} s, under the name tini {named:.2f} s"))  # fmt: skip
        say("inits: signals ...")
        lost, stops, seconds = storm([own, "--on-signal", "TERM:stop", "--"], where)
        others = storm(["/usr/bin/tini", "-s", "--"], where)
        figures += [
            Figure(
                f"real-time signals lost of {SIGNALS} mixed ones in {seconds:.2f} s",
                lost,
                "",
                bar=0,
                beside=f"tini {others[0]}",
            ),
            Figure("stops that the command has got", stops, "", bar=1, at_least=1),
        ]
        return figures
    finally:
        shutil.rmtree(where, ignore_errors=True)
