"""Handlers that misbehave, each in its own way, in a real program."""

from __future__ import annotations

import signal

import pytest

from tests.integration.library_programs import run

FRAME = """
ender = Ender('orders', grace={grace})

{handler}

ender.add(lambda: say('closed'), name='close-log', phase='release', importance='must')

async def main():
    async with ender:
        say('ready')
        await asyncio.sleep(3600)

asyncio.run(main())
say('left')
"""


def misbehave(handler: str, grace: float = 3):
    import textwrap

    return run(FRAME.format(grace=grace, handler=textwrap.dedent(handler)), "TERM")


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_handler_that_raises_is_failed(kind: str) -> None:
    """What it raised stands in the report; the others go on."""
    end = misbehave(f"@ender.handler\n{kind} bad():\n    raise ValueError('no such order')")

    assert 0 == end.code
    assert "failed" == end.outcomes["bad"]
    assert "ValueError: no such order" == end.handler("bad")["error"]
    assert "done" == end.outcomes["close-log"]
    assert "left" in end.output


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("raised", ["SystemExit(3)", "KeyboardInterrupt()"])
def test_a_handler_that_wants_to_exit_is_failed(kind: str, raised: str) -> None:
    """`sys.exit` in a handler ends that handler, not the clean-up."""
    end = misbehave(f"@ender.handler\n{kind} bad():\n    raise {raised}")

    assert 0 == end.code
    assert "failed" == end.outcomes["bad"]
    assert "done" == end.outcomes["close-log"]


def test_a_handler_that_hangs_in_await_is_cancelled() -> None:
    """It is reported stuck with what it awaits, cancelled, and timed out; the process leaves the ordinary way."""
    end = misbehave("""
        async def ask_the_broker():
            await asyncio.sleep(3600)

        @ender.handler(timeout=0.3)
        async def bad():
            await ask_the_broker()
        """)

    assert 0 == end.code
    assert "timed_out" == end.outcomes["bad"]
    assert any("in ask_the_broker" in line for line in end.report["stuck"][0]["stack"])
    assert "left" in end.output


def test_a_handler_that_hangs_in_a_blocking_call_is_abandoned() -> None:
    """A sync handler cannot be stopped: its stack is reported, the others go on, and the process leaves by force."""
    end = misbehave("""
        def wait_for_the_disk():
            time.sleep(3600)

        @ender.handler(timeout=0.3)
        def bad():
            wait_for_the_disk()
        """)

    assert 128 + signal.SIGTERM == end.code
    assert {"body": "done", "bad": "abandoned", "close-log": "done"} == end.outcomes
    assert any("in wait_for_the_disk" in line for line in end.report["stuck"][0]["stack"])
    assert "degraded" == end.report["verdict"]
    assert "left" not in end.lines


def test_an_async_handler_that_blocks_the_loop_is_abandoned() -> None:
    """It blocks every other async handler, and no sync one."""
    end = misbehave("""
        @ender.handler(phase='flush', timeout=0.3)
        async def bad():
            time.sleep(3600)

        @ender.handler(phase='commit')
        async def behind_it():
            pass
        """)

    assert 128 + signal.SIGTERM == end.code
    assert {"body": "done", "bad": "abandoned", "behind-it": "abandoned", "close-log": "done"} == end.outcomes
    assert any("in bad" in line for line in end.report["stuck"][0]["stack"])
    assert "never began" in end.handler("behind-it")["reason"]
    assert "the event loop has been blocked" in end.output


def test_a_handler_that_swallows_cancellation_is_abandoned() -> None:
    """Asked once, it does not give way: it is given up."""
    end = misbehave("""
        @ender.handler(timeout=0.3)
        async def bad():
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    say('swallowed')
        """)

    assert 128 + signal.SIGTERM == end.code
    assert "abandoned" == end.outcomes["bad"]
    assert "done" == end.outcomes["close-log"]
    assert "swallowed" in end.output


def test_a_handler_that_starts_threads_does_not_hold_the_run() -> None:
    """What a handler has started is its own affair; daemon threads hold no exit."""
    end = misbehave("""
        @ender.handler
        def bad():
            for _ in range(20):
                threading.Thread(target=time.sleep, args=[3600], daemon=True).start()
        """)

    assert 0 == end.code
    assert "done" == end.outcomes["bad"]


def test_a_thread_that_outlives_the_run_does_not_outlive_the_window() -> None:
    """A thread that is no daemon would hold the interpreter's exit for ever; the last resort is still armed."""
    end = misbehave(
        """
        @ender.handler
        def bad():
            threading.Thread(target=time.sleep, args=[3600], daemon=False).start()
        """,
        grace=1,
    )

    assert end.code in {1, -signal.SIGALRM}
    assert "clean" == end.report["verdict"]


def test_a_handler_registers_one_for_a_later_phase() -> None:
    """It runs, in its phase."""
    end = misbehave("""
        @ender.handler(phase='flush')
        def opens_more():
            ender.add(lambda: say('late one'), name='late-one', phase='close')
        """)

    assert {"body": "done", "opens-more": "done", "late-one": "done", "close-log": "done"} == end.outcomes
    assert end.output.index("late one\n") < end.output.index("closed\n")


def test_a_handler_for_a_phase_that_has_begun_is_refused() -> None:
    """The error names handler and phase, and what to do."""
    end = misbehave("""
        @ender.handler(phase='commit')
        def comes_late():
            ender.add(lambda: say('never'), name='late-one', phase='flush')
        """)

    wanted = "StateError: cannot add 'late-one': the phase 'flush' has begun; choose a later one"
    assert wanted == end.handler("comes-late")["error"]
    assert "never\n" not in end.output


def test_a_handler_that_was_not_begun_can_be_removed_during_the_run() -> None:
    """It then has no place in the report."""
    end = misbehave("""
        ender.add(lambda: say('never'), name='unwanted', phase='close')

        @ender.handler(phase='flush')
        def removes():
            ender.remove('unwanted')
        """)

    assert {"body": "done", "removes": "done", "close-log": "done"} == end.outcomes
    assert "never\n" not in end.output


def test_a_handler_that_registers_for_ever_does_not_hold_the_end() -> None:
    """Each registers the next one in its own later phase: the phases run out."""
    end = misbehave("""
        def more():
            number = len(seen)
            seen.append(number)
            ender.add(more, name=f'more-{number}', phase='release')
        seen = []
        ender.add(more, name='more', phase='drain')
        """)

    assert 0 == end.code
    assert "done" == end.outcomes["more"]


def test_what_fails_skips_those_that_need_it() -> None:
    """Offsets are never committed after a failed flush; what only comes after it runs."""
    end = misbehave("""
        @ender.handler(phase='flush')
        def flush():
            raise ValueError

        ender.add(lambda: say('never'), name='commit', phase='commit', needs=['flush'])
        ender.add(lambda: say('tidied'), name='tidy', phase='commit', after=['flush'])
        """)

    assert "needs flush" == end.report["skipped"]["commit"]
    assert "done" == end.outcomes["tidy"]


def test_a_transient_failure_is_tried_again() -> None:
    """The idempotency key is the same over all attempts."""
    end = misbehave("""
        keys = set()

        @ender.handler(retry=Retry(attempts=3, initial=0.01))
        def flaky(ctx):
            keys.add(ctx.idempotency_key)
            if ctx.attempt < 3:
                raise Transient('not yet')
            say('keys', len(keys))
        """)

    assert "keys 1" in end.output
    assert 3 == end.handler("flaky")["attempts"]
    assert 2 == len(end.report["retries"])


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_call_to_the_outside_has_a_deadline_of_its_own(kind: str) -> None:
    """`ctx.call` raises TimeoutError in time, although what it calls blocks."""
    end = misbehave(f"""
        @ender.handler
        {kind} ask(ctx):
            try:
                {"await " if kind == "async def" else ""}ctx.call('broker', lambda: time.sleep(3600), timeout=0.05)
            except TimeoutError:
                say('gave up')
        """)

    assert "gave up" in end.output
    assert 0 == end.code


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_handlers_share_the_breaker_of_a_dependency(kind: str) -> None:
    """After five failures in a row the next call is refused at once, in whichever handler."""
    wait = "await " if kind == "async def" else ""
    end = misbehave(f"""
        def refuse():
            raise ConnectionRefusedError

        @ender.handler(phase='flush')
        {kind} first(ctx):
            for _ in range(5):
                try:
                    {wait}ctx.call('broker', refuse)
                except ConnectionRefusedError:
                    pass

        @ender.handler(phase='commit')
        {kind} second(ctx):
            {wait}ctx.call('broker', lambda: say('never called'))
        """)

    assert "CircuitOpenError: cannot call 'broker'" in end.handler("second")["error"]
    assert "never called\n" not in end.output
