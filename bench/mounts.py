"""The power is cut under a real ext4 and a real xfs, and what was acknowledged is looked for afterwards."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processender.engine.clock import SystemClock
from processender.integrations.files import FileReleaser
from processender.looking import Look, journal_root, look
from processender.recovering import recover
from processender.testing.processes import Program

LIMIT_S = 30.0
MAKE = {"ext4": ("64M", ["mkfs.ext4", "-q", "-F"]), "xfs": ("320M", ["mkfs.xfs", "-q", "-f"])}
"""How large an image must be, and what makes the file system in it."""
CUTS = (1, 2, 3, 8, 47, 76, 111, 173)
"""After how many acknowledgements the power is cut; about every 36th record begins a new segment."""
SHUTDOWN = 0x8004587D
"""FS_IOC_SHUTDOWN (linux/fs.h)."""
NOLOGFLUSH = struct.pack("I", 2)
"""Nothing more reaches the device: neither data nor what the file system has in its own log."""

SOURCE = """
import os, sys
from processender.core.obligation import Entry, Kind, Obligation, intent
from processender.integrations.files import FileReleaser
from processender.journal.disk import SystemDisk
from processender.journal.file import FileJournal
from processender.journal.owner import claim

place, root, flushes = sys.argv[1:]
def say(*words):
    os.write(1, (' '.join(map(str, words)) + '\\n').encode())
def begin(number):
    key = os.path.join(root, str(number))
    say('trying', number)
    journal.append(intent(Obligation(str(number), 'file', key, 'file', {'root': root, 'pad': 'x' * 29000})))
    say('owed', number)
    os.close(os.open(key, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    journal.append(Entry(Kind.ACQUIRED, str(number)))
def release(number):
    say('releasing', number)
    journal.append(Entry(Kind.RELEASING, str(number)))
    FileReleaser().release(journal.standing(str(number)).obligation, 1, None)
    journal.append(Entry(Kind.RELEASED, str(number)))
class Forgetful(SystemDisk):
    def sync(self, descriptor):
        pass
disk = SystemDisk() if flushes == 'flushes' else Forgetful()
journal = FileJournal(claim(os.path.join(place, 'journal')), complain=lambda text: say('complains', text), disk=disk)
number, open_ = 0, []
while True:
    number += 1
    begin(number)
    open_.append(number)
    if number % 4:
        release(open_.pop(len(open_) // 2))
"""
"""It takes and releases files for as long as it is let; what it says goes through a pipe, which no cut reaches."""


class CannotMount(Exception):
    """This machine gives no file system of its own to cut the power of."""


class Mount:
    """An image with a file system, mounted, whose power can be cut."""

    def __init__(self, kind: str, image: Path, place: Path) -> None:
        self.device, self.place = attach(image), place
        self._image, self._options = image, ["-o", "nouuid"] if kind == "xfs" else []

    def cut(self) -> None:
        """Let nothing more reach the device, from this instant on."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, NOLOGFLUSH)
        finally:
            os.close(descriptor)

    def begin(self) -> None:
        """Mount it."""
        command("mount", *self._options, self.device, str(self.place))

    def again(self) -> None:
        """
        Mount it as the next boot does: what was in memory only is gone, and the file system repairs itself.

        On another device: a mount namespace that somebody has made meanwhile would keep the old one, and what is in
        memory of it.
        """
        command("umount", str(self.place))
        command("losetup", "--detach", self.device)
        self.device = attach(self._image)
        self.begin()


def attach(image: Path) -> str:
    """Return a device that is *image*; raise `CannotMount` where there is none."""
    try:
        return command("losetup", "--find", "--show", str(image))
    except subprocess.CalledProcessError as error:
        text = f"there is no loop device here, as in most containers: {error.stderr.strip()}"
        raise CannotMount(text) from error


def command(*argv: str) -> str:
    """Run what must succeed and return what it printed."""
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout.strip()


@contextmanager
def mounted(kind: str, base: Path) -> Iterator[Mount]:
    """Mount a fresh file system below *base*; raise `CannotMount` where a loop device cannot be had."""
    if os.geteuid() != 0:
        raise CannotMount("only root can mount a file system")
    size, make = MAKE[kind]
    assert shutil.which(make[0]), f"{make[0]} is needed: `make test` installs it"
    image, place = base / f"{kind}.img", base / "mount"
    command("truncate", "-s", size, str(image))
    command(*make, str(image))
    place.mkdir()
    mount = Mount(kind, image, place)
    try:
        mount.begin()
        try:
            yield mount
        finally:
            command("umount", str(place))
    finally:
        command("losetup", "--detach", mount.device)
        image.unlink()


class Said:
    """What the program has said until it was killed."""

    def __init__(self, output: str) -> None:
        lines = [line.split() for line in output.splitlines()]
        self.tried, self.owed, self.releasing = (
            {words[1] for words in lines if words[:1] == [verb]} for verb in ("trying", "owed", "releasing")
        )


def run_until(mount: Mount, cut: int, flushes: str = "flushes") -> Said:
    """Run the program, cut the power once so many acknowledgements have come, and kill it."""
    (mount.place / "root").mkdir()
    command("sync", "--file-system", str(mount.place))
    with Program(SOURCE, str(mount.place / "demo"), str(mount.place / "root"), flushes) as running:
        running.wait_for(f"owed {cut}\n", LIMIT_S)
        mount.cut()
    return Said(running.output)


def looks(mount: Mount) -> list[Look]:
    """Read every journal that is there."""
    root = Path(journal_root(str(mount.place / "demo")))
    return [look(str(path)) for path in sorted(root.iterdir())]


def wrong(mount: Mount, said: Said) -> list[str]:
    """Return what is missing, made up or damaged, and what is there and not owed."""
    seen = looks(mount)
    live = {each.obligation.id for found in seen for each in found.standings}
    there = set(os.listdir(mount.place / "root"))
    found = [f"{id_} was acknowledged and is lost" for id_ in said.owed - said.releasing - live]
    found += [f"{id_} is made up" for id_ in live - said.tried]
    found += [f"the file {name} is there and not owed" for name in there - live]
    return found + [text for each in seen for text in each.troubles]


def left_after_recovery(mount: Mount) -> list[str]:
    """Recover, and return what is left behind and what went wrong."""
    releaser = FileReleaser()
    recovered = recover(str(mount.place / "demo"), lambda _name: releaser, SystemClock(), 20.0)
    found = [f"the file {name} is left" for name in os.listdir(mount.place / "root")]
    found += [f"the journal {name} is left" for name in os.listdir(journal_root(str(mount.place / "demo")))]
    found += [f"{each.obligation.id} is {each.state}: {each.error}" for each in recovered.open]
    return found + [each.why for each in recovered.left] + list(recovered.troubles)


def after_a_cut(kind: str, cut: int, base: Path) -> tuple[Said, list[str], list[str]]:
    """Cut the power and boot; return what was said, what is wrong, and what a recovery has left."""
    with mounted(kind, base) as mount:
        said = run_until(mount, cut)
        mount.again()
        violations = wrong(mount, said)
        return said, violations, left_after_recovery(mount)
