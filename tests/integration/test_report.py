"""The report of real shutdowns: of Enders, of an agent, and of one that was killed; on real terminals."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from processender.archive.postgres import connected, write
from processender.screen import columns
from tests.integration.inits import Terminal

PROGRAM = """
import os, signal, sys
from processender import Ender, Retry
how, grace = sys.argv[1], float(sys.argv[2])
ender = Ender("shop", grace=grace, version="1.4.2")
tried = []
@ender.handler(phase="flush", importance="must", retry=Retry(attempts=3))
def flush_orders(ctx):
    tried.append(1)
    if len(tried) < 2:
        raise OSError("the broker is away")
@ender.handler(phase="close", needs=["flush-orders"])
def close_pool(ctx):
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "degraded":
        raise ValueError("a pool <tag>")
@ender.handler(phase="release", importance="may", expected=2.0)
def upload(ctx): pass
with ender:
    os.kill(os.getpid(), signal.SIGTERM)
    ender.stopping.wait()
"""
RUNS = (("clean", "9"), ("degraded", "9"), ("kill", "9"), ("clean", "0.5"))


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Let four programs and an agent end, and return the environment with their state."""
    place = tmp_path_factory.mktemp("report")
    (place / "shop.py").write_text(PROGRAM)
    told = {"PROCESSENDER_STATE": str(place / "state"), "OTEL_RESOURCE_ATTRIBUTES": "cloud.availability_zone=eu-1b"}
    environ = {**os.environ, **told, "NO_COLOR": "", "FORCE_COLOR": ""}
    begun = [start([str(place / "shop.py"), *argv], environ) for argv in RUNS]
    command = [sys.executable, "-c", "import os, signal; os.kill(os.getppid(), signal.SIGTERM); signal.pause()"]
    begun.append(start(["-m", "processender", "run", "--service", "web", "--grace", "5s", "--", *command], environ))
    for each in begun:
        each.communicate(timeout=60)
    return environ


def start(argv: list[str], environ: dict[str, str]) -> subprocess.Popen[str]:
    """Start this Python with *argv*."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *argv], env=environ, stdout=pipe, stderr=pipe, text=True)


def report(environ: dict[str, str], *argv: str, **more: str) -> str:
    """Return what a report prints."""
    ran = start(["-m", "processender", "report", *argv], {**environ, **more})
    out, err = ran.communicate(timeout=60)

    assert (0, "") == (ran.returncode, err)
    return out


def test_what_has_ended_is_counted(environ: dict[str, str]) -> None:
    """By service; the killed one is known, and counts once its window is long over."""
    data = json.loads(report(environ, "--json"))

    assert {"shop": 3, "web": 1} == {each["name"]: each["counts"]["runs"] for each in data["services"]}
    assert {"clean", "degraded"} == {each["verdict"] for each in data["recent"] if each["service"] == "shop"}
    assert ["eu-1b"] == [each["name"] for each in data["zones"]]
    assert ["1.4.2"] == [each["name"] for each in data["versions"] if each["name"]]
    assert 1 == len([each for each in segment(environ) if "start" in each and each["start"] not in ended(environ)])


def segment(environ: dict[str, str]) -> list[dict[str, str]]:
    """Return the lines of the archive of the shop."""
    path = Path(environ["PROCESSENDER_STATE"], "shop", "archive", "000001.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def ended(environ: dict[str, str]) -> set[str]:
    """Return the ids of the runs that have ended."""
    return {each["end"] for each in segment(environ) if "end" in each}


def test_the_last_run_is_a_timeline(environ: dict[str, str]) -> None:
    """With what was tried again, and what was not done."""
    runs = json.loads(report(environ, "shop", "--json"))["recent"]
    number = next(each["id"] for each in runs if each["verdict"] == "degraded" and each["window_s"] > 1)
    out = report(environ, "--id", number, COLUMNS="120")

    assert f"critical path: {'body > ' if 'body >' in out else ''}flush-orders > close-pool" in out
    assert "not done: close-pool: failed: ValueError: a pool <tag>" in out
    assert re.search(r"tried again: flush-orders: attempt 1 failed after \S+ s: OSError: the broker is away\n", out)


def test_a_page_is_one_file(environ: dict[str, str], tmp_path: Path) -> None:
    """With no name of a handler, or text of an error, as HTML."""
    page = tmp_path / "report.html"

    assert "" == report(environ, "--html", str(page))
    assert "close-pool" in page.read_text()
    assert "<tag>" not in page.read_text()


@pytest.mark.parametrize("argv", [(), ("--last",), ("--advise",)], ids=["overview", "last", "advise"])
@pytest.mark.parametrize(
    "told",
    [{"COLUMNS": "20", "TERM": "xterm"}, {"NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}, {"PYTHONIOENCODING": "ascii", "COLUMNS": "50", "TERM": "dumb"}],
    ids=["narrow", "no-colour", "no-utf-8"],
)  # fmt: skip
def test_a_terminal_may_be_narrow_and_plain(
    environ: dict[str, str], argv: tuple[str, ...], told: dict[str, str]
) -> None:
    """No line is wider, and nothing is sent that it cannot show."""
    with Terminal([sys.executable, "-m", "processender", "report", *argv], **{**environ, **told}) as terminal:
        code = terminal.wait()
        lines = terminal.output.replace("\r", "").split("\n")

    coloured = [line for line in lines if "\x1b" in line]
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]

    assert (0, told.get("TERM") == "xterm" and "NO_COLOR" not in told) == (code, bool(coloured))
    assert all(line.isprintable() for line in plain)
    assert [] == [line for line in plain if columns(line) > int(told["COLUMNS"])]
    assert "PYTHONIOENCODING" not in told or all(line.isascii() for line in lines)


def test_nobody_need_read_to_the_end(environ: dict[str, str]) -> None:
    """A pipe that is closed, or no standard output at all, is no error."""
    for shell in ("processender report | head -1", "processender report --csv | head -1", "processender report >&-"):
        command = shell.replace("processender", f"{sys.executable} -m processender", 1)
        ran = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, check=False)

        assert (0, "") == (ran.returncode, ran.stderr), shell


def test_a_fleet_is_read_from_postgresql(environ: dict[str, str], archive_url: str) -> None:
    """Its runs, one of them second by second, what was marked there; the URL may stand in a variable."""
    files = sorted(Path(environ["PROCESSENDER_STATE"]).glob("*/reports/*-*.json"))
    write(connected(archive_url), [json.loads(each.read_text()) for each in files])
    told = {**environ, "FLEET": archive_url}
    marked = start(["-m", "processender", "mark", "incident", "broker away", "--to", "env:FLEET"], told)
    out, err = marked.communicate(timeout=60)

    assert (0, "", True) == (marked.returncode, err, out.startswith("incident broker away at "))
    assert {"shop": 3, "web": 1} == {
        each["name"]: each["counts"]["runs"]
        for each in json.loads(report(told, "--json", "--from", "env:FLEET"))["services"]
    }
    assert " incident broker away\n" in report(told, "--from", archive_url)
    assert "critical path: " in report(told, "--from", archive_url, "web", "--last")
    assert 5 == report(told, "--from", archive_url, "--csv").count("\n")
    assert "too few to advise anything" in " ".join(report(told, "--from", archive_url, "--advise").split())


def test_no_password_is_repeated(environ: dict[str, str]) -> None:
    """Whatever is wrong with a database."""
    for where in ("postgresql://me:hunter2@127.0.0.1:1/none", "postgresql://me:hunter2@127.0.0.1:x"):
        ran = start(["-m", "processender", "report", "--from", where], environ)
        out, err = ran.communicate(timeout=60)

        assert (2, "") == (ran.returncode, out)
        assert "cannot re" in err
        assert "hunter2" not in err
