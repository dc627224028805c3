"""The JSON Schema of the configuration: what editors know of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processender.agent.explained import json_schema, meanings
from processender.agent.schema import Config, EndHandlerConfig
from processender.cli.main import main


def tables(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of *schema*."""
    found: dict[str, Any] = schema["$defs"]
    return found


def test_every_key_has_a_meaning() -> None:
    """An editor shows it beside the key."""
    bare = [
        f"{name}.{key}"
        for name, table in tables(json_schema()).items()
        for key, told in table["properties"].items()
        if not told["description"]
    ]

    assert [] == bare


def test_a_key_that_does_not_exist_is_refused_by_the_schema() -> None:
    """As by the agent."""
    assert all(table["additionalProperties"] is False for table in tables(json_schema()).values())


def test_a_table_has_the_keys_of_its_base_too() -> None:
    """And calls each as it is written in the file."""
    told = meanings(EndHandlerConfig)

    assert {"run", "phase", "drain", "with"} <= told.keys()
    assert all(told.values())


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """All of it, as JSON."""
    assert 0 == main(["schema"])
    assert json_schema() == json.loads(capsys.readouterr().out)


def test_it_knows_every_key_of_the_file() -> None:
    """By the names under which they are written."""
    assert meanings(Config).keys() == tables(json_schema())["Config"]["properties"].keys()
