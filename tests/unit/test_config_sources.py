"""Sources in the configuration: found by name, checked against what they take, and never asked for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from processender.core.handler import Handler
from processender.plugins import source_names
from tests.unit.plugin_packages import install
from tests.unit.test_config import only, read

PLUGIN = """
from processender.core.handler import Handler
from processender.errors import SourceError

class Own:
    handlers = (Handler("answer", lambda: None, phase="release"),)

    def __init__(self, **told):
        self.name, self.told = told["name"], told

    def start(self, ears): ...

    def stop(self): ...

def listen(place: str, *, name: str, every: float = 1.0):
    if place == "nowhere":
        raise SourceError("there is nothing to hear there")
    return Own(place=place, name=name, every=every)

def breaks(*, name: str):
    raise RuntimeError("not today")
"""
POINTS = """[processender.sources]
acme = acme_listens:listen
acme-broken = acme_gone:listen
acme-raises = acme_listens:breaks
acme-text = acme_listens:PLACE
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with sources, of which some are broken."""
    install(tmp_path, monkeypatch, "acme_listens", PLUGIN + '\nPLACE = "text"\n', POINTS)


@pytest.mark.parametrize(
    "name", ["aws", "aws-ecs", "aws-lambda", "gcp", "azure", "alibaba", "docker", "kubernetes", "nut", "parent"]
)
def test_each_built_in_one_can_be_listened_to(name: str) -> None:
    """By its name alone; nothing is asked for that."""
    (found,) = read(f'[sources.cloud]\nlisten = "{name}"\n').sources

    assert "cloud" == found.name


def test_what_it_is_told_has_units() -> None:
    """As for drainers."""
    (found,) = read('[sources.cloud]\nlisten = "aws"\nwith = { every = "500ms", rebalance = "drain" }\n').sources

    assert 0.5 == found._looks[0].every
    for listen in ("gcp", "kubernetes"):
        assert read(f'[sources.cloud]\nlisten = "{listen}"\nwith = {{ held = "90s" }}\n').sources


def test_who_may_write_a_file_are_numbers_or_anyone() -> None:
    """The file says it as the program does."""
    for writers in ("[1000, 1001]", '"anyone"'):
        text = f'[sources.door]\nlisten = "file"\nwith = {{ path = "/run/leave", writers = {writers} }}\n'

        assert ["door"] == [each.name for each in read(text).sources]


@pytest.mark.usefixtures("plugin")
class TestPlugins:
    def test_one_is_found_by_its_entry_point(self) -> None:
        """With the name of its table, and the handlers that it brings in the plan."""
        settings = read('[sources.door]\nlisten = "acme"\nwith = { place = "hall", every = "2s" }\n')
        (found,) = settings.sources

        assert {"place": "hall", "name": "door", "every": 2.0} == found.told
        assert [Handler] == [type(each) for each in settings.handlers]
        assert {"acme", "aws"} <= set(source_names())

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('listen = "acme"\nwith = { place = "nowhere" }', "there is nothing to hear there"),
            ('listen = "acme"', "the source 'acme' needs `place`; write with = { place = ... }"),
            ('listen = "acme"\nwith = { place = "a", name = "b" }', "is the name of the table"),
            ('listen = "acme"\nwith = { place = 7 }', "must be"),
            ('listen = "acme-broken"', "its plugin acme_gone:listen is broken"),
            ('listen = "acme-raises"', "the source 'acme-raises' is broken: RuntimeError('not today')"),
            ('listen = "acme-text"', "is no function"),
            ('listen = "asw"', "there is no source 'asw'; did you mean 'aws'?"),
            ('listen = "aws"\nwith = { rebalence = "drain" }', "takes no 'rebalence'; did you mean 'rebalance'?"),
            ('listen = "aws"\nwith = { rebalance = "run" }', "advise"),
            ('listen = "aws"\nwith = { every = 2 }', "2s"),
            ('listen = "aws"\nevery = "2s"', "no such key; what 'aws' takes is written in with = { every = ... }"),
            ('listen = "aws"\nwth = { every = "2s" }', "did you mean 'with'?"),
            ('listen = "aws"\nwith = { group = "web" }', "give both `group` and `hook`"),
            ('listen = "gcp"\nwith = { endpoint = "ftp://here" }', "must be a URL with http or https"),
            ('listen = "docker"\nwith = { endpoint = "ssh://here" }', "give the path of its socket"),
            ('listen = "docker"\nwith = { stop_timeout = 30 }', "30s"),
            ('listen = "docker"\nwith = { contaner = "web" }', "takes no 'contaner'; did you mean 'container'?"),
            ('listen = "aws-queue"\nwith = { url = "notices" }', "give its URL, like https://sqs."),
            ('listen = "gcp"\nwith = { held = "0s" }', "`held` must be 1 to 3600 s"),
            ('listen = "containerd"', "the source 'containerd' needs `container`"),
            ('listen = "nut"\nwith = { user = "shop" }', "give both `user` and `password`"),
            ('listen = "nut"\nwith = { user = "shop", password = "x" }', 'password = { env = "PASSWORD" }'),
            ('listen = "nut"\nwith = { ups = "rack@" }', "write NAME@HOST"),
            ('listen = "nut"\nwith = { batery = "drain" }', "did you mean 'battery'?"),
            ('listen = "nut"\nwith = { dead = 15 }', "15s"),
            ('listen = "parent"\nwith = { action = "halt" }', "advise"),
            ('listen = "file"', "needs `path`"),
            ('listen = "file"\nwith = { path = "leave" }', "from the root on"),
            ('listen = "file"\nwith = { path = "/run/leave", writers = "root" }', "writers"),
            ('listen = "http"', "needs `url`"),
            ('listen = "http"\nwith = { url = "http://here", statuses = ["503"] }', "statuses"),
            ('with = { place = "hall" }', "'door' does not say what it listens to"),
        ],
    )
    def test_mistakes_are_told_with_their_place(self, text: str, problem: str) -> None:
        """Before anything runs."""
        assert problem in only(f"[sources.door]\n{text}\n")


def test_a_password_that_is_written_out_is_not_shown() -> None:
    """What is wrong with a file stands in logs."""
    told = only('[sources.ups]\nlisten = "nut"\nwith = { user = "shop", password = "open sesame" }\n')

    assert "sesame" not in told


def test_the_region_of_a_queue_stands_in_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance has no variable that says it; where nothing does, it is said what to give."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/notices"
    hook = '[sources.queue]\nlisten = "aws"\nwith = { group = "web", hook = "bye" }\n'

    (found,) = read(f'[sources.queue]\nlisten = "aws-queue"\nwith = {{ url = "{url}" }}\n').sources

    assert "queue" == found.name
    assert "give `region`, or set AWS_DEFAULT_REGION" in only(hook)


def test_the_handler_of_a_source_may_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers a platform has a name like every other."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with_ = '{ group = "web", hook = "goodbye" }'
    settings = read(f'[sources.cloud]\nlisten = "aws"\nwith = {with_}\n')

    assert ["aws-lifecycle"] == [each.name for each in settings.handlers]
