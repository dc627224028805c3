"""Events in words: one wording for everybody who tells a person of them."""

from __future__ import annotations

from ..hints import assert_never
from .events import (
    AttemptFailed,
    AttemptStarted,
    Drained,
    Escalated,
    Event,
    HandlerEnded,
    HandlerStuck,
    LoopBlocked,
    Noted,
    NoticeHeard,
    PlanChanged,
    RoomEvent,
    RunEnded,
    RunStarted,
    RunWithdrawn,
    Sized,
    Trouble,
    Waiting,
    WorkCut,
)
from .labels import in_line
from .notice import Notice
from .outcome import Outcome, Verdict

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40
LEVELS: dict[type, int] = {
    **dict.fromkeys((AttemptStarted, Sized), DEBUG),
    **dict.fromkeys((AttemptFailed, HandlerStuck, LoopBlocked, WorkCut, Escalated, Trouble), WARNING),
}
"""How grave the events of the core are that do not just inform."""


def render(event: Event) -> tuple[int, str, str]:
    """Return the level, the stable key and the text of *event*."""
    return level_of(event), f"{event.key}.{event.code}" if isinstance(event, Trouble) else event.key, text_of(event)


def level_of(event: Event) -> int:
    """Return how grave *event* is, as in `logging`: an end that is not as it should be is a warning."""
    level = LEVELS.get(type(event), INFO)
    if isinstance(event, RunEnded):
        return level if event.verdict is Verdict.CLEAN else WARNING
    if isinstance(event, HandlerEnded):
        return level if event.result.outcome is Outcome.DONE else WARNING
    return event.level if isinstance(event, RoomEvent) else level


def text_of(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - one case for each event
    """Return *event* in words."""
    match event:
        case NoticeHeard(notice=notice):
            return f"heard {notice.cause}{_from(notice)}"
        case RunStarted():
            return _started(event)
        case RunEnded(verdict=verdict, seconds=seconds):
            return f"ended {verdict} after {seconds:.2f} s"
        case PlanChanged(plan=plan):
            return f"planned anew: {len(plan.steps)} handlers, {plan.window.length:.2f} s in all"
        case AttemptStarted(handler=name, attempt=attempt):
            return f"{name}: attempt {attempt}"
        case AttemptFailed(handler=name, attempt=attempt, error=error, at=at, again_at=again):
            return f"{name}: attempt {attempt}: {error}; again in {again - at:.2f} s"
        case HandlerStuck(handler=name, reason=reason, stack=stack):
            return f"{name} is stuck: {reason}\n{stack}"
        case HandlerEnded():
            return _ended(event)
        case LoopBlocked(seconds=seconds, stack=stack):
            return f"the event loop has been blocked for {seconds:.2f} s\n{stack}"
        case Noted(handler=name, text=text):
            return f"{name}: {text}"
        case Sized(handler=name, size=size):
            return f"{name}: {size:g} to do"
        case Waiting(what=what, more=more):
            return f"waiting for {len(what) + more} in flight: {in_line(what, more)}"
        case WorkCut(what=what, more=more, reason=reason):
            return f"cut {len(what) + more} in flight, {reason}: {in_line(what, more)}"
        case Escalated(level=level):
            return "asked to hurry" if level == 2 else "asked to end at once"
        case Drained():
            return "drained: traffic is left, and everything else goes on"
        case RunWithdrawn(notice=notice):
            return f"the end is taken back by {notice.who}"
        case Trouble(text=text):
            return text
        case RoomEvent():
            return event.text
        case _:
            assert_never(event)


def _started(event: RunStarted) -> str:
    plan, notice = event.plan, event.notice
    verb = "ending" if notice.ends else "draining"
    text = f"{verb} because of {notice.cause}: {len(plan.steps)} handlers, {plan.window.work:.2f} s for them"
    given_up = [f"{name} ({reason})" for name, reason in plan.skips.items()]
    return f"{text}; given up: {', '.join(given_up)}" if given_up else text


def _from(notice: Notice) -> str:
    """Return who said so; of what this process has found out itself, or heard of nobody, nothing."""
    who = notice.who
    return "" if who in {"signals", "api", "body", notice.cause} else f" from {who}"


def _ended(event: HandlerEnded) -> str:
    result = event.result
    text = f"{result.handler}: {result.outcome.replace('_', ' ')}"
    if result.started is not None:
        text += f" after {result.seconds:.2f} s"
    details = [detail for detail in (result.reason, result.error) if detail]
    return text + (f" ({'; '.join(details)})" if details else "")
