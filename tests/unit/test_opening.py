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
