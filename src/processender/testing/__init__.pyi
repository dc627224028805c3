from .fake_clock import FakeClock as FakeClock
from .faults import Faults as Faults
from .notices import Notices as Notices
from .plans import assert_plan as assert_plan
from .processes import Program as Program
from .proxy import TcpProxy as TcpProxy
from .sequences import replay as replay

__all__ = [
    "FakeClock",
    "Faults",
    "Notices",
    "Program",
    "TcpProxy",
    "assert_plan",
    "replay",
]
