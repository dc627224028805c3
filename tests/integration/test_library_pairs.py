"""Two Enders in one process."""

from __future__ import annotations

import signal

from tests.integration.library_programs import LIMIT_S, End, Program, finish, program, run


def verdicts(running: Program) -> dict[str, str]:
    """Return the verdict of each service's last report."""
    import json

    found = sorted(running.state.glob("*/reports/last.json"))
    return {file.parts[-3]: json.loads(file.read_text(encoding="utf-8"))["verdict"] for file in found}


def test_nested_enders_both_run() -> None:
    """One TERM begins the run of both."""
    source = """
    with Ender('outer', grace=10) as outer:
        outer.add(lambda: say('outer flushed'), name='flush')
        with Ender('inner', grace=10) as inner:
            inner.add(lambda: say('inner flushed'), name='flush')
            say('ready')
            inner.stopping.wait()
        say('inner left')
        outer.stopping.wait()
    say('outer left')
    """
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        end = finish(running)
        found = verdicts(running)

    assert 0 == end.code
    assert {"outer": "clean", "inner": "clean"} == found
    assert ["inner flushed", "outer flushed"] == sorted({"inner flushed", "outer flushed"} & set(end.lines))


def test_one_interrupt_hurries_neither_of_two() -> None:
    """The inner Ender hands the signal on as its last step; for the outer one that is no second interrupt."""
    source = """
    with Ender('outer', grace=20) as outer:
        outer.add(lambda: (left.wait(10), time.sleep(0.2)), name='flush')
        left = threading.Event()
        with Ender('inner', grace=20) as inner:
            inner.add(lambda: time.sleep(0.8), name='flush')
            say('ready')
            inner.stopping.wait()
        left.set()
    say('outer left')
    """
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("INT")
        end = finish(running)
        found = verdicts(running)

    assert "asked to hurry" not in end.output
    assert {"outer": "clean", "inner": "clean"} == found


LEFT = """
first, second = Ender('first', grace=10), Ender('second', grace=10)
first.__enter__()
second.__enter__()
{order}
say('left', signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.set_wakeup_fd(-1))
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(1)
say('survived')
"""


def leave(order: str) -> End:
    return run(LEFT.format(order=order))


def test_left_in_reverse_order_everything_is_restored() -> None:
    """Inner first: afterwards TERM has its default effect."""
    end = leave("second.__exit__(None, None, None); first.__exit__(None, None, None)")

    assert "left True -1" in end.output
    assert -signal.SIGTERM == end.code


def test_left_in_the_order_of_entry_everything_is_restored() -> None:
    """Outer first: the inner one must not bring back the handler of an Ender that is gone."""
    end = leave("first.__exit__(None, None, None); second.__exit__(None, None, None)")

    assert "left True -1" in end.output
    assert -signal.SIGTERM == end.code


def test_the_second_hears_signals_after_the_first_was_left() -> None:
    """What the first gives back is not what the second needs."""
    source = """
    first, second = Ender('first', grace=10), Ender('second', grace=10)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.add(lambda: say('flushed'), name='flush')
    say('ready')
    second.stopping.wait()
    second.__exit__(None, None, None)
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert "flushed" in end.output


LATER = """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    """
"""The kernel gives the signal to another thread: a main thread that waits by then never learns of it by itself."""


def test_the_second_hears_while_the_main_thread_sleeps_after_the_first_was_left() -> None:
    """The first hands the wakeup descriptor over; it once kept it, and a signal before the wait was lost."""
    source = f"""
    first, second = Ender('first', grace=10), Ender('second', grace=10)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    {LATER}
    second.stopping.wait()
    second.__exit__(None, None, None)
    say('left')
    """
    end = run(source)

    assert "left" in end.lines


def test_both_hear_while_the_main_thread_sleeps() -> None:
    """The one that holds the wakeup descriptor lets the other hear what came through it."""
    source = f"""
    first, second = Ender('first', grace=10), Ender('second', grace=10)
    first.__enter__()
    second.__enter__()
    {LATER}
    second.stopping.wait()
    first.stopping.wait()
    say('both')
    second.__exit__(None, None, None)
    first.__exit__(None, None, None)
    """
    end = run(source)

    assert "both" in end.lines
    assert "was taken" not in end.output


def test_the_earlier_hard_deadline_holds() -> None:
    """The last resorts belong to the process: an Ender with more time does not move those of one with less."""
    source = """
    with Ender('outer', grace=1.5) as outer, Ender('inner', grace=600) as inner:
        # Who takes the interpreter's lock before the outer one has heard leaves that to the agent.
        inner.add(lambda: outer.stopping.wait() and pow(3, 10 ** 9), name='busy', importance='must')
        say('ready')
        inner.stopping.wait()
    """
    end = run(source, "TERM")

    assert end.code in {1, -signal.SIGALRM}, end.output


def test_leaving_one_keeps_the_last_resort_of_the_other() -> None:
    """An Ender that ends in peace disarms its own last resort and no other."""
    source = """
    with Ender('outer', grace=2) as outer:
        with Ender('inner', grace=600) as inner:
            outer.add(lambda: left.wait() and pow(3, 10 ** 9), name='busy', importance='must')
            left = threading.Event()
            outer.stop()
            outer.stopping.wait()
        left.set()
        say('inner left')
    """
    end = run(source)

    assert "inner left" in end.output
    assert end.code in {1, -signal.SIGALRM}, end.output
