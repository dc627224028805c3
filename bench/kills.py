"""
Programs that are killed at a random instant while they hold real things, and what a recovery leaves of them.

One round: a program acquires and releases files, flocks, child processes, advisory locks of PostgreSQL and locks of
Redis until SIGKILL ends it. An heir, who knows nothing of ProcessEnder, takes what is free under the same names. Then
what the dead has left is recovered, while a bystander of the same service lives. Whatever is looked at is looked at
with the system's own means, never with a releaser's `check`.

Every part of a round is a process of its own, forked from one that has loaded all and holds no thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import redis

from processender import Ender
from processender.core.obligation import State
from processender.engine.clock import SystemClock
from processender.integrations.files import file_args
from processender.integrations.locks import lock_args
from processender.integrations.postgres import advisory_lock
from processender.integrations.processes import TAG, process_args
from processender.integrations.redis import lock
from processender.looking import journal_root, look
from processender.plugins import find_releaser
from processender.recovering import recover

from .figures import Figure, say

SERVICE = "kills"
NAMES = 6
"""How many things of each kind there are."""
MOST = 8
"""How many things a program holds at most."""
STEPS = 30
"""After how many steps a program is killed at the latest."""
WINDOW_S = 30.0
Release = Callable[[], object]


class World:
    """Where everything takes place."""

    def __init__(self, base: str, postgres: str, redis: str) -> None:
        """Take a directory and the URLs of the servers."""
        self.state = os.path.join(base, "state")
        self.root = os.path.join(base, "root")
        self.postgres, self.redis = postgres, redis
        os.mkdir(self.root)

    def path(self, kind: str, number: int) -> str:
        """Return the path of a file or a lock."""
        return os.path.join(self.root, f"{kind}-{number}")


# What a program acquires, each with what releases it.


def take_file(ender: Ender, world: World, number: int) -> Release:
    path = world.path("file", number)
    held = ender.obligation("file", key=path, root=world.root).acquire()
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    held.acquired(**file_args(path, world.root))
    return held.release


def take_flock(ender: Ender, world: World, number: int) -> Release:
    path = world.path("flock", number)
    held = ender.obligation("flock", key=path, root=world.root).acquire()
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    held.acquired(**lock_args(path, world.root))

    def release() -> None:
        os.close(descriptor)
        held.release()

    return release


def take_child(ender: Ender, world: World, number: int) -> Release:
    held = ender.obligation("process", key=f"child-{number}").acquire()
    child = subprocess.Popen(["sleep", "1000"], env={**os.environ, TAG: held.id, "KILLS": world.root})
    held.acquired(str(child.pid), **process_args(child.pid, grace=5.0))

    def release() -> None:
        child.terminate()
        child.wait()
        held.settle()

    return release


def take_advisory(ender: Ender, world: World, number: int) -> Release:
    block = advisory_lock(ender, world.postgres, str(number))
    block.__enter__()
    return lambda: block.__exit__(None, None, None)


def take_redis(ender: Ender, world: World, number: int) -> Release:
    block = lock(ender, world.redis, f"lock-{number}", ttl=600.0)
    block.__enter__()
    return lambda: block.__exit__(None, None, None)


KINDS = (take_file, take_flock, take_child, take_advisory, take_redis)


def work(world: World, seed: int, says: int) -> None:
    """Acquire and release at random, and say each step, until somebody ends it."""
    chance = random.Random(seed)
    ender = Ender(SERVICE, state=world.state)
    held: dict[tuple[int, int], Release] = {}
    while True:
        thing = chance.randrange(len(KINDS)), chance.randrange(NAMES)
        if thing in held:
            held.pop(thing)()
        elif len(held) < MOST:
            held[thing] = KINDS[thing[0]](ender, world, thing[1])
        os.write(says, b".")


def stand_by(world: World, says: int) -> None:
    """Hold one thing of each kind, of the same service, under a name that no other has, for as long as it lives."""
    ender = Ender(SERVICE, state=world.state)
    _held = [take(ender, world, NAMES) for take in KINDS]
    os.write(says, b".")
    signal.pause()


# The heir.


class Heir:
    """Takes what is free, by the systems' own means, and later tells what was taken from it."""

    def __init__(self, world: World, chance: random.Random) -> None:
        """
        Take it, but no file that is known by its name alone.

        That is one whose maker died between saying and making it; whoever shares a name with others must not reuse it.
        """
        nameless = intended(world)
        self.world = world
        self.base = psycopg.connect(world.postgres, autocommit=True)
        self.redis = redis.Redis.from_url(world.redis)
        self.advisory = [number for number in range(NAMES) if self._try(number)]
        self.locks = [number for number in range(NAMES) if self.redis.set(f"lock-{number}", "heir", nx=True)]
        self.files = {}
        for number in range(NAMES):
            path = world.path("file", number)
            with contextlib.suppress(FileExistsError):
                if path in nameless:
                    continue
                self.files[path] = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        # A lock file that is held is not removed, and its removal is tried again for a while: not in every round.
        self.flocks = self._flocks() if chance.random() < 0.2 else {}

    def _try(self, number: int) -> bool:
        return bool(self.base.execute("SELECT pg_try_advisory_lock(%s)", [number]).fetchone()[0])

    def _flocks(self) -> dict[str, int]:
        taken = {}
        for number in range(NAMES):
            path = self.world.path("flock", number)
            with contextlib.suppress(FileNotFoundError):
                taken[path] = os.open(path, os.O_RDWR)
                fcntl.flock(taken[path], fcntl.LOCK_EX | fcntl.LOCK_NB)
        return taken

    def missing(self) -> list[str]:
        """Return what somebody has taken from it."""
        try:
            rows = self.base.execute(
                "SELECT objid::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            ).fetchall()
        except psycopg.OperationalError:
            rows = []
        found = [f"advisory lock {number}" for number in set(self.advisory) - {row[0] for row in rows}]
        found += [f"lock {number}" for number in self.locks if self.redis.get(f"lock-{number}") != b"heir"]
        for path, descriptor in (self.files | self.flocks).items():
            if not os.path.exists(path) or os.stat(path).st_ino != os.fstat(descriptor).st_ino:
                found.append(path)
        return [f"{each} was taken from the heir" for each in found]

    def leave(self) -> None:
        """Give it all back."""
        for number in self.locks:
            self.redis.delete(f"lock-{number}")
        for path in self.files:
            os.unlink(path)
        for descriptor in (self.files | self.flocks).values():
            os.close(descriptor)
        self.redis.close()
        # A server ends the session of a closed connection in its own time.
        self.base.execute("SELECT pg_advisory_unlock_all()")
        self.base.close()


# What is left.


def intended(world: World) -> set[str]:
    """Return the keys of what was said and, as far as the journals tell, not made."""
    root = journal_root(os.path.join(world.state, SERVICE))
    standings = [each for name in os.listdir(root) for each in look(os.path.join(root, name)).standings]
    return {each.obligation.key for each in standings if each.state is State.INTENDED}


def left(world: World) -> list[str]:
    """Return what there is, by the systems' own means; the bystander's must be among it, and nothing else."""
    found = os.listdir(world.root)
    with psycopg.connect(world.postgres) as base:
        rows = base.execute("SELECT objid::int FROM pg_locks WHERE locktype = 'advisory'").fetchall()
        found += [f"advisory-{row[0]}" for row in rows]
    with redis.Redis.from_url(world.redis) as client:
        found += [key.decode() for key in client.keys("lock-*") if not key.endswith(b":token")]
    mark = os.fsencode(f"KILLS={world.root}")
    for pid in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if pid.isdigit() and mark in Path("/proc", pid, "environ").read_bytes().split(b"\0"):
                found.append("child")
    return sorted(found)


EXPECTED = sorted([f"file-{NAMES}", f"flock-{NAMES}", f"advisory-{NAMES}", f"lock-{NAMES}", "child"])


def inherit(world: World, seed: int) -> dict[str, object]:
    """Take what the dead has left free, recover, and return what was found and what is wrong."""
    chance = random.Random(seed)
    heir = Heir(world, chance) if chance.random() < 0.5 else None
    place = os.path.join(world.state, SERVICE)
    first = recover(place, find_releaser, SystemClock(), WINDOW_S)
    wrong = heir.missing() if heir is not None else []
    if heir is not None:
        heir.leave()
    again = recover(place, find_releaser, SystemClock(), WINDOW_S)
    wrong += [f"cannot release {each.obligation.label}: {each.error}" for each in again.open]
    wrong += [*first.troubles, *again.troubles]
    now = left(world)
    wrong += [f"{name} was left behind" for name in now if name not in EXPECTED]
    wrong += [f"{name} of the bystander is gone" for name in EXPECTED if name not in now]
    alive = [each.directory for each in again.left if each.alive]
    if len(alive) != 1:
        wrong.append(f"{len(alive)} journals of living owners; there is one bystander")
    return {"owed": len(first.settled), "heir": heir is not None, "wrong": wrong}


# Processes.


def fork(function: Callable[[int], object]) -> tuple[int, int]:
    """Call *function* with the end of a pipe in a child; return its pid and the other end."""
    out, into = os.pipe()
    pid = os.fork()
    if pid:
        os.close(into)
        return pid, out
    os.close(out)
    code = 1
    try:
        function(into)
        code = 0
    except BaseException:  # a child must not go on as its parent
        os.write(into, b"!" + traceback.format_exc().encode())
    finally:
        os._exit(code)


def call(function: Callable[[], object]) -> dict:
    """Call *function* in a child and return what it returns."""
    pid, out = fork(lambda into: os.write(into, json.dumps(function()).encode()))
    with open(out, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    if said.startswith(b"!"):
        raise RuntimeError(said[1:].decode())
    return json.loads(said)


def kill_at_random(world: World, seed: int) -> int:
    """Let a program work, kill it at an instant that *seed* tells, and return how far it came."""
    chance = random.Random(-seed)
    pid, out = fork(lambda says: work(world, seed, says))
    steps, wanted = 0, chance.randrange(STEPS)
    while steps < wanted:
        said = os.read(out, wanted - steps)
        if not said or b"!" in said:
            raise RuntimeError(f"the program has ended by itself: {(said + os.read(out, 65536)).decode()}")
        steps += len(said)
    time.sleep(chance.random() * 0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(out)
    return steps


@contextlib.contextmanager
def bystander(world: World) -> Iterator[None]:
    """Let a bystander live."""
    pid, out = fork(lambda says: stand_by(world, says))
    try:
        said = os.read(out, 65536)
        if said != b".":
            raise RuntimeError(said.decode())
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(out)
        call(lambda: recover(os.path.join(world.state, SERVICE), find_releaser, SystemClock(), WINDOW_S).troubles)


def rounds(count: int, postgres: str, redis: str, first: int = 0) -> tuple[int, int, list[str]]:
    """Kill *count* programs; return how many things they owed, how many had heirs, and all that is wrong."""
    owed = heirs = 0
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="processender-kills-") as base:
        world = World(base, postgres, redis)
        with bystander(world):
            for seed in range(first, first + count):
                say(f"kill {seed - first + 1} of {count}, {len(wrong)} wrong")
                steps = kill_at_random(world, seed)
                found = call(lambda seed=seed: inherit(world, seed))
                owed, heirs = owed + found["owed"], heirs + found["heir"]
                wrong += [f"seed {seed}, step {steps}: {each}" for each in found["wrong"]]
    return owed, heirs, wrong


def apart(count: int, postgres: str, redis: str) -> tuple[int, int, list[str]]:
    """Do the same in a new process, which has no threads."""
    argv = [sys.executable, "-m", "bench.kills", str(count), postgres, redis]
    said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent).stdout
    owed, heirs, wrong = json.loads(said)
    return owed, heirs, wrong


def measure() -> list[Figure]:
    """Kill a thousand programs."""
    from tests.integration import servers

    with servers.postgres() as postgres, servers.redis() as redis:
        owed, heirs, wrong = apart(1000, postgres, redis)
    for each in wrong[:20]:
        print(each)
    beside = f"they owed {owed} things; {heirs} had an heir, and all a bystander"
    return [Figure("left behind or wrongly released, of 1,000 programs killed at random", len(wrong), "", bar=0,
                   beside=beside)]  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(rounds(int(sys.argv[1]), *sys.argv[2:])))
