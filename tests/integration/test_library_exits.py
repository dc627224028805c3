"""How a program leaves after a run: exit codes, exceptions, and what cannot leave by itself."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.integration.library_programs import LIMIT_S, finish, program, run

ENTER = {
    "with": """
with Ender('orders', grace=10{options}) as ender:
    say('ready')
    ender.stopping.wait()
say('left')
""",
    "async with": """
async def main():
    async with Ender('orders', grace=10{options}):
        say('ready')
        await asyncio.sleep(3600)
asyncio.run(main())
say('left')
""",
    "run": """
def main():
    say('ready')
    ender.stopping.wait()
ender = Ender('orders', grace=10{options})
sys.exit(ender.run(main))
""",
    "run async": """
async def main():
    say('ready')
    await asyncio.sleep(3600)
ender = Ender('orders', grace=10{options})
sys.exit(ender.run(main))
""",
}
CODES = {"zero": 0, "signal": 128 + signal.SIGTERM, "reraise": -signal.SIGTERM, "return": 0}


@pytest.mark.parametrize("kind", ENTER)
@pytest.mark.parametrize("policy", CODES)
def test_the_exit_policy_after_a_signal(kind: str, policy: str) -> None:
    """`zero` is 0, `signal` is 128+n, `reraise` dies of the signal, `return` leaves it to the caller."""
    end = run(ENTER[kind].format(options=f", exit='{policy}'"), "TERM")

    assert CODES[policy] == end.code, end.output
    assert "clean" == end.report["verdict"]


@pytest.mark.parametrize(("end_by", "code"), [("os.kill(os.getpid(), signal.SIGTERM)", "0"), ("ender.stop()", "None")])
def test_the_exit_code_is_known_when_the_end_is_over(end_by: str, code: str) -> None:
    """Only a signal asks for one: whoever has begun the end otherwise has one of their own."""
    source = (
        f"ender = Ender('orders')\nwith ender:\n    {end_by}\n    ender.stopping.wait()\nsay('code', ender.exit_code)"
    )

    assert f"code {code}" in run(source).lines


@pytest.mark.parametrize("policy", CODES)
def test_the_exit_policy_does_not_touch_an_ordinary_end(policy: str) -> None:
    """Without a signal the program's own end counts."""
    end = run(f"with Ender('orders', exit='{policy}'):\n    pass\nsys.exit(7)")

    assert 7 == end.code
    assert "exit" == end.report["cause"]


@pytest.mark.parametrize("main", ["def main(): return 7", "async def main(): return 7"])
def test_run_returns_what_main_returns(main: str) -> None:
    """An int that `main` returns is the exit code of a run that no signal began."""
    end = run(f"{main}\nsys.exit(Ender('orders').run(main))")

    assert 7 == end.code


@pytest.mark.parametrize("main", ["def main(): 1 / 0", "async def main(): 1 / 0"])
def test_run_raises_what_main_raises(main: str) -> None:
    """The exception comes after the run, whose cause is `error`."""
    source = f"""
{main}
ender = Ender('orders')
ender.add(lambda: say('flushed'), name='flush')
try:
    ender.run(main)
except ZeroDivisionError:
    say('raised')
"""
    end = run(source)

    assert "error" == end.report["cause"]
    assert end.output.index("flushed\n") < end.output.index("raised")


@pytest.mark.parametrize("kind", ["with", "async with"])
def test_an_exception_of_the_body_passes_through_after_the_run(kind: str) -> None:
    """The handlers see the cause `error`; then the program dies of its exception as it would have."""
    source = f"""
    ender = Ender('orders')
    @ender.handler
    def flush(ctx):
        say('cause', ctx.cause)
    {"async def main():" if kind == "async with" else "def main():"}
        {kind} ender:
            raise LookupError('no such order')
    {"asyncio.run(main())" if kind == "async with" else "main()"}
    """
    end = run(source)

    assert 1 == end.code
    assert end.output.index("cause error") < end.output.index("LookupError: no such order")


def test_a_slow_disk_does_not_lose_the_record() -> None:
    """It is waited for longer than the last words of a log, while the handlers' time is not used up."""
    source = """
    from processender.telemetry import report
    write = report.write_new
    report.write_new = lambda path, data: (time.sleep(0.8), write(path, data))
    with Ender('orders', grace=30) as ender:
        pass
    """
    end = run(source)

    assert "clean" == end.report["verdict"]
    assert end.report["ended"] is not None


def test_leaving_normally_runs_the_plan() -> None:
    """The cause is then `exit`."""
    end = run("with Ender('orders') as ender:\n    ender.add(lambda ctx: say('cause', ctx.cause), name='flush')")

    assert "cause exit" in end.output


def test_a_body_that_never_leaves_does_not_hold_the_end() -> None:
    """At its soft deadline the body is given up: the other handlers have run, and the process ends with 128+n."""
    source = """
    with Ender('orders', grace=1) as ender:
        ender.add(lambda: say('flushed'), name='flush', importance='must')
        print('buffered', end='')
        say('ready')
        time.sleep(3600)
    """
    end = run(source, "TERM", env={"PYTHONUNBUFFERED": ""})

    assert 128 + signal.SIGTERM == end.code
    assert "done" == end.outcomes["flush"]
    assert "timed_out" == end.outcomes["body"]
    assert any("in <module>" in line for line in end.report["stuck"][0]["stack"])
    # Standard output was flushed on the way out.
    assert "buffered" in end.output


def test_a_body_that_swallows_cancellation_does_not_hold_the_end() -> None:
    """A task that goes on after its CancelledError is left behind with the process."""
    source = """
    async def main():
        async with Ender('orders', grace=3) as ender:
            ender.add(lambda: say('flushed'), name='flush', importance='must')
            say('ready')
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    say('swallowed')
    asyncio.run(main())
    """
    end = run(source, "TERM")

    assert 128 + signal.SIGTERM == end.code
    assert 1 == end.output.count("swallowed")
    assert {"body": "timed_out", "flush": "done"} == end.outcomes


def test_a_forced_end_without_a_signal_is_70() -> None:
    """`ender.stop()` and an abandoned handler: EX_SOFTWARE."""
    source = """
    with Ender('orders', grace=1) as ender:
        ender.add(lambda: time.sleep(3600), name='flush')
        ender.stop()
    """
    end = run(source)

    assert 70 == end.code
    assert 70 == end.report["exit"]
    assert "abandoned" == end.outcomes["flush"]


def test_what_logging_holds_is_flushed_on_a_forced_end() -> None:
    """A handler of `logging` that buffers is flushed before `os._exit`."""
    source = """
    import logging.handlers
    memory = logging.handlers.MemoryHandler(1000, logging.CRITICAL + 1, logging.StreamHandler(sys.stdout))
    logging.getLogger('app').addHandler(memory)
    logging.getLogger('app').propagate = False
    with Ender('orders', grace=10) as ender:
        # Long before the end of the window: the reserve is what is tried here, not how fast the machine is.
        ender.add(lambda: time.sleep(3600), name='flush', timeout=0.5)
        logging.getLogger('app').warning('held back')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert 128 + signal.SIGTERM == end.code
    assert "held back" in end.output


def test_a_cancellation_from_outside_passes_through_after_the_run() -> None:
    """What another task cancels stays cancelled; the plan runs all the same."""
    source = """
    async def serve():
        async with Ender('orders') as ender:
            ender.add(lambda: say('flushed'), name='flush')
            await asyncio.sleep(3600)
    async def main():
        task = asyncio.create_task(serve())
        await asyncio.sleep(0.05)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            say('cancelled')
    asyncio.run(main())
    """
    end = run(source)

    assert end.output.index("flushed\n") < end.output.index("cancelled")
    assert "error" == end.report["cause"]


def test_a_timeout_around_the_block_is_not_swallowed() -> None:
    """A cancellation from outside that comes while the end has cancelled the body belongs to who asked for it."""
    source = """
    async def main():
        ender = Ender('orders', grace=10)
        ender.add(lambda: time.sleep(0.5), name='flush')
        try:
            async with asyncio.timeout(0.2):
                async with ender:
                    ender.stop()
                    await asyncio.sleep(3600)
        except TimeoutError:
            say('timed out')
        say('cancelling', asyncio.current_task().cancelling())
    asyncio.run(main())
    """
    end = run(source)

    assert "timed out" in end.output
    assert "cancelling 0" in end.output


def test_without_cancel_body_the_task_is_left_alone() -> None:
    """`cancel_body=False`: the body sees `stopping` and leaves by itself."""
    source = """
    async def main():
        async with Ender('orders', grace=10, cancel_body=False) as ender:
            say('ready')
            while not ender.stopping.is_set():
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            say('left by itself')
    asyncio.run(main())
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert "left by itself" in end.output


def test_installed_and_never_entered_the_plan_runs_at_exit() -> None:
    """atexit is the backstop of a program that ends without a signal."""
    source = """
    ender = Ender('orders').install()
    ender.add(lambda: say('flushed'), name='flush')
    async def flush_async():
        say('flushed async')
    ender.add(flush_async)
    say('end of main')
    """
    end = run(source)

    assert 0 == end.code
    assert {"flush": "done", "flush-async": "done"} == end.outcomes
    assert end.output.index("end of main") < end.output.index("flushed\n")


def test_a_handler_at_the_exit_can_still_send_a_request() -> None:
    """Python 3.12 starts no thread any more then; what runs on one otherwise runs where it is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        source = f"""
        from processender.integrations.http import http
        ender = Ender('orders').install()
        ender.add(http('POST', 'http://127.0.0.1:{listener.getsockname()[1]}/gone'), name='tell')
        ender.add(lambda ctx: ctx.call('a server', lambda: say('asked')), name='call')
        say('main is over')
        """
        listener.settimeout(LIMIT_S)
        with program(source) as running:
            client, _ = listener.accept()
            with client:
                request = client.recv(65536)
                client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            end = finish(running)

    assert (0, b"POST /gone") == (end.code, request[:10])
    assert {"tell": "done", "call": "done"} == end.outcomes


def test_disabled_it_does_nothing_at_all() -> None:
    """PROCESSENDER_DISABLE=1: no signal is heard, no handler runs, no report is written; the program works."""
    with program(ENTER["with"].format(options=""), env={"PROCESSENDER_DISABLE": "1"}) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        end = finish(running)

    assert -signal.SIGTERM == end.code
    with pytest.raises(AssertionError, match="no report"):
        _ = end.report


def test_disabled_run_returns_the_code_of_main() -> None:
    """Also an async `main` runs as if there were no Ender."""
    source = "async def main(): return 7\nsys.exit(Ender('orders').run(main))"
    with program(source, env={"PROCESSENDER_DISABLE": "1"}) as running:
        end = finish(running)

    assert 7 == end.code
