"""Notices, their deadlines, and the windows they make, in a real program."""

from __future__ import annotations

import signal

from tests.integration.library_programs import run

TOLD = """
ender = Ender('orders', grace=30)
gate = threading.Event()
ender.add(gate.wait, name='flush')
ender.add(lambda: say('goodbye'), name='goodbye', phase='release')

def tell(cause, seconds, **more):
    now = time.monotonic()
    ender.notify(Notice(cause, 'api', now, deadline=now + seconds, **more))

with ender:
    {before}
    ender.stopping.wait()
    {during}
    gate.set()
"""


def length(before: str, during: str = "pass") -> float:
    """Return the length of the window, in whole seconds."""
    end = run(TOLD.format(before=before, during=during))

    assert "clean" == end.report["verdict"], end.output
    return round(end.report["window"]["length_s"])


def test_a_told_deadline_counts_instead_of_the_grace() -> None:
    """Earlier or later: who tells a deadline knows."""
    assert 20 == length("tell('spot', 20)")
    assert 120 == length("tell('spot', 120)")


def test_the_grace_counts_where_no_deadline_is_told() -> None:
    """The window is then configured."""
    assert 30 == length("ender.stop()")


def test_the_earlier_told_deadline_wins() -> None:
    """Whichever comes second."""
    assert 10 == length("tell('spot', 20)", "tell('maintenance', 10)")
    assert 20 == length("tell('spot', 20)", "tell('maintenance', 40)")


def test_a_told_deadline_replaces_the_configured_one() -> None:
    """The grace was a guess of a person; the platform knows."""
    assert 40 == length("ender.stop()", "tell('spot', 40)")


def test_a_later_signal_opens_no_new_window() -> None:
    """The deadline stays where it was."""
    assert 20 == length("tell('spot', 20)", "os.kill(os.getpid(), signal.SIGTERM)")


def test_a_source_that_grants_more_time_moves_the_deadline() -> None:
    """An extension counts, also over a told deadline."""
    assert 60 == length("tell('systemd', 10)", "tell('systemd', 60, extends=True)")


def test_an_extension_reaches_a_handler_that_runs() -> None:
    """`ctx.remaining()` grows, and the handler that would have been cut ends by itself."""
    source = """
    ender = Ender('orders', grace=1.5)
    @ender.handler
    def flush(ctx):
        before = ctx.remaining()
        now = time.monotonic()
        ender.notify(Notice('systemd', 'api', now, deadline=now + 60, extends=True))
        while ctx.remaining() <= before:
            time.sleep(0.01)
        say('more time', ctx.remaining() > 30)
    with ender:
        ender.stop()
    """
    end = run(source)

    assert "more time True" in end.output
    assert "clean" == end.report["verdict"]


def test_an_earlier_deadline_cuts_a_handler_that_runs() -> None:
    """The second notice moves the end of what has begun already."""
    source = """
    ender = Ender('orders', grace=3600)
    @ender.handler
    async def flush():
        now = time.monotonic()
        ender.notify(Notice('spot', 'api', now, deadline=now + 0.5))
        await asyncio.sleep(3600)
    with ender:
        ender.stop()
    """
    end = run(source)

    assert "timed_out" == end.outcomes["flush"]


def test_advice_starts_nothing() -> None:
    """`advise` is an event and no more."""
    source = """
    from processender.core.notice import Action
    with Ender('orders', grace=10) as ender:
        ender.notify(Notice('rebalance', 'api', time.monotonic(), action=Action.ADVISE))
        say('stopping', ender.stopping.wait(0.2))
    """
    end = run(source)

    assert "stopping False" in end.output
    assert "heard rebalance" in end.output


def test_stop_by_starts_early_enough() -> None:
    """A deadline in the far future starts the run one grace before it."""
    source = """
    from processender.core.notice import Action
    with Ender('orders', grace=2) as ender:
        now = time.monotonic()
        ender.notify(Notice('maintenance', 'api', now, action=Action.STOP_BY, deadline=now + 2.3))
        ender.stopping.wait()
        say('waited', time.monotonic() - now >= 0.3)
    """
    end = run(source)

    assert "waited True" in end.output
    assert 2 == round(end.report["window"]["length_s"])


def test_a_window_of_one_second() -> None:
    """It has its reserve and its margins, and a hanging handler is cut inside it."""
    source = """
    async def main():
        async with Ender('orders', grace=1) as ender:
            @ender.handler
            async def hang():
                await asyncio.sleep(3600)
            ender.add(lambda: say('released'), name='release', phase='release', importance='must')
            say('ready')
            await asyncio.sleep(3600)
    asyncio.run(main())
    """
    end = run(source, "TERM")

    # A neighbour that takes both cores for a tenth of a second makes it a forced end; in time it is either way.
    assert end.code in {0, 128 + signal.SIGTERM}
    assert {"length_s": 1.0, "work_s": 0.8, "reserve_s": 0.1, "kind": "configured"} == end.report["window"]
    assert end.outcomes["hang"] in {"timed_out", "abandoned"}
    assert 1 > end.report["seconds"]


def test_a_deadline_that_has_passed_ends_the_process_at_once() -> None:
    """With no time left nothing is started, and the last resort does not wait either."""
    source = """
    with Ender('orders', grace=10) as ender:
        ender.add(lambda: say('never'), name='flush')
        now = time.monotonic()
        ender.notify(Notice('spot', 'api', now, deadline=now - 1))
        ender.stopping.wait()
        time.sleep(3600)
    """
    end = run(source)

    assert end.code in {1, 70, -14}
    assert "never\n" not in end.output


def test_a_notice_before_the_ender_is_entered_is_kept() -> None:
    """The run begins when the block does: the resources are set up, the body sees it at once and leaves."""
    source = """
    ender = Ender('orders', grace=10)
    ender.add(lambda: say('flushed'), name='flush', phase='flush')
    @ender.resource
    def pool():
        say('set up')
        yield
        say('torn down')
    ending = ender.stop('too early')
    say('waits', ending.wait(0))
    with ender:
        say('stopping', ender.stopping.wait(10))
    say('ended', ending.wait(0))
    """
    end = run(source)

    assert "too early" == end.report["cause"]
    assert {"flush": "done", "body": "done", "pool": "done"} == end.outcomes
    assert ["waits False", "set up", "stopping True", "flushed", "torn down", "ended True"] == [
        line
        for line in end.lines
        if line.split()[0] in {"waits", "set", "stopping", "flushed", "torn", "ended"} and "clean" not in line
    ]


def test_a_notice_before_an_async_ender_is_entered_cancels_its_body() -> None:
    """The body is cancelled at its first await, and the block is left without an error."""
    source = """
    async def main():
        ender = Ender('orders', grace=10)
        ender.stop('too early')
        async with ender:
            say('in the body')
            await asyncio.sleep(3600)
        say('after the block')
    asyncio.run(main())
    """
    end = run(source)

    assert 0 == end.code
    assert end.output.index("in the body") < end.output.index("after the block")


def test_entering_after_the_run_ends_the_process() -> None:
    """Installed early and stopped before the body: there is nothing to begin any more."""
    source = """
    ender = Ender('orders', grace=10).install()
    ender.stop('too early').wait(10)
    with ender:
        say('never')
    say('never')
    """
    end = run(source)

    assert 0 == end.code
    assert "never" not in end.output


def test_a_notice_after_the_ender_was_left_changes_nothing() -> None:
    """It is taken, from any thread, and the end that it promises is over."""
    source = """
    with Ender('orders', grace=10) as ender:
        pass
    say('over', ender.stop('too late').wait(10))
    say('cause', ender.report['cause'])
    """
    end = run(source)

    assert 0 == end.code
    assert "over True" in end.output
    assert "cause exit" in end.output


def test_an_ender_that_was_left_cannot_be_entered_again() -> None:
    """The error says what to do."""
    source = """
    ender = Ender('orders')
    with ender:
        pass
    try:
        with ender:
            pass
    except StateError as error:
        say(error)
    """
    end = run(source)

    assert "cannot enter an Ender that was left; make another one" in end.output


def test_the_end_can_be_awaited() -> None:
    """`await ender.stop()` in a task of the application comes back when the run is over."""
    source = """
    async def main():
        async with Ender('orders', grace=10) as ender:
            ender.add(lambda: say('flushed'), name='flush')
            async def stopper():
                await ender.stop()
                say('awaited')
            task = asyncio.create_task(stopper())
            await asyncio.sleep(3600)
        await task
    asyncio.run(main())
    """
    end = run(source)

    assert end.output.index("flushed\n") < end.output.index("awaited")
