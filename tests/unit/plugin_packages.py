"""Packages with plugins, as an installer leaves them."""

from __future__ import annotations

from pathlib import Path

import pytest


def install(where: Path, monkeypatch: pytest.MonkeyPatch, module: str, source: str, points: str) -> None:
    """Install a package of one *module* with this *source*, whose entry points are *points*, below *where*."""
    (where / f"{module}.py").write_text(source)
    info = where / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(where))
