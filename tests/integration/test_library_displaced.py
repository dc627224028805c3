"""What the Ender takes from others, and what others take from it."""

from __future__ import annotations

import signal

import pytest

from tests.integration.library_programs import LIMIT_S, finish, program, run

CHAIN = """
signal.signal(signal.SIGTERM, lambda number, frame: say('displaced called'))
with Ender('orders', grace=10, {options}) as ender:
    ender.add(lambda: say('flushing') or time.sleep(0.1) or say('flushing over'), name='flush')
    say('ready')
    ender.stopping.wait()
say('left')
"""


def test_a_displaced_handler_is_called_after_the_run() -> None:
    """By default what was displaced runs as the last step, on the main thread; every time."""
    for _ in range(10):
        end = run(CHAIN.format(options=""), "TERM")

        assert 0 == end.code
        assert 1 == end.output.count("displaced called")
        assert end.output.index("flushing over") < end.output.index("displaced called")


def test_a_displaced_handler_can_be_called_before() -> None:
    """`before` calls it when the signal comes, and not again."""
    end = run(CHAIN.format(options="displaced='before'"), "TERM")

    assert 1 == end.output.count("displaced called")
    assert end.output.index("displaced called") < end.output.index("flushing over")


def test_a_displaced_handler_can_be_left_out() -> None:
    """`never` does not call it at all."""
    end = run(CHAIN.format(options="displaced='never'"), "TERM")

    assert "displaced called" not in end.output
    assert "left" in end.output


def test_a_displaced_handler_under_asyncio_is_called_after_the_run() -> None:
    """Also where the main thread waits in an event loop."""
    source = """
    signal.signal(signal.SIGTERM, lambda number, frame: say('displaced called'))
    async def main():
        async with Ender('orders', grace=10) as ender:
            ender.add(lambda: say('flushing'), name='flush')
            say('ready')
            await asyncio.sleep(3600)
    asyncio.run(main())
    say('left')
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert 1 == end.output.count("displaced called")
    assert end.output.index("flushing") < end.output.index("displaced called") < end.output.index("left")


@pytest.mark.parametrize("policy", ["before", "after-run"])
def test_keyboard_interrupt_is_never_raised(policy: str) -> None:
    """`default_int_handler` is never called: what it raises would cut the clean-up short."""
    source = f"""
    with Ender('orders', grace=10, displaced='{policy}') as ender:
        say('ready')
        ender.stopping.wait()
    say('left')
    """
    end = run(source, "INT")

    assert 0 == end.code
    assert "left" in end.output
    assert "KeyboardInterrupt" not in end.output


@pytest.mark.parametrize("policy", ["before", "after-run"])
def test_the_interrupt_handler_of_asyncio_is_never_called(policy: str) -> None:
    """asyncio's Runner cancels its main task and raises KeyboardInterrupt; both are left to the Ender."""
    source = f"""
    async def main():
        async with Ender('orders', grace=10, displaced='{policy}') as ender:
            ender.add(lambda: say('flushed'), name='flush')
            say('ready')
            await asyncio.sleep(3600)
        say('after the block')
    asyncio.run(main())
    say('left')
    """
    end = run(source, "INT")

    assert 0 == end.code
    assert "left" in end.output
    assert "KeyboardInterrupt" not in end.output


STOLEN = """
ender = Ender('orders', grace=10, signals=['SIGTERM', 'SIGHUP'], {options})
with ender:
    signal.signal(signal.SIGTERM, lambda number, frame: say('the other one'))
    say('stolen')
    while not ender.stopping.wait(0.05):
        {body}
"""


def test_a_signal_taken_by_other_code_is_reported() -> None:
    """Whoever calls `signal.signal` later is named, with what to do about it."""
    with program(STOLEN.format(options="", body="pass")) as running:
        running.wait_for("SIGTERM was taken by __main__.<lambda>", LIMIT_S)
        running.signal("TERM")
        running.wait_for("the other one", LIMIT_S)
        end = finish(running)

    assert "signal-stolen" in end.troubles
    # The wakeup descriptor is still the Ender's.
    assert "SIGTERM" == end.report["cause"]


def test_a_signal_taken_through_asyncio_is_reported() -> None:
    """`loop.add_signal_handler` is seen as well."""
    source = """
    async def main():
        async with Ender('orders', grace=10) as ender:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, say, 'the other one')
            say('stolen')
            await asyncio.sleep(3600)
    asyncio.run(main())
    """
    with program(source) as running:
        running.wait_for("SIGTERM was taken by", LIMIT_S)
        running.signal("TERM")
        running.wait_for("the other one", LIMIT_S)
        # asyncio holds the wakeup descriptor now, and the other signals are heard all the same.
        running.signal("HUP")
        end = finish(running)

    assert 0 == end.code
    assert "SIGHUP" == end.report["cause"]


def test_a_stolen_signal_is_taken_back() -> None:
    """With `rearm` the main thread takes it back when it next runs code of the Ender; the thief is then displaced."""
    source = """
def taken_back():
    ender.add(lambda: None, name='step')
    ender.remove('step')
    if signal.getsignal(signal.SIGTERM).__name__ == '_handle' and not ender.stopping.is_set():
        say('taken back')
"""
    with program(source + STOLEN.format(options="theft='rearm'", body="taken_back()")) as running:
        running.wait_for("taken back", LIMIT_S)
        running.signal("TERM")
        end = finish(running)

    assert 0 == end.code
    assert "SIGTERM" == end.report["cause"]
    assert 1 == end.output.count("the other one")


def test_leaving_keeps_what_other_code_has_put_in_its_place() -> None:
    """A handler that somebody else has set since is not taken away at the end."""
    source = """
    other = lambda *_: None
    with Ender('orders', grace=10):
        signal.signal(signal.SIGTERM, other)
    say('kept', signal.getsignal(signal.SIGTERM) is other)
    """
    end = run(source)

    assert "kept True" in end.output


def test_uvloop_and_its_wakeup_descriptor() -> None:
    """uvloop holds the wakeup descriptor all the time; signals are heard, also while its loop is blocked."""
    pytest.importorskip("uvloop")
    source = """
    import uvloop
    async def main():
        async with Ender('orders', grace=10) as ender:
            ender.add(lambda: say('sync handler'), name='sync', phase='drain')
            @ender.handler(phase='flush')
            async def on_the_loop():
                say('async handler on', type(asyncio.get_running_loop()).__module__)
            say('ready')
            time.sleep(1)
            say('loop free again')
            await asyncio.sleep(3600)
    uvloop.run(main())
    say('left')
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert end.output.index("sync handler") < end.output.index("loop free again")
    assert "async handler on uvloop" in end.output
    assert "left" in end.output


def test_install_before_uvloop() -> None:
    """An Ender that hears signals before uvloop takes the wakeup descriptor goes on hearing them."""
    pytest.importorskip("uvloop")
    source = """
    import uvloop
    ender = Ender('orders', grace=10).install()
    async def main():
        async with ender:
            say('ready')
            await asyncio.sleep(3600)
    uvloop.run(main())
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert {"body": "done"} == end.outcomes


def test_another_wakeup_descriptor_is_left_alone() -> None:
    """What another library has set as wakeup descriptor still gets its bytes."""
    source = """
    import socket
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno())
    with Ender('orders', grace=10) as ender:
        say('ready')
        ender.stopping.wait()
    say('they heard', ours.recv(10)[0], signal.set_wakeup_fd(-1) == theirs.fileno())
    """
    end = run(source, "TERM")

    assert f"they heard {signal.SIGTERM.value} True" in end.output
