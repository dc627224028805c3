"""Event loops that are blocked, busy, closed, not there yet, or not the application's."""

from __future__ import annotations

import signal

import pytest

from tests.integration.library_programs import LIMIT_S, finish, program, run

BLOCKED = """
ender = Ender('orders', grace={grace})
ender.add(lambda: say('sync handler'), name='sync', phase='drain')
ender.add(lambda: say('released'), name='release', phase='release', importance='must')

@ender.handler(phase='drain', {options})
async def on_the_loop():
    say('async handler on', threading.current_thread().name)

async def main():
    async with ender:
        say('ready')
        {block}
        await asyncio.sleep(3600)

asyncio.run(main())
say('left')
"""


def test_a_notice_is_acted_upon_while_the_loop_is_blocked() -> None:
    """Sync handlers run while the loop is in `time.sleep`; async ones when it is free again."""
    end = run(BLOCKED.format(grace=20, options="", block="time.sleep(1); say('free again')"), "TERM")

    assert 0 == end.code
    assert end.output.index("sync handler") < end.output.index("free again") < end.output.index("async handler on")
    assert {"done"} == set(end.outcomes.values())


def test_a_notice_is_acted_upon_while_the_loop_computes() -> None:
    """A loop busy with Python code gives way to the control thread and to sync handlers."""
    block = "end = time.monotonic() + 1\n        while time.monotonic() < end: pass\n        say('free again')"
    end = run(BLOCKED.format(grace=20, options="", block=block), "TERM")

    assert 0 == end.code
    assert end.output.index("sync handler") < end.output.index("free again")


def test_a_fallback_steps_in_for_a_blocked_loop() -> None:
    """The declared sync function runs in its stead, once, and the loop's stack is reported."""
    options = "fallback=lambda: say('fallback')"
    end = run(BLOCKED.format(grace=3, options=options, block="time.sleep(3600)"), "TERM")

    assert 128 + signal.SIGTERM == end.code  # the body is still in there
    assert 1 == end.lines.count("fallback")
    assert "async handler" not in end.output
    assert "done" == end.outcomes["on-the-loop"]
    assert "the event loop has been blocked" in end.output


def test_a_handler_for_any_loop_takes_the_own_one() -> None:
    """With `loop="any"` it runs on the Ender's loop when the application's is blocked."""
    end = run(BLOCKED.format(grace=3, options="loop='any'", block="time.sleep(3600)"), "TERM")

    assert "async handler on processender-loop" in end.output
    assert "done" == end.outcomes["on-the-loop"]


def test_a_handler_bound_to_a_blocked_loop_is_abandoned() -> None:
    """It ends `abandoned` when its time is up; what comes behind it runs; the process ends inside its window."""
    end = run(BLOCKED.format(grace=1.5, options="timeout=0.5", block="time.sleep(3600)"), "TERM")

    assert 128 + signal.SIGTERM == end.code
    assert "abandoned" == end.outcomes["on-the-loop"]
    assert "loop blocked" in end.handler("on-the-loop")["reason"]
    assert "done" == end.outcomes["release"]


def test_a_handler_that_was_taken_over_does_not_run_twice() -> None:
    """A loop that wakes up after the fallback has stepped in leaves it alone."""
    options = "fallback=lambda: say('fallback')"
    end = run(BLOCKED.format(grace=6, options=options, block="time.sleep(1.5)"), "TERM")

    assert 0 == end.code
    assert 1 == end.lines.count("fallback")
    assert "async handler" not in end.output


def test_async_handlers_without_a_loop_run_on_the_own_one() -> None:
    """In a program without an event loop the Ender brings one."""
    source = """
    with Ender('orders', grace=10) as ender:
        @ender.handler
        async def flush():
            await asyncio.sleep(0)
            say('flushed on', threading.current_thread().name)
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert "flushed on processender-loop" in end.output
    assert "done" == end.outcomes["flush"]


def test_async_handlers_before_a_loop_exists() -> None:
    """Installed and not yet entered there is no application's loop: a TERM runs them on the own one."""
    source = """
    ender = Ender('orders', grace=10).install()
    @ender.handler
    async def flush():
        say('flushed')
    say('ready')
    time.sleep(3600)
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert {"flush": "done"} == end.outcomes


def test_async_handlers_after_the_loop_has_closed() -> None:
    """Those for any loop run on the own one, those with a fallback fall back, others are skipped with the reason."""
    source = """
    ender = Ender('orders', grace=10, cancel_body=False)
    async def nothing():
        say('ran')
    ender.add(nothing, name='bound')
    ender.add(nothing, name='free', loop='any')
    ender.add(nothing, name='falls-back', fallback=lambda: say('fallback'))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ender.__aenter__())
    loop.close()
    say('ready')
    ender.stopping.wait()
    ender.ending().wait(10)
    """
    end = run(source, "TERM")

    assert {"bound": "skipped", "free": "done", "falls-back": "done"} == end.outcomes
    assert "loop closed" == end.handler("bound")["reason"]
    assert 1 == end.lines.count("ran")
    assert 1 == end.lines.count("fallback")


def test_async_handlers_run_on_the_loop_of_the_application() -> None:
    """What was made on a loop can only be closed on it."""
    source = """
    async def main():
        home = asyncio.get_running_loop()
        async with Ender('orders', grace=10) as ender:
            @ender.handler
            async def flush():
                say('at home', asyncio.get_running_loop() is home)
            say('ready')
            await asyncio.sleep(3600)
    asyncio.run(main())
    """
    end = run(source, "TERM")

    assert "at home True" in end.output


@pytest.mark.parametrize("runner", ["asyncio", "uvloop"])
def test_a_task_group_in_the_body_is_ended_whole(runner: str) -> None:
    """The cancellation reaches the children of the body, and the block is left without an error."""
    pytest.importorskip(runner)
    source = f"""
    import {runner}
    async def child(number):
        try:
            await asyncio.sleep(3600)
        finally:
            say('child', number, 'leaves')
    async def main():
        async with Ender('orders', grace=10):
            async with asyncio.TaskGroup() as group:
                group.create_task(child(1))
                group.create_task(child(2))
                say('ready')
        say('after the block')
    {runner}.run(main())
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert {"child 1 leaves", "child 2 leaves", "after the block"} <= set(end.lines)


def test_the_plan_runs_beside_the_body() -> None:
    """A drain handler ends before the body is cancelled."""
    source = """
    async def main():
        async with Ender('orders', grace=10) as ender:
            ender.add(lambda: say('drained'), name='drain', phase='drain')
            try:
                say('ready')
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                say('body cancelled')
                raise
    asyncio.run(main())
    """
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        end = finish(running)

    assert end.output.index("drained\n") < end.output.index("body cancelled\n")
