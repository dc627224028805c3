from .core.handler import Handler as Handler
from .core.handler import Importance as Importance
from .core.notice import Notice as Notice
from .core.outcome import Outcome as Outcome
from .core.outcome import Verdict as Verdict
from .core.retry import Retry as Retry
from .ender import Ender as Ender
from .engine.context import Context as Context
from .errors import CircuitOpenError as CircuitOpenError
from .errors import HandlerError as HandlerError
from .errors import Permanent as Permanent
from .errors import PlanError as PlanError
from .errors import ProcessEnderError as ProcessEnderError
from .errors import StateError as StateError
from .errors import Transient as Transient

__version__: str
__all__ = [
    "CircuitOpenError",
    "Context",
    "Ender",
    "Handler",
    "HandlerError",
    "Importance",
    "Notice",
    "Outcome",
    "Permanent",
    "PlanError",
    "ProcessEnderError",
    "Retry",
    "StateError",
    "Transient",
    "Verdict",
]
