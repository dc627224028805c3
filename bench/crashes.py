"""
What survives a crash, counted: kills at each call, failing and lying disks, and power cuts, simulated and real.

The drivers are those of the tests; here each count has its bar, and shows how many instants it was counted over.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from . import mounts, power, sweep
from .figures import Figure, say

SEEDS = int(os.environ.get("PROCESSENDER_SEEDS", "20000"))
ALL_WRITES = 1 << 30


def measure() -> list[Figure]:
    """Count all of it."""
    with tempfile.TemporaryDirectory(prefix="processender-crashes-") as base:
        return [*killed_and_refused(Path(base)), *simulated(), *cut(Path(base))]


def none(name: str, wrong: dict[str, list[str]], beside: str) -> Figure:
    """Return the figure of how many violations there were; none may be."""
    for where, found in list(wrong.items())[:20]:
        print(f"{name}: {where}: {'; '.join(found)}")
    return Figure(f"violations: {name}", sum(map(len, wrong.values())), "", bar=0, beside=beside)


def killed_and_refused(base: Path) -> list[Figure]:
    """Sweep one run, and the recovery of it."""
    say("kill sweep")
    every = sweep.calls_of_a_run(base / "every", "%file,%desc")
    calls = sweep.calls_of_a_run(base / "calls")
    swept = Counter(call.name for call in calls)
    missed = Counter(call.name for call in every) - swept
    shown = ", ".join(f"{count} {name}" for name, count in sorted(swept.items()))
    careless = sweep.calls_of_a_run(base / "careless", make=sweep.CarelessSweep)
    caught = len(sweep.killed_before(base / "caught", careless, sweep.CarelessSweep))
    figures = [
        Figure("instants at which a run that makes before it writes down is caught", caught, "", at_least=1,
               beside=f"of {len(careless)}: the sweep can fail"),
        Figure("calls of the run that change the disk and are not swept", sum(missed.values()), "", bar=0,
               beside=f"{len(every)} calls; every system call on a file was looked at"),
        none("SIGKILL before each call", sweep.killed_before(base / "killed", calls), f"{len(calls)} instants: {shown}"),
    ]  # fmt: skip
    for error in ("EIO", "ENOSPC"):
        say(f"{error} at each call")
        found = sweep.failing_at(base, calls, f"error={error}")
        figures.append(none(f"{error} at each call", found, f"{len(calls)} instants"))
    writes = [call for call in calls if call.name == "pwrite64"]
    say("short writes and flushes that lie")
    found = sweep.failing_at(base, writes, "retval=3")
    figures.append(none("a short write at each write", found, f"{len(writes)} instants"))
    runs, found = sweep.lied_to(base / "lies", calls, ALL_WRITES)
    figures.append(none("flushes lie from each on, SIGKILL before each later write", found, f"{runs} runs"))
    say("recoveries that are killed and refused")
    # Two threads that release count their calls each for itself, and strace kills the first that comes so far.
    calls = list({str(call): call for call in sweep.calls_of_a_recovery(base / "recovery")}.values())
    killed, found = sweep.recovery_killed_before(base / "killed-recovery", calls)
    figures.append(none("recovery killed at each call, twice", found, f"{len(calls)} instants, {killed} reached"))
    found = sweep.recovery_failing_from(base / "failing-recovery", calls)
    figures.append(none("EIO from each call of a recovery on", found, f"{len(calls)} instants"))
    return figures


def lives(kind: Callable[[int], power.Life], seeds: int) -> dict[str, list[str]]:
    """Return what is wrong, by the seed."""
    wrong = {}
    for seed in range(seeds):
        if not seed % 100:
            say(f"simulated disk: seed {seed} of {seeds}")
        found = kind(seed).violations()
        if found:
            wrong[f"seed {seed}"] = found
    return wrong


def simulated() -> list[Figure]:
    """Cut the power of a simulated disk, honest, lying, and under writers that are broken."""
    figures = [
        none("power cuts on a simulated disk", lives(power.Life, SEEDS), f"{SEEDS:,} seeds, two cuts each"),
        none("power cuts on a disk that lies", lives(power.Lied, SEEDS // 2), f"{SEEDS // 2:,} seeds, two cuts each"),
    ]
    say("writers that are broken on purpose")
    caught = sum(power.is_caught(disk) for disk in power.BROKEN)
    with contextlib.ExitStack() as after:

        def patch(where: object, name: str, value: object) -> None:
            after.callback(setattr, where, name, getattr(where, name))
            setattr(where, name, value)

        caught += power.early_header_is_caught(patch)
    wanted = len(power.BROKEN) + 1
    return [*figures, Figure("writers broken on purpose that are caught", caught, "", at_least=wanted,
                             beside=f"of {wanted}")]  # fmt: skip


def cut(base: Path) -> list[Figure]:
    """Cut the power of real file systems, where there are some to be had."""
    figures = []
    for kind in mounts.MAKE:
        wrong, owed = {}, 0
        try:
            for at in mounts.CUTS:
                say(f"power cut on {kind} after {at} acknowledgements")
                place = base / f"{kind}-{at}"
                place.mkdir()
                said, violations, left = mounts.after_a_cut(kind, at, place)
                owed += len(said.owed)
                if violations or left:
                    wrong[f"after {at}"] = [*violations, *left]
        except mounts.CannotMount as error:
            print(f"no power cuts on {kind}: {error}")
            continue
        beside = f"{len(mounts.CUTS)} cuts, {owed} acknowledged"
        figures.append(none(f"power cuts on a real {kind}", wrong, beside))
    return figures
