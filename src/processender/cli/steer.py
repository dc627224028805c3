"""`processender status`, `stop`, `drain`, `resume`, `restart`, `reload` and `signal`: ask a running agent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ..agent.durations import format_duration, parse_duration
from ..agent.reload import only_anew
from ..hints import Any
from . import output
from .client import Call, NoAgent, find
from .options import Options
from .watch import watch

SCHEMA = 1
REFUSED = 1
"""The exit code when the agent would not do it."""
MISTAKE = 2
"""The exit code for a mistake in what was given."""
NO_AGENT = 3
"""The exit code when there is no agent, or more than one, or it does not answer."""
_ABOUT = {
    "status": "Tell how an agent and its command are.",
    "stop": "Let an agent end its command, run its clean-up, and go, as TERM would; who has asked for it is recorded.",
    "drain": """\
Let an agent leave traffic: readiness fails, the handlers of the phase `drain` run, and then it waits. The command goes
on. `processender resume` takes it back; `processender stop` goes on from there.""",
    "resume": "Take back a drain, or an end as long as nothing beyond the phase `drain` has begun: what ran is undone.",
    "restart": "Let an agent end its command, as its plan would, and start it again; the agent and its socket stay.",
    "reload": """\
Let an agent read its configuration again: handlers, grace, drain_delay, what follows a crash, tokens. A bad one is
refused with all its mistakes, and the old one stays. What only a new agent can change is told.""",
    "signal": "Send a signal to the command of an agent, or what is to be sent in its place; the sender is recorded.",
}
_EXAMPLES = {
    "status": ("processender status", "processender status --agent 4711 --json", "processender status --watch"),
    "stop": ("processender stop --wait", "processender stop --reason 'node is repaired' --within 20s"),
    "drain": ("processender drain", "processender drain --agent 4711"),
    "resume": ("processender resume",),
    "restart": ("processender restart --agent 4711",),
    "reload": ("processender reload",),
    "signal": ("processender signal USR1", "processender signal RTMIN+3 --agent 4711"),
}
_EPILOG = """\
The agent is the one around this process (PROCESSENDER_CONTROL), else the only one of this user.

exit codes: 0 done, 1 the agent refuses, 2 a mistake in what was given, 3 no agent, or more than one

examples:
{examples}\
"""
_DONE = {
    "stop": "the end has begun",
    "drain": "the drain has begun",
    "resume": "it is being taken back",
    "restart": "the command is being restarted",
    "reload": "the configuration is taken over",
}


def main(words: Sequence[str]) -> int:
    """Do what the command *words* ask for and return the exit code."""
    verb = words[0]
    options = _parser(verb).parse_args(words[1:])
    try:
        request = _request(verb, options)
    except ValueError as error:
        output.complain(f"--within: {error}")
        return MISTAKE
    try:
        path = find(options.agent, os.environ)
        return _carry_out(verb, options, path, request)
    except NoAgent as error:
        output.complain(str(error))
        return NO_AGENT


def _carry_out(verb: str, options: Any, path: str, request: dict[str, Any]) -> int:
    try:
        with Call(path) as call:
            if verb == "status" and options.watch:
                return watch(call, _as_text, as_json=options.json)
            code = _show(verb, options, call.ask(request))
            if not code and verb == "stop" and options.wait:
                call.await_end()
    except (OSError, ValueError) as error:
        raise NoAgent(f"cannot ask the agent at {path}: {error}; it may have ended") from error
    return code


def _request(verb: str, options: Any) -> dict[str, Any]:
    if verb == "signal":
        return {"do": verb, "signal": options.signal}
    if verb != "stop":
        return {"do": verb}
    within = parse_duration(options.within) if options.within else None
    return {"do": verb, "reason": options.reason, "within": within}


def _show(verb: str, options: Any, answer: dict[str, Any]) -> int:
    if options.json:
        output.say_json({"schema": SCHEMA, **answer})
        return REFUSED if "error" in answer else 0
    if "error" in answer:
        output.complain("\n  ".join([str(answer["error"]), *map(str, answer.get("problems", ()))]))
        return REFUSED
    if verb == "status":
        output.say(_as_text(answer))
    else:
        output.say(_DONE.get(verb) or f"{answer.get('signal')} is sent")
        if answer.get("later"):
            output.say(f"but {only_anew(answer['later'])}")
    return 0


def _as_text(status: Mapping[str, Any]) -> str:
    agent, command = status["agent"], status["command"]
    readiness = "ready" if status["ready"] else "not ready"
    up = format_duration(round(agent["uptime_s"], 1))
    lines = [
        f"{status['service']}: {status['state']}, {readiness}",
        f"agent    {agent['pid']}, version {agent['version']}, up {up}",
        f"command  {command['program']}, {_life(command)}, restarted {command['restarts']} times",
        f"grace    {format_duration(status['grace_s'])}" + (f", from {status['config']}" if status["config"] else ""),
        *([f"profile  {status['profile']}"] if status.get("profile") else []),
    ]
    if status["signals"]:
        lines.append("signals  " + ", ".join(f"{name} {count}" for name, count in status["signals"].items()))
    lines += [f"hears    {name}: {_seen(last)}" for name, last in status.get("sources", {}).items()]
    lines += [f"asked    {text}" for text in status["asked"]]
    lines += [f"joined   {each['service']} ({each['pid']})" for each in status["joined"]]
    return "\n".join(lines)


def _seen(last: dict[str, str]) -> str:
    return ", ".join(f"{what}: {text}" for what, text in last.items()) or "nobody has answered yet"


def _life(command: dict[str, Any]) -> str:
    if command.get("watched") and not command["pid"]:
        # Somebody else has started it, and it may be known by what it says alone.
        return "there" if command["running"] else "not there"
    if command["running"]:
        return f"process {command['pid']}"
    return "not started" if command["status"] is None else f"ended with {command['status']}"


def _parser(verb: str) -> Options:
    takes = {"signal": "SIGNAL ", "status": "[--watch] ", "stop": "[--reason TEXT] [--within TIME] [--wait] "}.get(
        verb, ""
    )
    usage = f"processender {verb} {takes}[--agent PID|PATH] [--json]"
    epilog = _EPILOG.format(examples="\n".join(f"  {each}" for each in _EXAMPLES[verb]))
    parser = Options(verb, usage=usage, description=_ABOUT[verb], epilog=epilog, code=MISTAKE)
    if verb == "signal":
        parser.add_argument("signal", metavar="SIGNAL", help="its name or number: USR1, SIGUSR1, 10, RTMIN+3")
    if verb == "stop":
        parser.add_argument("--reason", default="", metavar="TEXT", help="the cause, for handlers and the report")
        parser.add_argument("--within", default="", metavar="TIME", help="when all must be gone (default: the grace)")
        parser.add_argument("--wait", action="store_true", help="wait until the agent has gone")
    if verb == "status":
        parser.add_argument(
            "--watch", action="store_true", help="show it, and its run, again and again until it has gone"
        )
    parser.add_argument("--agent", default="", metavar="PID|PATH", help="the agent, by its process or its socket")
    parser.add_argument("--json", action="store_true", help="print data")
    return parser
