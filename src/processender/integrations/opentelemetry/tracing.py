"""The end as a trace of the application's own SDK, span by span while it happens."""

from __future__ import annotations

import atexit

from ...core import vocabulary as words
from ...core.events import (
    AttemptFailed,
    AttemptStarted,
    Event,
    HandlerEnded,
    HandlerStuck,
    NoticeHeard,
    PlanChanged,
    RunEnded,
    RunStarted,
    Trouble,
    WorkCut,
)
from ...core.outcome import Outcome, Result, Verdict
from ...hints import Any
from ...ports import check_kind

_FLUSH_MS = 3000


class TracingObserver:
    """Makes spans of a run: `Ender("orders", observers=[TracingObserver(provider), ...])`; see `integrations.otlp`."""

    def __init__(self, provider: Any, *, close: bool = True) -> None:
        """
        Trace with *provider*, a tracer provider of the SDK.

        Args:

            provider: What the application has made, or `opentelemetry.trace.get_tracer_provider()`.

            close: Whether it is shut down when a run is over that is not taken back; otherwise it is only flushed.
        """
        check_kind(provider, ("get_tracer",), "a tracer provider", "TracingObserver(provider)")
        from opentelemetry import trace  # noqa: PLC0415 - who has a provider has loaded it

        self._provider, self._close = provider, close
        self._tracer = provider.get_tracer("processender")
        self._around = trace.set_span_in_context
        self._error = trace.StatusCode.ERROR
        self._notices: list[NoticeHeard] = []
        self._root: Any = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._offset = 0
        self._phase_of: dict[str, str] = {}
        self._phases: dict[str, tuple[Any, Any]] = {}
        self._ends: dict[str, float] = {}
        self._handlers: dict[str, tuple[Any, Any]] = {}
        self._began: dict[str, tuple[int, float]] = {}

    def observe(self, event: Event) -> None:
        """Take one event."""
        match event:
            case NoticeHeard():
                self._notices.append(event)
            case RunStarted():
                self._begin(event)
            case _ if self._root is None:
                return
            case AttemptStarted():
                self._attempt(event)
            case HandlerEnded(result=result):
                self._ended(result)
            case AttemptFailed():
                self._attempt_ended(event.handler, event.at, event.error)
            case PlanChanged(plan=plan):
                self._phase_of |= {step.handler: step.phase for step in plan.steps}
            case HandlerStuck():
                self._mark(
                    event.handler, "handler.stuck", {words.HANDLER: event.handler, words.STACK: event.stack}, event
                )
            case WorkCut():
                cut = {words.IN_FLIGHT: len(event.what) + event.more, words.IN_FLIGHT_REASON: event.reason}
                self._mark("", "inflight.cut", cut, event)
            case Trouble():
                self._mark("", f"trouble.{event.code}", {words.TROUBLE: event.code}, event)
            case RunEnded():
                self._end(event)

    def _begin(self, started: RunStarted) -> None:
        self._begin_anew()
        plan, notice = started.plan, started.notice
        attributes = {
            words.RUN_ID: started.run,
            words.RUN_CAUSE: notice.cause,
            words.RUN_SOURCE: notice.origin,
            words.WINDOW_LENGTH: plan.window.length,
            words.WINDOW_WORK: plan.window.work,
        }
        root = self._tracer.start_span("shutdown", attributes=attributes)
        if not root.is_recording():
            return  # there is no SDK, or nothing of it is sampled
        # The SDK has the only clock here that knows the date.
        self._offset = root.start_time - round(started.at * 1e9)
        self._root, self._in_root = root, self._around(root)
        self._phase_of = {step.handler: step.phase for step in plan.steps}
        for heard in self._notices:
            said = {words.NOTICE_CAUSE: heard.notice.cause, words.NOTICE_ORIGIN: heard.notice.origin}
            span = self._tracer.start_span("notice", self._in_root, attributes=said, start_time=self._date(heard.at))
            span.end(self._date(max(heard.at, started.at)))
            root.add_link(span.get_span_context(), said)
        self._notices = []

    def _date(self, at: float) -> int:
        return round(at * 1e9) + self._offset

    def _handler(self, name: str, at: float) -> tuple[Any, Any]:
        """Return the span of a handler, which is begun if it was not, and its context."""
        if name not in self._handlers:
            phase = self._phase_of.get(name, "")
            start = self._date(at)
            if phase not in self._phases:
                span = self._tracer.start_span(
                    f"phase {phase}", self._in_root, attributes={words.PHASE: phase}, start_time=start
                )
                self._phases[phase] = span, self._around(span)
            attributes = {words.HANDLER: name, words.HANDLER_PHASE: phase}
            _, context = self._phases[phase]
            span = self._tracer.start_span(f"handler {name}", context, attributes=attributes, start_time=start)
            self._handlers[name] = span, self._around(span)
        return self._handlers[name]

    def _attempt(self, event: AttemptStarted) -> None:
        self._handler(event.handler, event.at)
        self._began[event.handler] = event.attempt, event.at

    def _attempt_ended(self, name: str, at: float, error: str) -> None:
        if name not in self._began:
            return
        number, began = self._began.pop(name)
        attributes = {words.HANDLER: name, words.ATTEMPT: number}
        _, context = self._handlers[name]
        span = self._tracer.start_span("attempt", context, attributes=attributes, start_time=self._date(began))
        if error:
            span.set_status(self._error, error)
        span.end(self._date(at))

    def _ended(self, result: Result) -> None:
        name, done = result.handler, result.outcome is Outcome.DONE
        why = result.error or result.reason or str(result.outcome)
        span, _ = self._handler(name, result.ended if result.started is None else result.started)
        self._attempt_ended(name, result.ended, "" if done else why)
        span.set_attribute(words.HANDLER_OUTCOME, str(result.outcome))
        if not done:
            span.set_attribute(words.HANDLER_REASON, why)
        if not done and result.outcome is not Outcome.SKIPPED:
            span.set_status(self._error, why)
        span.end(self._date(result.ended))
        phase = self._phase_of.get(name, "")
        self._ends[phase] = max(self._ends.get(phase, 0.0), result.ended)
        del self._handlers[name]

    def _mark(self, handler: str, key: str, attributes: dict[str, Any], event: Any) -> None:
        span, _ = self._handlers.get(handler, (self._root, None))
        span.add_event(words.event_name(key), attributes, self._date(event.at))

    def _end(self, ended: RunEnded) -> None:
        for phase, (span, _) in self._phases.items():
            span.end(self._date(self._ends.get(phase, ended.at)))
        root, self._root = self._root, None
        root.set_attribute(words.RUN_VERDICT, str(ended.verdict))
        root.set_attribute(words.RUN_DURATION, ended.seconds)
        if ended.verdict not in {Verdict.CLEAN, Verdict.CANCELLED}:
            root.set_status(self._error, str(ended.verdict))
        root.end(self._date(ended.at))
        if self._close and ended.verdict is not Verdict.CANCELLED:
            # Its own handler at the interpreter's exit would wait again.
            atexit.unregister(self._provider.shutdown)
            self._provider.shutdown()
        elif hasattr(self._provider, "force_flush"):
            self._provider.force_flush(_FLUSH_MS)
