"""The mistakes that types cannot tell: what contradicts itself, and what no program or server could be given."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..core.graph import nearest
from ..core.handler import PHASES
from .kernel import number_of
from .locate import Path
from .mistakes import Mistakes
from .probes import parse_address
from .schema import Config, EndHandlerConfig, HandlerConfig
from .schema_parts import HttpConfig, LookConfig

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DEEDS = ("run", "http", "drain", "webhook", "systemd", "termination_log")
_NOT_TO_END = frozenset({"SIGSTOP", "SIGCONT", "SIGCHLD"})


def check_meaning(config: Config, environ: Mapping[str, str], mistakes: Mistakes) -> None:
    """Note what is wrong with *config*, whose types are right; *environ* holds the secrets that it names."""
    if config.service is not None and not (config.service.strip() and config.service.isprintable()):
        mistakes.add(("service",), f"{config.service!r} is no name; give it one that can be printed")
    for path, address in ((("probe_listen",), config.probe_listen), (("control", "listen"), config.control.listen)):
        try:
            parse_address(address if address is not None else ":0")
        except ValueError as error:
            mistakes.add(path, str(error))
    if config.command.stop_signal is not None:
        check_signal(config.command.stop_signal, mistakes, ("command", "stop_signal"))
    if not config.output.prefix.isprintable():
        mistakes.add(("output", "prefix"), f"{config.output.prefix!r} cannot be printed; give it a word")
    for place, handlers in ((("handlers",), config.handlers), (("on_crash", "handlers"), config.on_crash.handlers)):
        for name, handler in handlers.items():
            check_handler(handler, (*place, name), environ, mistakes)


def check_signal(name: str, mistakes: Mistakes, path: Path) -> None:
    """Note what is wrong with *name*, given at *path*, as the name of a signal that asks the command to end."""
    full = name if name.startswith("SIG") else f"SIG{name}"
    if full in _NOT_TO_END:
        mistakes.add(path, f"{name!r} ends nothing; use 'TERM', 'INT' or 'QUIT'")
    elif full not in signal.Signals.__members__ and not _is_real_time(full):
        known = [each.removeprefix("SIG") for each in signal.Signals.__members__]
        hint = nearest(name.removeprefix("SIG"), known)
        mistakes.add(path, f"there is no signal {name!r}{hint if 'did you' in hint else '; write it like TERM'}")


def _is_real_time(name: str) -> bool:
    try:
        return name.startswith(("SIGRTMIN+", "SIGRTMAX-")) and bool(number_of(name))
    except ValueError:
        return False


def check_handler(handler: HandlerConfig, path: Path, environ: Mapping[str, str], mistakes: Mistakes) -> None:
    """Note what is wrong with *handler*, which stands at *path*; *environ* holds the secrets that it names."""
    known = [deed for deed in _DEEDS if hasattr(handler, deed)]
    given = [deed for deed in known if getattr(handler, deed) not in (None, False)]
    # Half of what follows makes no sense about a handler of which this was not understood.
    broken = any(mistakes.touches((*path, deed)) for deed in known)
    if len(given) > 1:
        mistakes.add(path, f"{path[-1]!r} has both `{given[0]}` and `{given[1]}`; make two handlers of it")
    elif not given and not broken:
        nothing = f"has neither `{'` nor `'.join(known)}`, so there is nothing to do"
        example = 'give it run = ["./command", "argument"] or http = { url = "http://..." }'
        mistakes.add(path, f"{path[-1]!r} {nothing}; {example}")
    if handler.run is not None:
        _check_run(handler, handler.run, path, mistakes)
    for deed in ("http", "webhook"):
        request = getattr(handler, deed, None)
        if request is not None:
            check_http(request, (*path, deed), mistakes)
            check_secrets(request, environ, (*path, deed, "headers_env"), mistakes)
    for key in ("env", "cwd"):
        if given and handler.run is None and getattr(handler, key):
            mistakes.add((*path, key), f"goes with `run`, not with `{given[0]}`; remove it")
    if handler.phase is not None and handler.phase not in PHASES:
        mistakes.add((*path, "phase"), f"there is no phase {handler.phase!r}{nearest(handler.phase, PHASES)}")
    if isinstance(handler, EndHandlerConfig):
        _check_drain(handler, path, mistakes)


def _check_drain(handler: EndHandlerConfig, path: Path, mistakes: Mistakes) -> None:
    if handler.drain is None:
        if handler.arguments:
            mistakes.add((*path, "with"), 'goes with `drain`; write drain = "haproxy", or remove it')
    elif handler.retry.on is not None:
        mistakes.add((*path, "retry", "on"), "goes with `run` and `http`; a drainer knows itself what may pass")


def _check_run(handler: HandlerConfig, argv: list[str], path: Path, mistakes: Mistakes) -> None:
    if not argv or not argv[0]:
        mistakes.add((*path, "run"), 'is empty; give the command and its arguments: ["./flush.sh", "--all"]')
    for key in handler.env:
        if not key or "=" in key or "\0" in key:
            mistakes.add((*path, "env", key), f"{key!r} cannot be the name of a variable")
    if handler.cwd == "":
        mistakes.add((*path, "cwd"), "is empty; name a directory or leave it out")
    for number, code in enumerate(handler.retry.on or ()):
        if code > 255:
            mistakes.add((*path, "retry", "on", number), f"{code} is no exit code; it must be from 0 to 255")


def check_http(http: LookConfig, path: Path, mistakes: Mistakes) -> None:
    """Note what is wrong with a request."""
    if not mistakes.touches((*path, "url")):
        wrong = wrong_url(http.url)
        if wrong:
            mistakes.add((*path, "url") if http.url else path, wrong)
    if isinstance(http, HttpConfig) and http.method not in _METHODS:
        mistakes.add((*path, "method"), f"there is no method {http.method!r}{nearest(http.method.upper(), _METHODS)}")
    for table in ("headers", "headers_env"):
        for key, text in getattr(http, table).items():
            if not key or not _TOKEN.issuperset(key):
                mistakes.add((*path, table, key), f"{key!r} cannot be the name of a header field")
            if not (text.isascii() and text.isprintable()):
                mistakes.add((*path, table, key), "contains a line end or another sign that cannot be sent")


def check_secrets(http: LookConfig, environ: Mapping[str, str], path: Path, mistakes: Mistakes) -> None:
    """Note which secrets of a request are not in *environ*."""
    for field, name in http.headers_env.items():
        if name not in environ:
            mistakes.add((*path, field), f"the variable {name!r}, which should hold its secret, is not set")
        elif not (environ[name].isascii() and environ[name].isprintable()):
            mistakes.add((*path, field), f"the variable {name!r} contains a sign that cannot be sent")


def wrong_url(url: str) -> str:
    """Return what is wrong with *url*, an empty text if nothing is."""
    example = "write it like 'http://127.0.0.1:8080/path'"
    if not url:
        return f"has no url; {example}"
    if not url.isascii() or not url.isprintable() or " " in url:
        return f"{url!r} contains a sign that must be written as %XX"
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        return f"{url!r} is no URL: {error}; {example}"
    if parts.username is not None or parts.password is not None:
        return "must not hold a password; put the Authorization into a variable and name it in `headers_env`"
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        needs = "a host and a port" if parts.scheme in {"http", "https"} else "http or https in front"
        return f"{url!r} needs {needs}; {example}"
    return ""
