"""
A real systemd, booted in a container on a copy of this host's files, for the tests.

The root is an overlay of `/`, so the interpreter, the packages and this tree are there at their own paths. A driver
plays all scenarios in one boot and leaves what came of each as a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LIMIT_S = 150.0
TREE = Path(__file__).parent.parent.parent
_MASKED = ("tmp.mount", "systemd-tmpfiles-setup.service", "networking.service", "ifupdown-wait-online.service",
           "systemd-networkd-wait-online.service", "NetworkManager-wait-online.service")  # fmt: skip
"""What would empty /tmp, where the tree may be, or wait for a network that this container has not."""
_DRIVER = """\
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart={python} {driver}
ExecStopPost=/bin/systemctl --force --force poweroff
TimeoutStartSec={limit}
StandardOutput=append:/results/driver.log
StandardError=append:/results/driver.log
"""
_TARGET = "[Unit]\nDefaultDependencies=no\nWants=driver.service\nAllowIsolate=yes\n"


@contextlib.contextmanager
def _overlay(base: Path) -> Iterator[Path]:
    """Mount a copy of `/` that takes writes."""
    for name in ("upper", "work", "root"):
        (base / name).mkdir()
    layers = f"lowerdir=/,upperdir={base}/upper,workdir={base}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(base / "root")], check=True)
    try:
        yield base / "root"
    finally:
        subprocess.run(["umount", str(base / "root")], check=True)


def play(base: Path, units: Mapping[str, str], files: Mapping[str, str], driver: Path) -> dict[str, Any]:
    """Boot with *units* and *files* in /results, let *driver* play, and return what it has written, by scenario."""
    results = base / "results"
    results.mkdir()
    for name, text in files.items():
        (results / name).write_text(text)
    with _overlay(base) as root:
        system = root / "etc/systemd/system"
        program = root / "usr/bin/processender"
        program.unlink(missing_ok=True)
        program.write_text(f'#!/bin/sh\nPYTHONPATH={TREE}/src exec {sys.executable} -m processender "$@"\n')
        program.chmod(0o755)
        made = {
            "driver.service": _DRIVER.format(python=sys.executable, driver=driver, limit=LIMIT_S),
            "driver.target": _TARGET,
        }
        for name, text in {**units, **made}.items():
            (system / name).write_text(text)
        for name in _MASKED:
            (system / name).unlink(missing_ok=True)
            (system / name).symlink_to("/dev/null")
        argv = ["systemd-nspawn", "-D", str(root), "--boot", "--register=no", "--keep-unit", "--console=pipe", "--quiet",
                "--link-journal=no", f"--bind={results}:/results", *_elsewhere()]  # fmt: skip
        with (base / "console").open("wb") as console:
            subprocess.run(
                [*argv, "--", "systemd.unit=driver.target"],
                env={**os.environ, "SYSTEMD_NSPAWN_TMPFS_TMP": "0"}, stdin=subprocess.DEVNULL,
                stdout=console, stderr=console, timeout=LIMIT_S + 30, check=False,
            )  # fmt: skip
    found = {path.stem: json.loads(path.read_text()) for path in results.glob("*.json")}
    if not found:
        log = results / "driver.log"
        told = (base / "console").read_text(errors="replace") + (log.read_text() if log.exists() else "")
        raise RuntimeError(f"systemd did not play anything:\n{told[-4000:]}")
    return found


def _elsewhere() -> list[str]:
    """Return what brings in the directories that the overlay of `/` does not show, because they are other mounts."""
    needed = {str(TREE), sys.prefix, sys.base_prefix, os.path.dirname(os.path.realpath(sys.executable))}
    return [f"--bind-ro={path}" for path in sorted(needed) if os.stat(path).st_dev != os.stat("/").st_dev]
