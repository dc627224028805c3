"""What the rooms of floor 3 may ask of each other, without knowing each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .core.events import Event, Trouble
from .core.handler import Handler
from .core.notice import Notice
from .errors import HandlerError
from .hints import Any, Protocol


def check_kind(found: object, names: Sequence[str], wanted: str, call: str) -> None:
    """Raise `HandlerError` for *found* that lacks one of *names*, attributes of what is *wanted* in the *call*."""
    if not all(hasattr(found, name) for name in names):
        # Only its type is told: a text may be an address with a password.
        raise HandlerError(f"cannot take what is of type {type(found).__name__} for {wanted}; write {call}")


def check_ender(found: object, call: str) -> None:
    """Raise `HandlerError` for *found* that is no Ender; *call* says where one is wanted."""
    check_kind(found, ("hosted", "in_progress"), "an Ender", call)


class Clock(Protocol):
    """Time and chance; the engine has the real ones, a test its own."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back and that all processes of the host share."""

    def wall(self) -> float:
        """Return seconds since 1970, for display only."""

    def chance(self) -> float:
        """Return a number in [0, 1)."""


class Observer(Protocol):
    """What is told of every event, in order, on a thread of its own; it may block and it may raise."""

    def observe(self, event: Event) -> None:
        """Take one event. What it raises is reported and never stops the run."""


class Exporter(Protocol):
    """What sends accounts away: of a run that has ended or was cut, or of a crash; on a thread of its own."""

    name: str
    """What it is called; what it could not deliver waits under this name."""

    def send(self, account: dict[str, Any], ctx: Context) -> None:
        """
        Deliver *account*, data of JSON, in the time of *ctx*; raise if it was not delivered.

        What raises `AccountRefused` is never sent again. An account may be sent more than once, and always has the
        same id.
        """


class Stopping(Protocol):
    """The fact that the end has begun, for code that runs in a loop of its own."""

    def is_set(self) -> bool:
        """Tell whether a run has begun."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most *timeout* seconds until a run begins; return whether it has."""


class Work(Protocol):
    """A piece of work in progress: a block, sync and async, or a beginning and an end."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...

    def begin(self) -> None:
        """Count it."""

    def end(self) -> None:
        """Count it no longer."""


class InProgress(Protocol):
    """All work in progress, for who counts so much of it that a call for each costs too much."""

    live: dict[int, Any]
    """What is in progress, by its `id`: each has `what`, `kind`, `cut` and `was_cut`, see `Serving.inflight`,
    and the `task`, or the `thread`, in which it stands if it is stuck."""
    waiting: bool
    """Whether somebody waits for its end, and so must be told by `ended`."""

    def ended(self) -> None:
        """Let who waits look again; to be called after something was taken out."""


class Stopper(Protocol):
    """The Ender as a room of floor 3 sees it."""

    @property
    def stopping(self) -> Stopping:
        """Whether the end has begun."""

    def notify(self, notice: Notice) -> None:
        """Take a notice, from any thread; return at once."""

    def add(self, handler: Handler) -> Handler:
        """Take a handler into the plan."""

    def inflight(self, what: object = "work") -> Work:
        """Count the block as work in progress, which the end waits for."""


class Serving(Stopper, Protocol):
    """The Ender as a room of floor 3 sees it that serves requests."""

    @property
    def entered(self) -> bool:
        """Whether somebody has entered it, so that the end is heard."""

    @property
    def serving(self) -> bool:
        """Whether traffic is to come, as readiness says it."""

    @property
    def draining(self) -> bool:
        """Whether traffic is being left: from the beginning of a drain or an end until it is taken back."""

    def ready(self) -> None:
        """Serve from now on."""

    @property
    def exit_code(self) -> int | None:
        """The code by which the process is to exit once its end is over; None where no signal has asked for one."""

    def remaining(self) -> float | None:
        """Return the seconds that the end leaves for what is still to do; None while it has not begun."""

    def drain(self, reason: str = "drain", sender: str = "") -> None:
        """Leave traffic, and wait there."""

    def resume(self, reason: str = "resume", sender: str = "") -> None:
        """Take a drain back."""

    def inflight(self, what: object = "work", *, kind: str = "work", cut: Callable[[], object] | None = None) -> Work:
        """Return a piece of work; its *kind* may have a time of its own, after which *cut* breaks it off."""

    def in_progress(self) -> InProgress:
        """Return all work in progress, to be counted there without a call."""

    def hosted(self, stop: Callable[[], object] | None = None) -> Any:
        """Return the block, sync and async, in which a server lives; *stop* asks it to stop."""


class Owing(Protocol):
    """The Ender, or a scope of it, as a room sees it that makes what must be released."""

    def obligation(self, kind: str, *, key: str, releaser: str = "", **args: Any) -> Any:
        """Return a thing that must be released; see `Ender.obligation`."""


class Signals(Protocol):
    """The source of signals, as the control thread uses it."""

    def hear(self, byte: int) -> Notice | None:
        """Make a notice of a byte from the pipe, or return None if it says nothing new."""

    def missed(self) -> Sequence[int]:
        """Return the bytes that found the pipe full."""

    def check(self) -> Sequence[Trouble]:
        """Tell what somebody else has taken since."""


class Ears(Protocol):
    """What a source tells of what it hears; both from any thread, and both return at once."""

    @property
    def clock(self) -> Clock:
        """The time."""

    def notify(self, notice: Notice) -> None:
        """Take a notice."""

    def trouble(self, code: str, text: str) -> None:
        """Take what could not be heard: a stable name for the kind of trouble, and the words."""


def last_of(source: Any) -> dict[str, str]:
    """Return what *source* has seen last, for the report; one that does not say, or cannot, says nothing."""
    try:
        return {str(name): str(seen) for name, seen in dict(getattr(source, "last", {})).items()}
    except Exception as error:  # a source may be anybody's, and the report must be written
        return {"": f"{type(error).__name__}"}


class Source(Protocol):
    """
    What listens for notices: to a platform, a device, a file.

    It does so on threads of its own, and survives that what it listens to is absent, slow, flapping, or lying. A source
    that answers its platform when the end has come brings `handlers`, a sequence of them, which come into the plan.
    """

    name: str
    """What it is called, as the `origin` of its notices."""

    def start(self, ears: Ears) -> None:
        """Listen from now on; return at once, whatever the network does. It may be started anew after `stop`."""

    def stop(self) -> None:
        """Listen no more; return at once. Nothing is told afterwards."""


class Context(Protocol):
    """What a handler or a releaser is told and can do while it runs."""

    handler: str
    """The name of the handler."""
    cause: str
    """Why it runs."""
    attempt: int
    """The number of the attempt; the first is 1."""
    idempotency_key: str
    """The same over all attempts and replays of this step."""

    def remaining(self) -> float:
        """Return the seconds that this attempt has left."""

    def call(self, dependency: str, function: Callable[[], Any], timeout: float | None = None) -> Any:
        """Call *function* under a deadline and the breaker of *dependency*."""

    def on_cancel(self, function: Callable[[], object]) -> Callable[[], object]:
        """Let *function* be called when the attempt must give way; return what takes that back."""

    def short(self, seconds: float) -> Context:
        """Return a context for a part of this attempt that takes at most *seconds*."""

    def note(self, text: str) -> None:
        """Say in a line, for the log and the report, what was seen or done."""

    @property
    def log(self) -> Any:
        """The handler's `logging.Logger`."""


class Body(Protocol):
    """The application's own code between set-up and end, as a handler."""

    gone: bool
    """Whether it has left."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Ask it to leave, and wait for that."""
