"""All that is found out, put together: the window that counts, what eats it, what is heard, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from ..agent.durations import format_duration
from ..agent.errors import ConfigError
from ..agent.files import PREFIX, ConfigFile, find_file, overrides
from ..agent.kernel import name_of
from ..agent.locate import locate
from ..agent.settings import Settings
from ..agent.wiring import build_ender, calls_of_nothing, command_span
from ..agent.within import VARIABLE, fitted
from ..bus import has_client
from ..checking.configuration import Configuration, Text, drains_for
from ..core.grace import Grace
from ..core.notice import DeadlineKind
from ..core.plan import Plan
from ..core.platforms import Platform
from ..core.record import Record
from ..engine.clock import SystemClock
from ..hints import Any
from .hearing import Heard, hear
from .scene import Scene
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
    grace: Grace
    """What the agent plans with, and who says so."""
    windows: Mapping[str, Grace]
    """What each platform gives, by its name, whoever ends the process first before the others."""
    plan: Plan
    """What would run in the window that counts."""
    rule: Rule
    """The rule of whoever ends the process first."""
    signals: Mapping[str, str]
    """What each signal means to the agent, by its name."""
    heard: tuple[Heard, ...]
    """The sources."""

    @property
    def given(self) -> Grace | None:
        """What whoever ends the process first gives; None where nobody is known."""
        return _first(self.windows)

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
            *[each.wrong for each in self.windows.values() if each.wrong],
            *self._of_window(),
            *self._of_signals(),
            *self._of_plan(),
        ]

    @property
    def steps(self) -> list[str]:
        """What it would take to know more, or to know it better."""
        given, grace = self.given, self.grace.seconds or 0.0
        found = [f"{self.platforms[0]}: {given.better}"] if given and given.better else []
        if given and not given.is_sure and given.seconds is not None and grace > given.seconds:
            usual, name = format_duration(given.seconds), self.platforms[0]
            found.append(f"the grace is longer than the usual {usual} of {name}: make sure that it was set")
        found += [f"{each.name or each.listen}: {each.step}" for each in self.heard if each.step]
        return found

    def as_data(self) -> dict[str, Any]:
        """Return it as what `--json` prints."""
        window = self.plan.window
        return {
            "schema": SCHEMA,
            "platforms": [each.as_dict() for each in self.platforms],
            "profile": self.profile,
            "grace": _shown(self.grace),
            "windows": [{"platform": name, **_shown(given)} for name, given in self.windows.items()],
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
        shown, meant, name = format_duration(given.seconds), format_duration(grace), self.platforms[0]
        if not given.seconds:
            return [f"{given.known_from}: what must not be lost is saved as it is made, and no handler ever runs"]
        text = f"the grace is {meant}, and {name} kills after {shown} ({given.known_from})"
        return [f'{text}: write grace = "{shown}", below [profile.{name}] if it is meant for more than that']

    def _of_signals(self) -> list[str]:
        meaning = self.signals.get(self.rule.signal, "forward")
        if meaning == "stop" or not self.windows or not self.rule.signal:
            return []
        text = f"{self.rule.signal}, which {self.platforms[0]} sends, means {meaning!r} and begins no end"
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
    windows = find_windows(platforms, Scene(subject.environ, subject.files, subject.root, told), limit)
    grace, told_by_manager = _planned(settings, subject), windows.get("systemd")
    if told_by_manager is not None and told_by_manager.is_sure and VARIABLE in subject.environ and has_client():
        before, settings = settings.grace, fitted(settings, told_by_manager)
        if settings.grace != before:
            grace = Grace(settings.grace, f"what fits into {told_by_manager.known_from}")
    ender = build_ender(settings, settings.service or "agent", calls_of_nothing(), ())
    plan, _ = ender.forecast(_length(settings.grace, windows))
    signals = {name_of(number): what for number, what in settings.policy.items()}
    left = max(LEAST_S, limit - (clock.now() - begun)) if limit > 0 else 0.0
    heard = hear(settings, rules_of(platforms), left)
    return Diagnosis(platforms, settings.profile, grace, windows, plan, rule, signals, heard)


def _first(windows: Mapping[str, Grace]) -> Grace | None:
    return next(iter(windows.values()), None)


def _shown(grace: Grace) -> dict[str, Any]:
    return {**grace.as_dict(), "kind": str(grace.kind)}


def _length(grace: float, windows: Mapping[str, Grace]) -> float:
    """Return the length of the window that counts: the grace, unless the platform surely gives less."""
    first = _first(windows)
    # Where nothing is given, the plan is told for what it is meant to have.
    if first is None or not first.seconds or not first.is_sure:
        return grace
    return min(grace, first.seconds)


def _planned(settings: Settings, subject: Subject) -> Grace:
    """Return the grace with which the agent plans, and who says so."""
    environ, grace = subject.environ, settings.grace
    if settings.extend_to is not None and environ.get("NOTIFY_SOCKET"):
        return Grace(grace, "systemd.extend_to, by asking the manager for more time")
    if subject.flags.get("grace"):
        return Grace(grace, "the flag --grace")
    said = f"{PREFIX}GRACE"
    if said in overrides(environ):
        return Grace(grace, f"the variable {said}")
    try:
        file: ConfigFile | None = find_file(settings.file, settings.root) if settings.file else None
    except ConfigError:
        file = None
    if file is not None:
        text = file.data.decode("utf-8-sig", "replace")
        read = Configuration(Text(file.path, text, file.root), settings, locate(text))
        if read.says("grace"):
            place = read.place("grace")
            return Grace(grace, f"grace in {place.file}:{place.line}")
    return Grace(grace, "the default, for nobody has said anything", DeadlineKind.ASSUMED)
