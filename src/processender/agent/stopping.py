"""From `[command]` and `[[command.stop]]` to the steps that ask a command to end, and to what is wrong there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..hints import Any
from ..integrations.command import Reaper, command
from ..integrations.http import http
from .conditions import parse_port, until_closed, until_gone, until_http
from .durations import parse_duration
from .kernel import number_of
from .locate import Path
from .mistakes import Mistakes
from .schema import CommandConfig, StopConfig
from .schema_parts import LookConfig
from .semantics import check_http, check_secrets, check_signal
from .steps import PRESETS, Step, Until

_DEEDS = ("signal", "run", "http", "close_stdin")
_CONDITIONS = ("until_http", "until_closed", "until_gone")


def make_steps(
    config: CommandConfig, environ: Mapping[str, str], reaper: Reaper | None, mistakes: Mistakes
) -> tuple[Step, ...]:
    """
    Return the steps that *config* asks for, none where the stop signal alone is meant.

    Args:

        config: The table, whose types are right.

        environ: Where the secrets of header fields are found.

        reaper: Whoever reaps children in this process.

        mistakes: Where what is wrong is noted; then nothing is returned.
    """
    given = [key for key in ("stop_signal", "preset", "stop") if getattr(config, key)]
    if len(given) > 1:
        text = f"says how the command is ended, and so does `{given[0]}`; choose one"
        mistakes.add(("command", given[1]), text)
        return ()
    if config.preset is not None:
        return PRESETS[config.preset]
    for number, step in enumerate(config.stop):
        _check(step, number, len(config.stop), environ, mistakes)
    if mistakes.touches(("command",)):
        return ()
    return tuple(_step(step, environ, reaper) for step in config.stop)


def _check(step: StopConfig, number: int, of: int, environ: Mapping[str, str], mistakes: Mistakes) -> None:
    path: Path = ("command", "stop", number)
    given = [deed for deed in _DEEDS if getattr(step, deed) not in (None, False)]
    if len(given) != 1:
        what = f"does both `{given[0]}` and `{given[1]}`; make two steps of it" if given else "does nothing"
        example = "" if given else '; give it signal = "TERM", run = [...], http = {...} or close_stdin = true'
        mistakes.add(path, f"this step {what}{example}")
    if step.signal is not None:
        check_signal(step.signal, mistakes, (*path, "signal"))
    if step.run is not None and not (step.run and step.run[0]):
        mistakes.add((*path, "run"), 'is empty; give the command and its arguments: ["./drain.sh", "--all"]')
    if step.http is not None:
        check_http(step.http, (*path, "http"), mistakes)
        check_secrets(step.http, environ, (*path, "http", "headers_env"), mistakes)
    conditions = [key for key in _CONDITIONS if getattr(step, key) is not None]
    if conditions and number == of - 1:
        mistakes.add((*path, conditions[0]), "the last step has no next one to wait for; remove it, or add a step")
    if step.until_http is not None:
        check_http(step.until_http, (*path, "until_http"), mistakes)
        check_secrets(step.until_http, environ, (*path, "until_http", "headers_env"), mistakes)
    if step.until_gone == "":
        mistakes.add((*path, "until_gone"), "is empty; give the path of a file")
    if step.until_closed is not None:
        try:
            parse_port(step.until_closed)
        except ValueError as error:
            mistakes.add((*path, "until_closed"), str(error))


def _step(config: StopConfig, environ: Mapping[str, str], reaper: Reaper | None) -> Step:
    step = Step(
        wait=None if config.wait is None else parse_duration(config.wait, zero=True), until=_until(config, environ)
    )
    if config.signal is not None:
        return step.replace(signum=number_of(config.signal))
    if config.run is not None:
        return step.replace(call=_run(config.run, reaper), name=" ".join(config.run[:1]))
    if config.http is not None:
        request = config.http
        headers = request.headers | {field: environ[name] for field, name in request.headers_env.items()}
        send = http(request.method, request.url, expect=request.expect, headers=headers, body=request.body or None)
        return step.replace(call=lambda ctx, _pid: send(ctx), name=send.__name__)
    return step.replace(close_stdin=True)


def _run(argv: list[str], reaper: Reaper | None) -> Callable[[Any, int], None]:
    command(argv)  # loads now what it needs, and not at the end

    def run(ctx: Any, pid: int) -> None:
        command(argv, env={"PROCESSENDER_PID": str(pid)}, reaper=reaper)(ctx)

    return run


def _until(config: StopConfig, environ: Mapping[str, str]) -> tuple[Until, ...]:
    found = []
    if config.until_http is not None:
        look: LookConfig = config.until_http
        headers = look.headers | {field: environ[name] for field, name in look.headers_env.items()}
        found.append(until_http(look.url, look.expect, headers))
    if config.until_closed is not None:
        found.append(until_closed(config.until_closed))
    if config.until_gone is not None:
        found.append(until_gone(config.until_gone))
    return tuple(found)
