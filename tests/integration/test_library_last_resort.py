"""The two last resorts: they end the process in time, whatever its Python code does."""

from __future__ import annotations

import signal

import pytest

from tests.integration.library_programs import LIMIT_S, finish, program, run

BUSY = "pow(3, 10 ** 9)"
"""A call in C that keeps the interpreter's lock for many minutes."""

LAST = {1, -signal.SIGALRM}
"""The exit codes of the last resorts: that of `faulthandler`, and death by the kernel's alarm."""


def test_a_handler_that_keeps_the_interpreters_lock_cannot_hold_the_process() -> None:
    """The process ends, its stacks are written, and the report on disk says `forced`."""
    source = f"""
    def count_the_stars():
        {BUSY}
    with Ender('orders', grace=1) as ender:
        ender.add(count_the_stars, name='busy')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert 1 == end.code
    assert "forced" == end.report["verdict"]
    assert "in count_the_stars" in end.stacks


def test_a_body_that_keeps_the_interpreters_lock_after_the_notice() -> None:
    """The notice was heard before the call began: the hard deadline holds."""
    source = f"""
    async def main():
        async with Ender('orders', grace=1, cancel_body=False) as ender:
            ender.stop()
            while not ender.stopping.is_set():
                await asyncio.sleep(0)
            {BUSY}
    asyncio.run(main())
    """
    end = run(source)

    assert 1 == end.code


def test_a_full_pipe_on_standard_error_does_not_hold_the_last_resort() -> None:
    """The stacks go to a file that was opened beforehand, never to standard error."""
    source = f"""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b'x' * 65536)
    except BlockingIOError:
        os.set_blocking(write, True)
    os.dup2(write, 2)
    with Ender('orders', grace=1) as ender:
        ender.add(lambda: {BUSY}, name='busy')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert 1 == end.code
    assert "<lambda>" in end.stacks


def test_a_full_pipe_on_both_streams_does_not_hold_a_forced_end() -> None:
    """What cannot be flushed is not waited for beyond the reserve."""
    source = """
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b'x' * 65536)
    except BlockingIOError:
        os.set_blocking(write, True)
    with Ender('orders', grace=3) as ender:
        ender.add(lambda: time.sleep(3600), name='stuck')
        say('ready')
        os.dup2(write, 1)
        os.dup2(write, 2)
        print('into the full pipe', end='')
        ender.stopping.wait()
    """
    end = run(source, "TERM", env={"PYTHONUNBUFFERED": ""})

    assert 128 + signal.SIGTERM == end.code
    assert "degraded" == end.report["verdict"]


@pytest.mark.parametrize(
    "use",
    [
        "signal.signal(signal.SIGALRM, lambda *_: say('tick')); signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)",
        "signal.signal(signal.SIGALRM, signal.SIG_IGN)",
        "signal.setitimer(signal.ITIMER_REAL, 3600)",
    ],
    ids=["handler", "ignored", "timer"],
)
def test_an_application_that_uses_the_alarm_keeps_it(use: str) -> None:
    """The second last resort is not armed, which is said; the first one still ends the process."""
    source = f"""
    {use}
    before = signal.getsignal(signal.SIGALRM)
    with Ender('orders', grace=2) as ender:
        # What is said is said by another thread, which needs the lock.
        ender.add(lambda: (say('same', signal.getsignal(signal.SIGALRM) is before), time.sleep(1), {BUSY}), name='busy')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert 1 == end.code
    assert "same True" in end.output
    assert "the second last resort is not armed" in end.output


def test_code_that_cancels_the_first_last_resort_meets_the_second() -> None:
    """`faulthandler.cancel_dump_traceback_later()` by anybody disarms the first; the kernel's alarm stands behind it."""
    source = f"""
    import faulthandler
    def disarm():
        faulthandler.cancel_dump_traceback_later()
        {BUSY}
    with Ender('orders', grace=1) as ender:
        ender.add(disarm, name='busy')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert -signal.SIGALRM == end.code


def test_they_stay_armed_until_a_process_that_a_signal_ends_is_gone() -> None:
    """A program that hangs after its run, in its own exit, ends all the same."""
    source = """
    with Ender('orders', grace=1) as ender:
        say('ready')
        ender.stopping.wait()
    say('left')
    time.sleep(3600)
    """
    end = run(source, "TERM")

    assert "left" in end.output
    assert end.code in LAST
    assert "clean" == end.report["verdict"]


def test_they_are_disarmed_after_a_run_that_no_signal_began() -> None:
    """A program may go on after its Ender was left."""
    source = """
    with Ender('orders', grace=0.5) as ender:
        pass
    time.sleep(0.8)
    say('lives', signal.getitimer(signal.ITIMER_REAL))
    """
    end = run(source)

    assert 0 == end.code
    assert "lives (0.0, 0.0)" in end.output


def test_they_are_disarmed_after_a_run_of_an_ender_that_was_never_entered() -> None:
    """No block is left behind it, and nobody has asked the process to be gone."""
    source = """
    ender = Ender('orders', grace=1, exit='return').install()
    ended = ender.stop().wait(20)
    while signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0): time.sleep(0.01)
    time.sleep(1.2)
    say('lives', ended)
    """
    end = run(source)

    assert (0, True) == (end.code, "lives True" in end.output), end.output


def test_an_interpreter_that_never_comes_back_to_python_is_ended() -> None:
    """A main thread in C that keeps the lock when the notice comes is what only the agent can help; after it we can."""
    source = f"""
    with Ender('orders', grace=1.5) as ender:
        say('ready')
        ender.stopping.wait()
        {BUSY}
    """
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        end = finish(running)

    assert end.code in LAST


def test_a_state_directory_that_is_refused_leaves_the_last_resorts_armed() -> None:
    """Without a place for the stacks they are not written, and the process ends in time."""
    source = f"""
    with Ender('orders', grace=1, state='/dev/null/nowhere') as ender:
        ender.add(lambda: {BUSY}, name='busy')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert 1 == end.code
    assert "set PROCESSENDER_STATE to a place that can be written to" in end.output
