"""What the words of a command line mean for the signal that ends it: shells, inits, sleeps, and our own commands."""

from __future__ import annotations

import os.path
import re
import shlex
from collections.abc import Mapping, Sequence

from ..agent.flags import RUN, end_of_options
from ..agent.flags_sidecar import SIDECAR
from ..core.record import Record

FLAGS = {"run": RUN, "sidecar": SIDECAR}
"""The flags of the commands that stay, by their verbs."""
_SWITCHES = {
    name for table in FLAGS.values() for names, how in table for name in names if how.get("action") == "store_true"
}
_SHORT = {"-c": "--config"}
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})
_INITS = frozenset({"tini", "tini-static", "docker-init", "catatonit", "dumb-init"})
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,9})?)([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_OPENING = frozenset({"if", "while", "until", "for", "case", "{", "(", "!", "time"})
_CLOSING = frozenset({"fi", "done", "esac", "}"})
_BUILTINS = frozenset({":", "wait", "read", "cd", "echo", "true", "false", "export", "set", "exit"})
_SIGNS = frozenset(";&|<>()\n")
_LONGEST = 1 << 16
"""How long a script may be that is looked into."""
_INSIDE = re.compile(r"\$\(\([^()]*\)\)|\$\([^()]*\)|\$\{[^{}]*\}|`[^`]*`")
"""What stands for a word."""


class Ours(Record):
    """A call of `processender`."""

    verb: str
    """`run`, `sidecar` or `pre-stop`."""
    options: Mapping[str, str]
    """What was said, by the long name of the option."""
    said: tuple[str, ...] = ()
    """The same as it stands there."""
    exact: bool = True
    """Whether it is given so; a shell may put something in."""


class Shell(Record):
    """A shell that is the first process of a container."""

    name: str
    """Which one, as it is called."""
    script: str = ""
    """What it is told by `-c`; empty if it reads a file."""
    file: str = ""
    """The file that it reads."""
    simple: bool = False
    """Whether the last of it is one command without redirections, in no pipeline and no compound."""


def ours(words: Sequence[str]) -> Ours | None:
    """Return the call of `processender` in *words*, or in the script of their shell; None if there is none."""
    if words and os.path.basename(words[0]) in _SHELLS:
        said, behind = _shell_options(words)
        script = behind[0] if said and behind else ""
        calls = (_ours(command) for command, _ in split(script) or ())
        call = next((call for call in calls if call is not None), None)
        return call.replace(exact=False) if call is not None and ("$" in script or "`" in script) else call
    return _ours(words)


def _ours(words: Sequence[str]) -> Ours | None:
    for at, word in enumerate(words):
        if word == "--":
            # Behind it stands what somebody else starts, which is us only behind an init.
            if os.path.basename(words[0]) not in _INITS:
                return None
        elif os.path.basename(word) == "processender-init":
            return _call("run", words[at + 1 :])
        elif os.path.basename(word) == "processender" and words[at + 1 : at + 2]:
            verb = words[at + 1]
            return _call(verb, words[at + 2 :]) if verb in {"run", "sidecar", "pre-stop"} else None
    return None


def _call(verb: str, words: Sequence[str]) -> Ours:
    return Ours(verb, _options(words), tuple(words[: end_of_options(words, FLAGS.get(verb, ()))]))


def _options(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        name, equals, value = words[at].partition("=")
        at += 1
        if name not in _SWITCHES and not equals and at < len(words):
            value, at = words[at], at + 1
        found[_SHORT.get(name, name)] = value
    return found


def swallowing(words: Sequence[str]) -> Shell | None:
    """Return the shell of *words* that gets the signal in the place of the program, None if there is none."""
    rest = _behind_inits(words)
    name = os.path.basename(rest[0]) if rest else ""
    if name not in _SHELLS:
        return None
    said, behind = _shell_options(rest)
    if said:
        return _of_script(name, behind[0] if behind else "")
    return Shell(name, file=behind[0] if behind else "")


def _behind_inits(words: Sequence[str]) -> Sequence[str]:
    """Return the words behind `env` and behind inits that leave with their child, whatever it has started."""
    rest = list(words)
    while rest:
        name = os.path.basename(rest[0])
        if name in {"env", "busybox"} or _ASSIGNED.fullmatch(rest[0]):
            rest = rest[1:]
        elif name in _INITS:
            first = next((at for at, word in enumerate(rest) if at and not word.startswith("-")), len(rest))
            rest = rest[rest.index("--") + 1 if "--" in rest else first :]
        else:
            break
    return rest


def _shell_options(words: Sequence[str]) -> tuple[bool, Sequence[str]]:
    """Return whether a shell is told `-c`, and what stands behind its options."""
    at, said = 1, False
    while at < len(words) and words[at][:1] in {"-", "+"} and words[at] != "--":
        short = words[at][:1] == "+" or words[at][:2] != "--"
        said |= short and "c" in words[at]
        # `-o` takes the name of an option.
        at += 2 if short and words[at].endswith("o") else 1
    return said, words[at:]


def _of_script(name: str, script: str) -> Shell | None:
    commands = split(script)
    if commands is None:
        return Shell(name, script)
    said = [words for words, _ in commands]
    if any(words[:1] == ["exec"] and len(words) > 1 for words in said) or any("trap" in words for words in said):
        # Past an exec there is no shell; who sets a trap has thought of the signal.
        return None
    signs = [sign for _, sign in commands]
    last = said[-1] if said else [":"]
    compound = last[0] in _OPENING | _CLOSING or last[-1] in _CLOSING
    plain = (
        last[0] not in _BUILTINS and signs[-1:] in ([""], [";"], ["\n"]) and not {"&", "|", "<", ">", "("} & {*signs}
    )
    return Shell(name, script, simple=plain and not compound)


def split(script: str) -> list[tuple[list[str], str]] | None:
    """Return the commands of a shell's *script*, each with the sign behind it; None if it cannot be told."""
    if len(script) > _LONGEST:
        return None
    text = _INSIDE.sub("X", script.replace("\\\n", " "))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|<>()\n")
    lexer.whitespace = " \t\r"
    lexer.commenters = ""
    found: list[tuple[list[str], str]] = []
    words: list[str] = []
    try:
        for token in lexer:
            if set(token) <= _SIGNS:
                sign = token.strip("\n") or "\n"
                # A redirection may stand before its command, and a parenthesis does.
                if words or sign[0] in "<>(":
                    found.append((words or [":"], sign[0] if sign[0] in "<>(" or sign == "|&" else sign))
                words = []
            elif words or not _ASSIGNED.fullmatch(token):
                words.append(token)
    except ValueError:
        return None
    return [*found, (words, "")] if words else found


def slept(words: Sequence[str]) -> tuple[float, bool]:
    """Return how long a command sleeps, at least, and whether it is that of a `sleep` in the image."""
    name = os.path.basename(words[0]) if words else ""
    if name == "sleep":
        return sum(_seconds(word) for word in words[1:]), True
    said, behind = _shell_options(words) if name in _SHELLS else (False, ())
    if said and behind:
        commands = [command[command[0] == "exec" :] for command, _ in split(behind[0]) or ()]
        found = [slept(command) for command in commands if os.path.basename(command[0] if command else "") == "sleep"]
        return sum(seconds for seconds, _ in found), bool(found)
    return 0.0, False


def _seconds(word: str) -> float:
    match = _SPAN.fullmatch(word)
    return float(match[1]) * _UNITS[match[2]] if match else 0.0


def expand(word: str, variables: Mapping[str, str]) -> str:
    """Return *word* with each `$(NAME)` replaced that is known, as the kubelet does."""
    return re.sub(r"\$\(([A-Za-z_][\w.-]*)\)", lambda match: variables.get(match[1], match[0]), word)
