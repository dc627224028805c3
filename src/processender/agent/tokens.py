"""The secrets of tokens, found where the configuration says; nothing here ever shows one."""

from __future__ import annotations

from collections.abc import Mapping

from .mistakes import Mistakes
from .schema import TokenConfig

LARGEST = 4096
"""The longest secret, bytes."""


class Secrets(dict[str, str]):
    """Secrets by name, which show their names only."""

    def __repr__(self) -> str:
        """Show the names."""
        return f"Secrets({', '.join(self)})"


def tokens(configs: Mapping[str, TokenConfig], environ: Mapping[str, str] | None, mistakes: Mistakes) -> Secrets:
    """
    Return the secret of each token by its name; note what is wrong with it.

    Without an *environ* they are in another place, and nobody looks for them.
    """
    found = Secrets()
    for name, config in configs.items():
        path = ("control", "tokens", name)
        if not (name.strip() and name.isprintable()):
            mistakes.add(path, f"{name!r} is no name; give it one that can be printed")
        elif (config.env is None) == (config.file is None):
            mistakes.add(path, 'needs one of both: { env = "VARIABLE" } or { file = "/path" }')
        elif environ is None:
            found[name] = "?"
        elif config.env is not None:
            if config.env not in environ:
                mistakes.add((*path, "env"), f"the variable {config.env!r}, which should hold its secret, is not set")
            found[name] = environ.get(config.env, "?").strip()
        else:
            found[name] = _read(config.file or "", path, mistakes)
        secret = found.get(name, "?")
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            mistakes.add(path, "its secret is empty, or holds a sign that cannot be sent; use letters and digits")
    return found


def _read(file: str, path: tuple[str, ...], mistakes: Mistakes) -> str:
    try:
        with open(file, encoding="ascii", errors="replace") as opened:
            return opened.read(LARGEST).strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name cannot be one"
        mistakes.add((*path, "file"), f"the file {file!r}, which should hold its secret, cannot be read: {why}")
        return "?"
