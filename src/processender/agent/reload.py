"""A configuration that is read again while the command runs: taken over as a whole, or not at all."""

from __future__ import annotations

from ..core.handler import Handler
from ..core.notice import Action, Notice
from ..errors import ProcessEnderError
from ..hints import TYPE_CHECKING
from .errors import ConfigError
from .settings import Settings
from .steered import Steered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FIXED = {
    "service": "service", "probe_listen": "probe_listen", "control_listen": "control.listen", "exit": "exit",
    "stop_signal": "command.stop_signal", "stop_steps": "command.stop or command.preset", "capture": "output.capture",
    "output": "output",
    "restart": "restart", "restarts": "restart", "hooks": "hooks", "hooks_limit": "hooks.limit",
    "checks": "checks", "sources": "sources", "exporters": "export", "vigils": "heartbeat or deadlock",
    "require": "order.require", "lanes": "lanes",
    "lean": "--lean", "setsid": "--setsid", "kill_group": "--kill-group", "wait_tree": "--no-wait-tree",
    "rewrite": "--rewrite", "json_lines": "--json", "parent_death": "--parent-death", "verbosity": "--verbose",
    "ready": "ready", "watchdog": "systemd.watchdog", "extend_to": "systemd.extend_to",
    "termination_log": "termination_log", "tell": "tell",
}  # fmt: skip
"""What a running agent cannot change: each setting, and how whoever wrote it calls it."""


def reload(
    agent: Steered, reread: Callable[[], Settings] | None, sender: str, origin: str = "control"
) -> tuple[Settings, list[str], list[str]]:
    """
    Read the configuration again and take over what can change.

    Return the settings that hold, what is wrong, and the keys that have changed and were not taken over.

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
        return old, ["there is no configuration to read"], []
    try:
        read = reread()
        new = read.replace(
            **{name: getattr(old, name) for name in (*FIXED, "written")},
            handlers=(*_but(read.handlers, _of_sources(read)), *_of_sources(old)),
        )
        new = new if agent.within is None else agent.within.fit(new)
        engine.change(new)
    except ConfigError as error:
        problems = list(error.problems)
    except ProcessEnderError as error:
        problems = [str(error)]
    else:
        later = list(dict.fromkeys(key for name, key in FIXED.items() if _told(old, name) != _told(read, name)))
        if later:
            engine.tell("reload", f"read again, but {only_anew(later)}")
        return new, [], later
    for text in problems:
        engine.tell("reload", f"the configuration was not taken over: {text}")
    return old, problems, []


def _of_sources(settings: Settings) -> list[Handler]:
    """Return what answers the platforms to which the sources of *settings* listen."""
    return [handler for source in settings.sources for handler in getattr(source, "handlers", ())]


def _but(handlers: Sequence[Handler], gone: Sequence[Handler]) -> list[Handler]:
    names = {each.name for each in gone}
    return [each for each in handlers if each.name not in names]


def only_anew(keys: Sequence[str]) -> str:
    """Return, in words, that *keys* were not taken over, and when they will be."""
    return f"{', '.join(keys)} can change only when the agent is started anew"


def _told(settings: Settings, name: str) -> object:
    """Return a setting in a form that can be compared: what a step or a hook calls is a function anew each time."""
    if name == "stop_steps":
        return [step.shown for step in settings.stop_steps]
    compared = {"hooks", "checks", "sources", "exporters"}
    return settings.written.get(name) if name in compared else getattr(settings, name)
