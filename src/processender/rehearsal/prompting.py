"""What is done to a program during its end beside its signals: other notices, a failing network, a full disk."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import subprocess
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from urllib.parse import urlsplit

from ..engine.clock import SystemClock
from ..faults.line import OPEN
from ..faults.proxy import TcpProxy
from .drawing import Faults
from .part import Deed, Part
from .schema import StepConfig

_ASK_S = 5.0


class Prompter:
    """Does it all, at its time."""

    def __init__(self, part: Part, stack: ExitStack) -> None:
        """Stand before each upstream of *part* until *stack* is left."""
        upstreams = part.config.upstreams
        self._proxies = {
            name: stack.enter_context(TcpProxy(address, seed=part.seed)) for name, address in upstreams.items()
        }
        self._deeds = sorted(part.deeds, key=lambda deed: deed.at)
        self._clock = SystemClock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.troubles: list[str] = []
        """What could not be done."""

    @property
    def addresses(self) -> dict[str, str]:
        """Where the program finds each upstream."""
        return {name: proxy.address for name, proxy in self._proxies.items()}

    def begin(self, faults: Faults, pids: Iterable[int], fill: Callable[[str], str]) -> None:
        """Begin with the end: let *faults* come true for the processes *pids*, and do the deeds at their times."""
        for each in faults.network:
            self._proxies[each.upstream].become(each.line)
        if faults.disk_full:
            for pid in pids:
                fill_disk_of(pid)
        self._over.clear()
        self._thread = threading.Thread(
            target=self._work, args=(self._clock.now(), fill), name="processender-prompter", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Stop, and let the network be well again."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(_ASK_S)
        for proxy in self._proxies.values():
            proxy.become(OPEN)

    def _work(self, began: float, fill: Callable[[str], str]) -> None:
        for deed in self._deeds:
            if self._over.wait(max(0.0, began + deed.at - self._clock.now())):
                return
            try:
                do(deed, fill)
            except (OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
                self.troubles.append(f"a step of the end could not be done: {error}")


def do(deed: Deed, fill: Callable[[str], str]) -> None:
    """Do one step of the script that is no signal; raise what goes wrong."""
    step = deed.step
    if step.write is not None:
        _write(fill(step.write), fill(step.text))
    elif step.post is not None:
        _post(fill(step.post), step, fill)
    elif step.run is not None:
        subprocess.run([fill(word) for word in step.run], stdin=subprocess.DEVNULL, check=True, timeout=_ASK_S)


def _write(path: str, text: str) -> None:
    # A source that looks at it must never see half of it.
    draft = f"{path}.new"
    with open(draft, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(draft, path)


def _post(url: str, step: StepConfig, fill: Callable[[str], str]) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ASK_S)
    with contextlib.closing(connection):
        connection.request("POST", parts.path or "/", fill(step.text).encode())
        connection.getresponse().read()


def fill_disk_of(pid: int) -> None:
    """
    Let no file grow that the process *pid* writes to: every such write fails, as on a full disk.

    The kernel says EFBIG where a full disk says ENOSPC; who handles one handles the other, for both are an `OSError`.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
