"""
A scripted run that is killed, or refused by its disk, at each of its calls to the kernel, and recovered.

Theory of operation. strace writes down every call that touches what lies below one directory, and later injects a
signal, an error or a false result at the one that is meant. A call is known by its name and its number among those of
its name and its thread, which is how strace counts. The run is the same each time, so its calls are, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor  # noqa: TID251 - nothing here can be stuck: each run has a limit
from pathlib import Path
from typing import NamedTuple, TypeVar

from processender.core.obligation import Obligation
from processender.engine.clock import SystemClock
from processender.recovering import recover

CALLS = "pwrite64,write,fdatasync,fsync,openat,mkdir,rmdir,unlink,rename"
"""What a journal, its releasers and an account of a crash ask of the kernel to change a disk."""
HARMLESS = {
    "access", "chdir", "close", "execve", "faccessat2", "fcntl", "flock", "fstat", "fstatfs", "getcwd", "getdents64",
    "ioctl", "lseek", "lstat", "mmap", "newfstatat", "openat", "poll", "ppoll", "pread64", "read", "readlink", "readlinkat",
    "select", "stat", "statfs", "statx", "dup", "dup2", "epoll_ctl", "umask",
}  # fmt: skip
"""What changes nothing that outlasts the process; a lock is gone with it. An openat that creates is not of these."""
KILLED = {-9, 137}
LIMIT_S = 60.0
T = TypeVar("T")
Wrong = dict[str, list[str]]
SCRIPT = """
import os, sys
from processender.core.obligation import Entry, Kind, Obligation, intent
from processender.engine.clock import SystemClock
from processender.integrations.files import atomic_write
from processender.journal.file import FileJournal
from processender.journal.owner import claim
from processender.obligations import Obligations

place, root = sys.argv[1:]
says = os.open(os.path.join(os.path.dirname(place), 'acknowledged'), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
journal = FileJournal(claim(os.path.join(place, 'journal')), complain=print)
def release(number):
    journal.append(Entry(Kind.RELEASING, str(number)))
    os.unlink(os.path.join(root, str(number)))
    os.write(says, f'released {number}\\n'.encode())
    journal.append(Entry(Kind.RELEASED, str(number)))
for number in range(4):
    key = os.path.join(root, str(number))
    journal.append(intent(Obligation(str(number), 'file', key, 'counted', {'root': root})))
    os.write(says, f'owed {number}\\n'.encode())
    os.close(os.open(key, os.O_CREAT | os.O_WRONLY))
    if number % 2:
        release(number)
class Owing:
    home = Obligations(SystemClock(), lambda: journal)
    def obligation(self, kind, *, key, releaser, **args):
        return self.home.make(kind, key, releaser, args, '', ())
with atomic_write(Owing(), os.path.join(root, 'whole'), root=root) as file:
    file.write(b'all of it')
os.write(says, b'published\\n')
for number in (2, 0):
    release(number)
journal.close()
"""
RECOVERY = """
import os, sys
from processender.crashing import Aftermath
from processender.engine.clock import SystemClock
from processender.recovering import recover

class Removing:
    def check(self, obligation):
        return os.path.exists(obligation.key)
    def release(self, obligation, token, ctx):
        os.unlink(obligation.key)

find, clock = (lambda _name: Removing()), SystemClock()
Aftermath(sys.argv[1], 'demo', find, clock, 20.0, lambda _event: None).account(told=False)
recovered = recover(sys.argv[1], find, clock, 20.0)
assert not recovered.troubles, recovered.troubles
"""


_INTENT = "    journal.append(intent(Obligation(str(number), 'file', key, 'counted', {'root': root})))\n"
_SAYS = "    os.write(says, f'owed {number}\\n'.encode())\n"
_MAKES = "    os.close(os.open(key, os.O_CREAT | os.O_WRONLY))\n"
CARELESS = SCRIPT.replace(_INTENT + _SAYS + _MAKES, _MAKES + _INTENT + _SAYS)
"""The mistake that a journal is there to prevent: the thing is made before it is written down."""


class Call(NamedTuple):
    """One call to the kernel."""

    name: str
    number: int
    """Its number among those of its name in its thread; the first is 1."""
    line: str
    """What strace has written of it."""

    def __str__(self) -> str:
        return f"{self.name}-{self.number}"

    @property
    def changes(self) -> bool:
        """Whether a disk differs afterwards."""
        return "O_CREAT" in self.line if self.name == "openat" else self.name not in HARMLESS

    def inject(self, what: str, more: str = "") -> list[str]:
        """Return the options of strace that bring *what* about there; with *more* `+` from there on."""
        return ["-e", f"inject={self.name}:{what}:when={self.number}{more}"]


class Counted:
    """The double that is released: it counts the effects, not what `check` says."""

    def __init__(self) -> None:
        self.effects: list[str] = []

    def check(self, obligation: Obligation) -> bool:
        """Tell whether there is something to release."""
        return Path(obligation.key).exists()

    def release(self, obligation: Obligation, token: int, ctx) -> None:
        """Remove it, and count."""
        os.unlink(obligation.key)
        self.effects.append(obligation.id)


class Sweep:
    """One run under strace, and what it leaves."""

    script = SCRIPT

    def __init__(self, base: Path) -> None:
        self.base, self.place, self.root = base, base / "demo", base / "root"
        self.root.mkdir(parents=True)
        self.place.mkdir()
        self.says = base / "acknowledged"

    def run(self, *inject: str, trace: str = os.devnull, calls: str = CALLS) -> int:
        """Run the script with what is injected into its calls; return its exit code."""
        return self._trace(trace, calls, inject, self.script)

    def be_recovered(self, *inject: str, trace: str = os.devnull, calls: str = CALLS) -> int:
        """Recover in a process of its own, as `run` runs; return its exit code."""
        return self._trace(trace, calls, inject, RECOVERY)

    def _trace(self, trace: str, calls: str, inject: Sequence[str], source: str) -> int:
        # With it the kernel stops for these calls only, in half the time; but a signal would be lost.
        fast = [] if any("signal=" in each for each in inject) else ["--seccomp-bpf"]
        command = ["strace", "-f", *fast, "-qq", "-y", "-s", "16", "-o", trace, "-e", f"trace={calls}"]
        command += ["-e", "signal=none", *inject, sys.executable, "-c", source, str(self.place), str(self.root)]
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, env=env, capture_output=True, timeout=LIMIT_S, check=False).returncode

    def acknowledged(self) -> tuple[set[str], set[str]]:
        """Return what was promised, and what was released by the run itself."""
        lines = self.says.read_text(encoding="utf-8").split("\n") if self.says.exists() else []
        words = [line.split() for line in lines if line]
        return {w[1] for w in words if w[0] == "owed"}, {w[1] for w in words if w[0] == "released"}

    def recover(self) -> Counted:
        """Recover what is left."""
        counted = Counted()
        recover(str(self.place), lambda _name: counted, SystemClock(), 20.0)
        return counted

    def violations(self) -> list[str]:
        """Recover twice and return what is wrong."""
        counted = self.recover()
        again = self.recover()
        owed, released = self.acknowledged()
        numbered = {id_ for id_ in counted.effects if id_.isdecimal()}
        found = [f"{path.name} was left behind" for path in self.root.iterdir() if path.name != "whole"]
        found += [f"{id_} was never owed" for id_ in numbered - owed - {str(len(owed))}]
        found += [f"{id_} was released again" for id_ in released.intersection(counted.effects)]
        found += [f"{id_} was released twice" for id_ in set(counted.effects) if counted.effects.count(id_) > 1]
        found += [f"{id_} was released by the second recovery" for id_ in again.effects]
        if (self.place / "journal").exists():
            found += [f"the journal {path.name} was left behind" for path in (self.place / "journal").iterdir()]
        return found + self._published()

    def _published(self) -> list[str]:
        whole = self.root / "whole"
        if whole.exists():
            return [] if whole.read_bytes() == b"all of it" else ["a part of a file was published"]
        told = self.says.exists() and "published" in self.says.read_text(encoding="utf-8")
        return ["a file that was published is gone"] if told else []

    def unaccounted(self) -> list[str]:
        """Return what is wrong with the accounts of the crash, after a recovery that nothing disturbed."""
        accounts = list((self.place / "crashes").glob("*.json"))
        for each in accounts:
            json.loads(each.read_text(encoding="utf-8"))
        return [] if accounts else ["nobody has accounted for the crash"]


def calls_in(trace: Path, below: Path) -> list[Call]:
    """Return the calls in *trace*, in order, that touch what lies below a directory, each with its number."""
    numbers: Counter[tuple[str, str]] = Counter()
    found = []
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.match(r"(\d+) +(\w+)\(", line)
        if match is None:
            continue
        numbers[match.groups()] += 1
        if str(below) in line:
            found.append(Call(match[2], numbers[match.groups()], line))
    return found


class CarelessSweep(Sweep):
    """The same of a run that makes a mistake."""

    script = CARELESS


def calls_of_a_run(base: Path, calls: str = CALLS, make: type[Sweep] = Sweep) -> list[Call]:
    """Return the calls of a run in which nothing fails, those that change a disk."""
    sweep = make(base)
    trace = base / "trace"
    code = sweep.run(trace=str(trace), calls=calls)
    assert code == 0, code
    return [each for each in calls_in(trace, base) if each.changes]


def calls_of_a_recovery(base: Path, calls: str = CALLS) -> list[Call]:
    """Return the calls of a recovery in which nothing fails, those that change a disk."""
    sweep = left_by_a_run(base)
    trace = base / "trace"
    code = sweep.be_recovered(trace=str(trace), calls=calls)
    assert code == 0, code
    return [each for each in calls_in(trace, base) if each.changes]


def left_by_a_run(base: Path) -> Sweep:
    """Return what a run leaves that dies before its first removal: two things that are there."""
    sweep = Sweep(base)
    assert sweep.run("-e", "inject=unlink:signal=SIGKILL:when=1") in KILLED
    return sweep


def filled_once(calls: Iterable[Call]) -> list[Call]:
    """Return *calls*; of a row of writes that fill a segment with zeros only the first and the last."""
    found = list(calls)
    inside = {
        at for at in range(1, len(found) - 1) if [each.name for each in found[at - 1 : at + 2]] == ["pwrite64"] * 3
    }
    return [each for at, each in enumerate(found) if at not in inside]


def judge(instants: Mapping[str, T], base: Path, judged: Callable[[Sweep, T], list[str]], make=Sweep) -> Wrong:
    """Let *judged* tell what is wrong at each of *instants*, several at a time; return it by the instant."""

    def one(name: str) -> list[str]:
        sweep = make(base / name)
        found = judged(sweep, instants[name])
        if not found:
            shutil.rmtree(sweep.base)
        return found

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return {name: found for name, found in zip(instants, pool.map(one, instants), strict=True) if found}


# What is done to the run, and to the recovery. Each returns what is wrong, by the instant.


def killed_before(base: Path, calls: Iterable[Call], make: type[Sweep] = Sweep) -> Wrong:
    """SIGKILL before each of *calls* of a run."""

    def judged(sweep: Sweep, call: Call) -> list[str]:
        trace = sweep.base / "trace"
        code = sweep.run(*call.inject("signal=SIGKILL"), trace=str(trace))
        reached = calls_in(trace, sweep.base)[-1]
        found = [] if code in KILLED else [f"it was not killed but exited with {code}"]
        if not (reached.changes and reached[:2] == call[:2]):
            found.append(f"it was killed before another call: {reached.line}")
        return found + sweep.violations()

    return judge({str(call): call for call in calls}, base, judged, make)


def failing_at(base: Path, calls: Iterable[Call], what: str) -> Wrong:
    """Each of *calls* of a run does *what* of strace instead: either the run goes on and loses nothing, or it is told."""

    def judged(sweep: Sweep, call: Call) -> list[str]:
        sweep.run(*call.inject(what))
        return sweep.violations()

    return judge({str(call): call for call in calls}, base / what, judged)


def lies(calls: Sequence[Call], most: int) -> dict[str, list[str]]:
    """Return what lets all flushes lie from one on and kills before one of the next *most* writes, for each flush."""
    flushes = [call for call in calls if call.name in {"fdatasync", "fsync"}]
    writes = [call for call in filled_once(calls) if call.name == "pwrite64"]
    found = {}
    for at, flush in enumerate(flushes):
        first = {call.name: call for call in reversed(flushes[at:])}
        lying = [option for call in first.values() for option in call.inject("retval=0", "+")]
        later = calls[calls.index(flush) :]
        for write in [each for each in writes if each in later][:most]:
            found[f"{flush} {write}"] = [*lying, *write.inject("signal=SIGKILL")]
    return found


def lied_to(base: Path, calls: Sequence[Call], most: int) -> tuple[int, Wrong]:
    """From each flush on all claim success and do nothing; SIGKILL before a later write. Return how many runs, too."""

    def judged(sweep: Sweep, inject: list[str]) -> list[str]:
        code = sweep.run(*inject)
        found = [] if code in KILLED else [f"it was not killed but exited with {code}"]
        return found + sweep.violations()

    instants = lies(calls, most)
    return len(instants), judge(instants, base, judged)


def recovery_killed_before(base: Path, calls: Iterable[Call]) -> tuple[int, Wrong]:
    """SIGKILL before each of *calls* of a recovery, twice; the third must do it all. Return how many were killed, too."""
    killed = []

    def judged(sweep: Sweep, call: Call) -> list[str]:
        codes = [sweep.be_recovered(*call.inject("signal=SIGKILL")) for _ in range(2)]
        # Several threads release, each with its own count of calls, so the last of them may not be reached.
        killed.extend(code for code in codes[:1] if code in KILLED)
        found = [] if sweep.be_recovered() == 0 else ["the last recovery had troubles"]
        return found + sweep.violations() + sweep.unaccounted()

    wrong = judge({str(call): call for call in calls}, base, judged, left_by_a_run)
    return len(killed), wrong


def recovery_failing_from(base: Path, calls: Iterable[Call]) -> Wrong:
    """EIO from each of *calls* of a recovery on: the next finds nothing damaged and leaves nothing."""

    def judged(sweep: Sweep, call: Call) -> list[str]:
        sweep.be_recovered(*call.inject("error=EIO", "+"))
        found = [] if sweep.be_recovered() == 0 else ["the next recovery had troubles"]
        return found + sweep.violations()

    return judge({str(call): call for call in calls}, base, judged, left_by_a_run)
