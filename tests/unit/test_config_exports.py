"""Exporters in the configuration: found by name, checked against what they take, with their secrets by reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.plugin_packages import install
from tests.unit.test_config import only, read

PLUGIN = """
class Own:
    def __init__(self, **told):
        self.name, self.told = told["name"], told

    def send(self, account, ctx): ...

def exporter(place: str, *, name: str, every: float = 1.0):
    return Own(place=place, name=name, every=every)

def breaks(*, name: str):
    raise RuntimeError("not today")
"""
POINTS = """[processender.exporters]
acme = acme_exports:exporter
acme-raises = acme_exports:breaks
"""


@pytest.mark.parametrize("kind", ["otlp", "cloudevents", "pushgateway"])
def test_each_built_in_one_can_be_had(kind: str) -> None:
    """By its name and an address; nothing is sent for that."""
    (found,) = read(f'[export.away]\nkind = "{kind}"\nurl = "http://127.0.0.1:1"\n').exporters

    assert "away" == found.name


def test_one_of_a_package_takes_what_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it is told has units; its own mistake is named."""
    install(tmp_path, monkeypatch, "acme_exports", PLUGIN, POINTS)

    (found,) = read('[export.away]\nkind = "acme"\nwith = { place = "there", every = "2s" }\n').exporters

    assert {"place": "there", "name": "away", "every": 2.0} == found.told
    assert "not today" in only('[export.away]\nkind = "acme-raises"\n')


def test_secrets_are_given_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a header field, and in an address; one that is written out is refused and not shown."""
    (tmp_path / "url").write_text("http://127.0.0.1:1/hooks/7e57\n")
    monkeypatch.setenv("TOKEN", "Bearer 7e57")
    head = '[export.away]\nkind = "cloudevents"\n'

    read(f'{head}url = {{ file = "{tmp_path}/url" }}\nheaders = {{ authorization = {{ env = "TOKEN" }} }}\n')
    out = only(f'{head}url = "http://127.0.0.1:1"\nheaders = {{ authorization = "Bearer 7e57" }}\n')

    assert "must not stand here itself" in out
    assert "7e57" not in out
    assert "holds a password" in only(f'{head}url = "http://me:secret@127.0.0.1"\n')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not say what it is"),
        ('kind = "otpl"\n', "did you mean 'otlp'"),
        ('kind = "cloudevents"\n', "does not say where to"),
        ('kind = "otlp"\nurl = "ftp://there"\n', "http or https"),
        ('kind = "otlp"\nwith = { signal = ["logs"] }\n', "did you mean 'signals'"),
        ('kind = "otlp"\nwith = { signals = ["profiles"] }\n', "give some of traces, metrics, logs"),
        ('kind = "otlp"\nwith = { timeout = 3 }\n', "give a unit"),
        ('kind = "otlp"\nwith = { url = "http://there" }\n', "stands beside `kind`"),
        ('kind = "otlp"\nheaders = { a = 3 }\n', "header field a"),
    ],
)
def test_a_mistake_is_told_with_its_reason(text: str, says: str) -> None:
    """Before anything runs."""
    assert says in only(f"[export.away]\n{text}")
