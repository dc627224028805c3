"""Where what must outlast the process is kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from processender.telemetry import state
from processender.telemetry.state import StatePlace, state_place, state_root
from processender.testing.processes import Program


def place(root: Path, service: str = "orders") -> StatePlace:
    """Return the place of a service under *root*."""
    return state_place(service, {"PROCESSENDER_STATE": str(root)})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"PROCESSENDER_STATE": "/a", "STATE_DIRECTORY": "/b", "XDG_STATE_HOME": "/c"}, "/a"),
        ({"PROCESSENDER_STATE": "", "STATE_DIRECTORY": "/b"}, "/b"),
        ({"STATE_DIRECTORY": "/b/one:/b/two"}, "/b/one"),
    ],
    ids=["ours first", "empty is unset", "the first of systemd's"],
)
def test_the_environment_decides(environ: dict[str, str], expected: str) -> None:
    """Ours first, then systemd's."""
    assert expected == state_root(environ)


@pytest.mark.parametrize(
    ("user", "environ", "expected"),
    [
        (0, {"XDG_STATE_HOME": "/c"}, "/var/lib/processender"),
        (1000, {"XDG_STATE_HOME": "/c"}, "/c/processender"),
        (1000, {}, "/home/ann/.local/state/processender"),
    ],
    ids=["root", "a user with a state home", "a user"],
)
def test_without_it_the_user_decides(
    user: int, environ: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root has the system's place, others their own."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("HOME", "/home/ann")

    assert expected == state_root(environ)


def test_the_place_is_made(tmp_path: Path) -> None:
    """With the directory of the reports in it."""
    found = place(tmp_path / "new")

    assert (str(tmp_path / "new" / "orders"), True) == (found.path, (tmp_path / "new" / "orders" / "reports").is_dir())


@pytest.mark.parametrize("part", ["new", "new/orders", "new/orders/reports"])
def test_the_place_is_private(part: str, tmp_path: Path) -> None:
    """To its user."""
    place(tmp_path / "new")

    assert 0o700 == stat.S_IMODE((tmp_path / part).stat().st_mode)


def test_a_second_start_finds_it(tmp_path: Path) -> None:
    """Nothing is refused."""
    place(tmp_path)

    assert "" == place(tmp_path).trouble


@pytest.mark.parametrize("part", ["orders", "orders/reports"])
def test_a_link_is_refused(part: str, tmp_path: Path) -> None:
    """Somebody else may have put it there."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / part).parent.mkdir(exist_ok=True)
    (tmp_path / part).symlink_to(tmp_path / "elsewhere")
    found = place(tmp_path)

    assert ("", True) == (found.path, f"cannot use {tmp_path / part}: it must be a directory" in found.trouble)


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_what_others_can_write_to_is_refused(mode: int, tmp_path: Path) -> None:
    """They could put links into it."""
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders").chmod(mode)

    assert "that nobody else can write to; set PROCESSENDER_STATE to another place" in place(tmp_path).trouble


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_belongs_to_another_is_refused(tmp_path: Path) -> None:
    """Its owner could take it away."""
    (tmp_path / "orders").mkdir(mode=0o700)
    os.chown(tmp_path / "orders", 12345, 12345)

    assert "it must be a directory of this user" in place(tmp_path).trouble


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """Nothing is raised."""
    (tmp_path / "orders").write_text("")

    assert "it must be a directory" in place(tmp_path).trouble


def test_a_place_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """With the reason and the next step; nothing is raised."""
    (tmp_path / "file").write_text("")
    found = place(tmp_path / "file" / "below")

    assert ("", True) == (found.path, "Not a directory; set PROCESSENDER_STATE to a place that" in found.trouble)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("orders", "orders"),
        ("a/b", "a-b"),
        ("../../etc", "-..-etc"),
        ("..", "service"),
        ("", "service"),
        ("x" * 300, "x" * 100),
        ("Bestell Dienst", "Bestell-Dienst"),
        ("a\0b", "a-b"),
    ],
)
def test_no_name_of_a_service_leads_elsewhere(service: str, name: str, tmp_path: Path) -> None:
    """Whatever it is, it becomes one name of a directory."""
    assert str(tmp_path / name) == place(tmp_path, service).path


def test_a_place_in_memory_says_what_would_be_lost() -> None:
    """Reports on tmpfs are gone with the host."""
    if not os.path.isdir("/dev/shm"):
        pytest.skip("this system has no /dev/shm")
    with Program(
        "import shutil, sys; from processender.telemetry.state import state_place\n"
        "found = state_place('x', {'PROCESSENDER_STATE': '/dev/shm/' + sys.argv[1]}); print(found.warning)\n"
        "shutil.rmtree('/dev/shm/' + sys.argv[1])",
        f"processender-test-{os.getpid()}",
    ) as program:
        program.wait()

        assert "is on tmpfs: the reports are lost when the container or the host goes" in program.output


@pytest.mark.parametrize(("kind", "says"), [("overlay", "are lost"), ("nfs4", "locks and flushes"), ("ext4", "")])
def test_the_kind_of_the_file_system_is_warned_of(kind: str, says: str) -> None:
    """What would be lost there, or what may not hold."""
    warning = state._warning("/srv", kind)

    assert says in warning
    assert bool(says) == bool(warning)


def test_a_place_stays_where_it_is_when_the_program_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon goes to `/`; its report would be lost at the end."""
    monkeypatch.chdir(tmp_path)
    place = state_place("shop", {"PROCESSENDER_STATE": "state"})

    assert str(tmp_path / "state" / "shop") == place.path
