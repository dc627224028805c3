"""What an application owes: each thing is written down before it exists, and released by the end, or after a crash."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from .core.data import plain
from .core.graph import nearest
from .core.obligation import Entry, Kind, Obligation, State, intent
from .engine.callables import is_async, positional
from .engine.context import Context
from .engine.dependencies import Dependencies
from .engine.recovery import Estate, Recovery
from .engine.settle import Settler
from .errors import ObligationError, ReleaserError
from .held import RELEASE_S, Held
from .hints import Any
from .identity import boot_id
from .keepers import Journal, Releaser
from .plugins import find_releaser, releaser_names
from .ports import Clock
from .secret import find_password

_SHARE = 0.9


class FunctionReleaser:
    """A releaser made of functions: the one that releases, and, if there is one, the one that looks first."""

    def __init__(self, release: Callable[..., Any], check: Callable[[Obligation], bool] | None) -> None:
        """Take *release*, sync or async, which wants the obligation and may want the context."""
        self._release = release
        self._check = check
        self._with_context = positional(release) > 1

    def check(self, obligation: Obligation) -> bool:
        """Tell whether there is something to release; without a function that can tell, there may be."""
        return self._check is None or self._check(obligation)

    def release(self, obligation: Obligation, token: int, ctx: Any) -> None:
        """Call the function; an async one runs on an event loop of its own."""
        ctx.token = token
        given = (obligation, ctx) if self._with_context else (obligation,)
        if is_async(self._release):
            import asyncio  # noqa: PLC0415 - threaded programs must not pay for it

            asyncio.run(self._release(*given))
        else:
            self._release(*given)


class Obligations:
    """The obligations of one process. Safe for threads."""

    def __init__(self, clock: Clock, opener: Callable[[], Journal]) -> None:
        """
        Begin with none; the journal is opened when the first thing is owed.

        Args:

            clock: The time.

            opener: Opens the journal of this process; raises `JournalError`.
        """
        self._clock = clock
        self._opener = opener
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._journal: Journal | None = None
        self._settler: Settler | None = None
        self._own: dict[str, Releaser] = {}
        self._made: WeakValueDictionary[str, Held] = WeakValueDictionary()
        self.dependencies = Dependencies(clock)
        """The breakers that releases share."""
        self.complain: Callable[[str], object] = lambda _text: None
        """Is told what the journal could not take."""
        self.released = 0
        """How many things this process has owed that are gone now."""
        self.opened: Callable[[Journal], object] = lambda _journal: None
        """Is called when the journal has been opened."""

    # Releasers.

    def check_name(self, name: Any) -> None:
        """Raise `ObligationError` for what is no name of a releaser, such as the function that it was to decorate."""
        if not isinstance(name, str) or not name:
            raise ObligationError(f'cannot register a releaser as {name!r}: write @ender.releaser("NAME")')

    def register(self, name: str, releaser: Any, check: Any = None) -> None:
        """
        Make *releaser* known under *name*: a function, with one that looks first, or an object that has both.

        One of the application's own comes before a plugin's. Raise `ObligationError` for what cannot release anything.
        """
        self.check_name(name)
        is_one = hasattr(releaser, "check") and hasattr(releaser, "release") and not isinstance(releaser, type)
        if not is_one and (isinstance(releaser, type) or not callable(releaser)):
            text = f"cannot register {releaser!r} as the releaser {name!r}: it is no function"
            raise ObligationError(f"{text}, and no object with check() and release()")
        if check is not None and (is_one or not callable(check)):
            raise ObligationError(f"cannot register the releaser {name!r}: check= must be a function, beside another")
        self._own[name] = releaser if is_one else FunctionReleaser(releaser, check)

    def find(self, name: str) -> Releaser | None:
        """Return the releaser of this name, None if there is none."""
        return self._own.get(name) or find_releaser(name)

    # Obligations.

    def make(self, kind: str, key: Any, releaser: str, args: Mapping[str, Any], job: str, outlives: Any = ()) -> Held:
        """Return an obligation that is not owed yet; raise `ObligationError` for what could never be released."""
        if isinstance(key, os.PathLike):
            key = os.fspath(key)
        for name, value in (("kind", kind), ("key", key), ("releaser", releaser), ("job", job)):
            if not isinstance(value, str):
                raise ObligationError(f"cannot owe {kind!r} {key!r}: its {name} {value!r} must be text")
        if not kind or not key:
            raise ObligationError(f"cannot owe {kind or 'a thing'} {key!r}: it needs a kind and a key to be found by")
        found = self.find(releaser)
        if found is None:
            known = sorted({*self._own, *releaser_names()})
            text = f"cannot owe {kind} {key!r}: there is no releaser {releaser!r}{nearest(releaser, known)}"
            raise ObligationError(f"{text}; register it with @ender.releaser({releaser!r}), or install its plugin")
        data = _data(f"{kind} {key!r}", args)
        ids = self._ids(f"{kind} {key!r}", outlives)
        made = f"{int(self._clock.wall() * 1000):011x}-{os.urandom(6).hex()}"
        created = round(self._clock.wall(), 3)
        held = Held(self, Obligation(made, kind, key, releaser, data, job, ids, created))
        try:
            # What can be seen to be wrong is told now, and not to a recovery after the crash.
            getattr(found, "validate", _take)(held.obligation)
        except ReleaserError as error:
            raise ObligationError(f"cannot owe {kind} {key!r}: {error}") from error
        self._made[held.id] = held
        return held

    def _ids(self, label: str, outlives: Any) -> tuple[str, ...]:
        """Return the ids of what must be gone first; raise `ObligationError` for what is not owed here."""
        given = (outlives,) if isinstance(outlives, str | Held) else tuple(outlives)
        for each in given:
            if isinstance(each, Held) or each in self._made:
                continue
            if not isinstance(each, str) or self.journal().standing(each) is None:
                text = f"cannot owe {label}: it must outlive {each!r}, and nothing of this id is owed here"
                raise ObligationError(f"{text}; give what `obligation` returned, or its id, and leave out what is gone")
        return tuple(each.id if isinstance(each, Held) else each for each in given)

    def journal(self) -> Journal:
        """Return the journal of this process; the first call opens it."""
        if self._pid != os.getpid():
            # A fork child owes nothing: the journal is the parent's, and so is what it holds.
            self._lock, self._pid = threading.RLock(), os.getpid()
            self._journal = self._settler = None
        with self._lock:
            if self._journal is None:
                self._journal = self._opener()
                self._settler = Settler(self._journal, self.find, self._clock, boot_id(), self._say)
                self.opened(self._journal)
            return self._journal

    def _say(self, text: str) -> None:
        self.complain(text)

    def begin(self, obligation: Obligation) -> None:
        """Write down that *obligation* is going to be acquired; raise `JournalError` if that cannot be kept."""
        self.journal().append(intent(obligation))

    def acquired(self, obligation: Obligation, ref: Any, args: Mapping[str, Any]) -> Obligation:
        """Write down its real id *ref* and *args* beside those that it has; return what is owed now."""
        text = f"cannot say that {obligation.label} is there"
        if not isinstance(ref, str):
            raise ObligationError(f"{text}: its real id {ref!r} must be text; write {str(ref)!r}")
        known = {**obligation.args, **_data(obligation.label, args)}
        journal = self.journal()
        if journal.standing(obligation.id) is None:
            raise ObligationError(f"{text}: it was settled or released, or it is owed by the parent of this fork")
        journal.append(Entry(Kind.ACQUIRED, obligation.id, {"ref": ref, "args": known}))
        return obligation.replace(ref=ref, args=known)

    def settled(self, obligation: Obligation) -> None:
        """Write down that it is gone."""
        journal = self.journal()
        # Settled twice, or by a fork child, to which it does not belong.
        if journal.standing(obligation.id) is not None:
            journal.append(Entry(Kind.RELEASED, obligation.id))
            self._gone(1)

    def release(self, obligation: Obligation) -> None:
        """Release it now, on this thread; raise what its releaser raises, then a later run tries again."""
        self.journal()
        assert self._settler is not None  # it comes with the journal
        ctx = Context(
            handler=obligation.kind, cause="left", run=obligation.id, attempt=1, clock=self._clock,
            until=self._clock.now() + RELEASE_S, dependencies=self.dependencies, is_async=False,
        )  # fmt: skip
        self._settler.settle(obligation, ctx)
        self._gone(1)

    async def on_thread(self, function: Callable[[], object]) -> object:
        """Call *function* beside the event loop."""
        return await self.dependencies.call_async("journal", function, RELEASE_S)

    def release_all(self, ctx: Context) -> None:
        """Release everything that is still owed, inside the time of this handler, which is the last of the plan."""
        journal, settler = self._journal, self._settler
        if journal is None or settler is None or not journal.live():
            return
        recovery = Recovery(self._clock, max(0.1, ctx.remaining() * _SHARE), cause=ctx.cause)
        settled = recovery.run([Estate(settler, journal.live())])
        left = [each for each in settled if each.state is not State.RELEASED]
        self._gone(len(settled) - len(left))
        if left:
            named = "; ".join(f"{each.obligation.label}: {each.error}" for each in left[:10])
            raise ObligationError(f"cannot release {len(left)} of what is owed, the journal keeps it: {named}")

    def _gone(self, count: int) -> None:
        with self._lock:
            self.released += count

    # The ends of a life.

    def tidy(self) -> None:
        """Remove the journal if nothing is owed; a process that is left by force keeps it else until it is gone."""
        journal = self._journal
        if journal is not None and not journal.live():
            self.close()

    def close(self) -> None:
        """Give the journal up; what is still owed is for a recovery."""
        with self._lock:
            journal, self._journal, self._settler = self._journal, None, None
        if journal is not None and self._pid == os.getpid():
            journal.close()


def _data(label: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Return *args* as the journal will give them back; raise `ObligationError` for what it must not hold."""
    try:
        data: dict[str, Any] = plain(dict(args), os.fspath)
        place = find_password(data)
    except ValueError as error:
        text = f"cannot owe {label}: its arguments must be data of JSON: {error}"
        raise ObligationError(f"{text}; the journal holds data, never objects") from None
    except RecursionError:
        raise ObligationError(f"cannot owe {label}: its arguments are nested too deeply; make them flat") from None
    if place:
        text = f"cannot owe {label}: there is a password in {place}, and the journal must not hold any"
        raise ObligationError(
            f'{text}; put it into a variable or a file and give {{"env": NAME}} or {{"file": PATH}} for the whole'
        )
    return data


def _take(_obligation: Obligation) -> None:
    """Find nothing wrong: a releaser need not look."""
