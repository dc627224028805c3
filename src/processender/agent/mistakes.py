"""The mistakes in a configuration, each with its place, gathered so that all are told at once."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import ConfigError
from .locate import Path, locate


class Mistakes:
    """What was found wrong, by key path."""

    def __init__(self, source: str = "", text: str = "", root: Path = ()) -> None:
        """Take where the configuration comes from: the path of the file, its *text*, and the keys it stands under."""
        self.named_by: dict[Path, str] = {}
        """For a key that was overridden, the variable or flag that did it."""
        self.moved: dict[Path, Path] = {}
        """For a key that a profile has brought, where it was written."""
        self._source = source
        self._text = text
        self._root = root
        self._found: list[tuple[Path, str]] = []
        self._written: list[tuple[Path, str]] = []
        self._plain: list[str] = []

    def add(self, path: Path, text: str) -> None:
        """Note what is wrong with the value at *path*."""
        if (path, text) not in self._found:
            self._found.append((path, text))

    def add_written(self, path: Path, text: str) -> None:
        """Note what is wrong with what was written at *path*, wherever a profile has brought it."""
        self._written.append((path, text))

    def say(self, text: str) -> None:
        """Note what is wrong, with a place of its own."""
        self._plain.append(text)

    @property
    def found(self) -> list[tuple[Path, str]]:
        """What was added, each with its path."""
        return list(self._found)

    def touches(self, path: Path) -> bool:
        """Tell whether something at *path*, or inside of it, is wrong."""
        return any(found[: len(path)] == path for found, _ in self._found)

    def written(self, path: Path) -> Path:
        """Return where the value at *path* was written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.moved:
                return self.moved[path[:length]] + path[length:]
        return path

    def raise_if_any(self) -> None:
        """Raise `ConfigError` with all of them, in the order of the file."""
        found = [(path, self.written(path), text) for path, text in self._found]
        found += [(path, path, text) for path, text in self._written]
        if not found and not self._plain:
            return
        lines = self._lines() if found else {}
        told = sorted((self._line(each[1], lines), self._tell(*each, lines)) for each in found)
        raise ConfigError([*self._plain, *dict.fromkeys(text for _, text in told)])

    def _lines(self) -> Mapping[Path, int]:
        try:
            return locate(self._text)
        except RecursionError:
            # `tomllib` gets a little deeper than we do; then the key alone must do.
            return {}

    def _line(self, path: Path, lines: Mapping[Path, int]) -> int:
        whole = self._root + path
        for length in range(len(whole), 0, -1):
            if whole[:length] in lines:
                return lines[whole[:length]]
        return 0

    def _tell(self, path: Path, written: Path, text: str, lines: Mapping[Path, int]) -> str:
        for known in (path, written):
            for length in range(len(known), 0, -1):
                if known[:length] in self.named_by:
                    return f"{self.named_by[known[:length]]}: {show(known)}: {text}"
        inside = [name for key, name in self.named_by.items() if key[: len(written)] == written]
        if written and inside and self._root + written not in lines:
            # The whole table comes from variables.
            return f"{inside[0]}: {show(written)}: {text}"
        line = self._line(written, lines)
        place = f"{self._source}:{line}" if line else self._source
        return f"{place}: {show(written)}: {text}" if written else f"{place}: {text}"


def show(path: Path) -> str:
    """Return *path* as it would be written in TOML, elements of arrays by their number."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            bare = part.replace("-", "").replace("_", "").isalnum() and part.isascii()
            shown += ("." if shown else "") + (part if bare else repr(part))
    return shown
