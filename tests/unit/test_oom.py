"""Where the kernel's count of kills for want of memory is found, in the layouts of control groups that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from processender.agent.oom import kills

EVENTS = "low 0\nhigh 0\nmax 7\noom 3\noom_kill {}\noom_group_kill 9\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"


@pytest.mark.parametrize(
    ("groups", "file", "text"),
    [
        ("0::/pod/app\n", "pod/app/memory.events", EVENTS),
        ("0::/\n", "memory.events", EVENTS),
        ("0::/not/mounted/here\n", "memory.events", EVENTS),
        ("5:cpu:/\n4:memory:/pod/app\n0::/\n", "memory/pod/app/memory.oom_control", CONTROL),
        ("4:memory,hugetlb:/docker/4711\n", "memory/memory.oom_control", CONTROL),
    ],
    ids=["v2", "v2 with a namespace", "v2 of a host that is not mounted", "v1 beside v2", "v1 in a container"],
)
def test_the_count_is_found(tmp_path: Path, groups: str, file: str, text: str) -> None:
    """In this group, or where a container has it mounted."""
    own = tmp_path / "cgroup"
    own.write_text(groups)
    path = tmp_path / "fs" / file
    path.parent.mkdir(parents=True)
    path.write_text(text.format(2))

    assert 2 == kills(str(tmp_path / "fs"), str(own))


@pytest.mark.parametrize("groups", [None, "", "garbage", "0::/\n", "4:memory:/x\n"])
def test_where_there_is_no_count_it_is_not_known(tmp_path: Path, groups: str | None) -> None:
    """No /proc, no control groups, an old kernel."""
    own = tmp_path / "cgroup"
    if groups is not None:
        own.write_text(groups)

    assert -1 == kills(str(tmp_path / "fs"), str(own))


def test_a_count_that_is_no_number_is_not_known(tmp_path: Path) -> None:
    """Whatever stands there."""
    own = tmp_path / "cgroup"
    own.write_text("0::/\n")
    (tmp_path / "memory.events").write_text("oom_kill many\n")

    assert -1 == kills(str(tmp_path), str(own))
