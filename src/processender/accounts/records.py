"""The log records of an account: what a log would have said of it, once more, with the ids of its trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..core import vocabulary as words
from ..core.record import Record
from ..hints import Any
from .plain import KILLED, is_crash, number, tables, text, texts
from .spans import CANCELLED, CLEAN, about, span_id, trace_id
from .timeline import Timeline, timeline

INFO, WARN, ERROR = 9, 13, 17
"""How grave a record is, in the numbers of OpenTelemetry."""
_NAMES = {INFO: "INFO", WARN: "WARN", ERROR: "ERROR"}


class LogRecord(Record):
    """One line of a log."""

    at: float
    """When, seconds since 1970."""
    severity: int
    """How grave it is, a number of OpenTelemetry."""
    name: str
    """The name of the event."""
    text: str
    """What has happened, in words."""
    attributes: dict[str, Any]
    """What there is to say of it, in the words of the vocabulary."""
    trace: bytes
    """The trace that it belongs to."""
    span: bytes
    """The span in which it happened."""

    @property
    def severity_text(self) -> str:
        """How grave it is, as a word."""
        return _NAMES.get(self.severity, "")


def records(account: Mapping[str, Any]) -> tuple[LogRecord, ...]:
    """Return the records of *account*, a report or the account of a crash, as they came in time."""
    found = _of_crash(account) if is_crash(account) else _of_run(account)
    return tuple(sorted(found, key=lambda each: each.at))


def _of_run(account: Mapping[str, Any]) -> Iterator[LogRecord]:
    line, trace, root = timeline(account), trace_id(account), span_id(account)

    def say(at: float, severity: int, key: str, said: str, more: Mapping[str, Any], span: bytes = root) -> LogRecord:
        # The id of the run, by which its report is found, stands in each of them.
        attributes = {words.RUN_ID: line.id, **more}
        return LogRecord(at, severity, words.event_name(key), said, attributes, trace, span)

    for each in tables(account.get("notices")):
        at, cause = number(each.get("at")), text(each.get("cause"))
        more = {words.NOTICE_CAUSE: cause, words.NOTICE_ORIGIN: text(each.get("origin"))}
        yield say(line.started if at is None else at, INFO, "notice.heard", f"heard {cause}", more)
    yield say(line.started, INFO, "run.started", f"ending because of {line.cause}", {words.RUN_CAUSE: line.cause})
    for bar in line.bars:
        if bar.outcome:
            why = f" ({bar.why})" if bar.why and bar.outcome != "done" else ""
            took = "" if bar.seconds is None else f" after {bar.seconds:.2f} s"
            more = {words.HANDLER: bar.name, words.HANDLER_PHASE: bar.phase, words.HANDLER_OUTCOME: bar.outcome}
            at = line.started + (bar.end or 0.0)
            span = span_id(account, "handler", bar.part, bar.name)
            yield say(at, INFO if bar.outcome == "done" else WARN, "handler.ended",
                      f"{bar.name}: {bar.outcome}{took}{why}", more, span)  # fmt: skip
    for each in tables(account.get("stuck")):
        name, at = text(each.get("handler")), line.started + (number(each.get("at_s")) or 0.0)
        more = {words.HANDLER: name, words.STACK: "\n".join(texts(each.get("stack")))}
        yield say(at, WARN, "handler.stuck", f"{name} is stuck: {text(each.get('reason'))}", more)
    for each in tables(account.get("troubles")):
        code = text(each.get("code"))
        yield say(line.started, WARN, f"trouble.{code}", text(each.get("text")), {words.TROUBLE: code})
    yield _end(account, line)


def _end(account: Mapping[str, Any], line: Timeline) -> LogRecord:
    """Return the record of the end: the one by which a log tells how it went."""
    at = line.started + (line.seconds or 0.0)
    trace, root = trace_id(account), span_id(account)
    if line.verdict == KILLED:
        said = "was killed in its end: nothing was heard of it again"
        name = words.event_name("run.killed")
        return LogRecord(at, ERROR, name, said, about(account), trace, root)
    severity = INFO if line.verdict in {CLEAN, CANCELLED} else WARN
    said = f"ended {line.verdict} after {line.seconds or 0.0:.2f} s"
    return LogRecord(at, severity, words.event_name("run.ended"), said, about(account), trace, root)


def _of_crash(account: Mapping[str, Any]) -> Iterator[LogRecord]:
    at, trace, root = number(account.get("at")) or 0.0, trace_id(account), span_id(account)
    attributes = about(account) | {words.STACK: text(account.get("stacks"))}
    said = f"{text(account.get('service'))} crashed: {text(account.get('cause'))} {text(account.get('signal'))}".strip()
    yield LogRecord(at, ERROR, words.event_name("trouble.crashed"), said, attributes, trace, root)
    for each in tables(account.get("handlers")):
        name, outcome = text(each.get("name")), text(each.get("outcome"))
        more = {words.CRASH_ID: text(account.get("id")), words.HANDLER: name, words.HANDLER_OUTCOME: outcome}
        ended = at + (number(each.get("ended_s")) or 0.0)
        severity = INFO if outcome == "done" else WARN
        span = span_id(account, "handler", "", name)
        yield LogRecord(ended, severity, words.event_name("handler.ended"), f"{name}: {outcome}", more, trace, span)
