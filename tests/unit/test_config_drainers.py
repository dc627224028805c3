"""Drainers in the configuration: what they are told is checked against what they take, and plugins are found by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from processender.agent.settings import Settings
from processender.core.handler import Handler
from processender.core.retry import Retry
from processender.plugins import drainer_names
from tests.unit.plugin_packages import install
from tests.unit.test_config import mistakes, only, read

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "drainers").glob("*.toml"))
PLUGIN = """
from processender.core.handler import Handler

told = []

def drain(place: str, every: float, words: list[str], *, often: int = 1, loud: bool = False, kind=None, name="",
          wait: float = 1.0, reaper: object = None, timeout: float | None = None) -> Handler:
    told.append(locals())
    return Handler("own", lambda ctx: None, phase="drain", timeout=7.0, expected=0.5)

def breaks(place: str) -> Handler:
    raise RuntimeError("not today")

def wrong() -> str:
    return "no handler"

async def leave(ctx):
    pass

def sleeps() -> Handler:
    return Handler("own", leave, phase="drain")
"""
POINTS = """[processender.drainers]
acme = acme_drains:drain
acme-broken = acme_gone:drain
acme-raises = acme_drains:breaks
acme-wrong = acme_drains:wrong
acme-async = acme_drains:sleeps
acme-text = acme_drains:PLACE
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with drainers, of which some are broken."""
    install(tmp_path, monkeypatch, "acme_drains", PLUGIN + '\nPLACE = "text"\n', POINTS)


def handler(settings: Settings) -> Handler:
    """Return the only handler."""
    (found,) = settings.handlers
    return found


class TestMeaning:
    def test_a_drainer_is_a_handler_of_the_phase_drain(self) -> None:
        """With the name that the file gives it, and what the drainer knows itself."""
        made = handler(read('[handlers.balancer]\ndrain = "consul"\nwith = { service = "web-1", wait = "500ms" }\n'))

        assert ("balancer", "drain", True, 3) == (made.name, made.phase, made.lasting, made.retry.attempts)
        assert made.call is not None
        assert made.resume is not None

    def test_what_the_file_says_beside_it_holds(self) -> None:
        """Like for any handler."""
        made = handler(read("""
[handlers.balancer]
drain = "consul"
timeout = "9s"
phase = "quiesce"
importance = "must"
retry = { attempts = 5 }
with = { service = "web-1" }
"""))  # fmt: skip

        assert (9.0, "quiesce", "must", 5) == (made.timeout, made.phase, made.importance, made.retry.attempts)

    def test_the_table_may_stand_alone(self) -> None:
        """As `[handlers.balancer.with]`."""
        text = '[handlers.b]\ndrain = "command"\n[handlers.b.with]\ndown = ["./leave", "now"]\nenv = { A = "1" }\n'

        assert handler(read(text)).call is not None

    def test_what_can_be_several_things_takes_each(self) -> None:
        """A URL, or a table with more of the request."""
        url = 'down = "http://127.0.0.1:1/down"'
        table = 'down = { url = "http://127.0.0.1:1/down", expect = [204] }'

        assert [True, True] == [
            handler(read(f'[handlers.b]\ndrain = "http"\nwith = {{ {each} }}\n')).call is not None
            for each in (url, table)
        ]

    def test_a_variable_may_override_it(self) -> None:
        """As each key."""
        text = '[handlers.b]\ndrain = "consul"\nwith = { service = "web-1" }\n'
        (wrong,) = mistakes(text, PROCESSENDER_HANDLERS__B__WITH__SERVICE="3")

        assert "PROCESSENDER_HANDLERS__B__WITH__SERVICE: handlers.b.with.service: must be text, not 3" in wrong
        variables = {"SERVICE": "web-2", "WAIT": "3s", "TOKEN": '{ env = "T" }'}
        assert handler(read(text, **{f"PROCESSENDER_HANDLERS__B__WITH__{name}": v for name, v in variables.items()}))


class TestMistakes:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ('drain = "consol"', "pe.toml:2: handlers.a.drain: there is no drainer 'consol'; did you mean 'consul'?"),
            ('drain = "consul"', "the drainer 'consul' needs `service`; write with = { service = ... }"),
            (
                'drain = "consul"\nwith = { service = "w", uri = "x" }',
                "the drainer 'consul' takes no 'uri'; did you mean 'url'?",
            ),
            ('drain = "consul"\nwith = { service = 3 }', "handlers.a.with.service: must be text, not 3"),
            ('drain = "consul"\nwith = { service = "w", wait = 3 }', "3 has no unit; give a unit: '3s'"),
            ('drain = "consul"\nwith = { service = "w", wait = "3 days" }', "'3 days' is not a length of time"),
            (
                'drain = "consul"\nwith = { service = "w", how = "leave" }',
                "must be one of 'maintenance', 'deregister', not 'leave'",
            ),
            ('drain = "consul"\nwith = { service = "w", token = "x" }', 'token = { env = "TOKEN" }'),
            (
                'drain = "consul"\nwith = { service = "w", timeout = "3s" }',
                "is a key of the handler; write it beside `drain`",
            ),
            ('drain = "consul"\nwith = { service = "w", name = "x" }', "is the name of the handler"),
            ('drain = "consul"\nwith = { service = "w", url = "x" }', "cannot send to 'x/v1/"),
            ('drain = "consul"\nrun = ["x"]\nwith = { service = "w" }', "'a' has both `run` and `drain`"),
            ('drain = "consul"\ncwd = "/"\nwith = { service = "w" }', "goes with `run`, not with `drain`"),
            ('drain = "consul"\nretry = { on = [1] }\nwith = { service = "w" }', "goes with `run` and `http`"),
            ('run = ["x"]\nwith = { service = "w" }', "handlers.a.with: goes with `drain`"),
            ('drain = "command"\nwith = { down = "leave" }', "must be a list, not 'leave' (text)"),
            ('drain = "command"\nwith = { down = ["x"], reaper = "me" }', "the drainer 'command' takes no 'reaper'"),
            ('drain = "http"\nwith = { down = 3 }', "handlers.a.with.down: must be text, not 3"),
            ('drain = "http"\nwith = { down = { uri = "x" } }', "down has no key 'uri'; did you mean 'url'?"),
            ("drain = 3", "handlers.a.drain: must be text, not 3"),
        ],
    )
    def test_each_has_its_place_and_what_to_write(self, body: str, expected: str) -> None:
        """Before anything is called."""
        found = only(f"[handlers.a]\n{body}\n")

        assert expected in found
        assert found.startswith("pe.toml:")

    def test_all_are_told_at_once(self) -> None:
        """Each with its line."""
        text = '[handlers.a]\ndrain = "consul"\n[handlers.a.with]\nuri = "x"\nwait = 3\n[handlers.b]\ndrain = "no"\n'

        assert ["pe.toml:3:", "pe.toml:4:", "pe.toml:5:", "pe.toml:7:"] == [
            each.split(" ")[0] for each in mistakes(text)
        ]

    def test_a_crash_is_followed_by_no_drainer(self) -> None:
        """There is no traffic left to leave."""
        assert "there is no such key" in mistakes('[on_crash.handlers.a]\nrun = ["x"]\ndrain = "consul"\n')[0]


@pytest.mark.usefixtures("plugin")
class TestPlugins:
    def test_one_is_found_by_its_name_and_told_what_it_takes(self) -> None:
        """Its annotations are the schema: seconds have a unit, and lists are lists."""
        made = handler(read("""
[handlers.acme]
drain = "acme"
with = { place = "here", every = "250ms", words = ["a", "b"], often = 3, loud = true, kind = { any = "thing" } }
"""))  # fmt: skip
        import acme_drains  # type: ignore[import-not-found]

        (told,) = acme_drains.told
        acme_drains.told.clear()
        assert ("here", 0.25, ["a", "b"], 3, True, {"any": "thing"}) == tuple(
            told[each] for each in ("place", "every", "words", "often", "loud", "kind")
        )
        assert (7.0, 0.5, "acme", Retry()) == (made.timeout, made.expected, made.name, made.retry)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            (
                "acme-broken",
                "cannot load the drainer 'acme-broken': its plugin acme_gone:drain is broken: ModuleNotFound",
            ),
            ("acme-text", "its plugin acme_drains:PLACE is no function"),
            ("acme-wrong", "makes no handler that can run here"),
            ("acme-async", "makes no handler that can run here, where no event loop is"),
        ],
    )
    def test_a_broken_one_is_named(self, name: str, expected: str) -> None:
        """With its plugin."""
        assert expected in only(f'[handlers.a]\ndrain = "{name}"\n')

    def test_one_that_raises_is_named(self) -> None:
        """Whatever it raises."""
        found = only('[handlers.a]\ndrain = "acme-raises"\nwith = { place = "x" }\n')

        assert "the drainer 'acme-raises' is broken: RuntimeError('not today')" in found

    def test_a_broken_one_is_nothing_to_others(self) -> None:
        """It is loaded only by its name."""
        read('[handlers.a]\ndrain = "consul"\nwith = { service = "web-1" }\n')

        assert {"acme", "acme-broken", "consul", "haproxy"} <= {*drainer_names()}


class TestBuiltIn:
    @pytest.mark.parametrize("file", EXAMPLES, ids=[file.stem for file in EXAMPLES])
    def test_each_takes_what_its_example_says(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """And makes a handler of it, without asking anybody."""
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        made = [each for each in read(file.read_text()).handlers if each.phase == "drain"]

        assert f'drain = "{file.stem}"' in file.read_text()
        assert made
        assert all(each.call is not None for each in made)

    @pytest.mark.parametrize("file", EXAMPLES, ids=[file.stem for file in EXAMPLES])
    def test_each_has_a_time_of_its_own(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that a plan that is too long is seen; it usually takes far less."""
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        made = [each for each in read(file.read_text()).handlers if each.phase == "drain"]

        assert "timeout" not in file.read_text()
        assert all((each.expected or 99) < (each.timeout or 0) for each in made)

    def test_each_has_an_example(self) -> None:
        """Those of plugins are not ours."""
        assert {file.stem for file in EXAMPLES} == {*drainer_names()}


def test_a_wait_that_is_longer_than_the_time_out_is_a_mistake() -> None:
    """It would be cut off; a short time-out beside the usual wait is none."""
    text = "[handlers.lb]\ndrain = 'http'\ntimeout = '2s'\nwith = { down = 'http://127.0.0.1/x'WAIT }\n"

    assert "cannot wait with wait=9.0 and timeout=2.0: it would be cut off" in only(
        text.replace("WAIT", ", wait = '9s'")
    )
    assert 2.0 == handler(read(text.replace("WAIT", ""))).timeout
