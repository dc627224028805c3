"""What a configuration of ours says, and what its plan needs at worst."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence

from ..agent.builtin import DRAIN_DELAY
from ..agent.config import load
from ..agent.errors import ConfigError
from ..agent.files import ConfigFile
from ..agent.locate import Path, locate
from ..agent.profiles import Anywhere
from ..agent.settings import Settings
from ..agent.wiring import build_ender, calls_of_nothing
from ..core.plan import Plan
from ..core.record import Record
from ..core.spans import LONGEST_S
from .finding import ERROR, Finding, Place


class Text(Record):
    """A text of TOML, in a file of its own or inside of a manifest."""

    file: str
    """The file."""
    text: str
    """The text."""
    root: tuple[str, ...] = ()
    """The keys under which the configuration stands in it."""
    above: int = 0
    """How many lines of the file stand above it."""
    indent: int = 0
    """By how many columns it is indented there."""
    at: Place | None = None
    """Where all of it stands, if its lines are not lines of the file."""

    def place(self, line: int) -> Place:
        """Return where its *line* stands."""
        if self.at is not None:
            return self.at
        lines = self.text.splitlines()
        shown = lines[line - 1] if 0 < line <= len(lines) else ""
        return Place(self.file, line + self.above, len(shown) - len(shown.lstrip()) + 1 + self.indent)


class Configuration(Record):
    """A configuration without a mistake."""

    text: Text
    """Where it stands."""
    settings: Settings
    """What it says."""
    lines: Mapping[Path, int]
    """The line of each key."""

    @property
    def profiles(self) -> list[str]:
        """The names of its profiles."""
        above = (*self.text.root, "profile")
        found = (path[len(above)] for path in self.lines if path[: len(above)] == above and len(path) > len(above))
        return [str(name) for name in dict.fromkeys(found)]

    def place(self, *keys: str | int) -> Place:
        """Return where *keys* stand, or what holds them."""
        holders = (keys[:length] for length in range(len(keys), 0, -1))
        return self.text.place(next((line for each in holders if (line := self._line(each))), 1))

    def says(self, *keys: str) -> bool:
        """Tell whether it says something about *keys*."""
        return bool(self._line(keys))

    def _line(self, keys: tuple[str | int, ...]) -> int:
        """Return the line of *keys*, in its profile if that says something about them; 0 for none."""
        root = self.text.root
        in_profile = self.lines.get((*root, "profile", self.settings.profile, *keys), 0)
        return in_profile or self.lines.get((*root, *keys), 0)


def has_table(text: str) -> bool:
    """Tell whether a pyproject.toml has a configuration of ours; one that cannot be read has none."""
    try:
        tool = tomllib.loads(text).get("tool")
    except (ValueError, RecursionError):
        return False
    return isinstance(tool, dict) and "processender" in tool


def read_configuration(
    text: Text, variables: Mapping[str, str] | None = None, profile: str = "", platforms: Sequence[str] = ()
) -> Configuration | list[Finding]:
    """
    Return the configuration in *text*, or what is wrong with it.

    Args:

        text: Where it stands.

        variables: What is known of the environment in which it is used.

        profile: The profile that is asked for there.

        platforms: Where that is, for a profile that is found by it.
    """
    file = ConfigFile(text.file, text.text.encode(), text.root, elsewhere=True)
    try:
        return Configuration(text, _load(file, variables or {}, profile, platforms), locate(text.text))
    except ConfigError as error:
        problems = error.problems
    except RecursionError:
        problems = (f"{text.file}: is nested too deeply to be a configuration",)
    return [_mistake(problem, text) for problem in problems]


def variants(read: Configuration) -> tuple[list[Configuration], list[Finding]]:
    """Return what *read* is with each of its profiles, and what is wrong with them."""
    found, wrong = [], list[Finding]()
    for name in read.profiles:
        made = read_configuration(read.text, None, name)
        if isinstance(made, Configuration):
            found.append(made)
        else:
            wrong += made
    return found, wrong


def read_variables(variables: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return what *variables* alone say, and what is wrong with them."""
    try:
        return _load(ConfigFile("variables", b"", elsewhere=True), variables, "", ()), []
    except ConfigError as error:
        return Settings(), list(error.problems)


def _load(file: ConfigFile, variables: Mapping[str, str], profile: str, platforms: Sequence[str]) -> Settings:
    return load(file, Anywhere(variables), profile=profile, platforms=platforms)


def _mistake(problem: str, text: Text) -> Finding:
    rest = problem.removeprefix(f"{text.file}:")
    number, colon, words = rest.partition(":")
    is_line = bool(colon) and number.isdecimal() and rest != problem
    place = text.place(int(number)) if is_line else text.place(1)
    return mistake(place, text.file, (words if is_line else rest).strip())


def mistake(place: Place, subject: str, what: str) -> Finding:
    """Return the finding that an agent would not start, because of *what* is said at *place*."""
    why = "`processender` does not start with it, and leaves with 125"
    step = "mend it; `processender plan` tells when it is well"
    return Finding(place, ERROR, "config-mistake", subject, what, why, step)


def worst_case(settings: Settings) -> tuple[float, tuple[str, ...]]:
    """
    Return the seconds that the plan takes if every handler takes all of its time, and the chain that decides it.

    A handler without a time-out counts with what it is expected to take, and so does the command: it has what is left.
    """
    handlers = tuple(each.replace(expected=each.timeout or each.expected) for each in settings.handlers)
    plan = plan_of(settings.replace(handlers=handlers, grace=LONGEST_S))
    return plan.makespan, plan.critical


def plan_of(settings: Settings) -> Plan:
    """Return the plan of *settings* for their whole grace."""
    return build_ender(settings, settings.service or "agent", calls_of_nothing(), ()).plan()


def drains_for(plan: Plan) -> float:
    """Return when the drain delay of *plan* is over."""
    return max((step.finish for step in plan.steps if step.handler == DRAIN_DELAY), default=0.0)
