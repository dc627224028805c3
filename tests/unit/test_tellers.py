"""Who else an agent tells of what happens, by its configuration."""

from __future__ import annotations

import pytest

from processender.agent.config import load
from processender.agent.errors import ConfigError
from processender.agent.files import ConfigFile
from processender.agent.settings import Settings
from processender.agent.tellers import make_tellers
from processender.core.events import Trouble
from processender.errors import HandlerError
from processender.integrations.journald import JournaldObserver
from processender.integrations.kubernetes import EventSender

EVENT = Trouble(1.0, "code", "text")


def refuse(*_: object) -> None:
    """Refuse, as on a host without journald."""
    raise HandlerError("there is no journald")


def read(text: str) -> Settings:
    """Return the settings of a configuration."""
    return load(ConfigFile("pe.toml", text.encode(), ()), {})


def test_without_the_key_nobody_else_is_told() -> None:
    """Standard error is enough for most."""
    assert () == read('grace = "1s"\n').tell


def test_the_cluster_can_be_told() -> None:
    """Outside of one that does nothing."""
    settings = read('tell = ["kubernetes"]\n')

    assert [EventSender] == [type(each) for each in make_tellers(settings.tell, "shop")]


def test_what_cannot_be_told_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first event; the run goes on without it."""
    monkeypatch.setattr(JournaldObserver, "__init__", refuse)
    (missing,) = make_tellers(["journald"], "shop")
    with pytest.raises(HandlerError, match="no journald"):
        missing.observe(EVENT)

    missing.observe(EVENT)


def test_nobody_is_told_twice() -> None:
    """Whatever the list says."""
    assert 1 == len(make_tellers(["kubernetes", "kubernetes"], "shop"))


def test_what_is_unknown_is_refused() -> None:
    """With what there is."""
    with pytest.raises(ConfigError, match="tell"):
        read('tell = ["syslog"]\n')
