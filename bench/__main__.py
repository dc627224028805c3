"""`python -m bench [NAME ...] [--json]`: measure, print, and write `bench/results.json`."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

from . import (
    agent,
    archive,
    balancers,
    calls,
    containers,
    crashes,
    deadline,
    emit,
    engine,
    exporters,
    imports,
    inits,
    journal,
    kills,
    kubelet,
    latency,
    middleware,
    planning,
    rehearse,
    rolling,
    serverless,
    sources,
    stops,
)
from .figures import Figure, say, table

RESULTS = Path(__file__).parent / "results.json"
BENCHES = {
    "imports": imports.measure,
    "engine": engine.measure,
    "planning": planning.measure,
    "latency": latency.measure,
    "deadline": deadline.measure,
    "emit": emit.measure,
    "exporters": exporters.measure,
    "journal": journal.measure,
    "agent": agent.measure,
    "inits": inits.measure,
    "rolling": rolling.measure,
    "balancers": balancers.measure,
    "sources": sources.measure,
    "serverless": serverless.measure,
    "stops": stops.measure,
    "crashes": crashes.measure,
    "kills": kills.measure,
    "containers": containers.measure,
    "kubelet": kubelet.measure,
    "calls": calls.measure,
    "middleware": middleware.measure,
    "rehearse": rehearse.measure,
    "archive": archive.measure,
}


def main() -> int:
    """Run the benchmarks that were named, or all; exit with 1 when a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all if none is given")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHES)
    if unknown:
        parser.error(f"there is no benchmark {min(unknown)!r}; known: {', '.join(BENCHES)}")
    figures: dict[str, list[Figure]] = {}
    for name in arguments.names or BENCHES:
        say(f"{name} ...")
        figures[name] = BENCHES[name]()
        # At once: what a later one breaks is not to take this with it.
        save({name: figures[name]})
        say("")
        if not arguments.json:
            rows = [("figure", "measured", "bar", "", "beside it"), *(figure.row() for figure in figures[name])]
            print(f"\n{name}\n{table(rows)}", flush=True)
    if arguments.json:
        print(RESULTS.read_text(encoding="utf-8"))
    missed = [figure.name for group in figures.values() for figure in group if not figure.ok]
    print(f"\n{len(missed)} missed{': ' if missed else ''}{', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def save(figures: dict[str, list[Figure]]) -> None:
    """Write the results; what was not measured this time keeps its last figures."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known["python"] = platform.python_version()
    for name, group in figures.items():
        known[name] = [figure.as_dict() for figure in group]
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
