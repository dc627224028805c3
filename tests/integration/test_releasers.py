"""The releasers that come with the package, on real files, processes, sockets and servers."""

from __future__ import annotations

import fcntl
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any, ClassVar

import pytest

from processender.core.obligation import Obligation
from processender.errors import ReleaserError, Transient
from processender.identity import Identity, identify, is_alive
from processender.integrations.command.releaser import CommandReleaser
from processender.integrations.files import FileReleaser, TreeReleaser, file_args
from processender.integrations.http.releaser import HttpReleaser
from processender.integrations.locks import FlockReleaser, LockDirReleaser, PidFileReleaser, lock_args
from processender.integrations.processes import ProcessGroupReleaser, ProcessReleaser, process_args
from processender.integrations.shm import SharedMemoryReleaser, shm_args
from processender.integrations.sockets import SocketReleaser, socket_args
from processender.paths import birth
from processender.plugins import find_releaser, releaser_names
from processender.secret import reveal
from processender.testing.releasers import check_releaser, context


def owed(key: object, **args: Any) -> Obligation:
    """Return an obligation."""
    return Obligation("0-id", "thing", str(key), "r", args)


# Files.


def test_a_file_keeps_the_promises(tmp_path: Path) -> None:
    """The conformance check passes."""

    def make(key: str) -> dict[str, Any]:
        Path(key).write_text("x", encoding="utf-8")
        return file_args(key, str(tmp_path))

    check_releaser(FileReleaser(), make, os.path.exists, str(tmp_path / "file"))


def test_a_tree_keeps_the_promises(tmp_path: Path) -> None:
    """The conformance check passes; what its links point to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x", encoding="utf-8")

    def make(key: str) -> dict[str, Any]:
        (Path(key) / "a" / "b").mkdir(parents=True)
        (Path(key) / "a" / "link").symlink_to(outside)
        (Path(key) / "a" / os.fsdecode(b"odd \xff\n name")).write_text("x", encoding="utf-8")
        os.mkfifo(Path(key) / "fifo")
        return file_args(key, str(tmp_path))

    check_releaser(TreeReleaser(), make, os.path.exists, str(tmp_path / "tree"))

    assert (outside / "precious").exists()


def test_a_file_that_took_the_name_later_is_left_alone(tmp_path: Path) -> None:
    """Device and inode are those of another."""
    path = tmp_path / "file"
    path.write_text("ours", encoding="utf-8")
    obligation = owed(path, **file_args(str(path), str(tmp_path)))
    path.rename(tmp_path / "kept")
    path.write_text("theirs", encoding="utf-8")
    FileReleaser().release(obligation, 1, context())

    assert not FileReleaser().check(obligation)
    assert "theirs" == path.read_text(encoding="utf-8")


def test_a_file_that_got_the_number_of_a_dead_one_is_left_alone(tmp_path: Path) -> None:
    """A file system gives the number of an inode again, ext4 at once; the time at which it was made is another."""
    path = tmp_path / "file"
    path.write_text("ours", encoding="utf-8")
    args = file_args(str(path), str(tmp_path))
    inherited = {**args, "born": args["born"] - 1}

    assert (True, False) == (FileReleaser().check(owed(path, **args)), FileReleaser().check(owed(path, **inherited)))


@pytest.mark.parametrize(
    "releaser",
    [FileReleaser(), TreeReleaser(), FlockReleaser(), PidFileReleaser()],
    ids=lambda each: type(each).__name__,
)
def test_a_file_is_known_again_when_its_device_has_another_number(releaser: Any, tmp_path: Path) -> None:
    """A file system that was mounted anew may have one; the time of its birth tells."""
    path = tmp_path / "file"
    path.touch()
    args = file_args(str(path), str(tmp_path))
    obligation = owed(path, **{**args, "device": args["device"] + 1})
    other = owed(path, **{**args, "device": args["device"] + 1, "born": args["born"] + 1})
    releaser.release(other, 1, context())
    before = (path.exists(), releaser.check(obligation), releaser.check(other))
    releaser.release(obligation, 1, context())

    assert (True, True, False) == before
    assert not path.exists()


def test_a_file_below_a_root_that_is_gone_is_not_taken_for_gone(tmp_path: Path) -> None:
    """Its file system may be mounted later; on the one that is there it is gone indeed."""
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    path = root / "below" / "file"
    path.touch()
    args = file_args(str(path), str(root))
    shutil.rmtree(root)
    there = FileReleaser().check(owed(path, **args))

    for unseen in ({**args, "device": args["device"] + 1}, {"root": str(root)}):
        with pytest.raises(Transient, match="is not there, or not mounted; mount it"):
            FileReleaser().check(owed(path, **unseen))
    assert not there


def test_a_file_on_what_is_not_mounted_is_not_taken_for_gone(tmp_path: Path) -> None:
    """An empty directory in the place of another file system tells nothing; nothing was marked, nothing is waited for."""
    root, path = tmp_path / "root", tmp_path / "root" / "file"
    root.mkdir()
    tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(root)], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")
    try:
        path.touch()
        obligation = owed(path, **file_args(str(path), str(root)))
        mounted = FileReleaser().check(obligation)
    finally:
        subprocess.run(["umount", str(root)], check=True)

    with pytest.raises(Transient, match="not mounted"):
        FileReleaser().check(obligation)
    assert mounted
    assert not FileReleaser().check(owed(path, root=str(root)))


IN_NEW_MEMORY = """
import json, subprocess, sys
from processender.core.obligation import Obligation
from processender.integrations.shm import SharedMemoryReleaser
subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', '/dev/shm'], check=True)
print(SharedMemoryReleaser().check(Obligation('0-id', 'shm', sys.argv[1], 'shm', json.loads(sys.argv[2]))))
"""
"""Looks for shared memory where /dev/shm is another, as in a container that was started anew."""


def test_shared_memory_is_gone_with_its_mount() -> None:
    """An empty one in its place is the ordinary case after a restart, and nothing is waited for."""
    memory = shared_memory.SharedMemory(create=True, size=16)
    try:
        argv = [sys.executable, "-c", IN_NEW_MEMORY, memory.name, json.dumps(shm_args(memory.name))]
        done = subprocess.run(["unshare", "-m", *argv], capture_output=True, text=True, timeout=60, check=False)
    finally:
        memory.close()
        memory.unlink()
    if "not permitted" in done.stderr or "must be superuser" in done.stderr:
        pytest.skip("nothing can be mounted here")

    assert (0, "False\n") == (done.returncode, done.stdout), done.stderr


def test_the_time_at_which_a_file_was_made_is_that_of_the_system(tmp_path: Path) -> None:
    """As stat(1) tells it."""
    path = tmp_path / "file"
    path.touch()
    told = subprocess.run(["stat", "-c", "%W", str(path)], check=True, capture_output=True, text=True).stdout

    assert int(told) == birth(str(path)) // 1_000_000_000
    assert 0 == birth(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    "key", ["{root}/../outside", "{root}", "{root}x/file", "relative", "/etc/passwd", "{root}/link/file", "{root}/a\0b"]
)
def test_what_does_not_lie_below_the_root_is_refused(tmp_path: Path, key: str) -> None:
    """A record is hostile input."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").write_text("x", encoding="utf-8")
    (root / "link").symlink_to(tmp_path)

    with pytest.raises(ReleaserError, match="cannot touch"):
        FileReleaser().release(owed(key.format(root=root), root=str(root)), 1, context())


def test_a_root_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Whoever can move the root must not choose what is removed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x", encoding="utf-8")
    (tmp_path / "root").symlink_to(tmp_path / "real")

    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        FileReleaser().release(owed(tmp_path / "root" / "file", root=str(tmp_path / "root")), 1, context())
    assert (tmp_path / "real" / "file").exists()


def test_a_tree_that_is_too_deep_is_refused_with_its_reason(tmp_path: Path) -> None:
    """Each level holds a descriptor."""
    path = tmp_path / "tree"
    path.mkdir()
    here = os.open(path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    with pytest.raises(ReleaserError, match="deeper than 200 levels"):
        TreeReleaser().release(owed(path, root=str(tmp_path)), 1, context())


# Locks.


def test_a_flock_keeps_the_promises(tmp_path: Path) -> None:
    """The conformance check passes once nobody holds the lock."""

    def make(key: str) -> dict[str, Any]:
        os.close(os.open(key, os.O_CREAT | os.O_RDWR))
        return lock_args(key, str(tmp_path))

    check_releaser(FlockReleaser(), make, os.path.exists, str(tmp_path / "lock"))


def test_a_flock_that_somebody_holds_is_left_and_tried_again(tmp_path: Path) -> None:
    """A child may have inherited it."""
    path = tmp_path / "lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with pytest.raises(Transient, match="a process holds it"):
        FlockReleaser().release(owed(path, **lock_args(str(path), str(tmp_path))), 1, context())
    os.close(descriptor)
    assert path.exists()


def test_a_pid_file_keeps_the_promises(tmp_path: Path) -> None:
    """The conformance check passes."""

    def make(key: str) -> dict[str, Any]:
        Path(key).write_text(f"{os.getpid()}\n", encoding="utf-8")
        return lock_args(key, str(tmp_path))

    check_releaser(PidFileReleaser(), make, os.path.exists, str(tmp_path / "pid"))


def test_a_pid_file_of_another_process_is_left_alone(tmp_path: Path) -> None:
    """It was written over since."""
    path = tmp_path / "pid"
    path.write_text(f"{os.getpid()}", encoding="utf-8")
    args = lock_args(str(path), str(tmp_path))
    path.write_text("1", encoding="utf-8")
    PidFileReleaser().release(owed(path, **args), 1, context())

    assert path.exists()


def test_a_lock_directory_keeps_the_promises(tmp_path: Path) -> None:
    """The conformance check passes."""

    def make(key: str) -> dict[str, Any]:
        Path(key).mkdir()
        (Path(key) / "holder").write_text("me", encoding="utf-8")
        return lock_args(key, str(tmp_path))

    check_releaser(LockDirReleaser(), make, os.path.exists, str(tmp_path / "lock.d"))


# Processes.


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Collect processes, and end those that are left."""
    made: list[subprocess.Popen[bytes]] = []
    yield made
    for process in made:
        process.kill()
        process.wait()


def test_a_process_that_is_deaf_to_term_is_killed(children: list) -> None:
    """TERM, then KILL."""
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    children.append(process)
    process.stdout.readline()
    ProcessReleaser().release(owed("child", **process_args(process.pid, grace=0.2)), 1, context())

    assert -9 == process.wait()
    process.stdout.close()


def test_the_identity_of_another_process_is_not_ended(children: list) -> None:
    """A number that was given again is not the process."""
    process = subprocess.Popen(["sleep", "1000"])
    children.append(process)
    args = process_args(process.pid)
    args["identity"]["started"] -= 1
    obligation = owed("child", **args)
    ProcessReleaser().release(obligation, 1, context())

    assert not ProcessReleaser().check(obligation)
    assert None is process.poll()


def test_a_group_is_ended_after_its_leader_is_gone(children: list) -> None:
    """What the leader has started is found by the group."""
    script = "sleep 1000 & echo $!; exec sleep 1000"
    leader = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, process_group=0)
    children.append(leader)
    member = int(leader.stdout.readline())
    leader.stdout.close()
    args, identity = process_args(leader.pid), identify(member)
    leader.kill()
    leader.wait()
    before = is_alive(identity)
    ProcessGroupReleaser().release(owed("group", **args), 1, context())

    assert (True, False) == (before, is_alive(identity))


ENDS_ITS_GROUP = """
import json, sys
from processender.core.obligation import Obligation
from processender.integrations.processes import ProcessGroupReleaser
from processender.testing.releasers import context
owed = Obligation('0-id', 'group', 'group', 'process-group', json.loads(sys.argv[1]))
ProcessGroupReleaser().release(owed, 1, context())
print('released', ProcessGroupReleaser().check(owed), flush=True)
"""
"""Releases the group that it is a member of."""


def test_a_recovery_in_the_group_that_it_ends_comes_to_its_end(children: list) -> None:
    """All members but itself are ended."""
    leader = subprocess.Popen(["sleep", "1000"], process_group=0)
    children.append(leader)
    argv = [sys.executable, "-c", ENDS_ITS_GROUP, json.dumps(process_args(leader.pid, grace=1))]
    done = subprocess.run(argv, process_group=leader.pid, capture_output=True, text=True, timeout=60, check=False)

    assert (0, "released False\n") == (done.returncode, done.stdout)
    assert -15 == leader.wait(60)


@pytest.mark.parametrize(
    "grace", [-1, float("nan"), float("inf"), "long", None, 10**400], ids=lambda odd: repr(odd)[:9]
)
def test_a_grace_that_is_none_keeps_no_process_alive(children: list, grace: Any) -> None:
    """A record is hostile input: KILL comes all the same, in time."""
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    children.append(process)
    process.stdout.readline()
    process.stdout.close()
    releasing = threading.Thread(
        target=ProcessReleaser().release,
        args=(owed("child", **{**process_args(process.pid), "grace": grace}), 1, context(2.0)),
        daemon=True,
    )
    releasing.start()

    assert -9 == process.wait(60)
    releasing.join(60)
    assert not releasing.is_alive()


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf"), "long"], ids=repr)
def test_a_grace_that_is_none_is_refused_before_it_is_owed(grace: Any) -> None:
    """Seconds, 0 or more."""
    with pytest.raises(ReleaserError, match="its grace must be seconds, 0 or more, not"):
        process_args(os.getpid(), grace)


@pytest.mark.parametrize("identity", [None, {}, {"pid": 1}, "all", {**dict.fromkeys(Identity.fields, 0), "boot": "x"}])
def test_what_does_not_tell_a_process_ends_nothing(identity: Any) -> None:
    """A record is hostile input: neither init nor everything is meant."""
    with pytest.raises(ReleaserError, match="do not tell a process"):
        ProcessReleaser().release(owed("child", identity=identity), 1, context())


# Memory and sockets.


def test_shared_memory_keeps_the_promises() -> None:
    """The conformance check passes."""

    def make(key: str) -> dict[str, Any]:
        # What shm_open(3) does; the module of the standard library would start a process of its own for it.
        os.close(os.open(f"/dev/shm/{key}", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return shm_args(key)

    name = f"processender-{os.getpid()}"
    check_releaser(SharedMemoryReleaser(), make, lambda key: os.path.exists(f"/dev/shm/{key}"), name)


def test_a_socket_keeps_the_promises(tmp_path: Path) -> None:
    """The conformance check passes once nobody listens."""

    def make(key: str) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(key)
        return socket_args(key, str(tmp_path))

    check_releaser(SocketReleaser(), make, os.path.exists, str(tmp_path / "s"))


def test_a_socket_on_which_somebody_listens_is_left(tmp_path: Path) -> None:
    """It is in use."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        with pytest.raises(Transient, match="a process listens on it"):
            SocketReleaser().release(owed(path, **socket_args(path, str(tmp_path))), 1, context())


# Commands and requests.


def test_a_command_is_told_what_to_release(tmp_path: Path) -> None:
    """Its environment names the thing and the token."""
    out = tmp_path / "out"
    script = f'echo "$PROCESSENDER_OBLIGATION $PROCESSENDER_KEY $PROCESSENDER_TOKEN $SECRET" > {out}'
    args = {"run": ["sh", "-c", script], "env": {"SECRET": {"env": "A_SECRET"}}}
    os.environ["A_SECRET"] = "s3cret"
    CommandReleaser().release(owed("vm-1", **args), 7, context())
    del os.environ["A_SECRET"]

    assert "0-id vm-1 7 s3cret\n" == out.read_text(encoding="utf-8")


def test_a_command_may_ask_for_another_attempt() -> None:
    """Code 75 passes."""
    with pytest.raises(Transient):
        CommandReleaser().release(owed("vm", run=["sh", "-c", "exit 75"]), 1, context())


@pytest.mark.parametrize("args", [{}, {"run": "rm -rf /"}, {"run": []}, {"run": [1]}])
def test_a_command_that_is_no_list_of_words_is_refused(args: dict[str, Any]) -> None:
    """No shell ever reads a record."""
    with pytest.raises(ReleaserError):
        CommandReleaser().release(owed("vm", **args), 1, context())


class Machines(http.server.BaseHTTPRequestHandler):
    """A server that has machines, and deletes them."""

    there: ClassVar[set[str]] = set()
    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_DELETE(self) -> None:
        """Delete one."""
        name = self.path.rpartition("/")[2]
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(204 if name in self.there else 404)
        self.there.discard(name)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Be quiet."""


@pytest.fixture
def machines() -> Iterator[str]:
    """Serve machines on a free port of the loopback, and return the address."""
    Machines.there, Machines.seen = set(), []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Machines) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_request_keeps_the_promises(machines: str) -> None:
    """The conformance check passes: the second time the thing is gone, and that is well."""

    def make(key: str) -> dict[str, Any]:
        Machines.there.add(key)
        return {"url": machines + "/machines/{key}"}

    check_releaser(HttpReleaser(), make, lambda key: key in Machines.there, "vm-1")


def test_a_request_carries_its_key_and_a_secret_that_is_in_no_record(machines: str, tmp_path: Path) -> None:
    """The secret is named in the record and read at the release; the key cannot break out of its place."""
    (tmp_path / "token").write_text("Bearer abc\n", encoding="utf-8")
    headers = {"Authorization": {"file": str(tmp_path / "token")}}
    obligation = owed("../admin?x", url=machines + "/machines/{key}", headers=headers)
    HttpReleaser().release(obligation, 1, context())

    assert [("/machines/..%2Fadmin%3Fx", "Bearer abc")] == Machines.seen


@pytest.mark.parametrize(
    "place", [{"env": "NO_SUCH"}, {"file": "/no/such"}, {"vault": "x"}, 5, {"env": "A", "file": "b"}]
)
def test_a_secret_that_is_not_there_is_named_and_not_shown(place: Any) -> None:
    """The message says where it was looked for."""
    with pytest.raises(ReleaserError, match=r"cannot (find a|read the) secret"):
        reveal(place)


# Names.


@pytest.mark.parametrize("name", releaser_names())
def test_every_releaser_that_is_listed_can_be_loaded(name: str) -> None:
    """Each has the face of a releaser."""
    releaser = find_releaser(name)

    assert callable(releaser.check)
    assert callable(releaser.release)


def test_an_unknown_name_finds_nothing() -> None:
    """Names are looked up, never imported from a record."""
    assert None is find_releaser("os.system")
