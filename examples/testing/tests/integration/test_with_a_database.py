"""Tests that hold something outside of their process: a job that is cancelled must give it back, too."""

import time
from pathlib import Path

import pytest


@pytest.fixture
def database():
    file = Path("database")
    file.write_text("made for a test")
    yield file
    file.unlink()


def test_the_service_with_a_database(database):
    print("the database is there", flush=True)
    deadline = time.monotonic() + float(Path("seconds").read_text())
    while time.monotonic() < deadline:
        time.sleep(0.05)
    assert database.exists()
