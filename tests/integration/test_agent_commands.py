"""Commands as handlers: real processes, their ends, and what they leave behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from processender.agent.children import Children
from processender.core.retry import Retry
from processender.engine.clock import SystemClock
from processender.engine.context import Context
from processender.engine.dependencies import Dependencies
from processender.errors import HandlerError
from processender.integrations.command import (
    CommandCannotRun,
    CommandFailed,
    CommandFailedForNow,
    CommandTimedOut,
    command,
)


def context(seconds: float = 10.0, cause: str = "SIGTERM") -> Context:
    """Return the context of an attempt that has this long."""
    clock = SystemClock()
    return Context(
        handler="step", cause=cause, run="run-1", attempt=2, until=clock.now() + seconds, clock=clock,
        dependencies=Dependencies(clock), is_async=False,
    )  # fmt: skip


def lives(pid: int) -> bool:
    """Tell whether a process lives."""
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


class TestEnds:
    def test_code_0_is_done(self) -> None:
        """It returns."""
        assert None is command(["true"])(context())  # type: ignore[func-returns-value]

    def test_another_code_is_a_failure_with_the_last_words(self) -> None:
        """The code and the end of the output are on the error."""
        with pytest.raises(CommandFailed, match="'sh' ended with code 3: disk is gone") as caught:
            command(["sh", "-c", "echo starting; echo disk is gone >&2; exit 3"])(context())

        assert (3, "starting\ndisk is gone") == (caught.value.returncode, caught.value.output)

    def test_a_failure_is_final(self) -> None:
        """A retry policy does not repeat it."""
        with pytest.raises(CommandFailed) as caught:
            command(["false"])(context())

        assert not Retry(attempts=3).may_pass(caught.value)

    @pytest.mark.parametrize(("code", "transient"), [(75, None), (7, (7, 8))])
    def test_some_codes_may_pass(self, code: int, transient: tuple[int, ...] | None) -> None:
        """75 by default (EX_TEMPFAIL), else those that were named."""
        options = {} if transient is None else {"transient": transient}
        with pytest.raises(CommandFailedForNow) as caught:
            command(["sh", "-c", f"exit {code}"], **options)(context())  # type: ignore[arg-type]

        assert Retry(attempts=3).may_pass(caught.value)

    def test_a_signal_is_named(self) -> None:
        """Which one it died of."""
        with pytest.raises(CommandFailed, match="'sh' died of SIGSEGV") as caught:
            command(["sh", "-c", "kill -SEGV $$"])(context())

        assert -signal.SIGSEGV == caught.value.returncode

    @pytest.mark.parametrize("argv", [["/no/such"], ["no-such-program-anywhere"], ["/etc/passwd"], ["/etc/passwd/x"]])
    def test_what_cannot_be_run_is_final(self, argv: list[str]) -> None:
        """Another attempt would find the same file."""
        with pytest.raises(CommandCannotRun, match="check the path and its permissions") as caught:
            command(argv)(context())

        assert not Retry(attempts=3).may_pass(caught.value)

    def test_a_missing_directory_is_final(self) -> None:
        """And it is named."""
        with pytest.raises(CommandCannotRun, match="'/no/such'"):
            command(["true"], cwd="/no/such")(context())

    @pytest.mark.parametrize("argv", [[], "true", ["a\0b"], [1]])
    def test_nonsense_is_refused_at_once(self, argv: list[str]) -> None:
        """Not at the end."""
        with pytest.raises(HandlerError, match="give a list"):
            command(argv)

    def test_only_the_end_of_a_flood_is_kept(self) -> None:
        """And the flood does not block the command."""
        with pytest.raises(CommandFailed) as caught:
            command(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end; exit 1"])(context())

        assert len(caught.value.output) <= 4096
        assert caught.value.output.endswith("x\nend")

    def test_a_child_that_keeps_the_pipe_does_not_keep_the_handler(self) -> None:
        """Only the end of the command itself counts."""
        began = time.monotonic()
        command(["sh", "-c", "sleep 6 & exit 0"])(context())

        assert time.monotonic() - began < 5

    def test_a_command_that_closes_its_output_is_waited_for(self) -> None:
        """The end of the pipe is not its end."""
        with pytest.raises(CommandFailed, match="code 4"):
            command(["sh", "-c", "exec >&- 2>&-; sleep 0.05; exit 4"])(context())


class TestSurroundings:
    def test_it_is_told_why_and_how(self, tmp_path: Path) -> None:
        """In variables."""
        out = tmp_path / "env"
        command(["sh", "-c", f"env > {out}"], env={"MORE": "yes"})(context(cause="spot"))
        told = dict(line.split("=", 1) for line in out.read_text().splitlines() if line.startswith(("PROCESS", "MORE")))

        assert "spot" == told["PROCESSENDER_CAUSE"]
        assert "2" == told["PROCESSENDER_ATTEMPT"]
        assert "run-1/step" == told["PROCESSENDER_IDEMPOTENCY_KEY"]
        assert told["PROCESSENDER_REMAINING"] in {"10.0s", "9.9s"}
        assert "yes" == told["MORE"]

    def test_it_has_a_session_and_a_directory_of_its_own(self, tmp_path: Path) -> None:
        """And reads nothing."""
        code = "import os, sys; assert os.getsid(0) == os.getpid(); assert sys.stdin.read() == ''; open('here', 'w')"
        command([sys.executable, "-c", code], cwd=str(tmp_path))(context())

        assert (tmp_path / "here").exists()

    def test_no_shell_reads_its_arguments(self, tmp_path: Path) -> None:
        """They arrive as they are."""
        out = tmp_path / "out"
        command([sys.executable, "-c", f"import sys; open({str(out)!r}, 'w').write(sys.argv[1])", "$(id) `id` ; *"])(
            context()
        )

        assert "$(id) `id` ; *" == out.read_text()

    def test_no_descriptor_is_left(self) -> None:
        """However it ended."""
        before = os.listdir("/proc/self/fd")
        for argv in (["true"], ["false"], ["/no/such"]):
            try:
                command(argv)(context())
            except (CommandFailed, CommandCannotRun):
                continue

        assert len(before) == len(os.listdir("/proc/self/fd"))


class TestTime:
    def test_when_its_time_is_up_it_is_asked_and_then_killed(self, tmp_path: Path) -> None:
        """TERM, and KILL for who is deaf to it."""
        heard = tmp_path / "heard"
        script = f"trap 'echo > {heard}' TERM; while :; do sleep 0.02; done"
        with pytest.raises(CommandTimedOut, match="did not end in its time and was killed"):
            command(["sh", "-c", script])(context(0.6))

        assert heard.exists()

    @pytest.mark.alone
    def test_it_comes_back_in_time(self) -> None:
        """Within what a cancelled handler is given to give way."""
        began = time.monotonic()
        with pytest.raises(CommandTimedOut):
            command(["sh", "-c", "trap '' TERM; while :; do sleep 0.02; done"])(context(1.0))

        assert time.monotonic() - began < 1.1

    def test_a_cancellation_ends_it_at_once(self) -> None:
        """From another thread."""
        ctx = context(30)
        began = time.monotonic()
        threading.Timer(0.1, ctx.cancel).start()
        with pytest.raises(CommandTimedOut):
            command(["sleep", "30"])(ctx)

        assert time.monotonic() - began < 5

    def test_what_it_has_started_goes_with_it(self, tmp_path: Path) -> None:
        """Its whole group."""
        pids = tmp_path / "pids"
        script = f"trap '' TERM; sleep 30 & echo $! > {pids}; wait; wait"
        with pytest.raises(CommandTimedOut):
            command(["sh", "-c", script])(context(0.5))

        pid, until = int(pids.read_text()), time.monotonic() + 5
        while lives(pid) and time.monotonic() < until:
            time.sleep(0.01)

        assert not lives(pid)

    def test_a_cancellation_after_the_end_does_no_harm(self) -> None:
        """The bell is gone by then, and its number may be another's."""
        ctx = context()
        command(["true"])(ctx)

        assert [] == ctx.cancel()

    def test_a_time_out_may_pass(self) -> None:
        """It is an ordinary `TimeoutError` to a retry policy."""
        with pytest.raises(CommandTimedOut) as caught:
            command(["sleep", "30"])(context(0.05))

        assert Retry(attempts=2).may_pass(caught.value)


def test_a_reaper_leaves_it_to_its_handler() -> None:
    """A peek at who has ended takes no exit code from under the one who waits."""
    children = Children()
    stop = threading.Event()

    def reap() -> None:
        while not stop.is_set():
            children.reap()

    reaper = threading.Thread(target=reap)
    reaper.start()
    codes = []
    try:
        for _ in range(60):
            try:
                command(["sh", "-c", "exit 7"], reaper=children)(context())
            except CommandFailed as error:
                codes.append(error.returncode)
    finally:
        stop.set()
        reaper.join()

    assert [7] * 60 == codes
