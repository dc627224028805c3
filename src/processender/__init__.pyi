from .core.handler import Handler as Handler
from .core.handler import Importance as Importance
from .core.notice import Notice as Notice
from .core.obligation import Obligation as Obligation
from .core.outcome import Outcome as Outcome
from .core.outcome import Verdict as Verdict
from .core.retry import Retry as Retry
from .core.saved import Saved as Saved
from .ender import Ender as Ender
from .engine.context import Context as Context
from .errors import CircuitOpenError as CircuitOpenError
from .errors import HandlerError as HandlerError
from .errors import JournalError as JournalError
from .errors import ObligationError as ObligationError
from .errors import Permanent as Permanent
from .errors import PlanError as PlanError
from .errors import ProcessEnderError as ProcessEnderError
from .errors import ReleaserError as ReleaserError
from .errors import StateError as StateError
from .errors import Transient as Transient
from .held import Held as Held
from .held import Scope as Scope
from .live.view import progress as progress

__version__: str
__all__ = [
    "CircuitOpenError",
    "Context",
    "Ender",
    "Handler",
    "HandlerError",
    "Held",
    "Importance",
    "JournalError",
    "Notice",
    "Obligation",
    "ObligationError",
    "Outcome",
    "Permanent",
    "PlanError",
    "ProcessEnderError",
    "ReleaserError",
    "Retry",
    "Saved",
    "Scope",
    "StateError",
    "Transient",
    "Verdict",
    "progress",
]
