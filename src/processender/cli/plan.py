"""`processender plan`: print what would run at the end, in which order, and whether it fits the window."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..agent.decide import decide
from ..agent.durations import format_duration, parse_duration
from ..agent.steps import Step as StopStep
from ..agent.steps import timetable
from ..agent.wiring import build_ender, calls_of_nothing, command_span
from ..bare import BareEnder
from ..core.handler import Handler
from ..core.plan import Plan, Step
from ..errors import ProcessEnderError
from ..hints import Any
from . import output
from .app import find_ender
from .options import Options

SCHEMA = 1
DOES_NOT_FIT = 1
"""The exit code when something does not fit, or is wrong with the order."""
_MISTAKE = 2
_USAGE = "processender plan [-c FILE [--profile NAME] | --app MODULE:ENDER] [--window TIME] [--json]"
_DESCRIPTION = """\
Print the clean-up steps in the order in which they would run, when each is expected to start and to end, the chain that
decides how long the whole takes, and whether it fits; of a window that is too short, what is given up and why. It goes
by what earlier runs took, where there were any. Nothing is started.\
"""
_EPILOG = """\
exit codes: 0 everything fits, 1 something does not fit or is wrong with the order, 2 a mistake in what was given

examples:
  processender plan
  processender plan --window 2s
  processender plan --profile lambda
  processender plan --app shop.service:ender --json\
"""


def main(argv: Sequence[str]) -> int:
    """Print the plan that *argv* asks for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.app and options.config:
        parser.error("--app and --config name two plans; choose one")
    try:
        window = None if options.window is None else parse_duration(options.window)
    except ValueError as error:
        parser.error(f"--window: {error}")
    try:
        ender, steps = (find_ender(options.app), ()) if options.app else _from_config(options.config, options.profile)
    except ProcessEnderError as error:
        output.complain(str(error))
        return _MISTAKE
    plan, trouble = ender.forecast(window)
    if trouble:
        output.complain(trouble)
    if options.json:
        output.say_json(as_data(ender.name, plan) | ({"stop": steps_as_data(steps, plan)} if steps else {}))
    else:
        output.say(as_text(ender.name, plan))
        if steps:
            output.say(f"\n{steps_as_text(steps, plan)}")
    return 0 if plan.fits and not plan.problems else DOES_NOT_FIT


def _from_config(path: str, profile: str) -> tuple[BareEnder, tuple[StopStep, ...]]:
    settings = decide(path, {"profile": profile}, os.environ)
    return build_ender(settings, settings.service or "agent", calls_of_nothing(), ()), settings.stop_steps


def as_data(name: str, plan: Plan) -> dict[str, Any]:
    """Return *plan* as what `--json` prints; times are seconds from the notice."""
    window = plan.window
    return {
        "schema": SCHEMA,
        "service": name,
        "window": {
            "length_s": _round(window.length),
            "work_s": _round(window.work),
            "reserve_s": _round(window.reserve),
        },
        "fits": plan.fits,
        "expected_s": _round(plan.makespan),
        "critical": list(plan.critical),
        "waves": plan.graph.waves(),
        "handlers": [
            {
                "name": step.handler,
                "phase": step.phase,
                "importance": str(step.importance),
                "start_s": _round(step.start),
                "end_s": _round(step.finish),
                "latest_s": _round(step.latest),
                "guessed": step.guessed,
                "skipped": plan.skips.get(step.handler),
                "spare": step.handler in plan.spare,
                "chance": _chance(step, plan),
            }
            for step in plan.in_order()
        ],
        "misfits": [
            {"handler": misfit.handler, "over_s": _round(misfit.over), "reason": misfit.reason}
            for misfit in plan.misfits
        ],
        "problems": [{"code": each.code, "handler": each.handler, "text": each.text} for each in plan.problems],
    }


def as_text(name: str, plan: Plan) -> str:
    """Return *plan* as text for people."""
    window = plan.window
    head = f"{name}: {len(plan.steps)} handlers, {format_duration(window.length)} from the notice to the end,"
    parts = [f"{head} {window.work:.2f} s of it for handlers, {window.reserve:.2f} s for the report", ""]
    if plan.steps:
        odds = ["chance"] if plan.chances else []
        rows = [["start", "end", "latest", *odds, "phase", "handler", "importance"]]
        rows += [_row(step, plan) for step in plan.in_order() if step.handler not in plan.skips]
        parts += [output.table(rows, right=frozenset(range(3 + len(odds)))), ""]
    if any(step.guessed for step in plan.steps):
        parts.append("~ is a guess: give the handler expected=, or let it run a few times")
    if plan.critical:
        parts.append(f"critical path: {' > '.join(plan.critical)} ({plan.makespan:.2f} s)")
    parts += [f"problem: {problem.text}" for problem in plan.problems]
    if plan.skips:
        parts.append(f"given up: {len(plan.skips)} of {len(plan.steps)}, what matters least first")
    parts += [_given_up(handler, plan) for handler in plan.graph.handlers if handler.name in plan.skips]
    if plan.fits and not plan.problems:
        parts.append(f"fits: {window.work - plan.makespan:.2f} s to spare")
    else:
        parts += [
            f"does not fit: {misfit.reason}{_hope(misfit.handler, plan)}"
            for misfit in plan.misfits
            if misfit.handler not in plan.skips
        ]
    return "\n".join(parts)


def steps_as_data(steps: Sequence[StopStep], plan: Plan) -> list[dict[str, Any]]:
    """Return the steps that ask the command to end as what `--json` prints; times are seconds from the first one."""
    table = timetable(steps, command_span(plan))
    return [
        {
            "step": step.shown,
            "at_s": _round(start),
            "wait_s": _round(length),
            "asked_wait_s": step.wait,
            "until": [until.shown for until in step.until],
        }
        for step, (start, length) in zip(steps, table, strict=True)
    ]


def steps_as_text(steps: Sequence[StopStep], plan: Plan) -> str:
    """Return the steps that ask the command to end as text for people."""
    span = command_span(plan)
    rows = [["at", "wait", "step", "or as soon as"]]
    for step, (start, length) in zip(steps, timetable(steps, span), strict=True):
        rows.append([f"{start:.2f}", f"{length:.2f}", step.shown, " and ".join(until.shown for until in step.until)])
    rows.append([f"{span:.2f}", "", "KILL, to all that is left", ""])
    head = "the end of the command, at the latest, in seconds from its first step:"
    return f"{head}\n\n{output.table(rows, right=frozenset({0, 1}))}"


def _given_up(handler: Handler, plan: Plan) -> str:
    why = plan.skips[handler.name].removeprefix("no room: ")
    return f"SKIP {handler.name} tier {handler.importance} value {handler.value:g}: {why}"


def _hope(name: str, plan: Plan) -> str:
    return "; it is tried with what is left over" if name in plan.spare else ""


def _chance(step: Step, plan: Plan) -> float | None:
    """Return the chance of the handler to end in time; None where nothing is known of it."""
    return None if step.guessed or step.handler not in plan.chances else round(plan.chances[step.handler], 3)


def _row(step: Step, plan: Plan) -> list[str]:
    guess = " ~" if step.guessed else "  "
    times = [f"{step.start:.2f}", f"{step.finish:.2f}{guess}", f"{step.latest:.2f}"]
    if plan.chances:
        chance = _chance(step, plan)
        times.append("" if chance is None else f"{chance:.0%}")
    return [*times, step.phase, step.handler, str(step.importance)]


def _round(seconds: float) -> float:
    return round(seconds, 6)


def _parser() -> Options:
    parser = Options("plan", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG, code=_MISTAKE)
    add = parser.add_argument
    add("-c", "--config", metavar="FILE", default="", help="the configuration file of an agent")
    add("--profile", metavar="NAME", default="", help="the profile that holds: a name, none, or auto (by the platform)")
    add("--app", metavar="MODULE:ENDER", default="", help="the Ender of an application, imported from here")
    add("--window", "--grace", metavar="TIME", help="the time from the notice to the end (default: the grace)")
    add("--json", action="store_true", help="print JSON")
    return parser
