"""
What is left of a command where /proc is missing or is that of others: it is known to be there, but not by number.

The kernel still knows it as a whole: for process 1 as everybody in its namespace, for others as the command's process
group, whose number is the command's own for as long as a child of this process is in it.
"""

from __future__ import annotations

import os

from .children import Children
from .tree import sees_itself


def send_unseen(children: Children, leader: int, *numbers: int, everything: bool = False) -> bool:
    """
    Send signals to what is left and cannot be seen; tell whether there can be such processes.

    Args:

        children: Who knows the children of this process.

        leader: The number of the command, if it leads a session of its own, else 0.

        numbers: The signals, one after the other.

        everything: Whether the commands of handlers are meant, too; who was there before the agent is always spared.
    """
    if sees_itself():
        return False
    to_all = os.getpid() == 1 and not children.obscure and (everything or not children.strangers(leader))
    for number in numbers:
        if to_all:
            _send_all(number)
        elif leader:
            children.send_group(leader, number)
    return True


def unseen_in_words() -> str:
    """Return what is to be said of what is left when no process of it was seen."""
    if sees_itself():
        return "what is left (it cannot be seen: it forks and ends too fast)"
    return "what is left (it cannot be seen: there is no /proc)"


def _send_all(number: int) -> None:
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        # The last has gone meanwhile.
        return
