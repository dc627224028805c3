"""The errors of the agent: what is wrong with its configuration, and why the command cannot be started."""

from __future__ import annotations

from ..core.texts import counted
from ..errors import ProcessEnderError
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CANNOT_RUN = 125
"""The exit code when ProcessEnder itself cannot start, as of `env`, `timeout` and `docker run`."""
NOT_EXECUTABLE = 126
"""The exit code when the command was found and cannot be executed, as of a shell."""
NOT_FOUND = 127
"""The exit code when there is no such command, as of a shell."""


class AgentError(ProcessEnderError):
    """The agent cannot start."""

    code = "agent"
    exit = CANNOT_RUN
    """The exit code that it leads to."""


class ConfigError(AgentError, ValueError):
    """The configuration is not understood."""

    code = "config"

    def __init__(self, problems: Sequence[str]) -> None:
        """Carry all the *problems*, each a sentence with its place, not only the first."""
        self.problems = tuple(problems)
        head = f"cannot start: {counted(len(self.problems), 'mistake')} in the configuration"
        super().__init__("\n".join([head, *(f"  {text}" for text in self.problems)]))


class ShortError(AgentError):
    """There is no thread or descriptor left for what the agent has to do."""

    code = "short"


class ProbeError(AgentError, OSError):
    """The probe face cannot listen."""

    code = "probe-listen"


class CommandNotStarted(AgentError):
    """The command cannot be started."""

    code = "command-not-started"

    def __init__(self, message: str, exit: int) -> None:  # noqa: A002 - the word of the exit code everywhere
        """Take the *exit* code that a shell would give for the same failure."""
        self.exit = exit
        super().__init__(message)
