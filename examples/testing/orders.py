"""A service that takes orders, and writes them out at its end."""

import time
from pathlib import Path

from processender import Ender, Retry


def build(orders: list[str], file: Path, leave: float = 5.0) -> Ender:
    """Return the Ender of the service: it leaves traffic for a while, writes the *orders* to *file*, and closes."""
    ender = Ender("orders", grace=30.0, drain_delay=0)
    ender.add(lambda: time.sleep(leave), name="leave", phase="drain", expected=leave, timeout=8.0)

    @ender.handler(phase="flush", importance="must", expected=0.5, retry=Retry(attempts=3))
    def flush() -> None:
        time.sleep(0.2)
        file.write_text("\n".join(orders))

    @ender.handler(needs="flush", importance="may")
    def close() -> None:
        orders.clear()

    return ender


if __name__ == "__main__":
    taken: list[str] = []
    with build(taken, Path("orders.txt"), leave=0.5) as ender:
        print("ready", flush=True)
        while not ender.stopping.wait(0.05):
            taken.append(f"order {len(taken)}")
