"""The way to the control thread, when nobody is there any more."""

from __future__ import annotations

from processender.engine.mailbox import Mailbox


def test_what_comes_after_the_end_is_not_kept() -> None:
    """Whoever goes on telling, for days, does not fill the memory."""
    made: Mailbox[int] = Mailbox()
    made.put([1])
    made.close()
    made.put([2, 3])

    assert [1] == made.take()
