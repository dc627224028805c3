"""The tables that say how a command is ended and its output passed on: what they mean, and what is wrong in them."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from processender.agent.config import load
from processender.agent.decide import decide
from processender.agent.errors import ConfigError
from processender.agent.files import ConfigFile
from processender.agent.settings import Settings, Style
from processender.agent.steps import PRESETS
from processender.cli import plan

LAST = '[[command.stop]]\nsignal = "TERM"\n'


def read(text: str, **environ: str) -> Settings:
    """Return the settings of *text* under the given variables."""
    return load(ConfigFile("pe.toml", text.encode(), ()), environ)


def mistakes(text: str, **environ: str) -> list[str]:
    """Return what is wrong in *text*."""
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    return list(caught.value.problems)


class TestSteps:
    def test_steps_are_in_the_order_of_the_file(self) -> None:
        """Each with its deed, its time and its conditions."""
        found = read(
            '[[command.stop]]\nrun = ["./drain.sh", "--all"]\nwait = "10s"\nuntil_gone = "/run/x"\n'
            '[[command.stop]]\nhttp = { url = "http://127.0.0.1:1/quit?key=1" }\nwait = "0s"\nuntil_closed = "80"\n'
            '[[command.stop]]\nclose_stdin = true\nwait = "1s"\nuntil_http = { url = "http://127.0.0.1:1/x?key=1" }\n'
            '[[command.stop]]\nsignal = "SIGRTMIN+3"\n'
        ).steps

        assert ["./drain.sh", "POST http://127.0.0.1:1/quit", "close stdin", "SIGRTMIN+3"] == [s.shown for s in found]
        assert [10.0, 0.0, 1.0, None] == [step.wait for step in found]
        assert [["/run/x is gone"], ["no connection to 80"], ["GET http://127.0.0.1:1/x"], []] == [
            [until.shown for until in step.until] for step in found
        ]

    def test_without_any_the_stop_signal_is_the_only_step(self) -> None:
        """TERM, or another."""
        assert [signal.SIGTERM] == [step.signum for step in read("").steps]
        assert [signal.SIGINT] == [step.signum for step in read('command.stop_signal = "INT"').steps]

    def test_a_preset_is_its_steps(self) -> None:
        """From the file, from a variable, or from a flag, which weighs more."""
        assert PRESETS["nginx"] == read('command.preset = "nginx"').steps
        assert PRESETS["java"] == read("", PROCESSENDER_COMMAND__PRESET="java").steps

    def test_a_flag_weighs_more_than_the_file(self, tmp_path: Path) -> None:
        """Whatever the file says."""
        file = tmp_path / "pe.toml"
        file.write_text(LAST)

        assert PRESETS["haproxy"] == decide(str(file), {"preset": "haproxy"}, {}).steps

    @pytest.mark.parametrize("name", PRESETS)
    def test_every_preset_can_be_written_in_the_file(self, name: str) -> None:
        """The two lists are one."""
        assert PRESETS[name] == read(f'command.preset = "{name}"').steps

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("[[command.stop]]\n", "command.stop[0]: this step does nothing; give it"),
            (f"[[command.stop]]\nclose_stdin = false\n{LAST}", "command.stop[0]: this step does nothing"),
            (
                '[[command.stop]]\nsignal = "TERM"\nrun = ["x"]\n',
                "command.stop[0]: this step does both `signal` and `run`; make two steps of it",
            ),
            ('[[command.stop]]\nsignal = "TREM"\n', "command.stop[0].signal: there is no signal 'TREM'"),
            ('[[command.stop]]\nsignal = "RTMIN+99"\n', "command.stop[0].signal: there is no signal 'RTMIN+99'"),
            ('[[command.stop]]\nsignal = "CONT"\n', "command.stop[0].signal: 'CONT' ends nothing"),
            ("[[command.stop]]\nrun = []\n", "command.stop[0].run: is empty"),
            ('[[command.stop]]\nhttp = { url = "ftp://x" }\n', "command.stop[0].http.url: 'ftp://x' needs http"),
            (
                '[[command.stop]]\nhttp = { url = "http://x", headers_env = { A = "NONE" } }\n',
                "command.stop[0].http.headers_env.A: the variable 'NONE', which should hold its secret, is not set",
            ),
            (
                '[[command.stop]]\nsignal = "TERM"\nuntil_gone = "/x"\n',
                "command.stop[0].until_gone: the last step has no next one to wait for; remove it, or add a step",
            ),
            (
                f'[[command.stop]]\nsignal = "INT"\nuntil_gone = ""\n{LAST}',
                "command.stop[0].until_gone: is empty; give the path of a file",
            ),
            (
                f'[[command.stop]]\nsignal = "INT"\nuntil_closed = "web"\n{LAST}',
                "command.stop[0].until_closed: 'web' names no port; write it like 8080",
            ),
            (
                f'[[command.stop]]\nsignal = "INT"\nuntil_http = {{ url = "" }}\n{LAST}',
                "command.stop[0].until_http: has no url",
            ),
            (
                '[[command.stop]]\nsignal = "INT"\nuntil_http = { url = "http://x", method = "PUT" }\n' + LAST,
                "there is no such key",
            ),
            ('[[command.stop]]\nsignal = "TERM"\nwait = 3\n', "3 has no unit"),
            (f'command.preset = "nginx"\n{LAST}', "says how the command is ended, and so does `preset`; choose one"),
            (
                'command.stop_signal = "INT"\ncommand.preset = "nginx"\n',
                "command.preset: says how the command is ended, and so does `stop_signal`; choose one",
            ),
            ('command.preset = "nignx"\n', "did you mean 'nginx'?"),
            ('output.prefix = "a\\nb"\n', "output.prefix: 'a\\nb' cannot be printed; give it a word"),
            ("output.max_line = 1\n", "1 is out of range; it must be a whole number from 64 to 1048576"),
        ],
    )
    def test_a_mistake_is_told_with_its_place(self, text: str, expected: str) -> None:
        """And with what to do about it."""
        found = mistakes(text)

        assert expected in "\n".join(found)
        assert 1 == len(found)


class TestOutput:
    def test_the_file_says_how_it_is_passed_on(self) -> None:
        """Whether it is captured is another question, which a flag may answer."""
        found = read('[output]\ntimestamps = false\nprefix = "web"\nmax_line = 100\n')

        assert (False, Style(timestamps=False, prefix="web", max_line=100)) == (found.capture, found.output)

    def test_a_flag_turns_it_on(self, tmp_path: Path) -> None:
        """As the file says."""
        file = tmp_path / "pe.toml"
        file.write_text("output.streams = false\n")
        found = decide(str(file), {"capture": True}, {})

        assert (True, Style(streams=False)) == (found.capture, found.output)


class TestPlan:
    def printed(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, *options: str) -> str:
        """Return what `processender plan` prints for *text*."""
        file = tmp_path / "pe.toml"
        file.write_text(text)
        plan.main(["-c", str(file), *options])
        return capsys.readouterr().out

    def test_the_steps_are_shown_with_their_times(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """And the kill behind them."""
        text = f'grace = "20s"\n[[command.stop]]\nsignal = "INT"\nwait = "4s"\nuntil_gone = "/run/x"\n{LAST}'
        rows = [line.split() for line in self.printed(tmp_path, capsys, text).splitlines()]

        assert ["0.00", "4.00", "SIGINT", "/run/x", "is", "gone"] in rows
        assert ["4.00", "12.50", "SIGTERM"] in rows
        assert ["16.50", "KILL,", "to", "all", "that", "is", "left"] in rows

    def test_json_has_the_same(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Under stable keys; in a short window the waits are shorter than asked."""
        text = f'grace = "20s"\n[[command.stop]]\nsignal = "INT"\nwait = "60s"\n{LAST}'
        found = json.loads(self.printed(tmp_path, capsys, text, "--json"))["stop"]

        assert [("SIGINT", 0.0, 8.25, 60.0), ("SIGTERM", 8.25, 8.25, None)] == [
            (each["step"], each["at_s"], each["wait_s"], each["asked_wait_s"]) for each in found
        ]

    def test_without_steps_there_is_nothing_to_show(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The stop signal is one."""
        assert "the end of the command" not in self.printed(tmp_path, capsys, 'grace = "20s"\n')
