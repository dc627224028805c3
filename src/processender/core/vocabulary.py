"""
The one vocabulary of everything that leaves: the attributes of log records, spans and lines, whoever takes them.

Where OpenTelemetry has a word for a thing, it is that word; everything else stands below `processender.`, and no key is
the namespace of another, so that a backend may take the dots as levels. Keys, types and units never change once they
are released. An event is called `processender.` and its key; see `event_name`.
"""

from __future__ import annotations

from .record import Record

PREFIX = "processender."
"""What the names of events, and of attributes that are our own, begin with."""
STRING, STRINGS, INT, DOUBLE, BOOLEAN = "string", "string[]", "int", "double", "boolean"


class Attribute(Record):
    """One word of the vocabulary."""

    key: str
    """What it is called, in every backend."""
    kind: str
    """The type of its values, as OpenTelemetry calls it: `string`, `string[]`, `int`, `double` or `boolean`."""
    unit: str
    """The unit of its values, in UCUM: `s` for seconds; empty for what has none."""
    meaning: str
    """What it says."""


ATTRIBUTES: dict[str, Attribute] = {}
"""All of them, by their keys."""


def _word(key: str, kind: str, meaning: str, unit: str = "") -> str:
    ATTRIBUTES[key] = Attribute(key, kind, unit, meaning)
    return key


def event_name(key: str) -> str:
    """Return the name of the event with this *key*, such as `processender.run.ended`."""
    return PREFIX + key


# Of OpenTelemetry, as of the schema 1.44.0: where something is, and how it failed.

EVENT = _word("event.name", STRING, "The name of the event.")
SERVICE = _word("service.name", STRING, "The name of the service.")
SERVICE_VERSION = _word("service.version", STRING, "Its version.")
SERVICE_INSTANCE = _word("service.instance.id", STRING, "Its instance: the name of the pod, or of the host.")
DEPLOYMENT = _word("deployment.name", STRING, "The deployment that it belongs to.")
ZONE = _word("cloud.availability_zone", STRING, "The zone in which it runs.")
HOST = _word("host.name", STRING, "The name of the host, as the kernel has it.")
NODE = _word("k8s.node.name", STRING, "The node of the cluster on which it runs.")
PID = _word("process.pid", INT, "The number of the process.")
EXIT_CODE = _word("process.exit.code", INT, "The exit code of the process, as far as it is known.")
ERROR_TYPE = _word("error.type", STRING, "The class of the error, or the outcome where there was no exception.")
ERROR_TEXT = _word("exception.message", STRING, "The text of the error, at most 500 characters.")
ERROR_STACK = _word("exception.stacktrace", STRING, "The stack of an exception.")
STACK = _word("code.stacktrace", STRING, "Where a thread, or the chain of what a task awaits, stands.")

# The run, and what it was given.

RUN_ID = _word("processender.run.id", STRING, "The id of the run; its report has the same.")
RUN_CAUSE = _word("processender.run.cause", STRING, "Why it began, in the word of the source: `SIGTERM`, `spot`.")
RUN_VERDICT = _word("processender.run.verdict", STRING, "How it ended: a `Verdict`.")
RUN_DURATION = _word("processender.run.duration", DOUBLE, "How long it took.", "s")
RUN_PROVISIONAL = _word("processender.run.provisional", BOOLEAN, "Whether its end is still to come.")
RUN_CLEAN = _word("processender.run.graceful", BOOLEAN, "Whether it ended `clean`.")
RUN_UNDONE = _word("processender.run.undone", STRINGS, "The handlers that were not done, each with its outcome.")
RUN_SOURCE = _word("processender.run.origin", STRING, "Which source the notice came from that began it.")
WINDOW_LENGTH = _word("processender.window.length", DOUBLE, "From the notice to the hard deadline.", "s")
WINDOW_WORK = _word("processender.window.work", DOUBLE, "The part of the window that the handlers have.", "s")
WINDOW_RESERVE = _word("processender.window.reserve", DOUBLE, "The part of it for the report and the flush.", "s")
WINDOW_REMAINING = _word("processender.window.remaining", DOUBLE, "What was left of the work at the end.", "s")
WINDOW_KIND = _word("processender.window.kind", STRING, "How its end is known: a `DeadlineKind`.")
NOTICE_CAUSE = _word("processender.notice.cause", STRING, "What a source said: `SIGTERM`, `spot`, `pod deleted`.")
NOTICE_ORIGIN = _word("processender.notice.origin", STRING, "Which source said it.")
NOTICE_ACTION = _word("processender.notice.action", STRING, "What it asks for: an `Action`.")
NOTICE_SENDER = _word("processender.notice.sender", STRING, "Who asked for it, where that is known.")
NOTICE_SIGNAL = _word("processender.notice.signal", INT, "The number of the signal that brought it.")
NOTICE_REMAINING = _word("processender.notice.remaining", DOUBLE, "How long the source says that is left.", "s")

# The plan.

PLAN_HANDLERS = _word("processender.plan.handlers", INT, "How many handlers it has.", "{handler}")
PLAN_EXPECTED = _word("processender.plan.expected", DOUBLE, "How long it is expected to take.", "s")
PLAN_ERROR = _word("processender.plan.error", DOUBLE, "By how much handlers were off their plan, on average.", "s")
PLAN_CHANGES = _word("processender.plan.changes", INT, "How often another took its place.")
PLAN_CRITICAL = _word("processender.plan.critical", STRINGS, "The chain of handlers that decides how long it takes.")
PLAN_SKIPPED = _word("processender.plan.skipped", STRINGS, "The handlers that it gives up.")

# A handler, and its attempts.

HANDLER = _word("processender.handler.name", STRING, "The name of the handler.")
HANDLER_PHASE = _word("processender.handler.phase", STRING, "Its phase.")
PHASE = _word("processender.phase.name", STRING, "The name of a phase, where a span is about all of it.")
HANDLER_IMPORTANCE = _word("processender.handler.importance", STRING, "`must`, `should` or `may`.")
HANDLER_NEEDS = _word("processender.handler.needs", STRINGS, "The handlers that have to end before it.")
HANDLER_TIMEOUT = _word("processender.handler.timeout", DOUBLE, "How long it may take.", "s")
HANDLER_OUTCOME = _word("processender.handler.outcome", STRING, "How it ended: an `Outcome`.")
HANDLER_REASON = _word("processender.handler.reason", STRING, "Why, where the outcome alone does not say.")
HANDLER_DURATION = _word("processender.handler.duration", DOUBLE, "How long it took, with all its attempts.", "s")
HANDLER_ATTEMPTS = _word("processender.handler.attempts", INT, "How many attempts were begun.", "{attempt}")
HANDLER_NOTE = _word("processender.handler.note", STRING, "What it says that it saw, or did.")
HANDLER_SIZE = _word("processender.handler.size", DOUBLE, "How much it has to do, in a unit of its own.")
HANDLER_CRITICAL = _word("processender.handler.critical", BOOLEAN, "Whether it was on the critical path.")
ATTEMPT = _word("processender.attempt.number", INT, "The number of the attempt; the first is 1.")
ATTEMPT_REMAINING = _word("processender.attempt.remaining", DOUBLE, "How long it may take at most.", "s")
ATTEMPT_DELAY = _word("processender.attempt.delay", DOUBLE, "How long until the next one.", "s")

# Work in progress, the loop, escalation.

IN_FLIGHT = _word("processender.inflight.count", INT, "How many pieces of work are meant.", "{piece}")
IN_FLIGHT_WHAT = _word("processender.inflight.what", STRINGS, "The first of them, in their own words.")
IN_FLIGHT_REASON = _word("processender.inflight.reason", STRING, "Why they were cut.")
IN_FLIGHT_AT_START = _word("processender.inflight.at_start", INT, "How many there were as the run began.", "{piece}")
IN_FLIGHT_CUT = _word("processender.inflight.cut", INT, "How many were told to break off.", "{piece}")
LOOP_BLOCKED = _word("processender.loop.blocked", DOUBLE, "For how long the event loop has not run.", "s")
ESCALATION = _word("processender.escalation.level", INT, "2 cancels all below `must`; 3 ends the process.")
ESCALATION_SIGNAL = _word("processender.escalation.signal", INT, "The number of the signal that asked for it.")

# What went wrong, what is owed, what a crash has left.

TROUBLE = _word("processender.trouble.code", STRING, "The stable name of what could not be done as wished.")
OWED = _word("processender.obligation.open", INT, "How many obligations are not settled.", "{obligation}")
OWED_SETTLED = _word("processender.obligation.settled", INT, "How many were settled.", "{obligation}")
OWED_DEAD = _word("processender.obligation.dead", INT, "How many wait in the dead-letter list.", "{obligation}")
OWED_FOUND = _word("processender.obligation.found", INT, "How many the dead had left.", "{obligation}")
RECOVERY_LAG = _word("processender.recovery.lag", DOUBLE, "From the crash to its recovery.", "s")
CRASH_ID = _word("processender.crash.id", STRING, "The id of the account of a crash.")
CRASH_CAUSE = _word("processender.crash.cause", STRING, "Why the process died: `signal`, `exit`, `oom`, `watchdog`.")
CRASH_SIGNAL = _word("processender.crash.signal", STRING, "The name of the signal of which it died.")
CRASH_SUMMARY = _word("processender.crash.summary", STRING, "The crash in a line.")
CRASH_TIME = _word("processender.crash.time", DOUBLE, "When it was noticed, since 1970.", "s")
CRASH_RESTARTS = _word("processender.crash.restarts", INT, "How often it had been started again before.")

# The agent, the record, and who sends it away.

STOP_STEP = _word("processender.stop.step", STRING, "What is done to bring the command to its end.")
STOP_NUMBER = _word("processender.stop.number", INT, "The number of this step, from 1.")
STOP_OF = _word("processender.stop.steps", INT, "How many there are.", "{step}")
WATCHED = _word("processender.sidecar.watches", STRING, "What a sidecar watches, in words.")
RECORD_DURATION = _word("processender.record.duration", DOUBLE, "How long record and flush took.", "s")
RECORD_WHOLE = _word("processender.record.whole", BOOLEAN, "Whether all observers had taken everything.")
EXPORTER = _word("processender.exporter.name", STRING, "The name of an exporter.")
EXPORTER_ACCOUNT = _word("processender.exporter.account", STRING, "The id of the account that it has sent.")
EXPORTER_WAITING = _word("processender.exporter.waiting", INT, "How many accounts wait for it.", "{account}")
