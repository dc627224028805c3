"""
A history to look at: `python -m demo.history DIRECTORY` ends the shop many times, for `processender report` to tell of.

Every run is a real process that ends as it does; what is made up is when: their dates are moved apart, over six weeks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DAYS = 42
"""Over how many days the runs are spread."""
AT_ONCE = 24
"""How many run at the same time; they mostly wait."""
VERSIONS = ((0.0, "2.3.0"), (0.45, "2.3.1"), (0.8, "2.4.0"))
"""Each version, and after which share of the runs it came; in the last one, the orders take longer."""
ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
LAST = "13"
"""The seed of the last run, which is shown second by second: something has to be tried again in it."""
DAY_S = 86_400


def environment(state: Path, number: int, runs: int, chance: random.Random) -> dict[str, str]:
    """Return the environment of the run *number* of *runs*: its version and zone, and what will happen to it."""
    version = [name for share, name in VERSIONS if number >= share * runs][-1]
    zone = chance.choice(ZONES)
    spot = chance.random() < (0.3 if zone == "eu-west-1b" else 0.08) and number != runs - 1
    cut = spot and chance.random() < 0.12
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PROCESSENDER_", "OTEL_"))}
    where = f"service.version={version},cloud.availability_zone={zone},k8s.node.name=node-{chance.randrange(9)}"
    told = {"SHOP_SPOT_S": f"{chance.uniform(3.2, 7):.2f}"} if spot else {}
    return kept | told | {
        "PROCESSENDER_STATE": str(state),
        "OTEL_RESOURCE_ATTRIBUTES": where,
        "HOSTNAME": f"shop-{number}",
        "SHOP_SEED": LAST if number == runs - 1 else f"{number}",
        "SHOP_SLOWER": "1.8" if version == VERSIONS[-1][1] else "1",
        "SHOP_CUT": "yes" if cut else "",
    }  # fmt: skip


async def make(state: Path, runs: int, seed: int = 3) -> None:
    """End the shop *runs* times with its *state* in that directory, and spread the dates of what is left of it."""
    chance = random.Random(seed)
    room = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(environ: dict[str, str]) -> None:
        nonlocal done
        async with room:
            process = await asyncio.create_subprocess_exec(sys.executable, "-m", "demo.shop", cwd=ROOT, env=environ)
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
        done += 1
        say(f"{done} of {runs} runs")

    async with asyncio.TaskGroup() as group:
        # The last one, which is shown second by second, has to be the last to end.
        tasks = [group.create_task(one(environment(state, n, runs, chance))) for n in range(runs - 1)]
        last = environment(state, runs - 1, runs, chance)
        await asyncio.gather(*tasks)
        await one(last)
    spread(state / "shop" / "archive", dates(runs, time.time(), chance))
    say("")


def dates(runs: int, last: float, chance: random.Random) -> list[float]:
    """Return when each of *runs* began, the last one at *last*: on days of work more than at their end."""
    weights = [chance.uniform(0.7, 1.3) * (1 if (int(last // DAY_S) - day + 3) % 7 < 5 else 0.4) for day in range(DAYS)]
    days = chance.choices(range(DAYS), weights, k=runs - 1)
    return [*sorted(last - (day + chance.uniform(0.01, 0.99)) * DAY_S for day in days), last]


def spread(archive: Path, begins: list[float]) -> None:
    """Move the runs whose lines stand in *archive* to where they are to begin, by the number of their instance."""
    lines = [json.loads(line) for path in sorted(archive.glob("*.jsonl")) for line in path.read_text().splitlines()]
    for line in lines:
        line["at"] = begins[_number(line)]
    lines.sort(key=lambda line: (line["at"], "end" in line))
    for path in archive.glob("*.jsonl"):
        path.unlink()
    (archive / "000001.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _number(line: dict[str, Any]) -> int:
    return int(line["instance"].removeprefix("shop-"))


def say(text: str) -> None:
    """Show on a terminal's stderr how far it is, in place of what was said before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Make a history."""
    parser = argparse.ArgumentParser(prog="python -m demo.history", description=__doc__)
    parser.add_argument("directory", type=Path, help="the state directory, which must not hold another history yet")
    parser.add_argument("--runs", type=int, default=480, help="how many runs (%(default)s)")
    options = parser.parse_args()
    if (options.directory / "shop").exists():
        parser.error(f"{options.directory} has a history already; name another directory")
    options.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(make(options.directory, options.runs))
    print(f"PROCESSENDER_STATE={options.directory} processender report")


if __name__ == "__main__":
    main()
