"""The configuration: what it means, and every kind of mistake, each with its place."""

from __future__ import annotations

import os
import random
import signal
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.agent.builtin import builtin_handlers
from processender.agent.config import load
from processender.agent.decide import decide
from processender.agent.errors import ConfigError
from processender.agent.files import ConfigFile, find_file, overrides
from processender.agent.locate import locate
from processender.agent.settings import Settings
from processender.core.handler import Importance

WHOLE = """
service = "orders"
grace = "20s"
drain_delay = "500ms"
probe_listen = "127.0.0.1:8080"
on_drain = "keep-serving"
strict = true
exit = "reraise"

[command]
stop_signal = "SIGINT"

[order]
require = [["flush", "commit"]]

[lanes]
db = 2

[handlers.flush]
run = ["./flush.sh", "--all"]
phase = "flush"
timeout = "5s"
retry = { attempts = 3, initial = "100ms", maximum = "2s" }
importance = "must"
lane = "db"

[handlers.tell]
http = { method = "PUT", url = "http://127.0.0.1:9/x?y=1", expect = [200, 204] }
phase = "commit"
needs = ["flush"]
priority = 3
"""


def read(text: str | bytes, root: tuple[str, ...] = (), **environ: str) -> Settings:
    """Return the settings of *text* under the given variables."""
    data = text.encode() if isinstance(text, str) else text
    return load(ConfigFile("pe.toml", data, root), environ)


def mistakes(text: str | bytes, root: tuple[str, ...] = (), **environ: str) -> list[str]:
    """Return everything that is wrong with *text* under the given variables."""
    with pytest.raises(ConfigError) as caught:
        read(text, root, **environ)
    return list(caught.value.problems)


def only(text: str | bytes, **environ: str) -> str:
    """Return the single mistake in *text*."""
    found = mistakes(text, **environ)
    assert 1 == len(found), found
    return found[0]


class TestMeaning:
    def test_everything_is_taken(self) -> None:
        """Each key at the root ends up in the settings."""
        settings = read(WHOLE)

        assert ("orders", 20.0, 0.5) == (settings.service, settings.grace, settings.drain_delay)
        assert ("127.0.0.1:8080", "keep-serving") == (settings.probe_listen, settings.on_drain)
        assert (True, "reraise", signal.SIGINT) == (settings.strict, settings.exit, settings.stop_signal)
        assert ((("flush", "commit"),), {"db": 2}) == (settings.require, settings.lanes)

    def test_a_handler_is_what_its_table_says(self) -> None:
        """Times are seconds, the rest is as written."""
        flush, tell = read(WHOLE).handlers

        assert ("flush", "flush", 5.0, Importance.MUST) == (flush.name, flush.phase, flush.timeout, flush.importance)
        assert (3, 0.1, 2.0) == (flush.retry.attempts, flush.retry.initial, flush.retry.maximum)
        assert ("commit", ("flush",), 3) == (tell.phase, tell.needs, tell.priority)

    def test_what_a_handler_calls_is_made_at_once(self) -> None:
        """Nothing is loaded at the end, when there may be nothing to load it from."""
        flush, tell = read(WHOLE).handlers

        assert callable(flush.call)
        assert callable(tell.call)

    def test_an_empty_file_means_the_defaults(self) -> None:
        """A file that says nothing changes nothing."""
        assert Settings(file="pe.toml") == read("")

    def test_a_byte_order_mark_means_nothing(self) -> None:
        """Editors on Windows write one."""
        assert 10.0 == read(b'\xef\xbb\xbfgrace = "10s"\n').grace

    def test_a_table_in_another_file_is_found_under_its_root(self) -> None:
        """As in pyproject.toml."""
        settings = read('[tool.processender]\ngrace = "3s"\n', root=("tool", "processender"))

        assert 3.0 == settings.grace

    def test_a_handler_may_wait_for_the_agents_own(self) -> None:
        """`command` is a handler like any other."""
        settings = read('[handlers.flush]\nrun = ["true"]\nphase = "flush"\nneeds = ["command"]\n')

        assert ("command",) == settings.handlers[0].needs

    def test_the_agents_own_names_are_those_it_checks_against(self) -> None:
        """A handler named like one of them would be refused."""
        assert ["readiness", "drain-delay", "command"] == [h.name for h in builtin_handlers(0.0, "fail-readiness")]

    def test_keep_serving_turns_the_order_round(self) -> None:
        """Readiness then fails after the delay."""
        names = [(h.name, h.after) for h in builtin_handlers(1.0, "keep-serving")]

        assert [("drain-delay", ()), ("readiness", ("drain-delay",)), ("command", ())] == names


class TestTypes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("service = 3", "pe.toml:1: service: must be text, not 3 (a whole number)"),
            ("service = [1]", "pe.toml:1: service: must be text, not a list"),
            ("strict = 1", "pe.toml:1: strict: must be true or false, not 1 (a whole number)"),
            ("handlers = 3", "pe.toml:1: handlers: must be a table, not 3 (a whole number)"),
            ("lanes = [1]", "pe.toml:1: lanes: must be a table, not a list"),
            ("lanes.db = 0", "pe.toml:1: lanes.db: 0 is out of range; it must be a whole number from 1 to 100000"),
            ("lanes.db = -2", "pe.toml:1: lanes.db: -2 is out of range; it must be a whole number from 1 to 100000"),
            ('lanes.db = "1"', "pe.toml:1: lanes.db: must be a whole number from 1 to 100000, not '1' (text)"),
            ("lanes.db = true", "pe.toml:1: lanes.db: must be a whole number from 1 to 100000, not true"),
            ("order.require = [1]", "pe.toml:1: order.require[0]: must be a list, not 1 (a whole number)"),
            ("grace = 1979-05-27", "pe.toml:1: grace: must be a length of time like '30s', not a date"),
        ],
    )
    def test_a_wrong_type_is_named_with_the_right_one(self, text: str, expected: str) -> None:
        """The place, the key, what it must be, and what it is."""
        assert only(text + "\n").startswith(expected)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("grase = '1s'", "pe.toml:1: grase: there is no such key; did you mean 'grace'?"),
            ("[command]\nstop_sinal = 'TERM'", "pe.toml:2: command.stop_sinal: there is no such key; did you mean"),
            ("[handlers.a]\nrun = ['x']\ntimeut = '1s'", "pe.toml:3: handlers.a.timeut: there is no such key; did you"),
            ("[handlers.a]\nrun = ['x']\nretry.atempts = 2", "pe.toml:3: handlers.a.retry.atempts: there is no such"),
            ("zzz = 1", "pe.toml:1: zzz: there is no such key; known: checks, command, control"),
        ],
    )
    def test_an_unknown_key_is_refused_with_the_nearest(self, text: str, expected: str) -> None:
        """A typing error is never silently a default."""
        assert only(text + "\n").startswith(expected)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("30", "30 has no unit; give a unit: '30s'"),
            ("1.5", "1.5 has no unit; give a unit: '1.5s'"),
            ('"30"', "'30' has no unit; give a unit: '30s'"),
            ('"-5s"', "'-5s' is too short; it must be more than 0s"),
            ('"0s"', "'0s' is too short; it must be more than 0s"),
            ('"5y"', "'5y' has the unknown unit 'y'"),
            ('"5sm"', "'5sm' has the unknown unit 'sm'"),
            ('"fast"', "'fast' is not a length of time"),
            ('""', "'' is not a length of time"),
            ('"nan"', "'nan' is not a length of time"),
            ('"infs"', "'infs' is not a length of time"),
            ('"1e3s"', "'1e3s' is not a length of time"),
            ('"99999h"', "'99999h' is longer than a week; is the unit right?"),
            ("true", "must be a length of time like '30s', not true"),
        ],
    )
    def test_a_length_of_time_needs_sense_and_a_unit(self, value: str, expected: str) -> None:
        """A bare number has meant seconds here and milliseconds there once too often."""
        assert expected in only(f"grace = {value}\n")

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ('importance = "vital"', "must be one of 'must', 'should', 'may', not 'vital'"),
            ('importance = "shuold"', "did you mean 'should'?"),
            ('phase = "comit"', "there is no phase 'comit'; did you mean 'commit'?"),
            ("retry = { attempts = 0 }", "0 is out of range; it must be a whole number from 1 to 1000"),
            ('retry = { initial = "9s", maximum = "1s" }', "initial, 9s, is longer than maximum, 1s"),
            ("retry = { factor = 0.5 }", "0.5 is out of range; it must be a number from 1 to 100"),
            ("retry = { on = [900] }", "900 is out of range"),
            ("retry = { on = [503] }", "503 is no exit code"),
            ("value = -1.0", "out of range"),
            ("value = nan", "out of range"),
            ("priority = 0.5", "must be a whole number"),
            ('cwd = ""', "is empty; name a directory or leave it out"),
            ('env = { "A=B" = "1" }', "'A=B' cannot be the name of a variable"),
        ],
    )
    def test_a_wrong_choice_is_named_with_the_right_ones(self, line: str, expected: str) -> None:
        """The choices, and the nearest one."""
        assert expected in only(f'[handlers.a]\nrun = ["x"]\n{line}\n')

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("TREM", "there is no signal 'TREM'; did you mean 'TERM'?"),
            ("STOP", "'STOP' ends nothing"),
            ("9", "there is no signal '9'"),
        ],
    )
    def test_the_stop_signal_must_be_one_that_ends(self, name: str, expected: str) -> None:
        """And it must exist."""
        assert expected in only(f'command.stop_signal = "{name}"\n')

    @pytest.mark.parametrize("address", ["8080", "host", "1.2.3.4:99999", "::1:80", "a b:80", "host:"])
    def test_a_bad_address_is_said_with_a_good_one(self, address: str) -> None:
        """Every message about an address ends in an example, or in the range."""
        found = only(f'probe_listen = "{address}"\n')

        assert "write it like" in found or "from 0 to 65535" in found

    @pytest.mark.parametrize("name", ["", "  ", "a\\u0007b"])
    def test_a_service_has_a_name_that_can_be_printed(self, name: str) -> None:
        """It stands in lines, reports and the name of a directory."""
        assert "is no name" in only(f'service = "{name}"\n')


class TestHandlers:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ("", "'a' has neither `run` nor `http` nor `drain`, so there is nothing to do"),
            ("run = []", "is empty; give the command and its arguments"),
            ('run = [""]', "is empty; give the command and its arguments"),
            ('run = "./x --all"', "must be a list, not './x --all' (text); write it in brackets: [...]"),
            ("run = [1]", "handlers.a.run[0]: must be text, not 1"),
            ('run = ["x", "a\\u0000b"]', "handlers.a.run[1]: contains a NUL character"),
            ('run = ["x"]\nhttp = { url = "http://h/" }', "'a' has both `run` and `http`"),
            ("http = {}", "handlers.a.http: has no url"),
            ('http = { url = "ftp://h/" }', "'ftp://h/' needs http or https in front"),
            ('http = { url = "http:///x" }', "'http:///x' needs a host and a port"),
            ('http = { url = "http://h:0/" }', "needs a host and a port"),
            ('http = { url = "http://h:99999/" }', "'http://h:99999/' is no URL"),
            ('http = { url = "http://[::1/" }', "is no URL"),
            (f'http = {{ url = "http://{"h" * 70}/" }}', "is no URL: "),
            ('http = { url = "http://h/a b" }', "contains a sign that must be written as %XX"),
            ('http = { url = "http://h/\\u00e4" }', "contains a sign that must be written as %XX"),
            ('http = { url = "http://me:secret@h/" }', "must not hold a password"),
            ('http = { url = "http://h/", method = "PSOT" }', "there is no method 'PSOT'; did you mean 'POST'?"),
            ('http = { url = "http://h/", method = "get" }', "there is no method 'get'; did you mean 'GET'?"),
            ('http = { url = "http://h/", expect = [99] }', "99 is out of range"),
            ('http = { url = "http://h/", expect = ["ok"] }', "must be a whole number from 100 to 599, not 'ok'"),
            ('http = { url = "http://h/", expect = 200 }', "must be a list, not 200"),
            ('http = { url = "http://h/", headers = { "a b" = "x" } }', "'a b' cannot be the name of a header field"),
            ('http = { url = "http://h/", headers = { a = "x\\ny" } }', "contains a line end or another sign"),
            ('http = { url = "http://h/", headers_env = { a = "NO_SUCH" } }', "the variable 'NO_SUCH', which should"),
            ('http = { url = "http://h/" }\ncwd = "/tmp"', "goes with `run`, not with `http`"),
        ],
    )
    def test_what_a_handler_does_must_make_sense(self, body: str, expected: str) -> None:
        """A step that cannot be taken is found at the start, not at the end."""
        assert expected in only(f"[handlers.a]\n{body}\n")

    def test_a_password_is_not_repeated(self) -> None:
        """A message about a secret does not hold it."""
        assert "secret" not in only('[handlers.a]\nhttp = { url = "http://me:secret@h/" }\n')

    def test_a_secret_comes_from_the_environment(self) -> None:
        """A header field may name the variable that holds it."""
        text = '[handlers.a]\nhttp = { url = "http://h/", headers_env = { Authorization = "TOKEN" } }\n'

        assert 1 == len(read(text, TOKEN="Bearer x").handlers)

    def test_a_secret_that_cannot_be_sent_is_refused(self) -> None:
        """A line end in it would begin another header field."""
        text = '[handlers.a]\nhttp = { url = "http://h/", headers_env = { Authorization = "TOKEN" } }\n'

        assert "cannot be sent" in only(text, TOKEN="x\r\ny: z")


class TestOrder:
    def test_an_unknown_name_stands_at_its_own_place(self) -> None:
        """The element of the list, and the nearest name."""
        text = '[handlers.flush]\nrun = ["x"]\n[handlers.b]\nrun = ["x"]\nneeds = [\n  "flush",\n  "flsh",\n]\n'

        assert "pe.toml:7: handlers.b.needs[1]: 'b' names 'flsh', which does not exist; did you mean 'flush'?" == only(
            text
        )

    def test_a_cycle_is_named_in_full(self) -> None:
        """Every handler on it, in order."""
        text = "\n".join(f'[handlers.{a}]\nrun = ["x"]\nafter = ["{b}"]' for a, b in ("ab", "bc", "ca"))
        found = only(text)

        assert "a cycle: " in found
        assert all(f"'{name}' waits for" in found for name in "abc")

    def test_an_order_against_the_phases_is_refused(self) -> None:
        """What runs later cannot be waited for."""
        text = (
            '[handlers.a]\nrun = ["x"]\nphase = "release"\n[handlers.b]\nrun = ["x"]\nphase = "flush"\nafter = ["a"]\n'
        )

        assert "pe.toml:7: handlers.b.after[0]: 'b' (phase 'flush') cannot wait for 'a'" in only(text)

    def test_the_agents_own_names_are_taken(self) -> None:
        """A second `command` would be another handler of that name; `way-back` comes when the command is ready."""
        assert "there are two handlers named 'command'" in only('[handlers.command]\nrun = ["x"]\n')
        assert "there are two handlers named 'way-back'" in only('[handlers.way-back]\nrun = ["x"]\n')

    def test_an_unknown_lane_is_refused_where_lanes_are_listed(self) -> None:
        """With the nearest one."""
        found = only('[lanes]\ndb = 1\n[handlers.a]\nrun = ["x"]\nlane = "bd"\n')

        assert "pe.toml:5: handlers.a.lane: 'a' wants the lane 'bd', which does not exist" in found

    def test_a_required_order_must_follow_from_the_plan(self) -> None:
        """Else somebody only believes in it."""
        text = '[order]\nrequire = [["a", "b"]]\n[handlers.a]\nrun = ["x"]\n[handlers.b]\nrun = ["x"]\n'

        assert "pe.toml:2: order.require: order.require wants 'a' before 'b'" in only(text)

    def test_a_required_name_must_exist(self) -> None:
        """A chain with a typing error in it would hold for ever."""
        assert "order.require names 'nobody'" in only('order.require = [["nobody", "command"]]\n')

    def test_a_broken_neighbour_is_not_a_mistake_of_the_order(self) -> None:
        """Who names a handler that could not be made has done nothing wrong."""
        text = '[handlers.a]\nrun = ["x"]\ntimeout = 3\n[handlers.b]\nrun = ["x"]\nafter = ["a"]\n'

        assert "pe.toml:3: handlers.a.timeout" in only(text)


class TestFiles:
    def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(self) -> None:
        """Nobody wants to meet them one by one."""
        text = 'grace = 3\nzzz = 1\n[handlers.a]\n[handlers.b]\nrun = ["x"]\nneeds = ["c"]\nphase = "x"\n'
        lines = [found.split(":")[1] for found in mistakes(text, PROCESSENDER_GRASE="1s")[1:]]

        assert ["1", "2", "3", "7"] == lines

    def test_a_syntax_error_has_its_line(self) -> None:
        """What is no TOML cannot be checked further."""
        assert only('grace = "1s"\ngrace\n').startswith("pe.toml:2: is not TOML: ")

    def test_a_key_that_is_given_twice_is_a_syntax_error(self) -> None:
        """TOML itself forbids it."""
        assert only('[handlers.a]\nrun = ["x"]\n[handlers.a]\nrun = ["y"]\n').startswith("pe.toml:3: is not TOML: ")

    def test_an_end_that_comes_too_early_has_its_line(self) -> None:
        """Also where tomllib only says `end of document`."""
        assert "is not TOML" in only('a = """\nx\n')

    def test_a_number_that_is_too_long_is_a_mistake(self) -> None:
        """Python does not convert it, and says so in its own way."""
        assert only(f"grace = {'9' * 5000}\n").startswith("pe.toml: is not TOML that can be read: ")

    def test_other_encodings_are_named(self) -> None:
        """With the line where it begins."""
        assert only(b'a = 1\nb = "\xe4"\n').startswith("pe.toml:2: is not UTF-8: ")

    def test_what_is_nested_too_deeply_is_refused(self) -> None:
        """The parser would run out of stack."""
        assert "nested too deeply" in only("a = " + "[" * 20000 + "]" * 20000)

    def test_a_root_that_is_no_table_is_refused(self) -> None:
        """As `[[tool.processender]]` would make it."""
        found = mistakes("[[tool.processender]]\ngrace = '1s'\n", root=("tool", "processender"))

        assert ["pe.toml:1: tool.processender must be a table"] == found

    def test_the_line_is_that_of_the_file_under_another_root(self) -> None:
        """And the key is as our own documents name it."""
        text = "[project]\nname = 'x'\n[tool.processender]\ngrace = 3\n"

        assert ["pe.toml:4: grace: 3 has no unit; give a unit: '3s'"] == mistakes(text, root=("tool", "processender"))

    def test_a_missing_file_is_a_mistake_when_it_was_named(self, tmp_path: Path) -> None:
        """Nobody names a file that is not to be read."""
        with pytest.raises(ConfigError, match=r"cannot be read: No such file or directory; check the path"):
            find_file(str(tmp_path / "no.toml"))

    def test_a_directory_is_a_mistake(self, tmp_path: Path) -> None:
        """And the next step is to name the file in it."""
        with pytest.raises(ConfigError, match=r"Is a directory; name the file itself"):
            find_file(str(tmp_path))

    def test_an_unreadable_file_is_a_mistake(self) -> None:
        """A file in /proc that nobody may read, not even root."""
        with pytest.raises(ConfigError, match=r"cannot be read: .*; check the path"):
            find_file("/proc/self/mem")

    def test_a_huge_file_is_not_read_to_its_end(self) -> None:
        """/dev/zero has no end."""
        with pytest.raises(ConfigError, match="is larger than 1 MiB"):
            find_file("/dev/zero")

    def test_our_own_file_goes_before_the_projects(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One of them is read, never both."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "pyproject.toml").write_text("[tool.processender]\n")
        (tmp_path / "processender.toml").write_text("")
        found = find_file()

        assert found is not None
        assert "processender.toml" == found.path

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("[tool.processender]\n", True),
            ('[ tool . "processender" ]\n', True),
            ("[tool]\nprocessender = { grace = '1s' }\n", True),
            ("[tool]\nprocessender.grace = '1s'\n", True),
            ('[project]\nname = "processender-user"\ndependencies = ["processender"]\n', False),
            ("", False),
        ],
    )
    def test_a_project_counts_only_with_a_table_of_ours(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: bool
    ) -> None:
        """Many projects name us and say nothing to us."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "pyproject.toml").write_text(text)

        assert expected == (find_file() is not None)

    def test_without_a_file_there_is_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The main job needs no configuration."""
        monkeypatch.chdir(tmp_path)

        assert find_file() is None


class TestOverrides:
    @pytest.mark.parametrize(
        ("name", "value", "field", "expected"),
        [
            ("GRACE", "9s", "grace", 9.0),
            ("DRAIN_DELAY", "0s", "drain_delay", 0.0),
            ("STRICT", "false", "strict", False),
            ("COMMAND__STOP_SIGNAL", "QUIT", "stop_signal", signal.SIGQUIT),
            ("LANES", "{ db = 7 }", "lanes", {"db": 7}),
            ("LANES__DB", "9", "lanes", {"db": 9}),
            ("ORDER__REQUIRE", '[["flush", "tell"]]', "require", (("flush", "tell"),)),
        ],
    )
    def test_every_key_has_its_variable(self, name: str, value: str, field: str, expected: object) -> None:
        """Text as it is, everything else as TOML."""
        settings = read(WHOLE, **{f"PROCESSENDER_{name}": value})

        assert expected == getattr(settings, field)

    def test_a_key_of_a_handler_has_its_variable(self) -> None:
        """Two underscores stand for a dot."""
        settings = read(WHOLE, PROCESSENDER_HANDLERS__FLUSH__TIMEOUT="2s", PROCESSENDER_HANDLERS__TELL__PRIORITY="4")

        assert [2.0, 4] == [settings.handlers[0].timeout, settings.handlers[1].priority]

    def test_a_name_with_a_hyphen_is_written_with_an_underscore(self) -> None:
        """A variable can have no other."""
        text = '[handlers."Flush-Now.1"]\nrun = ["x"]\n'
        settings = read(text, PROCESSENDER_HANDLERS__FLUSH_NOW_1__TIMEOUT="2s")

        assert 2.0 == settings.handlers[0].timeout

    def test_an_override_needs_no_file(self) -> None:
        """It overrides the defaults."""
        assert 7.0 == load(None, {"PROCESSENDER_GRACE": "7s"}).grace

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("GRASE", "1s", "PROCESSENDER_GRASE: there is no such key: grase; did you mean 'grace'?"),
            ("HANDLERS__FLSH__TIMEOUT", "1s", "there is no such key: handlers.flsh; did you mean 'flush'?"),
            ("HANDLERS__FLUSH__TIMEUT", "1s", "handlers.flush.timeut; did you mean 'timeout'?"),
            ("GRACE__X", "1s", "there is no such key: grace.x; it has no keys"),
            ("GRACE", "5", "PROCESSENDER_GRACE: grace: '5' has no unit; give a unit: '5s'"),
            ("STRICT", "yes", "PROCESSENDER_STRICT: 'yes' is not a TOML value; write it like true"),
            ("LANES__DB", "0", "PROCESSENDER_LANES__DB: lanes.db: 0 is out of range"),
            ("HANDLERS__FLUSH__IMPORTANCE", "vital", "PROCESSENDER_HANDLERS__FLUSH__IMPORTANCE: handlers.flush."),
            ("HANDLERS__FLUSH__RUN", "x y", "is not a TOML value"),
        ],
    )
    def test_a_wrong_variable_is_named(self, name: str, value: str, expected: str) -> None:
        """It is the place of the mistake."""
        assert expected in only(WHOLE, **{f"PROCESSENDER_{name}": value})

    @pytest.mark.parametrize(
        "name",
        [
            *[
                "STATE",
                "DISABLE",
                "CAUSE",
                "REMAINING",
                "ATTEMPT",
                "IDEMPOTENCY_KEY",
                "PORT",
                "PORT_80_TCP",
                "SERVICE_HOST",
            ],
            *["PID", "CRASH", "CRASH_CAUSE", "CRASH_SUMMARY"],
        ],
    )
    def test_some_variables_are_no_overrides(self, name: str) -> None:
        """What we set ourselves, and what Kubernetes sets for a Service of our name."""
        assert {} == overrides({f"PROCESSENDER_{name}": "x"})


class TestDecision:
    def test_flags_go_before_variables_and_these_before_the_file(self, tmp_path: Path) -> None:
        """The nearer to the call, the heavier."""
        file = tmp_path / "pe.toml"
        file.write_text('grace = "1s"\ndrain_delay = "100ms"\n')
        environ = {"PROCESSENDER_GRACE": "2s", "PROCESSENDER_DRAIN_DELAY": "200ms"}
        settings = decide(str(file), {"grace": "3s", "drain_delay": None}, environ)

        assert (3.0, 0.2) == (settings.grace, settings.drain_delay)

    def test_mistakes_in_flags_are_told_with_the_others(self, tmp_path: Path) -> None:
        """All at once means all."""
        file = tmp_path / "pe.toml"
        file.write_text("grace = 1\n")
        with pytest.raises(ConfigError) as caught:
            decide(str(file), {"grace": "5", "probe_listen": "x"}, {"PROCESSENDER_X": "1"})

        assert 4 == len(caught.value.problems)

    def test_the_drain_delay_must_leave_time(self) -> None:
        """A delay as long as the grace would leave none to end in."""
        with pytest.raises(ConfigError, match="drain_delay, 5s, is not shorter than grace, 5s"):
            decide("", {"grace": "5s", "drain_delay": "5s"}, {})

    def test_without_a_file_the_parser_is_not_loaded(self) -> None:
        """`msgspec` and `tomllib` would be half of the agent's memory."""
        source = (
            "import sys, os; os.chdir('/');"
            "from processender.agent.decide import decide; decide('', {'grace': '5s'}, {});"
            "print(sorted({'msgspec', 'tomllib', 'typing', 'argparse', 'socket', 'subprocess'} & set(sys.modules)))"
        )
        with os.popen(f'{os.sys.executable} -c "{source}"') as pipe:  # type: ignore[attr-defined]
            loaded = pipe.read()

        assert "[]\n" == loaded


RICH = r'''
# a comment = [ { "
a = 1 # b = 2
"quoted key" = 'x = [1'
'lit"eral' . "dotted\u0041" = "a \" # = ] }"
long = """
x = 1
[not.a.table]
""""
lines = @@@
[y]
@@@@
when = 1979-05-27 07:32:00
list = [ 1, [2, 3], # ]
  { in = "x", "q.r" = [true] },
]
[t.u]
b = { c = 1, d.e = 2 }
[[many]]
x = 1
[[many]]
x = [
  "2",
]
[many.sub]
y = 3
'''.replace("@", "'")


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of everything in *value*."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in parts:
        yield (*path, key)
        yield from paths(each, (*path, key))


class TestPlaces:
    def test_everything_has_a_line(self) -> None:
        """In every form in which TOML can be written."""
        assert set() == set(paths(tomllib.loads(RICH))) - set(locate(RICH))

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            (("a",), "a = 1"),
            (('lit"eral', "dottedA"), "'lit"),
            (("list", 1, 1), "list = ["),
            (("list", 2, "q.r", 0), "{ in"),
            (("t", "u"), "[t.u]"),
            (("t", "u", "b", "d", "e"), "b = {"),
            (("many", 1, "x", 0), '"2",'),
            (("many", 1, "sub", "y"), "y = 3"),
        ],
    )
    def test_the_line_is_where_it_stands(self, path: tuple[str | int, ...], text: str) -> None:
        """Counted from 1."""
        line = RICH.splitlines()[locate(RICH)[path] - 1]

        assert line.strip().startswith(text)

    @pytest.mark.parametrize("seed", range(300))
    def test_no_damage_leads_to_another_error(self, seed: int) -> None:
        """Whatever a file holds, it is understood or its mistakes are told."""
        chance = random.Random(seed)
        data = bytearray(WHOLE.encode())
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            if chance.random() < 0.5:
                data[at] = chance.choice(b'"[]{}=.,#\n\\0x\xff\x00')
            else:
                end = min(len(data), at + chance.randint(1, 30))
                data[at:at] = data[chance.randrange(end) : end]
        problems: tuple[str, ...] = ()
        try:
            read(bytes(data))
        except ConfigError as error:
            problems = error.problems

        assert all(": " in problem for problem in problems)
