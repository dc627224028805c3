"""
From a configuration file and overrides to `Settings`, or to every mistake in them at once.

Loaded only when there is something to read: it brings `msgspec` and `tomllib` along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .. import demand
from ..core.crash import RECOVERY
from ..core.drain import WAY_BACK
from ..core.graph import Problem, compile_graph
from ..core.handler import DRAIN, PHASES, Handler, Importance
from ..core.retry import Retry
from ..errors import HandlerError
from ..hints import Any
from ..integrations.command import Reaper
from .builtin import builtin_handlers
from .calls import make_call, make_crash_call
from .durations import parse_duration
from .files import ConfigFile
from .kernel import number_of
from .lifetime import in_plan, life_settings, make_hooks
from .locate import Path
from .mistakes import Mistakes
from .reading import decode, parse, understand
from .schema import Config, CrashHandlerConfig, EndHandlerConfig, HandlerConfig
from .schema_parts import RetryConfig
from .settings import Settings, Style
from .steps import Step
from .tokens import tokens


def load(
    file: ConfigFile | None,
    environ: Mapping[str, str],
    reaper: Reaper | None = None,
    *,
    profile: str = "",
    platforms: Sequence[str] | None = None,
) -> Settings:
    """
    Return the settings that a file and the overrides in the environment make together.

    Everything that the handlers need later is loaded here.

    Args:

        file: The file, if there is one.

        environ: The environment.

        reaper: Whoever reaps children in this process.

        profile: The profile that was asked for, if one was.

        platforms: Those by which a profile is found otherwise; by default those of this process.

    Raises `ConfigError` with every mistake; each has its file and line, or the name of its variable, the key, and the
    nearest known name.
    """
    text = decode(file) if file is not None else ""
    mistakes = Mistakes(file.path if file else "", text, file.root if file else ())
    data = parse(file, text, mistakes) if file is not None else {}
    profile, config = understand(data, environ, (profile, platforms), mistakes)
    handlers = _handlers(config.handlers, ("handlers",), mistakes)
    following = _handlers(config.on_crash.handlers, ("on_crash", "handlers"), mistakes)
    _check_order(config, handlers, mistakes)
    _check_following(config, following, mistakes)
    of_control = _of_control(config, None if file and file.elsewhere else environ, mistakes)
    of_command = _of_command(config, environ, reaper, mistakes)
    hooks = make_hooks(config.hooks, environ, reaper, mistakes)
    _check_drainers(config, mistakes)
    outside = _outside(config, mistakes)
    mistakes.raise_if_any()
    handlers = [_with_call(handler, config.handlers[handler.name], environ, reaper, mistakes) for handler in handlers]
    after = config.on_crash.handlers
    crash_calls = [_crash_call(name, after[name], environ, reaper, mistakes) for name in (h.name for h in following)]
    if following:
        # Nothing is loaded at the worst moment.
        demand.load("agent.crash")
    mistakes.raise_if_any()
    return Settings(
        **_of_root(config),
        **of_control,
        **of_command,
        crash_recover=config.on_crash.recover,
        crash_grace=parse_duration(config.on_crash.grace),
        crash_handlers=tuple(h.replace(call=call) for h, call in zip(following, crash_calls, strict=True)),
        **_in_unit(config),
        require=tuple(tuple(chain) for chain in config.order.require),
        lanes=config.lanes,
        handlers=(*handlers, *in_plan(hooks), *_answers(outside["sources"])),
        hooks=hooks,
        **outside,
        written=_written(config, hooks),
        **life_settings(config, reaper),
        profile=profile,
        file=file.path if file else "",
        root=file.root if file else (),
    )


def _outside(config: Config, mistakes: Mistakes) -> dict[str, Any]:
    """Return the settings that say whom the agent listens to, and who sends accounts away."""
    return {
        "sources": demand.load("agent.listeners").make_sources(config.sources, mistakes) if config.sources else (),
        "exporters": demand.load("agent.exports").make_exporters(config.export, mistakes) if config.export else (),
    }


def _answers(sources: Sequence[Any]) -> list[Handler]:
    """Return what answers the platforms to which the *sources* listen."""
    return [handler for source in sources for handler in getattr(source, "handlers", ())]


def _written(config: Config, hooks: Mapping[str, object]) -> dict[str, object]:
    """Return the tables whose settings are functions and threads, which cannot be compared."""
    tables: dict[str, object] = {"hooks": config.hooks if hooks else None, "checks": config.checks}
    tables |= {"sources": config.sources, "exporters": config.export}
    return {name: table for name, table in tables.items() if table}


def _of_root(config: Config) -> dict[str, Any]:
    """Return the settings that stand at the root of the file."""
    return {
        "service": config.service or "",
        "grace": parse_duration(config.grace or "30s"),
        "grace_given": config.grace is not None,
        "drain_delay": parse_duration(config.drain_delay, zero=True),
        "on_drain": config.on_drain,
        "strict": config.strict,
        "exit": config.exit,
        "termination_log": config.termination_log,
        "tell": tuple(config.tell),
    }


def _of_control(config: Config, environ: Mapping[str, str] | None, mistakes: Mistakes) -> dict[str, Any]:
    """Return the settings that say who can ask the agent, and where."""
    secrets = tokens(config.control.tokens, environ, mistakes)
    listen, probes = config.control.listen or "", config.probe_listen or ""
    return {"probe_listen": probes, "control_listen": listen, "control_tokens": secrets}


def _of_command(
    config: Config, environ: Mapping[str, str], reaper: Reaper | None, mistakes: Mistakes
) -> dict[str, Any]:
    """Return the settings that say how the command is ended, and its output passed on."""
    command, said = config.command, config.output
    steps: tuple[Step, ...] = ()
    if command.stop or command.preset:
        steps = demand.load("agent.stopping").make_steps(command, environ, reaper, mistakes)
    style = Style(timestamps=said.timestamps, streams=said.streams, prefix=said.prefix, max_line=said.max_line)
    signum = 0 if mistakes.touches(("command",)) else number_of(command.stop_signal or "TERM")
    return {"stop_signal": signum, "stop_steps": steps, "capture": said.capture, "output": style}


def _in_unit(config: Config) -> dict[str, Any]:
    extend_to = config.systemd.extend_to
    return {
        "ready": config.ready,
        "watchdog": config.systemd.watchdog,
        "extend_to": None if extend_to is None else parse_duration(extend_to),
    }


def _handlers(configs: Mapping[str, HandlerConfig], path: Path, mistakes: Mistakes) -> list[Handler]:
    found = []
    for name, each in configs.items():
        try:
            found.append(_handler(name, each, (*path, name), mistakes))
        except HandlerError as error:
            mistakes.add((*path, name), str(error))
    return found


def _check_drainers(config: Config, mistakes: Mistakes) -> None:
    """Note what is wrong with what the drainers are told; nothing is called."""
    for name, each in config.handlers.items():
        if each.drain is not None:
            demand.load("agent.drainers").check_drainer(each.drain, each.arguments, ("handlers", name), mistakes)


def _with_call(
    handler: Handler, config: EndHandlerConfig, environ: Mapping[str, str], reaper: Reaper | None, mistakes: Mistakes
) -> Handler:
    """Return *handler* with what it calls; what that needs is loaded here."""
    if config.drain is None:
        return handler.replace(call=make_call(config, environ, reaper))
    path = ("handlers", handler.name)
    made: Handler = demand.load("agent.drainers").make_drainer(handler, config, path, reaper, mistakes)
    return made


def _crash_call(
    name: str, config: CrashHandlerConfig, environ: Mapping[str, str], reaper: Reaper | None, mistakes: Mistakes
) -> Callable[..., Any] | None:
    try:
        return make_crash_call(config, environ, reaper)
    except HandlerError as error:
        mistakes.add(("on_crash", "handlers", name), str(error))
        return None


def _handler(name: str, config: HandlerConfig, path: Path, mistakes: Mistakes) -> Handler:
    # In an unknown phase its place is unknown, and what is said about its neighbours would only confuse.
    phase = config.phase or (DRAIN if getattr(config, "drain", None) else "close")
    placed = phase in PHASES
    handler = Handler(
        name=name,
        phase=phase if placed else PHASES[-1],
        after=tuple(config.after) if placed else (),
        needs=tuple(config.needs) if placed else (),
        before=tuple(config.before) if placed else (),
        priority=config.priority,
        importance=Importance(config.importance),
        value=config.value,
        timeout=_seconds(config.timeout),
        attempt_timeout=_seconds(config.attempt_timeout),
        expected=_seconds(config.expected),
        retry=_retry(config.retry, (*path, "retry"), mistakes),
        lane=config.lane,
    )
    handler.check()
    return handler


def _retry(config: RetryConfig, path: Path, mistakes: Mistakes) -> Retry:
    initial, maximum = parse_duration(config.initial, zero=True), parse_duration(config.maximum, zero=True)
    if initial > maximum:
        mistakes.add(path, f"initial, {config.initial}, is longer than maximum, {config.maximum}")
        return Retry()
    return Retry(config.attempts, initial, maximum, config.factor)


def _seconds(text: str | None) -> float | None:
    return None if text is None else parse_duration(text, zero=True)


def _check_order(config: Config, handlers: list[Handler], mistakes: Mistakes) -> None:
    """Note what is wrong with the order, as the engine would find it."""
    own = [*builtin_handlers(0.0, config.on_drain), Handler(WAY_BACK, phase=DRAIN)]
    # A handler that could not be made is known all the same, or all that name it would seem to be wrong.
    made = {handler.name for handler in handlers}
    lost = [Handler(name) for name in config.handlers if name not in made and name]
    _, problems = compile_graph([*own, *handlers, *lost], PHASES, config.lanes or None, config.order.require)
    for problem in problems:
        mistakes.add(_path_of(problem, config.handlers, ("handlers",)), problem.text)


def _check_following(config: Config, handlers: list[Handler], mistakes: Mistakes) -> None:
    """Note what is wrong with the order of what follows a crash."""
    given, place = config.on_crash.handlers, ("on_crash", "handlers")
    if RECOVERY in given:
        mistakes.add((*place, RECOVERY), "is the name of the built-in recovery; give it another one")
        return
    made = {handler.name for handler in handlers}
    lost = [Handler(name) for name in given if name not in made and name]
    own = [Handler(RECOVERY, phase=PHASES[-1])] if config.on_crash.recover else []
    _, problems = compile_graph([*own, *handlers, *lost], PHASES, config.lanes or None, ())
    for problem in problems:
        mistakes.add(_path_of(problem, given, place), problem.text)


def _path_of(problem: Problem, handlers: Mapping[str, HandlerConfig], place: Path) -> Path:
    """Return the key that *problem* is about, below *place*."""
    if problem.code == "require":
        return ("order", "require")
    path: Path = (*place, problem.handler)
    handler = handlers.get(problem.handler)
    if handler is None:
        return place
    if problem.code == "unknown-lane":
        return (*path, "lane")
    if problem.code in {"unknown-handler", "phase-order", "cycle"}:
        # Behind it stands the nearest name, which is nobody's mistake.
        text = problem.text.partition("; did you mean")[0]
        for key in ("needs", "after", "before"):
            for number, name in enumerate(getattr(handler, key)):
                if repr(name) in text and name != problem.handler:
                    return (*path, key, number)
    return path
