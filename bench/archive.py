"""A million ends: how long a report over them takes, from the state directory and from PostgreSQL, and what a line costs."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from processender.archive import lines
from processender.archive.index import NAME
from processender.archive.postgres import connected, write

from .figures import Figure, say
from .programs import PYTHON, environment, state_directory

REPORTS, SERVICES, DAYS = 1_000_000, 20, 90
TIMES = 5
HANDLERS = ("leave-traffic", "drain", "flush-orders", "commit-offsets", "close-pool", "say-goodbye")
CAUSES = ("SIGTERM", "SIGTERM", "spot", "deploy")
BAR_S, HTML_S, MEMORY_MB, LINE_US = 1.5, 3.0, 150.0, 300.0
ASKED = ("--since", f"{DAYS + 1}d")
TABLES = ("cells", "handlers", "reasons", "runs", "opened", "days", "times", "deeds", "spans", "whys", "marks")


def measure() -> list[Figure]:
    """Write the reports, read them into an index, ask it; copy it to PostgreSQL, and ask that."""
    from tests.integration.servers import postgres

    with state_directory() as root:
        figures = [_line()]
        say("writing a million reports ...")
        write_reports(root, REPORTS)
        figures += _built(root)
        figures += _asked(root, "")
        with postgres() as url:
            say("copying them to PostgreSQL ...")
            copy(os.path.join(root, NAME), url)
            figures += _asked(url, ", PostgreSQL")
            figures.append(_written(url))
    return figures


# The reports.


def write_reports(root: str, reports: int) -> None:
    """Write the lines that so many ends, of some services in three zones, would have left."""
    chance = random.Random(7)
    now = time.time()
    for number in range(SERVICES):
        place = os.path.join(root, f"service-{number}", lines.DIRECTORY)
        os.makedirs(place)
        segment, file = 0, None
        for text in _lines(f"service-{number}", reports // SERVICES, now, chance):
            if file is None or file.tell() > lines.SEGMENT_BYTES:
                segment += 1
                if file is not None:
                    file.close()
                file = open(os.path.join(place, f"{segment:06}{lines.SUFFIX}"), "w", encoding="ascii")  # noqa: SIM115
            file.write(text)
        if file is not None:
            file.close()


def _lines(service: str, reports: int, now: float, chance: random.Random) -> Iterator[str]:
    """Return the two lines of each run, or only the first where it was killed."""
    deeds = [_deeds(chance) for _ in range(2_000)]
    for number in range(reports):
        at = now - DAYS * 86400 * (1 - number / reports)
        run = f"{int(at):x}-{chance.getrandbits(48):012x}"
        about = (
            f'"v": 1, "at": {at:.6f}, "window_s": 30.0, "service": "{service}", "version": "1.{8 * number // reports}.0",'
            f' "deployment": "", "zone": "zone-{"abc"[number % 3]}", "node": "node-{number % 50}",'
            f' "instance": "{service}-{number % 500}", "cause": "{chance.choice(CAUSES)}"'
        )
        begin = f'{{"start": "{run}", {about}}}\n'
        if chance.random() < 0.02:
            yield begin
            continue
        verdict, handlers = chance.choice(deeds)
        seconds = chance.lognormvariate(1.0, 0.5)
        yield f'{begin}{{"end": "{run}", {about}, "verdict": "{verdict}", "seconds": {seconds:.6f}, "handlers": {handlers}}}\n'


def _deeds(chance: random.Random) -> tuple[str, str]:
    """Return a verdict, and the handlers that led to it."""
    handlers, verdict = [], "clean"
    for name in HANDLERS:
        took, outcome, reason = round(chance.lognormvariate(-1.0, 0.7), 6), "done", ""
        if chance.random() < 0.02:
            outcome, reason, verdict = "skipped", "the window is too short", "degraded"
        retries = int(chance.random() < 0.05)
        handlers.append([name, "flush", "should", outcome, None if reason else took, retries, reason, 5.0])
    return verdict, json.dumps(handlers)


def copy(index: str, url: str) -> None:
    """Copy the tables of an index to PostgreSQL, where they would have come to be by a million writes."""
    write(connected(url), [])
    source = sqlite3.connect(f"file:{index}?mode=ro", uri=True)
    target = connected(url)
    target.execute("SET search_path = processender")
    for table in TABLES:
        with target.cursor().copy(f"COPY {table} FROM STDIN") as rows:
            for row in source.execute(f"SELECT * FROM {table}"):
                rows.write_row(row)
    target.commit()
    target.autocommit = True
    target.execute("VACUUM ANALYZE")
    # What it still writes is not to stand beside what is measured.
    target.execute("CHECKPOINT")
    target.close()
    source.close()


# Figures.


def _line() -> Figure:
    """Measure what a line costs the process that ends."""
    deeds = [{"name": name, "phase": "flush", "importance": "must", "outcome": "done"} for name in HANDLERS]
    times = [{"started_s": 0.1, "ended_s": 0.2, "reason": "", "timeout_s": 5.0} for _ in deeds]
    account = {
        "id": "1-a", "service": "shop", "version": "1.0.0", "started": 1.0, "ended": 2.0, "seconds": 1.0,
        "window": {"length_s": 30.0}, "cause": "SIGTERM", "verdict": "clean", "retries": [], "command": None,
        "handlers": [{**each, **time} for each, time in zip(deeds, times, strict=True)],
    }  # fmt: skip
    took = []
    with tempfile.TemporaryDirectory() as place:
        for _ in range(500):
            began = time.perf_counter()
            lines.take(place, account)
            took.append(time.perf_counter() - began)
    return Figure("a line in the archive, at the end of a run (p50)", statistics.median(took) * 1e6, "us", bar=LINE_US)


def _built(root: str) -> list[Figure]:
    say("reading a million reports ...")
    size = sum(path.stat().st_size for path in Path(root).rglob(f"*{lines.SUFFIX}"))
    seconds, memory = _run(["--from", root, *ASKED])
    beside = f"once; {size / 1e6:.0f} MB of lines, {os.path.getsize(os.path.join(root, NAME)) / 1e6:.0f} MB of index"
    return [
        Figure("an index of 1,000,000 reports, from nothing", seconds, "s", beside=beside),
        Figure("memory for that", memory, "MB", bar=MEMORY_MB),
    ]


def _asked(where: str, how: str) -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory() as place:
        page = os.path.join(place, "report.html")
        for what, options, bar in (("overview", (), BAR_S), ("HTML", ("--html", page), HTML_S)):
            runs = [_run(["--from", where, *ASKED, *options]) for _ in range(TIMES)]
            times = sorted(seconds for seconds, _ in runs)
            beside = f"{times[0]:.2f} to {times[-1]:.2f} s"
            figures.append(
                Figure(f"{what} of 1,000,000 reports{how} (p50)", statistics.median(times), "s", bar=bar, beside=beside)
            )
            figures.append(
                Figure(f"memory for the {what}{how}", max(memory for _, memory in runs), "MB", bar=MEMORY_MB)
            )
        figures.append(Figure(f"size of the HTML{how}", os.path.getsize(page) / 1000, "KB", bar=300.0))
    return figures


def _run(options: Sequence[str]) -> tuple[float, float]:
    """Run `processender report` and return how long it took, seconds, and its memory, MB."""
    with state_directory() as state:
        began = time.perf_counter()
        process = subprocess.Popen(
            [PYTHON, "-m", "processender", "report", *options],
            env=environment(state) | _path(), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
    assert process.returncode == 0, f"processender report {' '.join(options)} ended with {process.returncode}"
    return seconds, used.ru_maxrss / 1024


def _path() -> dict[str, str]:
    """Return where this very package is found."""
    return {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}


def _written(url: str) -> Figure:
    """Measure one more account into a million."""
    took = []
    for number in range(20):
        account = {
            "id": f"f-{number}", "service": "service-3", "version": "1.7.0", "started": time.time(), "ended": time.time(),
            "seconds": 1.0, "window": {"length_s": 30.0}, "cause": "SIGTERM", "verdict": "clean", "handlers": [],
        }  # fmt: skip
        began = time.perf_counter()
        write(connected(url), [account])
        took.append(time.perf_counter() - began)
    return Figure(
        "one more account into PostgreSQL (p50)", statistics.median(took) * 1e3, "ms", beside="with the connection"
    )
