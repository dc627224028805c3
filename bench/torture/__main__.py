"""`python -m bench.torture [CASE ...] [--column C] [--rounds N] [--json]`: run the matrix and write the scoreboard."""

from __future__ import annotations

import argparse
import json
import sys

from .cases import CASES
from .driver import COLUMNS, Cell
from .matrix import run
from .scoreboard import line, write


def main() -> int:
    """Return 1 when a ProcessEnder cell missed the bar."""
    parser = argparse.ArgumentParser(prog="python -m bench.torture", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CASE", choices=[[], *(case.name for case in CASES)])
    parser.add_argument("--column", action="append", choices=COLUMNS, help="only this column; may be repeated")
    parser.add_argument("--rounds", type=int, default=1, help="how often each cell is run (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the cells as JSON")
    options = parser.parse_args()

    def tell(number: int, of: int, cell: Cell) -> None:
        sys.stderr.write(f"[{number}/{of}] {line(cell)}\n")

    cells, cannot = run(tell, options.names, options.column or COLUMNS, options.rounds)
    if not options.names and not options.column:
        write(cells)
    missed = [cell for cell in cells if cell.column != "plain" and not cell.ok]
    if options.json:
        print(json.dumps({"cells": [cell.as_dict() for cell in cells], "left_out": cannot}, indent=1))
    else:
        print("\n".join(map(line, cells)))
        print("".join(f"left out: {reason}\n" for reason in cannot), end="")
        print(f"{len(missed)} ProcessEnder cells missed the bar")
    for cell in missed:
        sys.stderr.write(f"\n{line(cell)}\n    " + "\n    ".join(cell.log) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
