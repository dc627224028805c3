"""
What differs by platform: `[profile.kubernetes]` and the like, merged over the rest of the file before that is checked.

Theory of operation. A profile says the same keys once more. Its tables are merged into those of the file, key by key;
everything else in it, lists too, replaces what the file says. `without` names what of the file does not hold there, and
is left out before. The environment is heard after that: a variable holds whatever the profile. Every profile is checked
wherever the file is read, so that a mistake in one does not wait for its platform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from ..core.graph import nearest
from ..core.platforms import NAMES
from ..platforms import here
from .files import PREFIX
from .locate import Path
from .mistakes import Mistakes, show

AUTO, NONE = "auto", "none"
VARIABLE = f"{PREFIX}PROFILE"
_OWN = ("profile", "use_profile")
WITHOUT = "without"
"""The key that names what does not hold in a profile."""


class Anywhere(dict[str, str]):
    """An environment of another place: every variable may be there."""

    def __contains__(self, key: object) -> bool:
        """Say that it is."""
        return True

    def __missing__(self, key: str) -> str:
        """Return a text that may be what it says."""
        return "x"

    def get(self, key: str, default: object = None) -> str:  # noqa: ARG002
        """Return its text, or one that it may have."""
        return self[key]


class Profiles:
    """The profiles of one file."""

    def __init__(self, data: dict[str, Any], mistakes: Mistakes) -> None:
        """Take the tables of the file, and who is told what is wrong with them."""
        self._data = data
        self._mistakes = mistakes
        found = data.get("profile")
        self._all: dict[str, dict[str, Any]] = {}
        for name, table in (found if _is(found) else {}).items():
            self._check(name, table)
            self._all[name] = table if _is(table) else {}

    def choose(self, flag: str, environ: Mapping[str, str], platforms: Sequence[str] | None = None) -> str:
        """
        Return the name of the profile that holds, an empty text for none.

        Args:

            flag: The one that was asked for; empty if none was.

            environ: The environment.

            platforms: The platforms that `auto` goes by; by default those of this process.
        """
        # Of another place it is known what is said of it, and not that there may be more.
        variable = dict(environ).get(VARIABLE, "")
        for said, wanted in (("--profile", flag), (VARIABLE, variable), ("", self._written())):
            if not wanted or (said == VARIABLE and not self._all):
                # The variable is inherited by agents whose files have no profiles.
                continue
            if wanted == AUTO:
                break
            if wanted == NONE or wanted in self._all:
                return "" if wanted == NONE else wanted
            text = f"there is no profile {wanted!r}{nearest(wanted, [*self._all, AUTO, NONE])}"
            if said:
                self._mistakes.say(f"{said}: {text}")
            else:
                self._mistakes.add(("use_profile",), text)
            return ""
        if platforms is None:
            platforms = [each.name for each in here(environ)] if self._all else []
        return next((name for name in platforms if name in self._all), "")

    def hold(self, name: str) -> dict[str, Any]:
        """Return the tables of the file with the profile *name* merged in; where each was written is noted."""
        return self._merged(name, self._mistakes)

    def check_others(self, name: str, look: Callable[[dict[str, Any], Mapping[str, str], Mistakes], object]) -> None:
        """
        Note what is wrong with the profiles that do not hold here.

        Args:

            name: The one that does.

            look: Notes what is wrong with tables, in an environment.
        """
        known = self._mistakes.found
        for other in ("", *self._all):
            if other == name:
                continue
            own = Mistakes()
            look(self._merged(other, own), Anywhere(), own)
            for path, text in own.found:
                written = own.written(path)
                if written != path or not other:
                    self._mistakes.add_written(written, text)
                elif (path, text) not in known:
                    self._mistakes.add_written(("profile", other), f"with it, {show(path)} {text}")

    def _written(self) -> str:
        found = self._data.get("use_profile", "")
        return found if isinstance(found, str) else ""

    def _merged(self, name: str, mistakes: Mistakes) -> dict[str, Any]:
        """Return the tables with the profile *name*, or alone; what is no table of profiles is left for the check."""
        data = {key: each for key, each in self._data.items() if key != "profile" or not _is(each)}
        said = self._all.get(name, {})
        for path in _left_out(said):
            data = without(data, path)
        table = {key: each for key, each in said.items() if key not in {*_OWN, WITHOUT}}
        return merge(data, table, ("profile", name), mistakes.moved)

    def _check(self, name: str, table: Any) -> None:
        at: Path = ("profile", name)
        if not _is(table):
            self._mistakes.add(at, "must be a table; write [profile.NAME]")
            return
        hint = nearest(name, NAMES)
        if name in {AUTO, NONE}:
            self._mistakes.add(at, f"{name!r} means no profile; give it the name of a platform, such as kubernetes")
        elif name not in NAMES and "did you" in hint:
            self._mistakes.add(at, f"there is no platform {name!r}, so `auto` never finds it{hint}")
        for key in _OWN:
            if key in table:
                self._mistakes.add((*at, key), "stands at the root of the file; a profile has none of its own")
        left_out = table.get(WITHOUT, [])
        if not (isinstance(left_out, list) and all(isinstance(each, str) for each in left_out)):
            self._mistakes.add((*at, WITHOUT), 'must be a list of keys, like ["handlers.flush", "sources.machine"]')
        for number, path in enumerate(_left_out(table)):
            if without(self._data, path) == self._data:
                text = f"there is no {'.'.join(path)!r} in the file; name a key like handlers.flush"
                self._mistakes.add((*at, WITHOUT, number), text)


def merge(base: Mapping[str, Any], over: Mapping[str, Any], at: Path, moved: dict[Path, Path]) -> dict[str, Any]:
    """
    Return *base* with *over* merged in: tables key by key, everything else replaces what was there.

    Args:

        base: The tables below.

        over: The tables above.

        at: Where *over* was written.

        moved: Where each key was written that is not in its place any more.
    """
    return _merge(base, over, (), at, moved)


def _merge(
    base: Mapping[str, Any], over: Mapping[str, Any], path: Path, at: Path, moved: dict[Path, Path]
) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        before = merged.get(key)
        if _is(value) and _is(before):
            merged[key] = _merge(before, value, (*path, key), (*at, key), moved)
        else:
            merged[key] = value
            moved[*path, key] = (*at, key)
    return merged


def without(data: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return *data* without what stands at *path*."""
    key, *rest = path
    if rest and _is(data.get(key)):
        return {**data, key: without(data[key], rest)}
    return {each: value for each, value in data.items() if each != key or rest}


def _left_out(table: Mapping[str, Any]) -> list[list[str]]:
    found = table.get(WITHOUT, [])
    return [each.split(".") for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _is(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
