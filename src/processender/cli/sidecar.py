"""`processender sidecar`: watch an application that somebody else has started, and see to its end."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence

from ..agent import kernel, sighting
from ..agent.application import Application, Listener, Processes, Tell
from ..agent.beside import refuse
from ..agent.children import Children
from ..agent.decide import decide
from ..agent.durations import parse_duration
from ..agent.errors import CANNOT_RUN, AgentError, ConfigError
from ..agent.flags_sidecar import SIDECAR
from ..agent.goodbye import Goodbye
from ..agent.pulse import Answering, Heartbeat
from ..agent.sidecar import Sidecar
from ..agent.streams import keep_standard_streams
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..hints import Any, NoReturn
from ..integrations.http import http
from . import output
from .options import Options

_USAGE = "processender sidecar [OPTIONS] --watch-name NAME | --pid-file FILE | --watch-cgroup DIR | ..."
_DESCRIPTION = """\
Watch an application that somebody else has started. When the end comes (`processender pre-stop`, or SIGTERM), let
readiness fail, wait for the drain delay, tell the application and wait for it, run the configured clean-up, recover
what the application has left in the journals of --service, and end. When the application dies without notice, account
for the crash, recover, and go on watching.\
"""
_EPILOG = """\
Nothing is killed that somebody else has started, unless --tell-signal KILL says so. With --watch-name, --pid-file or
--watch-cgroup the processes must be in sight (in a pod: shareProcessNamespace: true); else use --heartbeat or
--watch-http.

exit codes: 0 the end was clean, 70 it was not, 125 it cannot start, with --once that of the application where the
kernel tells it

examples:
  processender sidecar --service shop --watch-name nginx --tell-signal QUIT --grace 30s
  processender sidecar --service shop --watch-http http://127.0.0.1:8080/healthz --tell-http http://127.0.0.1:8080/quit
  processender sidecar --service shop --heartbeat /run/shop/alive --tell-file /run/shop/stop\
"""
_WATCHES = ("watch_name", "pid_file", "watch_cgroup", "heartbeat", "watch_http")
_ENDINGS = (".pid", ".service", ".slice", ".scope", ".sock", ".socket")


def main(argv: Sequence[str], mask: frozenset[int]) -> NoReturn:  # noqa: ARG001 - the face that `run` has
    """Watch what *argv* says, with every signal blocked, and leave with the exit code."""
    keep_standard_streams()
    options = parser().parse_args(argv)
    try:
        children = Children()
        settings = decide(options.config, vars(options), os.environ, children)
        refuse(settings)
        settings = settings.replace(service=settings.service or _service_of(options))
        make, tell = _watched(options), _told(options)
        sidecar = Sidecar(settings, children, make, tell, control=options.control, once=options.once)
        gc.freeze()
        gc.enable()
        code = sidecar.run()
    except ProcessEnderError as error:
        output.complain(str(error))
        # Not by the ordinary way: threads have been started, and nothing has begun that they should end.
        os._exit(error.exit if isinstance(error, AgentError) else CANNOT_RUN)
    except (OSError, RuntimeError) as error:
        output.complain(f"cannot start: {error}; see the limits of the system (ulimit -a)")
        os._exit(CANNOT_RUN)
    # No thread can hold the process so.
    os._exit(code)


def _watched(options: Any) -> Callable[[Tell, Listener], Application]:
    """Return what makes the application that *options* name; raise `ConfigError`."""
    given = [name for name in _WATCHES if getattr(options, name)]
    if len(given) != 1:
        ways = ", ".join(f"--{name.replace('_', '-')}" for name in _WATCHES)
        raise ConfigError([f"{len(given)} ways to watch the application were given; give one of {ways}"])
    value = getattr(options, given[0])
    clock = SystemClock()
    if given[0] == "heartbeat":
        silence = _seconds("--silence", options.silence)
        return lambda tell, listener: Heartbeat(value, silence, tell, listener)
    if given[0] == "watch_http":
        every = _seconds("--every", options.every)
        _checked("--watch-http", value, lambda url: http("GET", url))
        return lambda tell, listener: Answering(value, every, clock, tell, listener)
    look = {
        "watch_name": lambda: sighting.by_name(value),
        "pid_file": lambda: sighting.by_pid_file(os.path.abspath(value), clock),
        "watch_cgroup": lambda: sighting.by_cgroup(value),
    }[given[0]]()
    return lambda tell, listener: Processes(look, tell, listener)


def _service_of(options: Any) -> str:
    """Return the name of what is watched: known from the start, so that it does not depend on who is there."""
    if options.watch_http:
        return str(options.watch_http).partition("://")[2].partition("/")[0].rpartition("@")[2]
    given: str = options.watch_name or options.pid_file or options.watch_cgroup or options.heartbeat
    name = os.path.basename(given.rstrip("/"))
    return next((name.removesuffix(end) for end in _ENDINGS if name.endswith(end)), name) or name


def _told(options: Any) -> Callable[[Application], Goodbye]:
    """Return what makes the one who tells the application of the end."""
    signals = [_checked("--tell-signal", text, kernel.number_of) for text in options.tell_signal]
    if signals and not (options.watch_name or options.pid_file or options.watch_cgroup):
        raise ConfigError(["--tell-signal needs a process in sight; use --tell-http or --tell-file with this watch"])
    request = None
    if options.tell_http:
        method, _, url = options.tell_http.rpartition(" ")
        request = _checked("--tell-http", url, lambda url: http(method or "POST", url))
    file = os.path.abspath(options.tell_file) if options.tell_file else ""
    return lambda application: Goodbye(application, signals, file, request)


def _seconds(flag: str, text: str) -> float:
    return float(_checked(flag, text, parse_duration))


def _checked(flag: str, text: str, take: Callable[[str], Any]) -> Any:
    try:
        return take(text)
    except (ValueError, ProcessEnderError) as error:
        raise ConfigError([f"{flag}: {error}"]) from error


def parser() -> Options:
    """Return what reads the options."""
    made = Options("sidecar", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=CANNOT_RUN)
    for names, how in SIDECAR:
        made.add_argument(*names, **how)
    return made
