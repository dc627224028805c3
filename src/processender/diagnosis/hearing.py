"""
Which sources hear of the end here, and whether those that can be asked without harm do answer.

A source is asked by letting it listen for a moment, as it would in an agent: what it has seen, or its trouble, is the
answer. Only sources that do nothing but read are asked: another one might take a message that is meant for the agent.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from ..agent.settings import Settings
from ..core.notice import Notice
from ..core.record import Record
from ..engine.clock import SystemClock
from ..errors import ProcessEnderError
from ..plugins import find_source, source_names
from ..ports import Source
from .aside import side_by_side
from .windows import Rule, platforms_heard_by

OF_PLATFORMS = frozenset({"aws", "aws-ecs", "aws-lambda", "gcp", "azure", "alibaba", "kubernetes"})
"""The sources that hear nothing where their platform is not."""
READ_ONLY = frozenset({*OF_PLATFORMS - {"aws-lambda"}, "docker"})
"""The sources that may be asked."""
ANSWERS, SILENT, NOT_ASKED, NOT_HERE, MISSING = "answers", "silent", "not asked", "not here", "missing"
_LOOK_S = 0.02


class Heard(Record):
    """One source, and whether it hears."""

    name: str
    """Its name in the configuration; empty if it is not there."""
    listen: str
    """What it listens to."""
    state: str
    """`answers`, `silent`, `not asked`, `not here`, or `missing` from the configuration."""
    text: str = ""
    """What it has seen, or what is wrong."""
    step: str = ""
    """What to do about it; empty if nothing is to do."""


class _Ears:
    """Ears that only keep what goes wrong."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.troubles: list[str] = []
        self.over = threading.Event()

    def notify(self, notice: Notice) -> None:
        """Take a notice, which a source has seen, too."""

    def trouble(self, code: str, text: str) -> None:
        """Keep a trouble."""
        self.troubles.append(f"{code}: {text}")
        self.over.set()


def hear(settings: Settings, rules: Mapping[str, Rule], limit: float) -> tuple[Heard, ...]:
    """
    Return the sources of *settings*, and those that fit the platforms and are not there.

    Args:

        settings: What was decided.

        rules: The rules of the platforms by their names.

        limit: How long all of them may be asked together, seconds; 0 asks nobody.
    """
    written = settings.written.get("sources")
    written = written if isinstance(written, dict) else {}
    kinds = {name: each.listen for name, each in written.items()}
    fitting = {rule.source: rule for rule in rules.values() if rule.source in source_names()}
    made = {source.name: source for source in settings.sources}
    lacking = {each: _make(each) for each in fitting if each not in kinds.values() and each in READ_ONLY}
    # Who was told where the service is means that one, whatever the signs say.
    here = {name for name, each in written.items() if each.listen in fitting or "endpoint" in each.arguments}
    ask = {name: made[name] for name, kind in kinds.items() if kind in READ_ONLY and name in here and name in made}
    ask |= {f"+{each}": source for each, source in lacking.items() if source is not None}
    calls = {name: (lambda source=source: _listen(source, limit)) for name, source in ask.items()}
    seen = side_by_side(calls, limit) if limit > 0 else {}
    found = [_configured(name, kind, name in here, settings.profile, seen) for name, kind in kinds.items()]
    found += [_lacking(each, rule, seen) for each, rule in fitting.items() if each not in kinds.values()]
    return tuple(found)


def _configured(name: str, kind: str, is_here: bool, profile: str, seen: Mapping[str, object]) -> Heard:
    if kind in OF_PLATFORMS and not is_here:
        own = platforms_heard_by(kind)
        step = "" if profile in own else f"move it to [profile.{own[0]}.sources.{name}], so that it is only there"
        return Heard(name, kind, NOT_HERE, "there is no sign of its platform", step)
    if name not in seen:
        return Heard(name, kind, NOT_ASKED, "it is asked by the agent only")
    state, text = _state(seen[name])
    return Heard(name, kind, state, text)


def _lacking(kind: str, rule: Rule, seen: Mapping[str, object]) -> Heard:
    step = f'add [sources.{kind}] with listen = "{kind}", which tells {rule.tells}'
    if f"+{kind}" not in seen:
        return Heard("", kind, MISSING, "nobody listens to it", step)
    state, text = _state(seen[f"+{kind}"])
    says = f"it answers ({text})" if state == ANSWERS else f"it does not answer ({text})"
    return Heard("", kind, MISSING, f"nobody listens to it; {says}", step if state == ANSWERS else "")


def _state(seen: object) -> tuple[str, str]:
    """Return whether a source answers, and what it has told in words."""
    if isinstance(seen, BaseException):
        return SILENT, str(seen) or type(seen).__name__
    answers, text = seen if isinstance(seen, tuple) else (False, "")
    return ANSWERS if answers else SILENT, str(text)


def _listen(source: Source, limit: float) -> tuple[bool, str]:
    """Let *source* listen until it has seen something, or *limit* seconds; return whether it has, and what."""
    ears = _Ears()
    until = ears.clock.now() + limit
    source.start(ears)
    try:
        while not (last := dict(getattr(source, "last", {}))) and ears.clock.now() < until:
            ears.over.wait(_LOOK_S)
            if ears.troubles:
                return False, ears.troubles[0]
    finally:
        source.stop()
    if ears.troubles:
        return False, ears.troubles[0]
    text = ", ".join(f"{name}: {what}" for name, what in last.items())
    return (True, text) if last else (False, f"no answer within {limit:g} s")


def _make(kind: str) -> Source | None:
    """Return the source *kind* as it is without being told anything, None if that cannot be."""
    try:
        function = find_source(kind)
        return None if function is None else function(name=kind)
    except (ProcessEnderError, ImportError, TypeError):
        return None
