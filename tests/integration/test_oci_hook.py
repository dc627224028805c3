"""`processender oci-hook` as a runtime calls it: the state on standard input, hardly any environment, and no patience."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 60.0
SLOW = {"kind": "job", "key": "slow", "releaser": "command", "run": ["sleep", "1000"]}


class Runtime:
    """What a runtime knows of one container, whose first process is a real one of the host."""

    def __init__(self, where: Path) -> None:
        """Make the directories of the host, and start the process."""
        self.scratch = where / "scratch"
        self.state = where / "state"
        self.scratch.mkdir()
        self.process = subprocess.Popen(["sleep", "1000"])
        self.annotations: dict[str, str] = {}

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def tree(self, number: int = 0) -> Path:
        """Make a tree that the container owes."""
        made = self.scratch / f"tree-{number}"
        (made / "deep").mkdir(parents=True)
        self.annotations[f"dev.processender.release.{number}"] = f"tree {made}"
        return made

    def told(self, stage: str, **more: Any) -> bytes:
        """Return the state that a hook of *stage* gets."""
        pid = {} if stage == "poststop" else {"pid": self.process.pid}
        known = {"ociVersion": "1.0", "id": "c1", "status": "created", "bundle": "/b", "annotations": self.annotations}
        return json.dumps({**known, **pid, **more}).encode()

    def words(self, stage: str, *options: str) -> list[str]:
        """Return the command line of a hook."""
        words = [stage, "--state", str(self.state), "--allow-root", str(self.scratch), *options]
        return [sys.executable, "-m", "processender", "oci-hook", *words]

    def hook(self, stage: str, *options: str, data: bytes | None = None, **more: Any) -> tuple[int, str]:
        """Run a hook and return its exit code and what it said."""
        ran = subprocess.run(
            self.words(stage, *options), input=self.told(stage, **more) if data is None else data, env={},
            capture_output=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip

        assert b"" == ran.stdout
        return ran.returncode, ran.stderr.decode()

    def owed(self) -> list[str]:
        """Return what all journals hold."""
        words = ["journal", "show", "--json"]
        environ = os.environ | {"PROCESSENDER_STATE": str(self.state)}
        ran = subprocess.run(
            [sys.executable, "-m", "processender", *words],
            env=environ,
            capture_output=True,
            check=True,
            timeout=LIMIT_S,
        )
        return sorted(each["key"] for kept in json.loads(ran.stdout)["journals"] for each in kept["owed"])

    def recover(self) -> int:
        """Run `processender recover` and return its exit code."""
        environ = os.environ | {"PROCESSENDER_STATE": str(self.state)}
        return subprocess.run(
            [sys.executable, "-m", "processender", "recover"], env=environ, capture_output=True, check=False
        ).returncode


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """Return a runtime with one container, and end that."""
    made = Runtime(tmp_path)
    yield made
    made.end()


def test_what_a_container_owes_is_released_when_it_is_gone(runtime: Runtime) -> None:
    """Quietly, and nothing is left of the journal."""
    tree = runtime.tree()
    created = runtime.hook("createRuntime")
    owed = runtime.owed()
    runtime.end()

    assert (0, "") == created == runtime.hook("poststop")
    assert sorted(["c1", str(tree)]) == owed
    assert not tree.exists()
    assert [] == list(runtime.state.glob("*/journal/*"))


def test_the_container_is_the_owner(runtime: Runtime) -> None:
    """A recovery while its first process lives leaves it alone, and so does a poststop that comes too early."""
    tree = runtime.tree()
    runtime.hook("createRuntime")
    code, said = runtime.hook("poststop")

    assert (0, 0) == (code, runtime.recover())
    assert f"process {runtime.process.pid}, lives" in said
    assert tree.exists()


def test_without_a_poststop_a_recovery_releases_it(runtime: Runtime) -> None:
    """The runtime was killed, or the host went down."""
    tree = runtime.tree()
    runtime.hook("createRuntime")
    runtime.end()

    assert 0 == runtime.recover()
    assert not tree.exists()
    assert [] == list(runtime.state.glob("*/journal/*"))


def test_each_hook_may_come_again(runtime: Runtime) -> None:
    """Nothing is owed twice, and the second poststop knows of nothing."""
    runtime.tree()
    for stage in ("createRuntime", "createRuntime", "poststart"):
        runtime.hook(stage)
    owed = runtime.owed()
    runtime.end()
    runtime.hook("poststop")

    assert 2 == len(owed)
    assert (0, "processender: nothing is known of the container 'c1': nothing to release\n") == runtime.hook("poststop")


@pytest.mark.parametrize("stage", ["createRuntime", "poststop"])
def test_eight_hooks_at_once_do_what_one_does(runtime: Runtime, stage: str) -> None:
    """One is first, and the others find its work or leave it alone."""
    trees = [runtime.tree(number) for number in range(4)]
    if stage == "poststop":
        runtime.hook("createRuntime")
        runtime.end()
    data = runtime.told(stage)
    hooks = [subprocess.Popen(runtime.words(stage, "--window", "50s"), stdin=subprocess.PIPE) for _ in range(8)]
    for each in hooks:
        assert each.stdin is not None
        each.stdin.write(data)
        each.stdin.close()
    codes = [each.wait(LIMIT_S) for each in hooks]

    assert [0] * 8 == codes
    assert (5 if stage == "createRuntime" else 0) == len(runtime.owed())
    assert [stage == "createRuntime"] * 4 == [each.exists() for each in trees]


def test_poststart_does_what_createruntime_could_not(runtime: Runtime) -> None:
    """A runtime that tells no process at first tells one later."""
    runtime.tree()
    code, said = runtime.hook("createRuntime", pid=0)
    before = runtime.owed()
    runtime.hook("poststart")

    assert (0, []) == (code, before)
    assert "poststart can do it" in said
    assert 2 == len(runtime.owed())


def test_a_poststop_of_an_unknown_container_touches_nothing(runtime: Runtime) -> None:
    """Its annotations alone say nothing: another container of this name may use the same tree now."""
    tree = runtime.tree()

    assert 0 == runtime.hook("poststop", "--strict")[0]
    assert tree.exists()


def test_a_container_that_takes_the_name_of_another_keeps_what_it_owes(runtime: Runtime) -> None:
    """A late poststop releases what the dead one owes, and nothing of the living."""
    old = runtime.tree(0)
    runtime.hook("createRuntime")
    runtime.end()
    runtime.process = subprocess.Popen(["sleep", "1000"])
    runtime.annotations.clear()
    new = runtime.tree(1)
    runtime.hook("createRuntime")
    runtime.hook("poststop")

    assert (False, True) == (old.exists(), new.exists())


def test_poststop_needs_no_annotation(runtime: Runtime) -> None:
    """The journal knows what is owed, and of which service."""
    runtime.annotations["dev.processender.service"] = "shop"
    tree = runtime.tree()
    runtime.hook("createRuntime")
    runtime.end()
    runtime.annotations.clear()
    service = [path.name for path in runtime.state.iterdir()]
    runtime.hook("poststop")

    assert (["shop"], False) == (service, tree.exists())


def test_the_job_of_a_container_can_be_recovered_alone(runtime: Runtime) -> None:
    """The annotation names it."""
    runtime.annotations["dev.processender.job"] = "build-1"
    tree = runtime.tree()
    runtime.hook("createRuntime")
    runtime.end()
    environ = os.environ | {"PROCESSENDER_STATE": str(runtime.state)}
    words = [sys.executable, "-m", "processender", "recover", "--job", "build-1"]
    ran = subprocess.run(words, env=environ, capture_output=True, check=False)

    assert (0, False) == (ran.returncode, tree.exists())


def test_what_hosts_track_for_the_container_is_released_with_it(runtime: Runtime) -> None:
    """`track --owner-pid` with the service of the container writes into the same journal."""
    runtime.hook("createRuntime")
    file = runtime.scratch / "veth"
    environ = os.environ | {"PROCESSENDER_STATE": str(runtime.state)}
    owner = ["--owner-pid", str(runtime.process.pid), "--service", "containers"]
    words = ["track", "add", "file", str(file), "--arg", f"root={runtime.scratch}", *owner]
    subprocess.run([sys.executable, "-m", "processender", *words], env=environ, check=True, capture_output=True)
    file.touch()
    runtime.end()
    runtime.hook("poststop")

    assert not file.exists()
    assert [] == list(runtime.state.glob("*/journal/*"))


def test_a_slow_recovery_ends_with_the_time_of_the_hook(runtime: Runtime) -> None:
    """What is done is done; the rest is told, and the next recovery settles it."""
    tree = runtime.tree()
    runtime.annotations["dev.processender.release.1"] = json.dumps(SLOW)
    runtime.hook("createRuntime", "--allow", "command")
    runtime.end()
    began = time.monotonic()
    code, said = runtime.hook("poststop", "--window", "2s", "--allow", "command")
    took = time.monotonic() - began

    assert (0, False) == (code, tree.exists())
    assert "cannot release job slow" in said
    assert "`processender recover`" in said
    assert took < 30
    assert sorted(["c1", "slow"]) == runtime.owed()


def test_strict_says_what_was_not_done_with_its_exit_code(runtime: Runtime) -> None:
    """Then the runtime stops a container whose things could not be written down, and warns after a poststop."""
    runtime.annotations["dev.processender.release.0"] = "tree /etc"

    assert (0, 1) == tuple(runtime.hook("createRuntime", *options)[0] for options in ([], ["--strict"]))
    assert 1 == runtime.hook("poststop", "--strict")[0]


def test_annotations_touch_nothing_that_the_hook_was_not_told_of(runtime: Runtime, tmp_path: Path) -> None:
    """Whoever may set annotations is not who runs the hook; links in the way are not followed either."""
    (tmp_path / "host").mkdir()
    (runtime.scratch / "link").symlink_to(tmp_path)
    releases = [f"tree {tmp_path}/host", f"tree {runtime.scratch}/link/host", json.dumps({**SLOW, "run": ["true"]})]
    runtime.annotations |= {f"dev.processender.release.{n}": text for n, text in enumerate(releases)}
    code, said = runtime.hook("createRuntime")
    runtime.end()
    runtime.hook("poststop")

    assert 0 == code
    assert ["dev.processender.release.0", "dev.processender.release.2"] == [
        line.split("'")[1] for line in said.splitlines()
    ]
    assert (tmp_path / "host").exists()


def test_the_log_keeps_what_runtimes_drop(runtime: Runtime, tmp_path: Path) -> None:
    """One line for each thing, whatever the annotation holds, and not without an end."""
    log = tmp_path / "log"
    releases = {f"dev.processender.release.{n}": f"tree /etc/{n}\n" for n in range(60)}
    runtime.annotations |= releases
    runtime.hook("createRuntime", "--log", str(log))
    runtime.hook("poststop", "--log", str(log), data=b"{")
    lines = log.read_text(encoding="utf-8").splitlines()

    assert 52 == len(lines)
    assert all(" createRuntime c1: cannot release what 'dev.proc" in line for line in lines[:50])
    assert lines[50].endswith(" createRuntime c1: there is more; `processender journal show` tells the rest")
    assert " poststop ?: cannot read the state" in lines[51]


def test_a_journal_is_judged_by_the_limits_of_the_hook(runtime: Runtime) -> None:
    """A container that can write where journals are can write any: no command is run, and what was asked for is kept."""
    runtime.hook("createRuntime")
    environ = os.environ | {"PROCESSENDER_STATE": str(runtime.state)}
    words = ["track", "add", "job", "forged", "--releaser", "command", "--arg"]
    words += [f'run=["touch", "{runtime.scratch}/ran"]', "--service", "containers"]
    words += ["--owner-pid", str(runtime.process.pid)]
    subprocess.run([sys.executable, "-m", "processender", *words], env=environ, check=True, capture_output=True)
    runtime.end()
    code, said = runtime.hook("poststop")

    assert 0 == code
    assert "cannot release job forged: the releaser 'command' is not allowed here" in said
    assert ["forged"] == runtime.owed()
    assert [] == list(runtime.scratch.iterdir())


def test_what_hostile_hands_have_written_keeps_no_container_from_being_released(runtime: Runtime) -> None:
    """Journals that are none, of owners that make no sense, beside a good one."""
    tree = runtime.tree()
    runtime.hook("createRuntime")
    good = next(runtime.state.glob("containers/journal/*"))
    for number, owner in enumerate([b"[", b"{}", b'{"space": [], "held_by": "identity"}', b"\xff" * 5000]):
        bad = good.parent / f"1-{number}-bad"
        shutil.copytree(good, bad)
        (bad / "owner.json").write_bytes(owner)
        (bad / "seg-00000000000000000009").write_bytes(os.urandom(4000))
    (good.parent / "file").write_bytes(b"x")
    runtime.end()
    code, _ = runtime.hook("poststop")

    assert (0, False) == (code, tree.exists())
    assert not good.exists()


def test_links_in_the_state_are_not_followed(runtime: Runtime, tmp_path: Path) -> None:
    """A container that can write there cannot lead the host to the journals of others."""
    tree = runtime.tree()
    runtime.hook("createRuntime")
    runtime.end()
    (runtime.state / "containers").rename(tmp_path / "elsewhere")
    (runtime.state / "containers").symlink_to(tmp_path / "elsewhere")
    said = runtime.hook("poststop")[1]

    assert "nothing is known of the container 'c1'" in said
    assert tree.exists()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"id": "' + b"a" * 3_000_000])
def test_what_is_no_state_is_told_and_fails_nothing(runtime: Runtime, data: bytes) -> None:
    """Three megabytes are not read to their end."""
    code, said = runtime.hook("poststop", data=data)

    assert (0, 1) == (code, said.count("cannot read the state of the container"))


def test_an_input_that_never_ends_is_not_waited_for(runtime: Runtime) -> None:
    """The time of the hook is all that there is."""
    with subprocess.Popen(
        runtime.words("poststop", "--window", "500ms"), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as hook:
        assert hook.stdin is not None
        assert hook.stderr is not None
        hook.stdin.write(b"{")
        hook.stdin.flush()
        code = hook.wait(LIMIT_S)
        said = hook.stderr.read()

    assert 0 == code
    assert b"its end does not come" in said


def test_a_state_that_cannot_be_written_fails_no_container(runtime: Runtime) -> None:
    """It is told; with --strict the container does not start."""
    runtime.tree()
    runtime.state.write_text("no directory", encoding="utf-8")
    code, said = runtime.hook("createRuntime")

    assert (0, 1) == (code, runtime.hook("createRuntime", "--strict")[0])
    assert "PROCESSENDER_STATE" in said


@pytest.mark.parametrize(
    ("words", "text"),
    [(["createContainer"], "there is no hook 'createContainer'"), (["postStop"], "did you mean 'poststop'"),
     (["poststop", "--allow-root", "scratch"], "no absolute path"), (["poststop", "--window", "9"], "has no unit")],
)  # fmt: skip
def test_a_mistake_in_the_file_of_the_hooks_is_told_at_once(words: list[str], text: str) -> None:
    """With the exit code 2, so that the first container shows it."""
    argv = [sys.executable, "-m", "processender", "oci-hook", *words]
    ran = subprocess.run(argv, input=b"{}", capture_output=True, timeout=LIMIT_S, check=False)

    assert 2 == ran.returncode
    assert text in ran.stderr.decode()
