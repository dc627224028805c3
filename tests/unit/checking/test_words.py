"""Command lines: which shell keeps the signal, how long a hook sleeps, and where we are called."""

from __future__ import annotations

import pytest

from processender.checking.words import ours, slept, split, swallowing


@pytest.mark.parametrize(
    ("words", "simple"),
    [
        (["sh", "-c", "./server"], True),
        (["sh", "-c", "A=1 ./server --port $(cat port) ${MORE:-}"], True),
        (["sh", "-ec", "cd / && ./server"], True),
        (["bash", "-euo", "pipefail", "-c", "./server"], True),
        (["bash", "--norc", "-c", "./server"], True),
        (["/bin/sh", "-c", "./server > log"], False),
        (["/bin/sh", "-c", "./server | tee log"], False),
        (["/bin/sh", "-c", "(./server)"], False),
        (["/bin/sh", "-c", "./server & wait"], False),
        (["/bin/sh", "-c", "while true; do ./server; done"], False),
        (["/bin/sh", "-c", 'echo "'], False),
        (["/bin/sh", "-c"], False),
        (["/bin/sh", "start.sh", "-c"], False),
        (["/bin/sh"], False),
        (["tini", "-v", "--", "sh", "-c", "./server"], True),
        (["tini", "-g", "sh", "-c", "./server"], True),
        (["dumb-init", "--single-child", "sh", "-c", "./server"], True),
        (["busybox", "sh", "-c", "./server"], True),
        (["env", "A=1", "sh", "-c", "./server"], True),
    ],
)
def test_a_shell_keeps_the_signal(words: list[str], simple: bool) -> None:
    """Whether the last of its script could take its place, too."""
    shell = swallowing(words)

    assert shell is not None
    assert simple == shell.simple


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["./server"],
        ["sh", "-c", "exec ./server"],
        ["sh", "-c", 'prepare\nexec ./server "$@" >log 2>&1'],
        ["sh", "-c", "trap 'kill %1' TERM; ./server & wait"],
        ["processender", "run", "--", "sh", "-c", "a; b"],
        ["tini"],
        ["tini", "--"],
    ],
)
def test_no_shell_keeps_the_signal(words: list[str]) -> None:
    """Where it gives its place away, listens itself, or stands behind somebody who tells all."""
    assert swallowing(words) is None


@pytest.mark.parametrize(
    ("words", "seconds", "binary"),
    [
        (["sleep", "5"], 5, True),
        (["/bin/sleep", "1m", "0.5"], 60.5, True),
        (["sh", "-c", "sleep 5 && nginx -s quit; sleep 2"], 7, True),
        (["sh", "-c", "exec sleep 3"], 3, True),
        (["sleep", "infinity"], 0, True),
        (["nginx", "-s", "quit"], 0, False),
        (["sh", "-c", "echo sleep 5"], 0, False),
        ([], 0, False),
    ],
)
def test_how_long_a_hook_sleeps(words: list[str], seconds: float, binary: bool) -> None:
    """At least, in all of its commands."""
    assert (seconds, binary) == slept(words)


@pytest.mark.parametrize(
    ("words", "verb", "options"),
    [
        (
            ["processender", "run", "--grace", "5s", "--json", "./w", "--grace", "9s"],
            "run",
            {"--grace": "5s", "--json": ""},
        ),
        (["python", "-m", "processender", "run", "-c", "a.toml", "--", "w"], "run", {"--config": "a.toml"}),
        (["/usr/bin/processender-init", "--grace=7s", "--", "w"], "run", {"--grace": "7s"}),
        (
            ["tini", "--", "processender", "sidecar", "--once", "--grace", "5s"],
            "sidecar",
            {"--once": "", "--grace": "5s"},
        ),
        (["sh", "-c", "prepare; exec processender run --grace 4s -- w"], "run", {"--grace": "4s"}),
        (["processender", "pre-stop", "--service", "a"], "pre-stop", {"--service": "a"}),
        (["processender", "run", "--grace"], "run", {"--grace": ""}),
    ],
)
def test_our_call_is_found(words: list[str], verb: str, options: dict[str, str]) -> None:
    """With its own options, not with those of the command."""
    call = ours(words)

    assert call is not None
    assert (verb, options) == (call.verb, call.options)


@pytest.mark.parametrize(
    "words", [[], ["./w", "--", "processender", "run"], ["processender"], ["processender", "plan"]]
)
def test_nobody_calls_us(words: list[str]) -> None:
    """Where we are not what runs."""
    assert ours(words) is None


def test_a_script_is_split_as_a_shell_would() -> None:
    """Quotes, assignments and lines that go on."""
    assert [(["a", "b;c"], "&&"), (["d", "e"], "\n"), (["f"], "")] == split("a 'b;c' && X=1 d \\\n e\n\nf")


def test_a_script_of_any_length_is_no_work() -> None:
    """What is too long to be one is not looked into."""
    assert split("a;" * 100_000) is None
