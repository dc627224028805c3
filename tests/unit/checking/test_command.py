"""`processender check`: what it reads, what it prints, and how it leaves."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from processender.cli import main as door
from tests.unit.checking.manifests import PROBE, SERVING, container, pod

ROOT = Path(__file__).parents[3]
ERROR = pod(container("w"), grace=0)
WARNING = pod(container("w"), grace=1)
NOTE = pod(container("w", SERVING, PROBE))


def check(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str, str]:
    """Return the exit code and what was written to both streams."""
    code = door.main(["check", *map(str, argv)])
    written = capsys.readouterr()
    return code, written.out, written.err


@pytest.mark.parametrize(
    ("text", "plain", "strict"), [(ERROR, 1, 1), (WARNING, 0, 1), (NOTE, 0, 0), ("kind: x\n", 0, 0)]
)
def test_the_exit_code_tells_how_bad_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, plain: int, strict: int
) -> None:
    """Errors count, with --strict warnings too, notes never."""
    file = tmp_path / "a.yaml"
    file.write_text(text)

    assert plain == check(capsys, file)[0]
    assert strict == check(capsys, "--strict", file)[0]


def test_a_finding_is_told_in_three_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where and what, of whom and why, and what next; at last how much was checked."""
    file = tmp_path / "a.yaml"
    file.write_text(ERROR)
    _, out, err = check(capsys, file)
    lines = out.splitlines()

    assert f"{file}:6:34: error: terminationGracePeriodSeconds is 0 [grace-too-short]" == lines[0]
    assert lines[1].startswith("    Pod/shop: the pod is killed")
    assert lines[2].startswith("    next: say how long")
    assert ["1 workload, 0 configurations: 1 error"] == lines[3:]
    assert "" == err


def test_data_has_a_version(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And all that the text has."""
    file = tmp_path / "a.yaml"
    file.write_text(ERROR)
    data = json.loads(check(capsys, "--json", file)[1])

    assert (1, {"workloads": 1, "configurations": 0}, []) == (data["schema"], data["checked"], data["unread"])
    (found,) = data["findings"]
    assert {"file", "line", "column", "severity", "code", "subject", "what", "why", "step"} == set(found)
    assert (str(file), 6, 34, "grace-too-short") == (found["file"], found["line"], found["column"], found["code"])


def test_what_nobody_wants_to_see_is_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By its code."""
    file = tmp_path / "a.yaml"
    file.write_text(ERROR)

    assert 0 == check(capsys, "--ignore", "grace-too-short", file)[0]


def test_what_is_never_found_cannot_be_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A slip would leave nothing out, and nobody would know."""
    with pytest.raises(SystemExit) as left:
        check(capsys, "--ignore", "grace-to-short", tmp_path)

    assert 2 == left.value.code
    assert "--ignore: there is no finding 'grace-to-short'; did you mean 'grace-too-short'?" in capsys.readouterr().err


def test_where_nothing_is_nothing_is_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A slip in the name of a directory, or in what renders into it, would pass for a good check."""
    (tmp_path / "notes.txt").write_text("none")
    code, out, err = check(capsys, tmp_path)

    assert (2, "") == (code, out)
    assert f"nothing to check in {tmp_path}: no manifest and no configuration is there" in err


def test_a_directory_is_looked_through(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """For manifests and configurations of ours, and for nothing else."""
    below = tmp_path / "deep"
    below.mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("a.yaml", "deep/b.yml", "deep/c.json", ".git/d.yaml", "e.txt", "f.toml"):
        (tmp_path / name).write_text(WARNING if name[-1] != "n" else '{"kind": "x"}')
    (tmp_path / "processender.toml").write_text('grace = "5s"\n')

    assert "2 workloads, 1 configuration: 2 warnings" == check(capsys, tmp_path)[1].splitlines()[-1]


def test_standard_input_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a template is rendered into it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ERROR.encode())))

    assert check(capsys, "-")[1].startswith("stdin:6:34: error")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: \xff\n", ":1: is not UTF-8: invalid start byte; save it"),
        (b"\xff\xfea\x00", ":1: is not UTF-8"),
        (b"a: b\n" * 2_000_000, ": is larger than 8 MiB: split it"),
        (b"a: 'b\n", ": is not YAML"),
        (None, ": cannot be read: No such file or directory; check the path"),
    ],
    ids=["latin", "utf-16", "large", "broken", "missing"],
)
def test_what_cannot_be_read_is_told_and_the_rest_is_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, data: bytes | None, words: str
) -> None:
    """And the exit code says that not all was seen."""
    file, good = tmp_path / "a.yaml", tmp_path / "b.yaml"
    good.write_text(ERROR)
    if data is not None:
        file.write_bytes(data)
    code, out, err = check(capsys, file, good)

    assert 2 == code
    assert words in err
    assert "1 workload, 0 configurations: 1 error, 1 file not read" == out.splitlines()[-1]


def test_what_is_hostile_in_a_name_is_written_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A terminal is not told what to do."""
    file = tmp_path / "a.yaml"
    file.write_text('kind: Pod\nmetadata: {name: "a\\e[31mb"}\nspec: {containers: [{name: w}], '
                    "terminationGracePeriodSeconds: 0}\n")  # fmt: skip

    assert "Pod/a\\x1b[31mb" in check(capsys, file)[1]


def test_our_own_manifests_are_well(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even a note about the three forms that we recommend."""
    code, out, err = check(capsys, "--strict", ROOT / "deploy" / "kubernetes")

    assert (0, "3 workloads, 0 configurations: nothing found\n", "") == (code, out, err)
