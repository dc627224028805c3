"""A scripted run that is killed before each of its calls to the kernel, and recovered."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from processender.core.obligation import Obligation
from processender.engine.clock import SystemClock
from processender.recovering import recover

CALLS = "pwrite64,fdatasync,fsync,unlink,rmdir,mkdir"
"""What a journal and its releasers ask of the kernel, and where a kill may leave something half done."""
SCRIPT = """
import os, sys
from processender.core.obligation import Entry, Kind, Obligation, intent
from processender.journal.file import FileJournal
from processender.journal.owner import claim

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
for number in (2, 0):
    release(number)
journal.close()
"""


RECOVERY = """
import os, sys
from processender.engine.clock import SystemClock
from processender.recovering import recover

class Removing:
    def check(self, obligation):
        return os.path.exists(obligation.key)
    def release(self, obligation, token, ctx):
        os.unlink(obligation.key)

recovered = recover(sys.argv[1], lambda _name: Removing(), SystemClock(), 20.0)
assert not recovered.troubles, recovered.troubles
"""


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

    def __init__(self, base: Path) -> None:
        self.place, self.root = base / "demo", base / "root"
        self.root.mkdir(parents=True)
        self.place.mkdir()
        self.says = base / "acknowledged"

    def run(self, *inject: str) -> int:
        """Run the script with what is injected into its calls below the base; return its exit code."""
        return self._trace(os.devnull, inject, SCRIPT)

    def be_recovered(self, *inject: str, trace: str = os.devnull) -> int:
        """Recover in a process of its own, as `run` runs; return its exit code."""
        return self._trace(trace, inject, RECOVERY)

    def _trace(self, trace: str, inject: Sequence[str], source: str) -> int:
        command = ["strace", "-f", "-qq", "-o", trace, "-e", f"trace={CALLS}", *inject]
        command += [sys.executable, "-c", source, str(self.place), str(self.root)]
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, env=env, capture_output=True, timeout=60, check=False).returncode

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
        found = [f"{path.name} was left behind" for path in self.root.iterdir()]
        found += [f"{id_} was never owed" for id_ in set(counted.effects) - owed - {str(len(owed))}]
        found += [f"{id_} was released again" for id_ in released.intersection(counted.effects)]
        found += [f"{id_} was released twice" for id_ in set(counted.effects) if counted.effects.count(id_) > 1]
        found += [f"{id_} was released by the second recovery" for id_ in again.effects]
        if (self.place / "journal").exists():
            found += [f"the journal {path.name} was left behind" for path in (self.place / "journal").iterdir()]
        return found


def calls_of(base: Path) -> list[str]:
    """Return the calls that the script makes, in order, as strace sees them."""
    sweep = Sweep(base)
    trace = base / "trace"
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={CALLS}"]
    subprocess.run([*command, sys.executable, "-c", SCRIPT, str(sweep.place), str(sweep.root)], check=True, timeout=60)
    return calls_in(trace)


def calls_in(trace: Path) -> list[str]:
    """Return the calls that strace has written down."""
    found = (re.match(r"\d+ +(\w+)\(", line) for line in trace.read_text(encoding="utf-8").splitlines())
    return [each[1] for each in found if each]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the calls of a run in which nothing fails."""
    assert shutil.which("strace"), "strace is needed: `make test` installs it"
    return calls_of(tmp_path_factory.mktemp("calls"))


@pytest.fixture(scope="module")
def counts(calls: list[str]) -> dict[str, int]:
    """Return how often each call is made."""
    return dict(Counter(calls))


WRITES = tuple(CALLS.split(","))


@pytest.mark.parametrize("call", WRITES)
def test_killed_before_any_call_nothing_is_lost_or_doubled(call: str, counts: dict[str, int], tmp_path: Path) -> None:
    """SIGKILL before the first, the second, ... each instant, then recover, twice."""
    wrong = {}
    for at in range(1, counts.get(call, 0) + 1):
        sweep = Sweep(tmp_path / f"{at}")
        code = sweep.run("-e", f"inject={call}:signal=SIGKILL:when={at}")
        assert code in {-9, 137}, (at, code)
        found = sweep.violations()
        if found:
            wrong[at] = found

    assert {} == wrong
    assert counts.get(call, 0) >= 1


@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "fsync"])
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_an_error_of_any_call_is_told_before_the_effect_or_helped(
    call: str, error: str, counts: dict[str, int], tmp_path: Path
) -> None:
    """A failing disk at each instant: either the run goes on and loses nothing, or it was refused."""
    wrong = {}
    for at in range(1, counts.get(call, 0) + 1):
        sweep = Sweep(tmp_path / f"{at}")
        sweep.run("-e", f"inject={call}:error={error}:when={at}")
        found = sweep.violations()
        if found:
            wrong[at] = found

    assert {} == wrong


def test_a_short_write_at_any_call_loses_nothing(counts: dict[str, int], tmp_path: Path) -> None:
    """The kernel claims three bytes and writes none."""
    wrong = {}
    for at in range(1, counts["pwrite64"] + 1):
        sweep = Sweep(tmp_path / f"{at}")
        sweep.run("-e", f"inject=pwrite64:retval=3:when={at}")
        found = sweep.violations()
        if found:
            wrong[at] = found

    assert {} == wrong


@pytest.mark.parametrize("begins", [1, 17, 18, 34, 36])
def test_a_disk_that_takes_nothing_is_refused(begins: int, tmp_path: Path) -> None:
    """From one write on the kernel claims success and takes no byte: nobody waits for ever, and nothing is lost."""
    sweep = Sweep(tmp_path / "demo")
    code = sweep.run("-e", f"inject=pwrite64:retval=0:when={begins}+")

    assert code == 1
    assert [] == sweep.violations()


def test_an_error_of_any_call_of_a_recovery_is_helped_by_the_next(tmp_path: Path) -> None:
    """EIO from the first, the second, ... call on all fail: the next recovery finds nothing damaged and leaves nothing."""
    trace = tmp_path / "trace"
    assert left_by_a_run(tmp_path / "all").be_recovered(trace=str(trace)) == 0
    calls = calls_in(trace)
    wrong = {}
    for call, at in {(call, calls[: at + 1].count(call)) for at, call in enumerate(calls)}:
        if call == "pwrite64" and at not in writes_after(calls, 0):
            continue
        sweep = left_by_a_run(tmp_path / f"{call}-{at}")
        sweep.be_recovered("-e", f"inject={call}:error=EIO:when={at}+")
        found = [] if sweep.be_recovered() == 0 else ["the next recovery had troubles"]
        found += sweep.violations()
        if found:
            wrong[call, at] = found

    assert {} == wrong


def left_by_a_run(base: Path) -> Sweep:
    """Return what a run leaves that dies before its first removal: two things that are there."""
    sweep = Sweep(base)
    assert sweep.run("-e", "inject=unlink:signal=SIGKILL:when=1") in {-9, 137}
    return sweep


def test_a_recovery_that_is_killed_before_any_call_is_taken_up_by_the_next(tmp_path: Path) -> None:
    """SIGKILL before the first, the second, ... call of each recovery, over and over; nothing is reported damaged."""
    sweep = left_by_a_run(tmp_path / "all")
    assert sweep.be_recovered(trace=str(tmp_path / "trace")) == 0
    calls = calls_in(tmp_path / "trace")
    instants = [(call, at) for call, times in Counter(calls).items() for at in range(1, times + 1)]
    instants = [each for each in instants if each[0] != "pwrite64" or each[1] in writes_after(calls, 0)]
    wrong, killed = {}, 0
    for call, at in instants:
        sweep = left_by_a_run(tmp_path / f"{call}-{at}")
        codes = [sweep.be_recovered("-e", f"inject={call}:signal=SIGKILL:when={at}") for _ in range(2)]
        # Two threads release, each with its own count of calls, so the last of them may not be reached.
        killed += codes[0] in {-9, 137}
        found = [] if sweep.be_recovered() == 0 else ["the last recovery had troubles"]
        found += sweep.violations()
        if found:
            wrong[call, at] = found

    assert {} == wrong
    assert killed >= 15


def writes_after(calls: list[str], begins: int) -> list[int]:
    """Return the numbers of the writes after the call *begins*; of those that fill a segment with zeros two are enough."""
    places = [at for at, call in enumerate(calls) if call == "pwrite64"]
    inside = {at for at in places if calls[at - 1 : at + 2] == ["pwrite64"] * 3}
    return [number for number, at in enumerate(places, 1) if at > begins and at not in inside]


def test_flushes_that_lie_lose_nothing_when_the_process_is_killed(calls: list[str], tmp_path: Path) -> None:
    """From any flush on all claim success and do nothing; SIGKILL before any later write: the kernel has it all."""
    wrong, runs = {}, 0
    for begins in [at for at, call in enumerate(calls) if call in {"fdatasync", "fsync"}]:
        lies = []
        for flush in ("fdatasync", "fsync"):
            lies += ["-e", f"inject={flush}:retval=0:when={calls[:begins].count(flush) + 1}+"]
        for killed in writes_after(calls, begins):
            sweep = Sweep(tmp_path / f"{begins}-{killed}")
            code = sweep.run(*lies, "-e", f"inject=pwrite64:signal=SIGKILL:when={killed}")
            assert code in {-9, 137}, (begins, killed, code)
            runs += 1
            found = sweep.violations()
            if found:
                wrong[begins, killed] = found

    assert {} == wrong
    assert runs >= 100


def test_every_instant_is_covered(counts: dict[str, int]) -> None:
    """The sweep is as wide as the run has calls."""
    swept = {call: counts.get(call, 0) for call in WRITES}
    print(json.dumps(swept))  # shown with -rP, and in the figures

    assert sum(swept.values()) >= 60
