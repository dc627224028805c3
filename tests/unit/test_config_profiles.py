"""Profiles in the configuration: which one holds, how it is merged, and its mistakes, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from processender.agent.config import load
from processender.agent.decide import decide
from processender.agent.errors import ConfigError
from processender.agent.files import ConfigFile
from processender.agent.profiles import merge
from processender.agent.settings import Settings
from processender.core.handler import Importance
from tests.unit.test_config import mistakes, only, read

WHOLE = """
grace = "30s"
on_drain = "fail-readiness"

[handlers.flush]
run = ["./flush.sh", "--all"]
timeout = "5s"
needs = ["command"]

[handlers.tell]
http = { url = "http://127.0.0.1:9/x" }

[profile.kubernetes]
grace = "20s"
drain_delay = "3s"
on_drain = "keep-serving"

[profile.kubernetes.handlers.flush]
timeout = "2s"
importance = "must"
needs = []

[profile.lambda]
grace = "2s"
without = ["handlers.tell", "handlers.flush.timeout"]

[profile.lambda.sources.end]
listen = "aws-lambda"

[profile.staging]
grace = "9s"
"""


def on(text: str, *platforms: str, profile: str = "", **environ: str) -> Settings:
    """Return the settings of *text* on *platforms*."""
    return load(ConfigFile("pe.toml", text.encode()), environ, profile=profile, platforms=platforms)


class TestChoice:
    @pytest.mark.parametrize(
        ("platforms", "profile", "grace"),
        [
            (["kubernetes", "ec2"], "kubernetes", 20.0),
            (["lambda"], "lambda", 2.0),
            (["github-actions", "lambda", "kubernetes"], "lambda", 2.0),
            (["systemd"], "", 30.0),
            ([], "", 30.0),
        ],
    )
    def test_the_first_platform_with_a_profile_decides(self, platforms: list[str], profile: str, grace: float) -> None:
        """Where none has one, the file holds as it is."""
        settings = on(WHOLE, *platforms)

        assert (profile, grace) == (settings.profile, settings.grace)

    @pytest.mark.parametrize(
        ("flag", "variable", "key", "expected"),
        [
            ("", "", "", "kubernetes"),
            ("", "", "staging", "staging"),
            ("", "lambda", "staging", "lambda"),
            ("none", "lambda", "staging", ""),
            ("auto", "lambda", "staging", "kubernetes"),
            ("staging", "lambda", "", "staging"),
        ],
    )
    def test_a_name_weighs_more_than_the_platform(self, flag: str, variable: str, key: str, expected: str) -> None:
        """The flag before the variable before the file."""
        text = (f'use_profile = "{key}"\n' if key else "") + WHOLE
        environ = {"PROCESSENDER_PROFILE": variable} if variable else {}

        assert expected == on(text, "kubernetes", profile=flag, **environ).profile

    def test_the_platform_is_that_of_this_process(self) -> None:
        """Found by its environment."""
        assert "kubernetes" == read(WHOLE, KUBERNETES_SERVICE_HOST="10.0.0.1").profile

    def test_a_variable_for_a_file_without_profiles_means_nothing(self) -> None:
        """An agent inherits it from the one around it."""
        assert 3.0 == read('grace = "3s"\n', PROCESSENDER_PROFILE="kubernetes").grace

    def test_the_flag_and_the_file_go_together(self, tmp_path: Path) -> None:
        """As `--profile` of `run` and `plan`."""
        (tmp_path / "pe.toml").write_text(WHOLE)

        assert 9.0 == decide(str(tmp_path / "pe.toml"), {"profile": "staging"}, {}).grace


class TestMerge:
    def test_tables_merge_and_everything_else_replaces(self) -> None:
        """A list is replaced as a whole, also by an empty one."""
        flush, tell = on(WHOLE, "kubernetes").handlers

        assert ("flush", 2.0, Importance.MUST, ()) == (flush.name, flush.timeout, flush.importance, flush.needs)
        assert "tell" == tell.name
        assert "keep-serving" == on(WHOLE, "kubernetes").on_drain

    def test_what_a_profile_does_not_say_stays(self) -> None:
        """In the file, and in each table."""
        assert "fail-readiness" == on(WHOLE, "lambda").on_drain
        assert ("command",) == on(WHOLE, "lambda").handlers[0].needs

    def test_a_profile_leaves_out_what_it_names(self) -> None:
        """A whole handler, or one key of it: TOML has no word for nothing."""
        settings = on(WHOLE, "lambda")

        assert [("flush", None)] == [(each.name, each.timeout) for each in settings.handlers if each.name != "end"]
        assert ["end"] == [source.name for source in settings.sources]

    def test_a_variable_holds_whatever_the_profile(self) -> None:
        """The environment has the last word; it can change a profile, too."""
        assert 7.0 == on(WHOLE, "kubernetes", PROCESSENDER_GRACE="7s").grace
        assert 8.0 == on(WHOLE, "kubernetes", PROCESSENDER_PROFILE__KUBERNETES__GRACE="8s").grace
        assert "staging" == on(WHOLE, "lambda", PROCESSENDER_USE_PROFILE="staging").profile

    def test_a_profile_of_variables_alone_holds(self) -> None:
        """No file is needed for it."""
        settings = load(None, {"PROCESSENDER_PROFILE__KUBERNETES__GRACE": "8s"}, platforms=("kubernetes",))

        assert 8.0 == settings.grace

    def test_a_variable_of_a_profile_reaches_whatever_a_key_does(self) -> None:
        """Handlers and sources, also such as the profile does not have yet, with the type of the key."""
        at = "PROCESSENDER_PROFILE__CLOUD_RUN__"
        settings = on(
            WHOLE,
            "cloud-run",
            **{
                f"{at}HANDLERS__FLUSH__TIMEOUT": "3s",
                f"{at}SOURCES__DOOR__LISTEN": "parent",
                f"{at}SERVICE": "7",
                f"{at}STRICT": "true",
                f"{at}WITHOUT": '["handlers.tell"]',
            },
        )

        assert ("cloud-run", "7", True) == (settings.profile, settings.service, settings.strict)
        assert [("flush", 3.0)] == [(each.name, each.timeout) for each in settings.handlers]
        assert ["door"] == [source.name for source in settings.sources]

    def test_nothing_of_what_is_merged_is_changed(self) -> None:
        """Another profile may be merged into the same tables."""
        base = {"a": {"b": 1, "c": [1]}, "d": 2}
        moved: dict[tuple[str | int, ...], tuple[str | int, ...]] = {}
        merged = merge(base, {"a": {"b": {"x": 1}, "c": []}, "e": {}}, ("profile", "p"), moved)

        assert {"a": {"b": {"x": 1}, "c": []}, "d": 2, "e": {}} == merged
        assert {"a": {"b": 1, "c": [1]}, "d": 2} == base
        assert {("a", "b"): ("profile", "p", "a", "b"), ("a", "c"): ("profile", "p", "a", "c"),
                ("e",): ("profile", "p", "e")} == moved  # fmt: skip


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                '[profile.kubernetes]\ngrce = "5s"',
                "pe.toml:2: profile.kubernetes.grce: there is no such key; did you mean",
            ),
            ('[profile.kubernetes]\ngrace = "5"', "pe.toml:2: profile.kubernetes.grace: '5' has no unit"),
            ("[profile.nomad]\nstrict = 3", "pe.toml:2: profile.nomad.strict: must be true or false"),
            (
                "[profile.kubernets]\n",
                "pe.toml:1: profile.kubernets: there is no platform 'kubernets', so `auto` never",
            ),
            ("[profile.auto]\n", "pe.toml:1: profile.auto: 'auto' means no profile"),
            ("[profile.nomad]\nuse_profile = 'x'", "pe.toml:2: profile.nomad.use_profile: stands at the root"),
            ("[profile.nomad.profile.x]\n", "pe.toml:1: profile.nomad.profile: stands at the root"),
            ("[profile]\nnomad = 3", "pe.toml:2: profile.nomad: must be a table"),
            ("profile = 3", "pe.toml:1: profile: must be a table"),
            ('profile = "nomad"', "pe.toml:1: profile: must be a table"),
            ("use_profile = 3", "pe.toml:1: use_profile: must be text"),
            ('use_profile = "x"\n[profile.y]', "pe.toml:1: use_profile: there is no profile 'x'; known: "),
            ("[profile.nomad]\nwithout = 3", "pe.toml:2: profile.nomad.without: must be a list of keys"),
            (
                '[profile.nomad]\nwithout = ["handlers.x"]',
                "pe.toml:2: profile.nomad.without[0]: there is no 'handlers.x'",
            ),
            ("[profile.nomad.handlers.x]\n", "pe.toml:1: profile.nomad.handlers.x: 'x' has neither `run` nor"),
            ('[profile.nomad.command]\nstop_signal = "X"', "pe.toml:2: profile.nomad.command.stop_signal: there is no"),
        ],
    )
    @pytest.mark.parametrize("chosen", ["", "nomad"])
    def test_each_has_its_place(self, text: str, expected: str, chosen: str) -> None:
        """Whether the profile holds here or not."""
        with pytest.raises(ConfigError) as caught:
            on(f"{text}\n", *([chosen] if chosen else []))

        assert 1 == len(caught.value.problems), caught.value.problems
        assert caught.value.problems[0].startswith(expected)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("PROCESSENDER_PROFILE__KUBERNETS__GRACE", "profile.kubernets: there is no platform 'kubernets'"),
            ("PROCESSENDER_HANDLERS__UPLOD__TIMEOUT", "there is no such key: handlers.uplod"),
            (
                "PROCESSENDER_PROFILE__NOMAD__HANDLERS__UPLOD__TIMEOUT",
                "there is no such key: profile.nomad.handlers.uplod",
            ),
            ("PROCESSENDER_SOURCES__POD__WITH", "sources.pod: 'pod' does not say what"),
        ],
    )
    def test_a_table_that_comes_from_a_variable_is_not_looked_for_in_the_file(self, name: str, expected: str) -> None:
        """Nobody would find it there."""
        value = "{}" if name.endswith("WITH") else "8s"

        assert only('[profile.lambda]\ngrace = "1s"\n', **{name: value}).startswith(f"{name}: {expected}")

    def test_what_is_wrong_only_with_a_profile_names_it(self) -> None:
        """A handler that gets a second deed is wrong in the file's own table, and nowhere else."""
        text = '[handlers.x]\nrun = ["true"]\n[profile.nomad.handlers.x]\nhttp = { url = "http://127.0.0.1:1/" }\n'

        assert only(text).startswith("pe.toml:3: profile.nomad: with it, handlers.x 'x' has both `run` and `http`")

    def test_a_mistake_that_a_profile_mends_is_one(self) -> None:
        """Where there is no profile the file must hold by itself."""
        with pytest.raises(ConfigError) as caught:
            on('grace = "x"\n[profile.nomad]\ngrace = "5s"\n', "nomad")

        assert caught.value.problems[0].startswith("pe.toml:1: grace: 'x' is not a length")

    def test_a_mistake_of_the_file_is_told_once(self) -> None:
        """However many profiles there are."""
        text = 'grace = "x"\n[profile.nomad]\nstrict = true\n[profile.lambda]\nstrict = true\n'

        assert 1 == len(mistakes(text))

    def test_a_secret_of_another_platform_need_not_be_here(self) -> None:
        """It is asked for where the profile holds."""
        http = 'http = { url = "http://127.0.0.1:1/", headers_env = { Authorization = "TOKEN" } }\n'
        text = f"[profile.nomad.handlers.x]\n{http}"

        assert "" == on(text).profile
        with pytest.raises(ConfigError) as caught:
            on(text, "nomad")
        assert "pe.toml:2: profile.nomad.handlers.x.http.headers_env" in caught.value.problems[0]

    def test_a_name_that_is_no_profile_is_told_by_who_said_it(self) -> None:
        """With the nearest one."""
        with pytest.raises(ConfigError) as caught:
            on(WHOLE, profile="stagign")
        flag = caught.value.problems
        with pytest.raises(ConfigError) as caught:
            on(WHOLE, PROCESSENDER_PROFILE="stagign")

        assert ("--profile: there is no profile 'stagign'; did you mean 'staging'?",) == flag
        assert (
            "PROCESSENDER_PROFILE: there is no profile 'stagign'; did you mean 'staging'?",
        ) == caught.value.problems

    def test_a_flag_without_any_file_is_a_mistake(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is nothing that it could mean."""
        monkeypatch.chdir(tmp_path)

        with pytest.raises(ConfigError, match="--profile: there is no profile 'nomad'"):
            decide("", {"profile": "nomad"}, {})

    def test_a_mistake_in_a_variable_names_it(self) -> None:
        """The key is in no file."""
        said = only(WHOLE, PROCESSENDER_PROFILE__LAMBDA__GRACE="x", AWS_LAMBDA_RUNTIME_API="x")

        assert said.startswith("PROCESSENDER_PROFILE__LAMBDA__GRACE: profile.lambda.grace: 'x' is not a length of time")

    def test_a_table_of_pyproject_has_profiles_too(self) -> None:
        """Their lines are found below its root."""
        text = '[tool.processender]\ngrace = "5s"\n[tool.processender.profile.nomad]\ngrace = "x"\n'

        assert mistakes(text, ("tool", "processender"))[0].startswith("pe.toml:4: profile.nomad.grace: 'x' is not")
