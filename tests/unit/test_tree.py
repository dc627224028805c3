"""Who is asked to end, and when: the part of the tree that needs no processes."""

from __future__ import annotations

import os
import subprocess

import pytest

from processender.agent.tree import Member, read_all, read_member, tree, untold

AGENT = 1


def member(pid: int, parent: int = AGENT, start: int = 7) -> Member:
    """Return a process with a parent."""
    return Member(pid, start, parent, 9, f"p{pid}")


@pytest.mark.parametrize(
    ("members", "told", "expected"),
    [
        ([], {}, []),
        ([member(2), member(3, 2)], {}, [2, 3]),
        ([member(2), member(3, 2)], {2: 7, 3: 7}, []),
        ([member(2), member(3, 2)], {2: 7}, []),
        ([member(2), member(3, 2), member(4, 3)], {2: 7}, []),
        ([member(3), member(4, 3)], {2: 7}, [3, 4]),
        ([member(2, start=8)], {2: 7}, [2]),
    ],
    ids=[
        "nobody",
        "everybody at first",
        "nobody twice",
        "not what the clean-up started",
        "nor what that started",
        "but who has lost its parent",
        "and who has another's number",
    ],
)
def test_who_is_asked(members: list[Member], told: dict[int, int], expected: list[int]) -> None:
    """Each process once, and a clean-up is left alone."""
    assert expected == [each.pid for each in untold(members, told)]


def test_this_process_can_be_read() -> None:
    """With its parent and its session."""
    found = read_member(os.getpid())

    assert found is not None
    assert (os.getpid(), os.getppid(), os.getsid(0)) == (found.pid, found.parent, found.session)


def test_a_process_that_is_not_there_is_none() -> None:
    """Numbers beyond the kernel's limit are nobody's."""
    assert None is read_member(2**22 + 1)


def test_this_process_is_among_all() -> None:
    """As /proc shows them."""
    assert os.getpid() in {each.pid for each in read_all()}


def test_a_tree_of_nobody_is_empty() -> None:
    """No leader is not session 0, which is that of the kernel's threads."""
    with subprocess.Popen(["sleep", "1000"]) as childless:
        found = tree(childless.pid, 0, frozenset(), frozenset())
        childless.kill()

    assert [] == found
