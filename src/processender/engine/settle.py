"""One attempt to release an obligation, written into the journal before it begins and when it has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..core.obligation import Entry, Kind, Obligation, Standing, State
from ..core.outcome import describe
from ..core.retry import Retry
from ..errors import JournalError, ObligationError, Permanent
from ..hints import Any, NoReturn
from ..keepers import Journal, Releaser
from ..ports import Clock
from .context import Context

ATTEMPTS = 8
"""After so many attempts, over all runs, an obligation goes to the dead-letter list."""
BACKOFF = Retry(attempts=ATTEMPTS, initial=1.0, maximum=300.0, factor=3.0)
"""How long a failed obligation is left alone before another recovery may try it."""


class Settler:
    """Releases what one journal holds. Safe for threads."""

    def __init__(
        self, journal: Journal, find: Callable[[str], Releaser | None], clock: Clock, boot: str,
        complain: Callable[[str], object],
    ) -> None:  # fmt: skip
        """
        Take what is needed; nothing is touched yet.

        Args:

            journal: Where the attempts are written down.

            find: Gives the releaser of a registered name, None for an unknown one.

            clock: The time and the chance of the pauses.

            boot: The id of this boot of the host; pauses of another boot no longer count.

            complain: Is told what the journal could not take; the release goes on, and may be repeated one day.
        """
        self.journal = journal
        self.find = find
        self._clock = clock
        self._boot = boot
        self._complain = complain
        self._guard = threading.Lock()
        self._at_work: dict[str, int] = {}
        self._turns = threading.Condition(self._guard)
        self._inside = 0
        self._then: Callable[[], object] | None = None

    def end(self, then: Callable[[], object]) -> None:
        """Begin no attempt any more; call *then* when the last has come back: now, or once an abandoned one does."""
        with self._guard:
            self._then = then
            idle = not self._inside
        if idle:
            then()

    def due(self, standing: Standing, *, patient: bool) -> bool:
        """Tell whether an attempt may be made now: it is not dead, and if we are *patient* its pause is over."""
        if standing.state is State.DEAD or not patient:
            return standing.state is not State.DEAD
        pause = standing.again_at - self._clock.now()
        # A longer pause than the longest was never meant: the clock of another time namespace wrote it.
        return standing.boot != self._boot or not 0 < pause <= BACKOFF.maximum

    def give_up(self, standing: Standing, error: Permanent) -> str:
        """Make a dead letter of *standing* and return why."""
        self._write(Entry(Kind.FAILED, standing.obligation.id, {"error": describe(error), "dead": True}))
        return str(error)

    def settle(self, obligation: Obligation, ctx: Context) -> None:
        """
        Release *obligation* unless it is gone already; raise what its releaser raised.

        Raise `ObligationError` while something that it must outlive is still there. Of two calls at once the second
        waits for the first, then looks again.

        A releaser that died with its attempt has counted too: what ends every process that touches it is dead one day.
        """
        self._await_turn(obligation, ctx)
        try:
            standing = self.journal.standing(obligation.id)
            if standing is not None:
                self._settle(standing, ctx)
        finally:
            with self._turns:
                del self._at_work[obligation.id]
                self._turns.notify_all()

    def _await_turn(self, obligation: Obligation, ctx: Context) -> None:
        with self._turns:
            while (thread := self._at_work.get(obligation.id)) is not None:
                text = f"cannot release {obligation.label}: "
                if thread == threading.get_ident():
                    raise ObligationError(f"{text}its own releaser asks for it; leave that out")
                if not self._turns.wait(max(0.0, ctx.remaining())) and obligation.id in self._at_work:
                    raise TimeoutError(f"{text}another thread is still at it")
            self._at_work[obligation.id] = threading.get_ident()

    def _settle(self, standing: Standing, ctx: Context) -> None:
        obligation = standing.obligation
        for id_ in obligation.outlives:
            if id_ != obligation.id and (other := self.journal.standing(id_)) is not None:
                text = f"cannot release {obligation.label}: it must outlive {other.obligation.label}, which is there"
                raise ObligationError(f"{text}; release that first")
        releaser = self.find(obligation.releaser)
        if releaser is None:
            self._fail_unknown(standing)
        if standing.state is State.DEAD:
            raise Permanent(standing.error)
        if standing.attempts >= ATTEMPTS:
            error = standing.error or "its releaser has never come back"
            self._fail(standing, Permanent(f"cannot release it after {standing.attempts} attempts: {error}"))
        try:
            dependency = getattr(releaser, "dependency", _no_dependency)(obligation)
        except Exception as error:  # foreign code, which reads hostile records
            self._fail(standing, error)
        if not dependency:
            self._attempt(standing, releaser, ctx)
            return
        ctx.call(dependency, lambda: self._attempt(standing, releaser, ctx))

    def _attempt(self, standing: Standing, releaser: Releaser, ctx: Context) -> None:
        self._enter(standing.obligation)
        try:
            self._release(standing, releaser, ctx)
        finally:
            self._leave()

    def _enter(self, obligation: Obligation) -> None:
        with self._guard:
            if self._then is not None:
                raise TimeoutError(f"cannot release {obligation.label}: the recovery is over")
            self._inside += 1

    def _leave(self) -> None:
        with self._guard:
            self._inside -= 1
            then = None if self._inside else self._then
        if then is not None:
            then()

    def _release(self, standing: Standing, releaser: Releaser, ctx: Context) -> None:
        obligation, token = standing.obligation, standing.token + 1
        ctx.idempotency_key = obligation.id
        begun = Entry(Kind.RELEASING, obligation.id, {"attempt": standing.attempts + 1, "token": token})
        if not self._write(begun):
            return
        try:
            if releaser.check(obligation):
                releaser.release(obligation, token, ctx)
        except BaseException as error:
            self._fail(standing.replace(attempts=standing.attempts + 1), error)
        self._write(Entry(Kind.RELEASED, obligation.id))

    def _fail(self, standing: Standing, error: BaseException) -> NoReturn:
        dead = isinstance(error, Permanent) or standing.attempts >= ATTEMPTS
        pause = BACKOFF.pause(max(1, standing.attempts), self._clock.chance)
        data: dict[str, Any] = {"error": describe(error), "boot": self._boot, "again_at": self._clock.now() + pause}
        self._write(Entry(Kind.FAILED, standing.obligation.id, {**data, "dead": dead}))
        raise error

    def _fail_unknown(self, standing: Standing) -> NoReturn:
        error = UnknownReleaser(standing.obligation)
        if standing.error != str(error):
            # Without a pause: an application that knows the releaser may start at any moment.
            self._write(Entry(Kind.FAILED, standing.obligation.id, {"error": str(error)}))
        raise error

    def _write(self, entry: Entry) -> bool:
        """Return False for what contradicts the journal: another thread has settled it meanwhile, by hand."""
        try:
            self.journal.append(entry)
        except JournalError as error:
            self._complain(f"the journal does not know that {entry.id} is {entry.kind}: {error}")
        except ObligationError:
            return False
        return True


class UnknownReleaser(Permanent):
    """Nobody here knows the releaser of an obligation."""

    code = "unknown-releaser"

    def __init__(self, obligation: Obligation) -> None:
        """Say which, and how to make it known."""
        name = obligation.releaser
        text = (
            f"cannot release {obligation.label}: there is no releaser {name!r} here;"
            " install its plugin, or name the application with --app module:ender"
        )
        super().__init__(text)


def _no_dependency(_obligation: Obligation) -> str:
    return ""
