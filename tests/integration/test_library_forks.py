"""Fork children of a program that uses the library start disarmed."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.integration.library_programs import LIMIT_S, Program, finish, program, run

OUTSIDE = """
ender = Ender('orders', grace=10)
ender.add(lambda: say('flushed by', os.getpid()), name='flush')
say('parent', os.getpid())
with ender:
    {inside}
say('left by', os.getpid())
"""

FORK = """
    child = os.fork()
    if not child:
        say('child default', signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.set_wakeup_fd(-1))
        {child}
    say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def forking(child: str) -> str:
    return OUTSIDE.format(inside=FORK.format(child=child).strip())


def test_a_fork_child_has_the_signals_as_they_were_found() -> None:
    """The child's TERM has its default effect, although the parent hears it."""
    end = run(forking("os.kill(os.getpid(), signal.SIGTERM); time.sleep(3600)"))

    assert "child default True -1" in end.output
    assert "status -15" in end.output
    assert 1 == end.output.count("flushed by")


def test_a_fork_child_that_leaves_the_block_runs_nothing() -> None:
    """The block is the parent's: the child goes through its end as if there were no Ender."""
    source = forking("pass").replace("    say('status'", "    if child: say('status'")
    end = run(source)

    assert 0 == end.code
    assert 2 == end.output.count("left by")
    assert 1 == end.output.count("flushed by")


def test_a_fork_child_may_enter_the_ender_itself() -> None:
    """The declared handlers are known to the child, and run when it enters the Ender."""
    source = """
    ender = Ender('orders', grace=10)
    ender.add(lambda: say('flushed by', os.getpid()), name='flush')
    def work():
        with ender:
            say('ready', os.getpid())
            ender.stopping.wait()
    with ender:
        child = os.fork()
        if not child:
            work()
            os._exit(5)
        say('the child has the number', child)
        say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        child = int(running.wait_for("has the number ", LIMIT_S).rpartition("has the number ")[2].split()[0])
        os.kill(child, signal.SIGTERM)
        end = finish(running)

    assert "status 5" in end.output
    assert f"flushed by {child}" in end.output
    assert f"flushed by {running.pid}" in end.output


def test_a_child_forked_after_the_end_may_enter_the_ender() -> None:
    """That the parent has left the Ender does not bind the child."""
    source = """
    ender = Ender('orders', grace=10)
    ender.add(lambda: say('flushed'), name='flush')
    with ender:
        pass
    child = os.fork()
    if not child:
        with ender:
            pass
        os._exit(5)
    say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    end = run(source)

    assert "status 5" in end.output
    assert 2 == end.output.count("flushed\n")


def test_a_child_forked_after_the_end_keeps_the_files_of_others() -> None:
    """The descriptors of an Ender that is over are closed; files that were opened since have their numbers."""
    source = """
    ender = Ender('orders', grace=10)
    with ender:
        pass
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(50)]
    child = os.fork()
    if not child:
        for file in files:
            os.fstat(file)
        os._exit(7)
    say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    end = run(source)

    assert "status 7" in end.output


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_terminating_a_process_of_multiprocessing_ends_it(method: str, tmp_path) -> None:
    """`Process.terminate()` works in a program with an Ender, whatever the start method."""
    file = tmp_path / "pool.py"
    file.write_text(f"""
import multiprocessing, os, time
from processender import Ender

def work(ready):
    ready.set()
    time.sleep(3600)

if __name__ == '__main__':
    context = multiprocessing.get_context('{method}')
    with Ender('orders', grace=10) as ender:
        ender.add(lambda: print('flushed', flush=True), name='flush')
        ready = context.Event()
        process = context.Process(target=work, args=[ready])
        process.start()
        ready.wait()
        process.terminate()
        process.join()
        print('exit code', process.exitcode, flush=True)
""")
    with Program([sys.executable, str(file)]) as running:
        end = finish(running)

    assert "exit code -15" in end.output
    assert 1 == end.output.count("flushed\n")
    assert 0 == end.code


def test_a_handler_may_fork() -> None:
    """A child that a handler forks is disarmed; the run of the parent goes on."""
    source = """
    def fork():
        child = os.fork()
        if not child:
            say('child default', signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
            os._exit(3)
        say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    with Ender('orders', grace=10) as ender:
        ender.add(fork, name='fork')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert "child default True" in end.output
    assert "status 3" in end.output
    assert "done" == end.outcomes["fork"]
    assert "clean" == end.report["verdict"]


def test_a_child_that_returns_from_a_handler_ends() -> None:
    """A worker thread that was forked has no Ender behind it: it must not wait for work for ever."""
    source = """
    def fork():
        child = os.fork()
        if child:
            say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    with Ender('orders', grace=5) as ender:
        ender.add(fork, name='fork')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert "status 0" in end.output
    assert "clean" == end.report["verdict"]


def test_a_fork_while_async_handlers_run() -> None:
    """A fork in the midst of a run leaves the run alone."""
    source = """
    async def main():
        async with Ender('orders', grace=10) as ender:
            @ender.handler(phase='flush')
            async def fork():
                child = os.fork()
                if not child:
                    os._exit(4)
                say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            say('ready')
            await asyncio.sleep(3600)
    asyncio.run(main())
    """
    end = run(source, "TERM")

    assert "status 4" in end.output
    assert "clean" == end.report["verdict"]
    assert 0 == end.code


def test_a_child_that_is_forked_during_the_run_can_exit() -> None:
    """The last resorts of the parent are armed then; the child has none, and its ordinary exit does not hang."""
    source = """
    with Ender('orders', grace=20) as ender:
        ender.stop()
        ender.stopping.wait()
        child = os.fork()
        if child:
            say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            say('still armed', signal.getitimer(signal.ITIMER_REAL)[0] > 0)
        else:
            say('child timer', signal.getitimer(signal.ITIMER_REAL)[0])
            sys.exit(6)
    """
    end = run(source)

    assert "status 6" in end.output
    assert "child timer 0.0" in end.output
    assert "still armed True" in end.output
    assert "clean" == end.report["verdict"]


def test_a_child_that_is_forked_during_the_run_can_run_its_own() -> None:
    """It arms last resorts of its own, which hold."""
    source = """
    ender = Ender('orders', grace=1)
    ender.add(lambda: os.getpid() == parent or pow(3, 10 ** 9), name='busy')
    parent = os.getpid()
    def work():
        with ender:
            ender.stop()
    with Ender('first', grace=60) as first:
        first.stop()
        first.stopping.wait()
        child = os.fork()
        if not child:
            work()
            os._exit(0)
        say('status', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    end = run(source)

    assert "status 1\n" in end.output
    assert 0 == end.code


def test_a_last_resort_that_hangs_does_not_hold_up_the_other() -> None:
    """In a child that is forked while the application waits with `faulthandler`, Python's own call never returns."""
    source = """
    import faulthandler
    faulthandler.dump_traceback_later(60)
    child = os.fork()
    if not child:
        with Ender('child', grace=0.5) as ender:
            ender.stop()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    faulthandler.cancel_dump_traceback_later()
    say(code in (0, -signal.SIGALRM))
    """

    # Python 3.12 warns of the fork.
    assert "True" == run(source).lines[-1]
