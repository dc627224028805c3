"""What the agent is to do, decided from flags, environment and file, in this order of weight."""

from __future__ import annotations

from ..demand import load
from ..hints import TYPE_CHECKING, Any
from .durations import format_duration, parse_duration
from .errors import ConfigError
from .files import find_file, overrides
from .kernel import HUP, number_of
from .settings import Settings
from .steps import PRESETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Reaper = Any
"""See `integrations.command.Reaper`, which an agent without a configuration never loads."""
POLICIES = ("stop", "forward", "reload", "ignore", "dump")
"""What a signal can mean."""


def decide(
    path: str,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    reaper: Reaper = None,
    root: tuple[str, ...] = (),
    platforms: Sequence[str] | None = None,
) -> Settings:
    """
    Return the settings; what the configured handlers need later is loaded here.

    Args:

        path: The configuration file; empty looks for one in the working directory.

        flags: The flags as they were given, by name; nothing that is false or None was.

        environ: The environment.

        reaper: Whoever reaps children in this process.

        root: The keys under which the configuration was found in the file before.

        platforms: Those by which a profile is found; by default those of this process.

    Raises `ConfigError` with every mistake in all of them.
    """
    problems: list[str] = []
    settings = Settings()
    try:
        file = find_file(path, root)
        profile = flags.get("profile") or ""
        if file is not None or overrides(environ) or profile:
            # Only now: `msgspec` and `tomllib` are half of the agent's memory.
            settings = _room(file, profile).load(file, environ, reaper, profile=profile, platforms=platforms)
    except ConfigError as error:
        problems += error.problems
    if settings.file:
        settings = settings.replace(policy={**settings.policy, HUP: "reload"})
    settings, wrong = with_flags(settings, flags)
    settings = settings.replace(grace_given=settings.grace_given or bool(flags.get("grace")))
    problems += wrong
    if settings.extend_to is not None and environ.get("NOTIFY_SOCKET"):
        # Only a manager that is asked for more time gives more.
        settings = settings.replace(grace=settings.extend_to, grace_given=True)
    problems += contradictions(settings, flags) if not problems else []
    if problems:
        raise ConfigError(problems)
    return settings


def with_flags(settings: Settings, flags: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """Return *settings* changed by the *flags* that make sense, and what is wrong with the others."""
    problems: list[str] = []
    changes: dict[str, Any] = {}
    for name, (field, take) in _FLAGS.items():
        given = flags.get(name)
        for text in given if isinstance(given, list) else (given,) if given else ():
            try:
                made = take(text)
            except ValueError as error:
                problems.append(f"--{name.replace('_', '-')}: {error}")
                continue
            before = changes.get(field, getattr(settings, field))
            changes[field] = {**before, **made} if isinstance(made, dict) else made
            if isinstance(made, frozenset):
                changes[field] = made | before
    return settings.replace(**changes), problems


def _room(file: Any, profile: str) -> Any:
    try:
        return load("agent.config")
    except ModuleNotFoundError as error:
        where = "a profile" if profile else "variables PROCESSENDER_..."
        where = f"the file {file.path}" if file is not None else where
        step = "say it by flags, or install the package `processender` and use `processender run`"
        raise ConfigError([f"cannot read {where}: {error.name} is not there; {step}"]) from error


def contradictions(settings: Settings, flags: Mapping[str, Any]) -> list[str]:
    """Return what in *settings* does not go together, if they are for *flags*."""
    problems = []
    if settings.drain_delay >= settings.grace:
        delay, grace = format_duration(settings.drain_delay), format_duration(settings.grace)
        problems.append(f"drain_delay, {delay}, is not shorter than grace, {grace}: no time would be left to end")
    if settings.kill_group and settings.setsid is False:
        problems.append("--kill-group goes with --setsid: a command that stays in this session is in the agent's group")
    # Who only reads the configuration does not know how the agent will be called.
    if "capture" in flags and not settings.capture:
        plain = type(settings.output)()
        odd = [key for key in plain.as_dict() if getattr(settings.output, key) != getattr(plain, key)]
        problems += [
            f"output.{key} changes nothing, because the output is not captured; add capture = true, or --capture"
            for key in odd
        ]
    return problems


def parse_rewrite(text: str) -> dict[int, int]:
    """Return the signal that *text*, like `TERM:QUIT` or `15:0`, replaces, and by which; raise `ValueError`."""
    old, colon, new = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} names one signal; write it like TERM:QUIT, or TERM:0 to send nothing")
    return {number_of(old): 0 if new.strip() == "0" else number_of(new)}


def parse_policy(text: str) -> dict[int, str]:
    """Return the signal that *text*, like `HUP:forward`, names, and what it means; raise `ValueError`."""
    name, _, policy = text.partition(":")
    if policy not in POLICIES:
        raise ValueError(f"{text!r} does not say what it means; write it like HUP:forward, of {', '.join(POLICIES)}")
    return {number_of(name): policy}


def _code(text: str) -> frozenset[int]:
    if not (text.isascii() and text.isdigit() and int(text) <= 255):
        raise ValueError(f"{text!r} is no exit code; it must be from 0 to 255")
    return frozenset((int(text),))


def _address(text: str) -> str:
    load("agent.probes").parse_address(text)
    return text


def _as_it_is(value: Any) -> Any:
    return value


def _not(_value: Any) -> bool:
    return False


_FLAGS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "grace": ("grace", parse_duration),
    "drain_delay": ("drain_delay", lambda text: parse_duration(text, zero=True)),
    "probe_listen": ("probe_listen", _address),
    "control_listen": ("control_listen", _address),
    "service": ("service", _as_it_is),
    "exit": ("exit", _as_it_is),
    "strict": ("strict", _as_it_is),
    "json": ("json_lines", _as_it_is),
    "lean": ("lean", _as_it_is),
    "setsid": ("setsid", _as_it_is),
    "no_setsid": ("setsid", _not),
    "kill_group": ("kill_group", _as_it_is),
    "no_wait_tree": ("wait_tree", _not),
    "rewrite": ("rewrite", parse_rewrite),
    "on_signal": ("policy", parse_policy),
    "parent_death": ("parent_death", number_of),
    "verbose": ("verbosity", lambda _: 1),
    "quiet": ("verbosity", lambda _: -1),
    "restart": ("restart", _as_it_is),
    "expect_exit": ("expect_exit", _code),
    "capture": ("capture", _as_it_is),
    "preset": ("stop_steps", lambda name: PRESETS[name]),
    "ready": ("ready", _as_it_is),
    "watchdog": ("watchdog", _as_it_is),
}
"""Each flag with the setting that it changes, and what makes a value of it."""
