"""Runs one cell of the matrix: starts the real program, sends the signals, and says how it ended."""

from __future__ import annotations

import functools
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .cases import GRACE, LIMIT, Case
from .processes import ask, free_port, kill, listens, marked, wait_until

PROGRAMS = Path(__file__).parent / "programs"
COLUMNS = ("plain", "library", "agent")
START = 20.0
"""Seconds that a program may take until it is ready."""
AGENT_MARK = "released-by-agent"
AGENT = "import sys; from processender.cli.main import main; sys.exit(main())"


@dataclass
class Cell:
    """How one program ended."""

    case: str
    column: str
    python: str
    stopped: bool = False
    """Whether the main process ended inside the limit."""
    seconds: float = 0.0
    """From the first signal to its end, or the limit."""
    code: int | None = None
    """Its exit code, minus the signal that killed it."""
    released: bool = False
    """Whether the critical clean-up ran to its end."""
    left: int = 0
    """How many of its processes were alive after it, or at the limit."""
    reported: str = ""
    """What the report says about the critical handler."""
    verdict: str = ""
    """The verdict of the report."""
    trouble: str = ""
    """Why the cell could not be measured."""
    log: list[str] = field(default_factory=list)
    """The last lines that the program wrote."""

    @property
    def ok(self) -> bool:
        """Tell whether it keeps the bar: gone in its window, nobody left, and the critical step ran, or is told."""
        told = self.released or self.reported not in {"", "done"}
        return self.stopped and not self.left and not self.trouble and told

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "ok": self.ok}


class Trial:
    """One run of one program in a folder of its own."""

    def __init__(self, case: Case, column: str, python: str, folder: Path) -> None:
        """Decide what to start."""
        self.case, self.column, self.folder = case, column, folder
        self.port = free_port()
        # The agent's window begins when the agent is told, not when a process below it is.
        told = min(at for at, words in case.signals if "/" not in words) if column == "agent" else 0.0
        self.limit = LIMIT if column == "plain" else told + GRACE
        words = (case.ender if column == "library" else case.plain).replace("{port}", str(self.port))
        self.argv = [python, *shlex.split(words)]
        if column == "agent":
            self.argv = [python, "-c", AGENT, "run", "-c", self._config(), "--", *self.argv]
        self.cell = Cell(case.name, column, _version(python))

    def _config(self) -> str:
        path = self.folder / "processender.toml"
        # A mark of its own: the program's own clean-up must not pass for the agent's.
        released = json.dumps(["touch", str(self.folder / AGENT_MARK)])
        text = f'service = "torture"\ngrace = "{GRACE}s"\n'
        path.write_text(
            text + f'[handlers.release]\nrun = {released}\nphase = "release"\nimportance = "must"\n', encoding="utf-8"
        )
        return str(path)

    def run(self) -> Cell:
        """Start, tell, measure, and leave nobody behind."""
        dropped = ("PROCESSENDER_", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        environment = kept | {
            "TORTURE_DIR": str(self.folder),
            "TORTURE_GRACE": str(GRACE),
            "TORTURE_PORT": str(self.port),
            "TORTURE_APP": self.case.app,
            "PROCESSENDER_STATE": str(self.folder / "state"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PROGRAMS), os.environ.get("PYTHONPATH")))),
        }
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                self.argv, cwd=PROGRAMS, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            self._measure(process)
        finally:
            kill(marked(self.folder))
            process.wait()
        self._read_report()
        self.cell.log = (self.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        return self.cell

    def _measure(self, process: subprocess.Popen[bytes]) -> None:
        cell, client = self.cell, None
        if (
            not wait_until(lambda: self._is_ready() or process.poll() is not None, START)
            or process.returncode is not None
        ):
            cell.trouble = f"it was never ready (exit code {process.returncode})"
            return
        if self.case.request:
            client = ask(self.port, self.case.request)
            wait_until(self._marked("busy"), 5)
        # A while of ordinary work before the end.
        time.sleep(0.3)
        first = time.monotonic()
        self._send(process, first)
        try:
            cell.code = process.wait(max(0.0, first + self.limit - time.monotonic()))
            cell.stopped = True
        except subprocess.TimeoutExpired:
            pass
        cell.seconds = round(time.monotonic() - first, 3)
        # Whoever was told to end just before its parent may need a moment.
        wait_until(lambda: not self._left(process), 0.1)
        cell.left = self._left(process)
        cell.released = self._marked(AGENT_MARK if self.column == "agent" else "released")()
        if client is not None:
            client.close()

    def _left(self, process: subprocess.Popen[bytes]) -> int:
        return len([pid for pid in marked(self.folder) if pid != process.pid])

    def _is_ready(self) -> bool:
        return listens(self.port) if self.case.serves else self._marked("ready")()

    def _marked(self, name: str) -> Any:
        return (self.folder / name).exists

    def _send(self, process: subprocess.Popen[bytes], first: float) -> None:
        for at, words in self.case.signals:
            name, _, whom = words.partition("/")
            try:
                process.wait(max(0.0, first + at - time.monotonic()))
                return
            except subprocess.TimeoutExpired:
                pid = int((self.folder / whom).read_text(encoding="ascii")) if whom else process.pid
                os.kill(pid, signal.Signals[f"SIG{name}"])

    def _read_report(self) -> None:
        """Read every report: each worker of a server writes one, and the worst one counts."""
        outcomes, verdicts = [], []
        for path in (self.folder / "state").glob("*/reports/*.json"):
            if path.is_symlink():
                continue
            report = json.loads(path.read_text(encoding="utf-8"))
            verdicts.append(report["verdict"])
            for handler in report["handlers"]:
                if handler["importance"] == "must" and handler["name"] not in {"command", "body"}:
                    # The provisional report of a run that was cut off: forced, and nothing is said to have ended.
                    outcomes.append(handler["outcome"] or f"not run ({report['verdict']})")
        self.cell.reported = next((outcome for outcome in outcomes if outcome != "done"), "".join(outcomes[:1]))
        self.cell.verdict = ", ".join(sorted(set(verdicts)))


def run_cell(case: Case, column: str, python: str = sys.executable) -> Cell:
    """Run one cell and return how it ended."""
    with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as folder:
        return Trial(case, column, python, Path(folder)).run()


@functools.cache
def _version(python: str) -> str:
    words = [python, "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
