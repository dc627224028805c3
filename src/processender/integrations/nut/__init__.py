"""
Network UPS Tools: hears from upsd that the power is out, that the battery is low, and that everybody must go.

Hears: `OB LB` (on battery, and low), `FSD` (the primary forces the shutdown), and silence about a UPS that was on
battery: each is the end, with `battery.runtime` as its deadline where the UPS tells it. `OB` alone is told, or traffic
leaves, as you say. Back on line what has begun is taken back where it can be; a battery that flaps is believed ever
more slowly.

Leaves: ending the machine: upsmon, or who else has the power to, does that, and is not replaced. With `user` upsd
counts this process, so that the primary waits for its end, at most `HOSTSYNC` seconds.

Versions: the protocol 1.1 to 1.3, tried with upsd 2.8.0.
"""

from __future__ import annotations

from .listener import listen

__all__ = ["listen"]
