"""Resources: set-up and tear-down in one place, in a real program."""

from __future__ import annotations

import pytest

from tests.integration.library_programs import run

SYNC = """
ender = Ender('orders', grace=10)

{resources}

with ender:
    say('ready')
    {body}
    ender.stopping.wait()
"""

ASYNC = """
ender = Ender('orders', grace=10)

{resources}

async def main():
    async with ender:
        say('ready')
        {body}
        await asyncio.sleep(3600)

asyncio.run(main())
"""


def lines(output: str, *starts: str) -> list[str]:
    """Return the lines that begin with one of *starts*."""
    return [line for line in output.splitlines() if line.startswith(starts)]


@pytest.mark.parametrize(("frame", "kind"), [(SYNC, "def"), (ASYNC, "def"), (ASYNC, "async def")])
def test_resources_close_in_reverse_of_entry(frame: str, kind: str) -> None:
    """Each is told the cause, and the value is there in between."""
    resources = f"""
@ender.resource
{kind} database():
    say('open database')
    cause = yield 'the database'
    say('close database', cause)

@ender.resource
{kind} pool():
    say('open pool on', database.value)
    yield 'the pool'
    say('close pool')
"""
    end = run(frame.format(resources=resources, body="say('body has', pool.value)"), "TERM")

    assert [
        "open database",
        "open pool on the database",
        "body has the pool",
        "close pool",
        "close database SIGTERM",
    ] == lines(end.output, "open", "body has", "close")
    assert {"database": "done", "pool": "done", "body": "done"} == end.outcomes


def test_a_resource_can_be_ordered() -> None:
    """`phase` and the other options are those of its tear-down."""
    resources = """
@ender.resource(phase='release')
def database():
    yield
    say('close database')

@ender.resource(phase='drain')
def listener():
    yield
    say('close listener')

@ender.handler(phase='flush')
def flush():
    say('close nothing, flush')
"""
    end = run(SYNC.format(resources=resources, body="pass"), "TERM")

    assert ["close listener", "close nothing, flush", "close database"] == lines(end.output, "close")


def test_a_handler_may_name_a_resource_in_its_order() -> None:
    """A handler that must come before the tear-down of a resource says so by name, before the Ender is entered."""
    resources = """
@ender.resource
def pool():
    yield
    say('close pool')

@ender.handler(before=['pool'])
def last_query():
    say('close to the end: last query')
"""
    end = run(SYNC.format(resources=resources, body="pass"), "TERM")

    assert 0 == end.code, end.output
    assert ["close to the end: last query", "close pool"] == lines(end.output, "close")


def test_an_async_resource_lives_in_one_task() -> None:
    """A cancel scope and a context variable hold across the yield."""
    resources = """
import contextvars
who = contextvars.ContextVar('who', default='nobody')

@ender.resource
async def pool():
    task = asyncio.current_task()
    who.set('the pool')
    async with asyncio.TaskGroup() as group:
        helper = group.create_task(asyncio.sleep(3600))
        yield
        say('same task', asyncio.current_task() is task, who.get())
        helper.cancel()
"""
    end = run(ASYNC.format(resources=resources, body="say('outside', who.get())"), "TERM")

    assert "outside nobody" in end.output
    assert "same task True the pool" in end.output
    assert "done" == end.outcomes["pool"]


def test_a_sync_resource_lives_on_one_thread() -> None:
    """A handle that is bound to its thread, such as one of sqlite3, can be closed by its tear-down."""
    resources = """
@ender.resource
def database():
    import sqlite3
    connection = sqlite3.connect(':memory:')
    yield
    connection.close()
    say('close database')
"""
    end = run(SYNC.format(resources=resources, body="pass"), "TERM")

    assert "close database" in end.output
    assert "done" == end.outcomes["database"]


@pytest.mark.parametrize(("frame", "kind"), [(SYNC, "def"), (ASYNC, "def"), (ASYNC, "async def")])
def test_a_set_up_that_fails_tears_down_what_was_opened(frame: str, kind: str) -> None:
    """The exception comes out of entering; the body never begins."""
    resources = f"""
@ender.resource
{kind} database():
    yield
    say('close database')

@ender.resource
{kind} pool():
    raise ConnectionRefusedError('no pool today')
    yield
"""
    end = run(frame.format(resources=resources, body="pass"))

    assert 1 == end.code
    assert "close database" in end.output
    assert "ready" not in end.lines
    assert "ConnectionRefusedError: no pool today" in end.output
    assert "error" == end.report["cause"]


@pytest.mark.parametrize(("frame", "kind"), [(SYNC, "def"), (ASYNC, "def"), (ASYNC, "async def")])
def test_a_generator_that_yields_twice_is_failed(frame: str, kind: str) -> None:
    """Everything after the first `yield` is tear-down, and the report says so."""
    resources = f"""
@ender.resource
{kind} pool():
    yield 1
    yield 2
"""
    end = run(frame.format(resources=resources, body="pass"), "TERM")

    assert "failed" == end.outcomes["pool"]
    assert "yielded twice" in end.handler("pool")["error"]


@pytest.mark.parametrize(("frame", "kind"), [(SYNC, "def"), (ASYNC, "async def")])
def test_a_tear_down_that_raises_is_failed(frame: str, kind: str) -> None:
    """The others are torn down all the same."""
    resources = f"""
@ender.resource
{kind} database():
    yield
    say('close database')

@ender.resource
{kind} pool():
    yield
    raise OSError('the pool is stuck')
"""
    end = run(frame.format(resources=resources, body="pass"), "TERM")

    assert "OSError: the pool is stuck" == end.handler("pool")["error"]
    assert "close database" in end.output


def test_a_tear_down_that_hangs_is_cut() -> None:
    """An async one is cancelled, a sync one left behind; each with its stack."""
    resources = """
@ender.resource(timeout=0.3)
async def slow():
    yield
    await asyncio.sleep(3600)

@ender.resource(timeout=0.3)
def stuck():
    yield
    time.sleep(3600)
"""
    end = run(ASYNC.format(resources=resources, body="pass"), "TERM")

    assert "timed_out" == end.outcomes["slow"]
    assert end.outcomes["stuck"] in {"timed_out", "abandoned"}
    assert any("in stuck" in line for entry in end.report["stuck"] for line in entry["stack"])


@pytest.mark.parametrize(("frame", "kind"), [(SYNC, "def"), (ASYNC, "async def")])
def test_a_generator_that_never_yields_is_an_error(frame: str, kind: str) -> None:
    """It is named when the Ender is entered."""
    resources = f"""
@ender.resource
{kind} pool():
    return
    yield
"""
    end = run(frame.format(resources=resources, body="pass"))

    assert 1 == end.code
    assert "StateError: the resource 'pool' never yielded" in end.output


def test_a_context_manager_can_be_entered() -> None:
    """`enter_context` registers its exit as a handler and returns its value."""
    source = """
    import contextlib
    ender = Ender('orders', grace=10)
    @contextlib.contextmanager
    def connection():
        yield 'the connection'
        say('close connection')
    @contextlib.asynccontextmanager
    async def channel():
        yield 'the channel'
        say('close channel')
    async def main():
        async with ender:
            say('entered', ender.enter_context(connection(), name='connection'))
            say('entered', await ender.enter_async_context(channel(), name='channel'))
            ender.stop()
            await asyncio.sleep(3600)
    asyncio.run(main())
    """
    end = run(source)

    assert ["entered the connection", "entered the channel", "close channel", "close connection"] == lines(
        end.output, "entered", "close"
    )


def test_a_term_during_an_async_set_up_ends_the_process() -> None:
    """The set-up is cut short, what was opened is torn down, and the process leaves without an error."""
    source = """
    ender = Ender('orders', grace=10)
    @ender.resource
    async def database():
        say('open database')
        yield
        say('close database')
    @ender.resource
    async def pool():
        say('ready')
        await asyncio.sleep(3600)
        yield
    async def main():
        async with ender:
            say('never')
    asyncio.run(main())
    """
    end = run(source, "TERM")

    assert 0 == end.code, end.output
    assert "close database" in end.output
    assert "never" not in end.output
    assert "Traceback" not in end.output
