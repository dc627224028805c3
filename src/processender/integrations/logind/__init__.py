"""
logind: hears that the machine is shut down or put to sleep, and holds that up until the clean-up is over.

Hears: `PrepareForShutdown` and `PrepareForSleep`, pushed over the bus of the system, with `InhibitDelayMaxUSec` (5 s
unless somebody has set more) as the window; that they are called off; and `ScheduledShutdown`, which tells minutes
before what `shutdown +5` has planned, by a look every ten seconds, and whether `shutdown -c` has called it off.

Holds: a lock of the mode `delay`. logind waits for it, at most as long as it says, before anything is stopped; the last
handler of the end gives it back, and the machine goes on at once. Without the right to such a lock all is heard, and
nothing held up. After a sleep, and after an end that was called off, the lock is taken anew.

Leaves: the signal. A shutdown that is asked of process 1 itself, by a signal or with `--force`, is told by nobody: the
unit gets SIGTERM as ever. How long it has from there is what `integrations.systemd.grace.ask_grace` tells.

Versions: systemd from 252 on, with jeepney from 0.9 on (`pip install 'processender[systemd]'`).
"""

from __future__ import annotations

from .listener import listen

__all__ = ["listen"]
