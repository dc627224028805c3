"""What cannot be rehearsed is refused before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from processender.rehearsal.drawing import RehearsalError
from processender.rehearsal.part import House
from processender.rehearsal.reading import Rehearsal, read
from processender.rehearsal.traces import read_accounts


def reading(**table: Any) -> Rehearsal:
    """Return what the *table* says of a program."""
    return read("", {"command": ["true"], "seeds": 1, **table}, [], [])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read no file that happens to be here."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"end": [{"signal": "TRM"}]}, "there is no signal 'TRM'; did you mean 'TERM'"),
        ({"env": {"A=B": "1"}}, "cannot set the variable 'A=B'"),
        ({"cwd": "/nonexistent"}, "there is no such directory"),
        ({"load": {"url": "http://127.0.0.1:1/", "method": "G T"}}, "is no method of HTTP"),
        ({"load": {"url": "http://127.0.0.1:1/ü"}}, "cannot ask"),
        ({"scenarios": {"a": {"faults": ["flush fails -1"]}}}, "is not how often"),
    ],
)
def test_what_no_run_could_do_is_a_mistake(table: dict[str, Any], why: str) -> None:
    """It is said in one sentence, and nothing has begun."""
    with pytest.raises(RehearsalError, match=why):
        reading(**table)


def test_a_platform_kills_when_it_is_told_to() -> None:
    """A window that was given is not forgotten beside it; without one the platform's own holds."""
    own, cut = (reading(platform="heroku", **more).parts[0].sequence for more in ({}, {"window": "500ms"}))

    assert [("TERM", 0.0), ("TERM", 1.0), ("KILL", 30.0)] == [(each.signal, each.at) for each in own.steps]
    assert [("TERM", 0.0), ("KILL", 0.5)] == [(each.signal, each.at) for each in cut.steps]


@pytest.mark.parametrize(("url", "several"), [("http://127.0.0.1:8080/", False), ("http://127.0.0.1:{port}/", True)])
def test_on_one_port_there_is_one_run_at_a_time(url: str, several: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise they would take each other's."""
    monkeypatch.setattr("os.cpu_count", lambda: 4)

    assert (4 if several else 1) == reading(load={"url": url}).jobs


def test_two_rehearsals_do_not_give_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even before anybody listens there; and what is given back is free again, so that ports never run out."""
    monkeypatch.setattr("processender.rehearsal.part.PORTS", range(20_000, 20_016))
    one, other = House(), House()
    ports = [one.free(), other.free(), one.free()]
    one.give_back(ports[0])
    rest = []
    with pytest.raises(RehearsalError, match="in use"):
        while True:
            rest.append(other.free())
    for port in {*ports, *rest}:
        one.give_back(port)
        other.give_back(port)

    assert 3 == len({*ports})
    assert ports[0] in rest
    assert not {ports[1], ports[2]} & {*rest}


def test_a_report_that_is_none_is_left_out(tmp_path: Path) -> None:
    """A program may write what it likes where reports are."""
    texts = ["[]", "{}", "{", '{"id": "1", "started": 1.0, "handlers": []}']
    paths = {str(tmp_path / f"{number}.json") for number, _ in enumerate(texts)}
    for path, text in zip(sorted(paths), texts, strict=True):
        Path(path).write_text(text, encoding="utf-8")

    assert ["1"] == [each["id"] for each in read_accounts(paths)]
