"""From the keys about the life of the command, `restart`, `hooks`, `checks`, `heartbeat`, `deadlock`, to settings."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from ..core.care import Check, Threshold, Vigil
from ..core.graph import compile_graph
from ..core.handler import PHASES, Handler
from ..core.restarts import Restarts
from ..core.retry import Retry
from ..demand import load
from ..errors import HandlerError
from ..hints import Any
from ..integrations.command import Reaper, command
from ..integrations.http import http
from .calls import make_call
from .durations import parse_duration
from .hooks import PHASE, POINTS, hook_name, unless_gone
from .kernel import number_of
from .locate import Path
from .mistakes import Mistakes
from .probes import parse_address
from .schema import Config, HandlerConfig
from .schema_life import CheckConfig, HookConfig, HooksConfig, RestartConfig
from .semantics import check_handler, wrong_url

Hooks = dict[str, tuple[Handler, ...]]


def check_life(config: Config, environ: Mapping[str, str], mistakes: Mistakes) -> None:
    """Note what is wrong with what *config* says about the life of the command, beyond types."""
    backoff = config.restart.backoff
    if parse_duration(backoff.initial, zero=True) > parse_duration(backoff.maximum, zero=True):
        text = f"initial, {backoff.initial}, is longer than maximum, {backoff.maximum}"
        mistakes.add(("restart", "backoff"), text)
    for point in POINTS:
        for name, hook in getattr(config.hooks, point).items():
            check_handler(_as_handler(hook, point), ("hooks", point, name), environ, mistakes)
    for name, check in config.checks.items():
        _check_check(check, ("checks", name), mistakes)
    beat, deadlock = config.heartbeat, config.deadlock
    if beat is not None:
        if not beat.socket and not beat.file:
            mistakes.add(
                ("heartbeat",), 'has neither `file` nor `socket`; write file = "/run/app/alive" or socket = true'
            )
        _check_signal(beat.stacks_signal, ("heartbeat", "stacks_signal"), mistakes)
    if deadlock is not None:
        _check_signal(deadlock.stacks_signal, ("deadlock", "stacks_signal"), mistakes)


def make_hooks(config: HooksConfig, environ: Mapping[str, str], reaper: Reaper | None, mistakes: Mistakes) -> Hooks:
    """Return the hooks by point, with what they call, which is loaded here; empty if there is a mistake in one."""
    found: Hooks = {}
    for point in POINTS:
        given: dict[str, HookConfig] = getattr(config, point)
        try:
            handlers = [_hook(point, name, given, environ, reaper) for name in given]
        except (HandlerError, KeyError):
            # What is wrong was noted where its meaning was checked.
            continue
        _, problems = compile_graph(handlers, PHASES, None, ())
        for problem in problems:
            mistakes.add(("hooks", point), problem.text)
        if handlers:
            found[point] = tuple(handlers)
    return found


def in_plan(hooks: Hooks) -> tuple[Handler, ...]:
    """Return those of *hooks* that belong to the plan of the end."""
    before = [each.replace(call=unless_gone(each.call)) for each in hooks.get("pre_stop", ()) if each.call]
    return (*before, *hooks.get("post_stop", ()))


def life_settings(config: Config, reaper: Reaper | None) -> dict[str, Any]:
    """Return the settings about the life of the command, but for its hooks."""
    backoff, give_up = config.restart.backoff, config.restart.give_up
    longest = parse_duration(backoff.maximum, zero=True)
    retry = Retry(initial=parse_duration(backoff.initial, zero=True), maximum=longest, factor=backoff.factor)
    if config.restart.policy != "never" or config.hooks != HooksConfig() or config.checks:
        # Nothing is loaded at the worst moment.
        load("agent.crash")
    return {
        "restart": config.restart.policy,
        "restarts": Restarts(retry, give_up.after, parse_duration(give_up.within), give_up.exit)
        if config.restart != RestartConfig()
        else None,
        "hooks_limit": parse_duration(config.hooks.limit),
        "checks": tuple(_check(name, each, reaper) for name, each in config.checks.items()),
        "vigils": tuple(_vigils(config)),
    }


def _as_handler(hook: HookConfig, point: str) -> HandlerConfig:
    given = {name: getattr(hook, name) for name in HookConfig.__struct_fields__}
    return HandlerConfig(**given, phase=PHASE.get(point, "close"))


def _hook(
    point: str, name: str, given: Mapping[str, HookConfig], environ: Mapping[str, str], reaper: Reaper | None
) -> Handler:
    config = _as_handler(given[name], point)
    retry = config.retry
    handler = Handler(
        hook_name(point, name),
        make_call(config, environ, reaper),
        phase=config.phase or "close",
        after=tuple(hook_name(point, each) for each in config.after),
        needs=tuple(hook_name(point, each) for each in config.needs),
        timeout=None if config.timeout is None else parse_duration(config.timeout),
        attempt_timeout=None if config.attempt_timeout is None else parse_duration(config.attempt_timeout),
        retry=Retry(
            retry.attempts,
            parse_duration(retry.initial, zero=True),
            max(parse_duration(each, zero=True) for each in (retry.initial, retry.maximum)),
            retry.factor,
        ),
    )
    handler.check()
    return handler


def _check_check(check: CheckConfig, path: Path, mistakes: Mistakes) -> None:
    given = [each for each in ("run", "http", "tcp") if getattr(check, each) is not None]
    if len(given) != 1 and not any(mistakes.touches((*path, each)) for each in ("run", "http", "tcp")):
        has = "both `" + "` and `".join(given) + "`" if given else "neither `run` nor `http` nor `tcp`"
        mistakes.add(path, f'has {has}; give it one, such as http = "http://127.0.0.1:8080/health"')
    if check.run is not None and not (check.run and check.run[0]):
        mistakes.add((*path, "run"), 'is empty; give the command and its arguments: ["./well.sh"]')
    if check.http is not None and (wrong := wrong_url(check.http)):
        mistakes.add((*path, "http"), wrong)
    if check.tcp is not None:
        try:
            parse_address(check.tcp)
        except ValueError as error:
            mistakes.add((*path, "tcp"), str(error))
    if check.expect and check.http is None:
        mistakes.add((*path, "expect"), "goes with `http`; remove it")


def _check(name: str, config: CheckConfig, reaper: Reaper | None) -> Check:
    if config.http is not None:
        call: Callable[[Any], object] = http("GET", config.http, expect=config.expect)
    elif config.tcp is not None:
        call = _connects(*parse_address(config.tcp))
    else:
        call = command(config.run or (), reaper=reaper)
    every, timeout = parse_duration(config.every), parse_duration(config.timeout)
    threshold = Threshold(config.failures, config.successes)
    return Check(name, call, config.kind, every, timeout, threshold, config.on_failure)


def _connects(host: str, port: int) -> Callable[[Any], object]:
    def connect(ctx: Any) -> None:
        socket.create_connection((host or "127.0.0.1", port), max(0.001, ctx.remaining())).close()

    return connect


def _check_signal(name: str | None, path: Path, mistakes: Mistakes) -> None:
    if name is None:
        return
    try:
        number_of(name)
    except ValueError as error:
        mistakes.add(path, str(error))


def _vigils(config: Config) -> list[Vigil]:
    beat, deadlock = config.heartbeat, config.deadlock
    file, listens = ("", False) if beat is None else (beat.file or "", beat.socket)
    found = []
    if beat is not None:
        within = parse_duration(beat.within)
        first = within if beat.first is None else parse_duration(beat.first)
        signal = 0 if beat.stacks_signal is None else number_of(beat.stacks_signal)
        wait = parse_duration(beat.stacks_wait)
        found.append(Vigil("heartbeat", within, first, file, listens, signal, wait))
    if deadlock is not None:
        silent, signal = parse_duration(deadlock.silent), number_of(deadlock.stacks_signal)
        found.append(Vigil("deadlock", silent, silent, file, listens, signal, parse_duration(deadlock.stacks_wait)))
    return found
