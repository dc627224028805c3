"""All that is found out, put together: the window that counts, what eats it, what is heard, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from ..agent.durations import format_duration
from ..agent.errors import ConfigError
from ..agent.kernel import name_of
from ..agent.locate import locate
from ..agent.settings import Settings
from ..agent.sources import PREFIX, Source, find_source, overrides
from ..agent.wiring import build_ender, calls_of_nothing, command_span
from ..checking.configuration import Configuration, Text, drains_for
from ..core.plan import Plan
from ..core.platforms import Platform
from ..core.record import Record
from ..engine.clock import SystemClock
from ..hints import Any
from .finding import ASSUMED, CONFIGURED, Finding, Said, Scene
from .hearing import Heard, hear
from .subject import Subject
from .windows import Rule, find_windows, rule_of, rules_of

SCHEMA = 1
"""The version of what `as_data` gives."""
LIMIT_S = 1.5
"""How long anybody is waited for, all together."""
LEAST_S = 0.5
"""How long sources are waited for at least, where a manager has taken long."""


class Diagnosis(Record):
    """What was found out. Times are seconds."""

    platforms: tuple[Platform, ...]
    """The platforms, whoever ends the process first before the others."""
    profile: str
    """The profile that holds; empty if none does."""
    grace: Said
    """What the agent plans with, and who says so."""
    windows: tuple[Finding, ...]
    """What each platform gives."""
    plan: Plan
    """What would run in the window that counts."""
    rule: Rule
    """The rule of whoever ends the process first."""
    signals: Mapping[str, str]
    """What each signal means to the agent, by its name."""
    heard: tuple[Heard, ...]
    """The sources."""

    @property
    def given(self) -> Finding | None:
        """What whoever ends the process first gives; None where nobody is known."""
        return self.windows[0] if self.windows else None

    @property
    def spent(self) -> dict[str, float]:
        """What eats the window, each part by its name."""
        window = self.plan.window
        return {
            "drain_delay": drains_for(self.plan),
            "command": command_span(self.plan),
            "reserve": window.reserve,
            "margin": 2 * window.margin,
        }

    @property
    def problems(self) -> list[str]:
        """What is wrong."""
        return [
            *[each.wrong for each in self.windows if each.wrong],
            *self._of_window(),
            *self._of_signals(),
            *self._of_plan(),
        ]

    @property
    def steps(self) -> list[str]:
        """What it would take to know more, or to know it better."""
        given, grace = self.given, self.grace.seconds or 0.0
        found = [f"{given.platform}: {given.better}"] if given and given.kind is ASSUMED and given.better else []
        if given and not given.is_sure and given.seconds is not None and grace > given.seconds:
            usual = format_duration(given.seconds)
            found.append(f"the grace is longer than the usual {usual} of {given.platform}: make sure that it was set")
        found += [f"{each.name or each.listen}: {each.step}" for each in self.heard if each.step]
        return found

    def as_data(self) -> dict[str, Any]:
        """Return it as what `--json` prints."""
        window = self.plan.window
        return {
            "schema": SCHEMA,
            "platforms": [each.as_dict() for each in self.platforms],
            "profile": self.profile,
            "grace": {**self.grace.as_dict(), "kind": str(self.grace.kind)},
            "windows": [each.as_data() for each in self.windows],
            "window": {"length_s": round(window.length, 6), "work_s": round(window.work, 6)},
            "spent": {f"{name}_s": round(seconds, 6) for name, seconds in self.spent.items()},
            "signals": {"first": self.rule.signal, "sends": self.rule.sends, "heard": dict(self.signals)},
            "sources": [each.as_dict() for each in self.heard],
            "problems": self.problems,
            "better": self.steps,
        }

    def _of_window(self) -> list[str]:
        given, grace = self.given, self.grace.seconds or 0.0
        if given is None or given.seconds is None or not given.is_sure or grace <= given.seconds:
            return []
        shown, meant = format_duration(given.seconds), format_duration(grace)
        text = f"the grace is {meant}, and {given.platform} kills after {shown} ({given.source})"
        return [f'{text}: write grace = "{shown}", below [profile.{given.platform}] if it is meant for more than that']

    def _of_signals(self) -> list[str]:
        meaning = self.signals.get(self.rule.signal, "forward")
        if meaning == "stop" or not self.windows:
            return []
        text = f"{self.rule.signal}, which {self.windows[0].platform} sends, means {meaning!r} and begins no end"
        return [f"{text}: leave out --on-signal {self.rule.signal.removeprefix('SIG')}:{meaning}"]

    def _of_plan(self) -> list[str]:
        plan, length = self.plan, format_duration(self.plan.window.length)
        found = [problem.text for problem in plan.problems]
        if plan.fits:
            return found
        skips = {name: why.removeprefix("no room: ") for name, why in plan.skips.items()}
        found += [f"no room in {length} for {name}: {why}" for name, why in skips.items()]
        return found + [f"no room in {length}: {each.reason}" for each in plan.misfits if each.handler not in skips]


def examine(settings: Settings, subject: Subject, limit: float = LIMIT_S) -> Diagnosis:
    """
    Find out what an agent with *settings* would meet where *subject* is.

    Args:

        settings: What was decided.

        subject: Who is examined.

        limit: How long anybody is waited for, all together, seconds; 0 asks nobody.
    """
    clock = SystemClock()
    begun, platforms = clock.now(), subject.platforms
    rule = rule_of(platforms)
    written = settings.written.get("sources")
    told = {each.listen: each.arguments for each in written.values()} if isinstance(written, dict) else {}
    windows = find_windows(platforms, Scene(subject.environ, subject.files, subject.read, told), limit)
    grace = Said(settings.grace, *_grace_from(settings, subject))
    ender = build_ender(settings, settings.service or "agent", calls_of_nothing(), ())
    plan, _ = ender.forecast(_length(settings.grace, windows))
    signals = {name_of(number): what for number, what in settings.policy.items()}
    left = max(LEAST_S, limit - (clock.now() - begun)) if limit > 0 else 0.0
    heard = hear(settings, rules_of(platforms), left)
    return Diagnosis(platforms, settings.profile, grace, windows, plan, rule, signals, heard)


def _length(grace: float, windows: tuple[Finding, ...]) -> float:
    """Return the length of the window that counts: the grace, unless the platform surely gives less."""
    first = windows[0] if windows else None
    if first is None or first.seconds is None or not first.is_sure:
        return grace
    return min(grace, first.seconds)


def _grace_from(settings: Settings, subject: Subject) -> tuple[str, Any]:
    """Return who says how long the grace is."""
    environ = subject.environ
    if settings.extend_to is not None and environ.get("NOTIFY_SOCKET"):
        return "systemd.extend_to, by asking the manager for more time", CONFIGURED
    if subject.flags.get("grace"):
        return "the flag --grace", CONFIGURED
    said = f"{PREFIX}GRACE"
    if said in overrides(environ):
        return f"the variable {said}", CONFIGURED
    try:
        source: Source | None = find_source(settings.source, settings.root) if settings.source else None
    except ConfigError:
        source = None
    if source is not None:
        text = source.data.decode("utf-8-sig", "replace")
        read = Configuration(Text(source.path, text, source.root), settings, locate(text))
        if read.says("grace"):
            place = read.place("grace")
            return f"grace in {place.file}:{place.line}", CONFIGURED
    return "the default, for nobody has said anything", ASSUMED
