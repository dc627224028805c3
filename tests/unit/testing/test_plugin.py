"""The pytest plugin, as another project has it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.waits import until

ROOT = Path(__file__).parent.parent.parent.parent
PLUGIN = ["-p", "no:processender", "-p", "processender.testing.plugin", "-p", "no:cacheprovider"]
TESTS = """
import socket, sys, time
import pytest
from pathlib import Path
from processender import Ender

PROGRAM = "print('hello', flush=True); import signal; signal.pause()"
SERVER = "import http.server as h, sys; h.test(h.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"

@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]

def test_before():
    assert not [name for name in sys.modules if name.startswith("processender.testing.") and "plugin" not in name]

def test_clock(fake_clock):
    ender = Ender("x", observers=())
    ender.add(lambda: time.sleep(20), name="flush")
    assert fake_clock.run(ender).verdict == "clean"

def test_all_together(fake_clock, faults, notices):
    ender = Ender("x", observers=())
    ender.add(lambda: None, name="flush")
    ran = fake_clock.run(ender, notices=notices.signal("TERM").cut("5s", at="1s"), faults=faults.hangs("flush"))
    assert ran.in_time and ran.outcomes == {"flush": "abandoned"}, ran

def test_after():
    begun = time.monotonic()
    time.sleep(0.01)
    assert 0.01 <= time.monotonic() - begun

def test_program(ender_process, tmp_path):
    program = ender_process(PROGRAM, ready="hello", cwd=tmp_path)
    Path("pid").write_text(str(program.pid))

def test_program_that_answers(ender_process, tmp_path, free_port):
    program = ender_process(SERVER, str(free_port), ready=f"http://127.0.0.1:{free_port}/?list=1")
    assert not program.ended

def test_program_that_never_answers(ender_process):
    with pytest.raises(Exception, match="has ended, and http://127.0.0.1:1/ never answered 200"):
        ender_process("pass", ready="http://127.0.0.1:1/")

def test_fault_of_a_program(ender_process, faults):
    program = ender_process("import os; print(os.environ['PROCESSENDER_FAULTS'])", env=faults.fails("a").environ)
    assert program.wait() == 0
    assert "fails" in program.output

def test_fails(ender_process):
    ender_process(PROGRAM, ready="hello")
    assert False
"""
WAITS = """
import pytest, time
from pathlib import Path

@pytest.fixture
def held():
    Path("held").touch()
    yield
    Path("asked").touch()
    while not Path("go").exists():
        time.sleep(0.01)
    Path("held").unlink()

def test_it(held):
    time.sleep(60)
"""


def pytest_at(tmp_path: Path, text: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a pytest of another project, with the plugin."""
    (tmp_path / "test_it.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    argv = [sys.executable, "-m", "pytest", *PLUGIN, *arguments]
    return subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_the_fixtures_do_what_they_say(tmp_path: Path) -> None:
    """All tests pass but the last one, which shows what its program has written."""
    with pytest_at(tmp_path, TESTS, "-W", "error") as ran:
        output = ran.communicate()[0]

    assert re.search("1 failed, 8 passed", output), output
    assert "FAILED test_it.py::test_fails" in output
    assert re.search(r"-+ output of .*\nhello\n", output), output
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("more", [[], [signal.SIGTERM, signal.SIGINT]], ids=["once", "again and again"])
def test_a_sigterm_tears_fixtures_down(tmp_path: Path, more: list[int]) -> None:
    """And what comes after it breaks nothing off."""
    with pytest_at(tmp_path, WAITS, "--teardown-on-term") as ran:
        until((tmp_path / "held").exists)
        ran.send_signal(signal.SIGTERM)
        until((tmp_path / "asked").exists)
        for number in more:
            ran.send_signal(number)
        (tmp_path / "go").touch()
        output = ran.communicate()[0]

    assert not (tmp_path / "held").exists(), output
    assert 2 == ran.returncode


def test_without_the_option_a_sigterm_is_what_it_ever_was(tmp_path: Path) -> None:
    """The plugin takes no signal that it was not told to take."""
    with pytest_at(tmp_path, WAITS) as ran:
        until((tmp_path / "held").exists)
        ran.send_signal(signal.SIGTERM)
        ran.communicate()

    assert -signal.SIGTERM == ran.returncode


def test_the_plugin_is_there_when_the_package_is_installed() -> None:
    """By its entry point."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {"processender": "processender.testing.plugin"} == project["entry-points"]["pytest11"]
