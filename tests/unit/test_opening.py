"""Files of ours in a process whose standard descriptors are closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_file_is_no_standard_stream(tmp_path: Path) -> None:
    """Whoever still prints would write into it."""
    source = (
        "import os, sys\n"
        "from processender.opening import open_beyond\n"
        "os.close(1); os.close(2)\n"
        "descriptor = open_beyond(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n"
        "os.write(descriptor, b'%d' % (descriptor > 2))\n"
    )
    file = tmp_path / "file"
    subprocess.run([sys.executable, "-c", source, str(file)], check=True)

    assert "1" == file.read_text()
    assert 0o600 == os.stat(file).st_mode & 0o777


def test_what_is_printed_meanwhile_fails_as_before(tmp_path: Path) -> None:
    """However often files are opened, not a letter gets into one of them, nor anywhere else."""
    source = (
        "import os, sys, threading\n"
        "from processender.opening import open_beyond\n"
        "os.close(1); os.close(2)\n"
        "over, wrote = threading.Event(), []\n"
        "def talk():\n"
        "    while not over.is_set():\n"
        "        for number in (1, 2):\n"
        "            try: wrote.append(os.write(number, b'x'))\n"
        "            except OSError: pass\n"
        "sys.setswitchinterval(1e-6)\n"
        "thread = threading.Thread(target=talk); thread.start()\n"
        "for number in range(3000):\n"
        "    os.close(open_beyond(sys.argv[1], os.O_WRONLY | os.O_CREAT))\n"
        "over.set(); thread.join(); os._exit(len(wrote) > 0)\n"
    )
    file = tmp_path / "file"
    ran = subprocess.run([sys.executable, "-c", source, str(file)], check=False)

    assert (0, b"") == (ran.returncode, file.read_bytes())


def test_a_fork_child_waits_for_nobody(tmp_path: Path) -> None:
    """Who was opening a file in the parent does not come to an end in the child."""
    source = (
        "import os, sys\n"
        "from processender import opening\n"
        "with opening._Turn.lock:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        opening.open_beyond(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n"
        "        os._exit(7)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", source, str(tmp_path / "file")], check=False, timeout=60)

    assert 7 == ran.returncode
