"""A server of an nginx upstream, put down in its file and brought back, with a reload and what is seen of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.handler import Handler
from ...core.record import Record
from ...errors import HandlerError, Permanent, Transient
from ...leaving import drainer
from ...patience import check_wait, evidence, poll
from ...ports import Context
from ...programs import Reaper, checked, run
from ...rewriting import Rewriting
from .master import Master
from .servers import BACK, DOWN, Line, bring_back, lines, plain, put_down, unmark

RELOAD_S = 5.0
"""The longest that nginx may take to start workers with the new file."""
COMMAND_S = 10.0
"""The longest that a command may take."""
_LOOK_S = 0.05


def drain(
    include: str,
    server: str,
    *,
    pid: str = "/run/nginx.pid",
    test: Sequence[str] = ("nginx", "-t"),
    reload: Sequence[str] = (),
    wait: float = 5.0,
    name: str = "",
    timeout: float | None = None,
    reaper: Reaper | None = None,
) -> Handler:
    """
    Return the handler that puts *server* down in nginx, and brings it back.

    Args:

        include: The file with the `server` lines of the upstream.

        server: The address of this instance as it stands there, like `10.0.0.7:8000`.

        pid: The pid file of nginx's master.

        test: The command that tests the configuration; an empty one tests nothing.

        reload: The command that reloads nginx; by default the master gets SIGHUP.

        wait: The longest wait for the old workers to finish, seconds.

        name: The name of the handler; by default `nginx` and the server.

        timeout: The longest it may take in all, seconds; by default what *wait* needs, and a margin.

        reaper: Whoever reaps children in this process.

    The handler raises `Permanent` for a server that the file does not name, a file that cannot be written, and a
    configuration that does not pass the test; `Transient` when nginx is not there, or does not take the new file.
    """
    check_wait("wait", wait, 5.0, timeout)
    if not include or not server:
        raise HandlerError("cannot drain at nginx: give the file of the `server` lines, and this one's address in it")
    commands = _Commands(checked(test) if test else (), checked(reload) if reload else (), reaper)
    target = _Target(include, server, Master(pid), commands, wait)
    own = name or f"nginx {server}"
    return drainer(own, target.leave, target.come_back, wait=wait, timeout=timeout, more=RELOAD_S)


class _Commands(Record):
    """What is run beside the file."""

    test: tuple[str, ...]
    """Tests the configuration; nothing if it is empty."""
    reload: tuple[str, ...]
    """Reloads nginx; a signal does if it is empty."""
    reaper: Reaper | None
    """Whoever reaps children in this process."""

    def run(self, argv: tuple[str, ...], ctx: Context) -> tuple[int, str]:
        """Run one of them, and return its code and the end of what it has said; raise `TimeoutError`."""
        ended = run(argv, ctx.short(COMMAND_S), reaper=self.reaper)
        if ended.was_told:
            raise TimeoutError(f"`{' '.join(argv)}` has not ended in time")
        return ended.returncode, ended.output[-400:]


class _Target:
    """One server in one file of one nginx."""

    def __init__(self, include: str, server: str, master: Master, commands: _Commands, wait: float) -> None:
        self._include = include
        self._server = server
        self._master = master
        self._commands = commands
        self._wait = wait

    def leave(self, ctx: Context) -> None:
        """Put it down, and wait until nobody sends it anything any more."""
        with Rewriting(self._include, ctx) as file:
            own = self._own(file.read())
            if all(line.down and line.mark != DOWN for line in own):
                ctx.note(f"{self._server} is down already, by another; it stays so")
                return
            self._change(file, ctx, put_down)
            if all(line.down for line in lines(file.read())):
                ctx.note(f"no server in {self._include} is up: nginx will answer with 502")
            before = self._reload(ctx)
        self._wait_for_new(ctx, before)
        if before:
            self._wait_for_old(ctx, before)
        else:
            poll(ctx, lambda: None, wait=self._wait)
            ctx.note(f"nginx cannot be seen from here; {self._server} is down in its file since {self._wait:g} s")

    def come_back(self, ctx: Context) -> None:
        """Bring it back, if it was put down by us, and wait until nginx knows."""
        with Rewriting(self._include, ctx) as file:
            if not any(line.mark for line in self._own(file.read())):
                return
            self._change(file, ctx, bring_back)
            before = self._reload(ctx)
        self._wait_for_new(ctx, before)
        with Rewriting(self._include, ctx) as file:
            # Unless another drain has begun meanwhile, whose mark is another.
            if any(line.mark == BACK for line in self._own(file.read())):
                file.write(unmark(file.read(), self._server))
        ctx.note(f"{self._server}: up again")

    def _own(self, text: str) -> list[Line]:
        found = lines(text)
        own = [line for line in found if line.address == plain(self._server)]
        if not own:
            known = ", ".join(dict.fromkeys(line.address for line in found)) or "none"
            raise Permanent(f"{self._include} names no server {self._server!r}; it names {known}")
        return own

    def _change(self, file: Rewriting, ctx: Context, change: Callable[[str, str], str]) -> None:
        """Write what *change* makes of the file, unless nginx does not take it."""
        text = file.read()
        changed = change(text, self._server)
        if changed != text:
            file.write(changed)
        try:
            self._check(ctx)
        except BaseException:
            if changed != text:
                file.write(text)
            raise

    def _check(self, ctx: Context) -> None:
        if not self._commands.test:
            return
        code, said = self._commands.run(self._commands.test, ctx)
        if code:
            raise Permanent(f"nginx does not take its configuration, and {self._include} is as it was: {said}")

    def _reload(self, ctx: Context) -> dict[int, bool]:
        """Reload, and return the workers of before."""
        before = self._master.workers()
        argv = self._commands.reload
        if not argv:
            self._master.hang_up()
            return before
        code, said = self._commands.run(argv, ctx)
        if code:
            raise Transient(f"cannot reload nginx: `{' '.join(argv)}` ended with {code}: {said}")
        return before

    def _wait_for_new(self, ctx: Context, before: dict[int, bool]) -> None:
        def look() -> bool | None:
            now = self._master.workers()
            fresh = any(takes for pid, takes in now.items() if pid not in before)
            stale = any(takes for pid, takes in now.items() if pid in before)
            return True if fresh and not stale else None

        if before and poll(ctx, look, every=_LOOK_S, wait=RELOAD_S) is None:
            if ctx.remaining() <= 0:
                raise TimeoutError("the time was up before nginx had taken the new file")
            raise Transient("nginx goes on with its old configuration; its error log says why")

    def _wait_for_old(self, ctx: Context, before: dict[int, bool]) -> None:
        left: list[int] = []

        def lacking() -> str:
            return f"old workers of nginx still finish requests, {', '.join(map(str, left))},"

        def look() -> str | None:
            left[:] = [pid for pid in self._master.workers() if pid in before]
            return f"{self._server}: down, and the old workers of nginx are gone" if not left else None

        evidence(ctx, look, lacking, wait=self._wait, every=_LOOK_S)
