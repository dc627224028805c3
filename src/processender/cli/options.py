"""A parser of options whose errors say what to do next and leave with the code that the command wants."""

from __future__ import annotations

from argparse import Action, ArgumentError, ArgumentParser, RawDescriptionHelpFormatter

from ..core.graph import nearest
from ..hints import Any, NoReturn
from . import output


class Help(RawDescriptionHelpFormatter):
    """Help in one form on every Python: 3.13 names the value of an option once, those before it once for each name."""

    def _format_action_invocation(self, action: Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class Options(ArgumentParser):
    """An `ArgumentParser` that takes no abbreviations and leaves with *code* on a mistake."""

    def __init__(self, name: str, *, usage: str, description: str, epilog: str, code: int) -> None:
        """Take the name of the command and its texts."""
        texts: dict[str, Any] = {"usage": usage, "description": description, "epilog": epilog}
        super().__init__(prog=f"processender {name}", allow_abbrev=False, formatter_class=Help, **texts)
        self._code = code

    def _check_value(self, action: Action, value: Any) -> None:
        """Refuse a *value* that is no choice of *action* in one form on every Python, with the nearest that is."""
        if action.choices is not None and value not in action.choices:
            choices = [str(each) for each in action.choices]
            name = "/".join(action.option_strings) or action.metavar or action.dest
            near = nearest(str(value), choices).partition("; known")[0]
            raise ArgumentError(None, f"{name}: invalid choice: {value!r}; choose from {', '.join(choices)}{near}")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        _, colon, words = message.partition("unrecognized arguments: ")
        if colon:
            word = words.split()[0].partition("=")[0]
            message = f"there is no {'option ' if word.startswith('-') else ''}{word!r}"
            message += nearest(word, self._option_string_actions) if word.startswith("--") else ""
        output.complain(f"{_plain(message)}; see `{self.prog} --help`")
        raise SystemExit(self._code)


def _plain(message: str) -> str:
    """Return a *message* of argparse about an option as ours are: its name, and what to write."""
    option, _, what = message.removeprefix("argument ").partition(": ")
    if what == "expected one argument":
        return f"{option}: there is no value behind it; one that begins with - is written {option.split('/')[0]}=..."
    kind, _, value = what.partition(" value: ")
    return f"{option}: {value} is no whole number" if kind == "invalid int" else message
