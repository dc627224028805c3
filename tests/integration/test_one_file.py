"""`processender-init`: the program in one file."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from processender import __version__
from processender.testing.processes import Program
from tests.integration.inits import LIMIT_S, ROOT, witness, witness_pid


def run(one_file: Path, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run *argv* to its end, where the python3 of the tests comes first."""
    path = {"PATH": f"{one_file}:{os.environ['PATH']}", "PROCESSENDER_STATE": str(one_file / "state")}
    return subprocess.run(
        argv, env={**path, **environ}, cwd="/", capture_output=True, text=True, timeout=60, check=False
    )


class TestTheFile:
    def test_it_takes_the_flags_of_run(self, one_file: Path) -> None:
        """Without the word, and needs nothing but the standard library."""
        ended = run(one_file, str(one_file / "processender-init"), "--grace", "5s", "--", "sh", "-c", "exit 7")

        assert (7, "") == (ended.returncode, ended.stdout)

    def test_it_ends_its_command_well(self, one_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What only the end needs comes out of the file then."""
        monkeypatch.setenv("PATH", f"{one_file}:{os.environ['PATH']}")
        with Program(
            [str(one_file / "processender-init"), "--", "sh", "-c", "echo ready; exec sleep 60"], cwd="/"
        ) as program:
            program.wait_for("ready")
            program.signal("TERM")

            assert 143 == program.wait(LIMIT_S)
            assert "ended clean" in program.output
            assert "clean" == program.report()["verdict"]

    def test_it_is_one_process_and_lean(self, one_file: Path) -> None:
        """It loads no thread and nothing of the end before the end."""
        script = "grep -c . /proc/$PPID/task/$PPID/children; ls /proc/$PPID/task | wc -l; grep -c json /proc/$PPID/maps"
        ended = run(one_file, str(one_file / "processender-init"), "--", "sh", "-c", script)

        assert ["1", "1", "0"] == ended.stdout.split()

    def test_it_knows_itself(self, one_file: Path) -> None:
        """Its version and its help carry its name."""
        assert (
            f"processender-init {__version__}\n"
            == run(one_file, str(one_file / "processender-init"), "--version").stdout
        )

        told = run(one_file, str(one_file / "processender-init"), "--help").stdout

        assert told.startswith("usage: processender-init [OPTIONS] -- COMMAND")
        assert "processender run" not in told

    def test_a_file_of_configuration_is_refused_in_words(self, one_file: Path, tmp_path: Path) -> None:
        """What reads it is not in the file."""
        config = tmp_path / "processender.toml"
        config.write_text("grace = '5s'\n")
        ended = run(one_file, str(one_file / "processender-init"), "-c", str(config), "--", "true")

        assert 125 == ended.returncode
        assert f"cannot read the file {config}: msgspec is not there; say it by flags" in ended.stderr

    def test_a_variable_of_configuration_is_refused_in_words(self, one_file: Path) -> None:
        """The same as the file."""
        ended = run(one_file, str(one_file / "processender-init"), "--", "true", PROCESSENDER_GRACE="5s")

        assert 125 == ended.returncode
        assert "cannot read variables PROCESSENDER_...: msgspec is not there" in ended.stderr

    def test_the_environment_is_not_touched(self, one_file: Path) -> None:
        """Python sets a locale for itself where there is none; the command does not get it."""
        path = f"PATH={one_file}:{os.environ['PATH']}"
        seen = subprocess.run(
            ["env", "-i", path, "A=b", "tini", "-s", "env"], capture_output=True, text=True, check=True
        ).stdout

        assert ["A=b", path] == sorted(seen.splitlines())

    def test_it_starts_where_the_root_cannot_be_written(self, one_file: Path) -> None:
        """Nor any other place."""
        script = f"mount -o remount,bind,ro / 2>/dev/null || mount --bind / /mnt && mount -o remount,bind,ro /mnt; exec {one_file}/processender-init -- sh -c 'exit 6'"
        ended = run(one_file, "unshare", "--mount", "sh", "-c", script)

        assert 6 == ended.returncode

    def test_any_python_can_read_it(self, one_file: Path) -> None:
        """For those of another version the sources lie beside what was compiled."""
        with zipfile.ZipFile(one_file / "processender-init") as file:
            names = set(file.namelist())

        assert {"__main__.py", "__main__.pyc", "processender/agent/kernel.py"} <= names
        assert not [name for name in names if name.endswith(".pyc") and name[:-1] not in names]

    def test_the_same_sources_make_the_same_file(self, one_file: Path, tmp_path: Path) -> None:
        """Byte for byte."""
        subprocess.run([sys.executable, ROOT / "tools" / "zipapp", tmp_path / "again"], check=True)

        assert (one_file / "processender-init").read_bytes() == (tmp_path / "again").read_bytes()


class TestOtherNames:
    def test_a_link_to_the_installed_program_works_too(self, tmp_path: Path) -> None:
        """The console script looks at its name."""
        link = tmp_path / "tini"
        link.symlink_to(Path(sys.executable).parent / "processender")

        assert "tini version" in subprocess.run([link, "--version"], capture_output=True, text=True, check=True).stdout

    @pytest.mark.parametrize("name", ["tini", "docker-init", "dumb-init"])
    def test_the_module_needs_no_link(self, name: str) -> None:
        """`python -m processender.inits NAME` is the same."""
        words = [sys.executable, "-m", "processender.inits", name, "sh"]
        ended = subprocess.run(words, input="exit 5", capture_output=True, text=True, check=False, timeout=60)

        assert 5 == ended.returncode

    def test_a_name_that_is_none_is_told(self) -> None:
        """With those that are."""
        ended = subprocess.run(
            [sys.executable, "-m", "processender.inits", "init"], capture_output=True, text=True, check=False
        )

        assert 1 == ended.returncode
        assert "{tini|docker-init|dumb-init}" in ended.stderr


class TestPid1:
    def test_signals_reach_the_command(self, one_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A PID 1 hears only what it listens to; the agent listens to all."""
        monkeypatch.setenv("PATH", f"{one_file}:{os.environ['PATH']}")
        words = ["unshare", "--pid", "--fork", "--forward-signals"]
        probe = subprocess.run([*words, "true"], capture_output=True, check=False)
        words = words if not probe.returncode else words[:3]
        with Program([*words, str(one_file / "processender-init"), "--", *witness()], cwd="/") as program:
            inside = witness_pid(program)
            agent = int(Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()[0])
            for number in (10, 12, 34, 64):
                os.kill(agent, number)
                program.wait_for(f"<{number}>", LIMIT_S)
            os.kill(agent, 15)
            program.wait_for("<15>", LIMIT_S)

            assert 2 == inside
