"""The root of the errors and those of the core: each with a stable code, its docstring the default message."""

from __future__ import annotations

from .hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ProcessEnderError(Exception):
    """ProcessEnder cannot do what was asked."""

    code = "processender"
    """The stable name of the error, the same in documents, logs and `--json`."""

    def __init__(self, message: str | None = None) -> None:
        """Take the message; without one the docstring of the class is it."""
        super().__init__(message or (self.__doc__ or "").strip())


class HandlerError(ProcessEnderError, ValueError):
    """A handler cannot be registered as it was described."""

    code = "handler"


class PlanError(ProcessEnderError, ValueError):
    """The handlers cannot be put in an order."""

    code = "plan"

    def __init__(self, problems: Sequence[str]) -> None:
        """Carry all the *problems*, each a sentence, not only the first."""
        self.problems = tuple(problems)
        super().__init__("cannot order the handlers:\n" + "\n".join(f"  - {text}" for text in self.problems))


class StateError(ProcessEnderError, RuntimeError):
    """The thing is not in a state in which this can be done."""

    code = "state"


class IllegalTransition(StateError):
    """A handler's state machine was told something that cannot happen in its state."""

    code = "transition"


class Transient(ProcessEnderError):
    """A failure that may pass: the attempt is worth repeating."""

    code = "transient"

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        """Take *retry_after*, the seconds that the other side asked to wait, if it did."""
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(Transient):
    """Nobody is there, or whoever was there has hung up."""

    code = "unreachable"


class Permanent(ProcessEnderError):
    """A failure that another attempt will not cure, whatever the retry policy names."""

    code = "permanent"


class AccountRefused(Permanent):
    """Whoever was sent the account will never take it; sending it again is of no use."""

    code = "account-refused"


class StillRunning(Permanent):
    """Something still runs that cannot be ended: its handler counts as abandoned, and the process waits for nothing."""

    code = "still-running"

    def __init__(self, message: str, stack: str = "") -> None:
        """Take the *stack*: where what runs stands, as text."""
        super().__init__(message)
        self.stack = stack


class CircuitOpenError(ProcessEnderError):
    """The dependency failed so often just now that it is not called for a while."""

    code = "circuit-open"


class JournalError(ProcessEnderError, OSError):
    """The journal cannot keep what it was given; nothing was promised."""

    code = "journal"


class ObligationError(ProcessEnderError, ValueError):
    """The obligation cannot be taken as it was described, or not in its state."""

    code = "obligation"


class ReleaserError(Permanent):
    """The releaser will not release this, and another attempt would not either."""

    code = "releaser"


class LockHeld(ProcessEnderError):
    """Somebody else holds the lock."""

    code = "lock-held"


class SourceError(ProcessEnderError, ValueError):
    """A source of notices cannot be made as it was described."""

    code = "source"


class ArchiveError(ProcessEnderError):
    """The archive cannot be read, or cannot be written to."""

    code = "archive"
