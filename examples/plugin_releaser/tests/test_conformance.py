"""The one line that every author of a releaser runs."""

from __future__ import annotations

from acme_machines import MachineReleaser

from processender.testing.releasers import check_releaser


def test_it_keeps_the_promises_of_a_releaser(tmp_path) -> None:
    """It sees the thing, releases it, and may be called again."""

    def order(tag: str) -> dict[str, str]:
        (tmp_path / tag).touch()
        return {"inventory": str(tmp_path)}

    check_releaser(MachineReleaser(), make=order, exists=lambda tag: (tmp_path / tag).exists())
