"""The template of a plugin, installed as an author would install it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[2] / "examples" / "plugin_releaser"
OWES = """
import os, signal, sys
from processender import Ender
ender = Ender("acme")
machine = ender.obligation("machine", key="vm-1", releaser="acme-machine", inventory=sys.argv[1]).acquire()
open(os.path.join(sys.argv[1], "vm-1"), "w").close()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install the template beside the environment; return the variables with which it is found."""
    place = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(place), str(TEMPLATE)], check=True, timeout=120)
    path = os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def test_the_conformance_test_of_the_template_passes(installed: dict[str, str], tmp_path: Path) -> None:
    """One line, as in the template."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run([*argv, str(TEMPLATE / "tests")], env=installed, capture_output=True, text=True, check=False)

    assert (0, True) == (done.returncode, "1 passed" in done.stdout), done.stdout


def test_what_a_plugin_releases_is_recovered_after_a_crash(installed: dict[str, str], tmp_path: Path) -> None:
    """The command finds the releaser by its entry point."""
    env = {**installed, "PROCESSENDER_STATE": str(tmp_path / "state")}
    (tmp_path / "inventory").mkdir()
    subprocess.run([sys.executable, "-c", OWES, str(tmp_path / "inventory")], env=env, check=False, timeout=60)
    left = os.listdir(tmp_path / "inventory")
    subprocess.run([sys.executable, "-m", "processender", "recover"], env=env, check=True, timeout=60)

    assert (["vm-1"], []) == (left, os.listdir(tmp_path / "inventory"))


def test_without_its_plugin_the_thing_is_kept_and_reported(tmp_path: Path, installed: dict[str, str]) -> None:
    """Nothing is dropped because a package is missing."""
    env = {**installed, "PROCESSENDER_STATE": str(tmp_path / "state")}
    (tmp_path / "inventory").mkdir()
    subprocess.run([sys.executable, "-c", OWES, str(tmp_path / "inventory")], env=env, check=False, timeout=60)
    bare = {**os.environ, "PROCESSENDER_STATE": str(tmp_path / "state")}
    argv = [sys.executable, "-m", "processender", "recover"]
    done = subprocess.run(argv, env=bare, capture_output=True, text=True, check=False, timeout=60)

    assert (["vm-1"], True) == (
        os.listdir(tmp_path / "inventory"),
        "there is no releaser 'acme-machine'" in done.stdout,
    )
