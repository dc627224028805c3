"""How long a handler and each of its attempts may take, inside the window."""

from __future__ import annotations

from .handler import Handler, Importance
from .plan import Plan

CANCEL_GRACE_S = 0.5
CANCEL_GRACE_SHARE = 0.1
LAST_S = 1.0
LAST_SHARE = 0.25
BEGIN_S = 1.0
BEGIN_SHARE = 0.1


def cancel_grace(span: float) -> float:
    """Return the part of *span* seconds in which a cancelled attempt may still give way."""
    return min(CANCEL_GRACE_S, CANCEL_GRACE_SHARE * max(0.0, span))


def last_part(span: float) -> float:
    """
    Return the last part of *span* seconds, at whose beginning work that is left is broken off.

    Half of it is for that work, to close and to roll back; the other half is for its servers, to leave behind it.
    """
    return min(LAST_S, LAST_SHARE * span)


def begin_limit(plan: Plan) -> float:
    """Return after how many seconds an attempt that has not taken its first step counts as held up."""
    return min(BEGIN_S, BEGIN_SHARE * plan.window.length)


def latest_end(plan: Plan, node: int, now: float) -> float:
    """
    Return when the handler of *node* must have ended, so that the `must` handlers behind it have their time.

    A `must` that is late takes its share of what is left instead of nothing. Without a node (-1: the plan no longer
    has the handler) the soft deadline counts. A handler that is expected to cost nothing always has a moment.
    """
    soft = plan.window.soft
    if node < 0:
        return soft
    latest = min(soft, plan.latest(node))
    costs = plan.steps[node].finish - plan.steps[node].start
    if plan.graph.handlers[node].importance is not Importance.MUST:
        # Who costs nothing takes nothing from those behind it, however late they are already.
        return min(soft, max(latest, now + begin_limit(plan))) if costs <= 0 else latest
    tail = plan.tails[node]
    own = max(costs, 1e-3)
    return min(soft, max(latest, now + max(0.0, soft - now) * own / (own + tail)))


def deadline(plan: Plan, node: int, handler: Handler, started: float) -> float:
    """Return when *handler*, whose first attempt began at *started*, must have ended, retries included."""
    limit = latest_end(plan, node, started)
    return limit if handler.timeout is None else min(limit, started + handler.timeout)
