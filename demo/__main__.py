"""The command line of the demo: three runs, a table and a timeline."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from .replica import StartError
from .results import Result, Scenario, Setting
from .rolling import measure
from .table import heading, progress, summary, timeline


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print machine-readable results")
    parser.add_argument("--rate", type=float, default=400.0, help="requests per second (%(default)s)")
    parser.add_argument("--requests", type=int, default=5000, help="requests per run (%(default)s)")
    late = "seconds until the client knows of a change of readiness (%(default)s)"
    parser.add_argument("--propagation-delay", type=float, default=1.0, metavar="S", help=late)
    delay = "seconds between failing readiness and the command's SIGTERM (%(default)s)"
    parser.add_argument("--drain-delay", type=float, default=2.0, metavar="S", help=delay)
    return parser.parse_args(argv)


def scenarios(drain_delay: float, propagation: float) -> list[Scenario]:
    """Return the three runs: without the agent, with it, and with it and too short a drain delay."""
    short = round(propagation * 0.3, 3)
    return [
        Scenario("plain", "plain uvicorn", loses=True),
        Scenario("agent", f"processender run --drain-delay {drain_delay:g}s", drain_delay),
        Scenario("short", f"processender run --drain-delay {short:g}s (too short)", short, loses=True),
    ]


async def run(options: argparse.Namespace, setting: Setting) -> list[Result]:
    """Make all runs; a first SIGINT or SIGTERM ends them and all that they started."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, lambda: task and not task.cancelling() and task.cancel())
    results = []
    with tempfile.TemporaryDirectory(prefix="processender-demo-") as folder:
        for number, scenario in enumerate(scenarios(options.drain_delay, setting.propagation)):
            results.append(await measure(setting, scenario, Path(folder, str(number)), progress))
    progress(None)
    return results


def main() -> int:
    """Return 0 when only those runs lost requests that must lose some, else 1; 130 when interrupted."""
    options = parse()
    setting = Setting(options.rate, options.requests, options.propagation_delay)
    results: list[Result] = []
    code = 1
    try:
        results = asyncio.run(run(options, setting))
    except* asyncio.CancelledError:
        print("\ninterrupted; all replicas have been ended", file=sys.stderr)
        code = 130
    except* StartError as errors:
        print(*leaves(errors), sep="\n", file=sys.stderr)
    if not results:
        return code
    good = all(result.as_expected for result in results)
    if options.json:
        print(json.dumps({"ok": good, "runs": [result.as_dict() for result in results]}, indent=2))
    else:
        print(heading(setting), summary(results), timeline(results[1]), sep="\n")
    return 0 if good else 1


def leaves(error: BaseException) -> list[BaseException]:
    """Return the errors in a group of groups, or the one error."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in leaves(inner)]


if __name__ == "__main__":
    sys.exit(main())
