"""A configuration that is read again while the command runs: taken over as a whole, or not at all."""

from __future__ import annotations

from ..core.notice import Action, Notice
from ..errors import ProcessEnderError
from ..hints import TYPE_CHECKING
from .errors import ConfigError
from .settings import Settings
from .steered import Steered

if TYPE_CHECKING:
    from collections.abc import Callable

FIXED = (
    "service", "probe_listen", "control_listen", "exit", "stop_signal", "lean", "setsid", "kill_group", "wait_tree",
    "rewrite", "require", "lanes", "json_lines", "stop_steps", "parent_death", "verbosity", "capture", "output",
    "restart", "restarts", "hooks", "hooks_limit", "checks", "vigils", "ready", "watchdog", "extend_to",
    "termination_log",
)  # fmt: skip
"""What a running agent cannot change."""


def reload(
    agent: Steered, reread: Callable[[], Settings] | None, sender: str, origin: str = "control"
) -> tuple[Settings, list[str]]:
    """
    Read the configuration again and take over what can change; return the settings that hold, and what is wrong.

    Args:

        agent: Whose configuration it is.

        reread: Reads it; None when there is none.

        sender: Who asked for it.

        origin: By which way.
    """
    old = agent.settings
    engine = agent.armed()
    engine.take(Notice("reload", origin, agent.clock.now(), Action.ADVISE, sender=sender))
    if reread is None:
        return old, ["there is no configuration to read"]
    try:
        read = reread()
        new = read.replace(**{name: getattr(old, name) for name in FIXED})
        engine.change(new)
    except ConfigError as error:
        problems = list(error.problems)
    except ProcessEnderError as error:
        problems = [str(error)]
    else:
        later = [name for name in FIXED if _told(old, name) != _told(read, name)]
        if later:
            engine.tell("reload", f"read again, but {', '.join(later)} change only when the agent is started anew")
        return new, []
    for text in problems:
        engine.tell("reload", f"the configuration was not taken over: {text}")
    return old, problems


def _told(settings: Settings, name: str) -> object:
    """Return a setting in a form that can be compared: of a step, what it does is a function anew each time."""
    return [step.shown for step in settings.stop_steps] if name == "stop_steps" else getattr(settings, name)
