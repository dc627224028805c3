"""Real signals at a program that uses the library: heard, counted, and never lost or heard twice."""

from __future__ import annotations

import signal

import pytest

from tests.integration.library_programs import LIMIT_S, finish, program, run

WAITING = """
with Ender('orders', grace=10) as ender:
    ender.add(lambda: say('flushed'), name='flush', phase='flush')
    say('ready')
    ender.stopping.wait()
"""

SLOW = """
gate = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: gate.set())
ender = Ender('orders', grace=60)

@ender.handler(phase='quiesce', importance='must')
def commit():
    say('commit begun')
    gate.wait()

@ender.handler(phase='quiesce')
async def tidy():
    say('tidy begun')
    # Two interrupts closer than half a second are one.
    threading.Timer(0.7, say, ['first pause over']).start()
    threading.Timer(1.4, say, ['second pause over']).start()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        say('tidy gives way')

@ender.handler(phase='close', importance='may')
def goodbye():
    pass

with ender:
    say('ready')
    ender.stopping.wait()
"""


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT", "HUP"])
def test_each_signal_begins_the_run(name: str) -> None:
    """TERM, INT, QUIT and HUP are notices, and the report names the one that came."""
    end = run(WAITING, name)

    assert 0 == end.code
    assert f"SIG{name}" == end.report["cause"]
    assert {"flush": "done", "body": "done"} == end.outcomes


def test_two_interrupts_ten_milliseconds_apart_are_one() -> None:
    """A key pressed once may reach a process twice; that hurries nothing."""
    source = """
    def interrupted_again():
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
    with Ender('orders', grace=10) as ender:
        ender.add(interrupted_again, name='flush')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "INT")

    assert 0 == end.code
    assert "done" == end.outcomes["flush"]
    assert "asked to hurry" not in end.output


def test_the_second_interrupt_gives_up_all_below_must() -> None:
    """The second INT cancels what is not `must`; the `must` goes on to its end."""
    with program(SLOW) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("INT")
        running.wait_for("first pause over", LIMIT_S)
        running.signal("INT")
        running.wait_for("tidy gives way", LIMIT_S)
        running.signal("USR1")
        end = finish(running)

    assert {"commit": "done", "tidy": "timed_out", "goodbye": "skipped", "body": "done"} == end.outcomes
    assert "hurried by SIGINT" == end.handler("tidy")["reason"] == end.handler("goodbye")["reason"]
    assert 0 == end.code


def test_the_third_interrupt_ends_the_process() -> None:
    """The third INT exits 128+n at once, with the stacks written and the verdict `forced`."""
    with program(SLOW) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("INT")
        running.wait_for("first pause over", LIMIT_S)
        running.signal("INT")
        running.wait_for("second pause over", LIMIT_S)
        running.signal("INT")
        end = finish(running)

    assert 128 + signal.SIGINT == end.code
    assert "forced" == end.report["verdict"]
    assert "in commit" in end.stacks


def test_an_interrupt_after_term_is_the_first() -> None:
    """TERM does not count for the escalation: one INT behind it hurries nothing."""
    with program(SLOW) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        running.wait_for("first pause over", LIMIT_S)
        running.signal("INT")
        running.wait_for("heard SIGINT", LIMIT_S)
        running.wait_for("second pause over", LIMIT_S)

        assert "asked to hurry" not in running.output
        assert "tidy gives way" not in running.output


def test_which_signals_escalate_can_be_told() -> None:
    """With `escalate=["SIGTERM"]` a second TERM hurries."""
    source = SLOW.replace("grace=60", "grace=60, escalate=['SIGTERM']")
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        running.wait_for("first pause over", LIMIT_S)
        running.signal("TERM")
        running.wait_for("asked to hurry", LIMIT_S)
        running.signal("USR1")
        end = finish(running)

    assert "hurried by SIGTERM" == end.handler("tidy")["reason"]


@pytest.mark.alone
def test_ten_thousand_terms_are_one_notice() -> None:
    """A storm of TERMs is one run with one notice, and it ends as any other."""
    with program(SLOW) as running:
        running.wait_for("ready", LIMIT_S)
        for _ in range(10_000):
            running.signal("TERM")
        running.wait_for("commit begun", LIMIT_S)
        running.signal("USR1")
        running.wait_for("tidy begun", LIMIT_S)
        running.signal("INT")
        running.wait_for("second pause over", LIMIT_S)
        running.signal("INT")
        end = finish(running)

    assert 0 == end.code
    assert ["SIGTERM", "SIGINT"] == [notice["cause"] for notice in end.report["notices"]]
    assert ["done", "done"] == [end.outcomes["commit"], end.outcomes["body"]]


def test_term_during_import_is_heard() -> None:
    """After `install()` a TERM in the midst of slow imports runs the plan and ends the process."""
    source = """
    ender = Ender('orders', grace=10).install()
    ender.add(lambda: say('flushed'), name='flush')
    say('ready')
    time.sleep(3600)  # a slow import
    say('never')
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert {"flush": "done"} == end.outcomes
    assert "never" not in end.output


@pytest.mark.parametrize("kind", ["with", "async with"])
def test_term_while_entering_never_begins_the_body_half(kind: str) -> None:
    """A TERM that lands anywhere between `install()` and the body ends the process without an error."""
    source = """
    ender = Ender('orders', grace=10).install()
    for number in range(20):
        ender.resource(name=f'resource-{number}')(lambda: (yield))
    ender.add(lambda: None, name='flush')
    threading.Timer(float(sys.argv[1]), os.kill, [os.getpid(), signal.SIGTERM]).start()

    def enter():
        with ender:
            say('ready')
            ender.stopping.wait()

    async def enter_async():
        async with ender:
            say('ready')
            await asyncio.get_running_loop().create_future()

    enter() if sys.argv[2] == 'with' else asyncio.run(enter_async())
    """
    for delay in ("0", "0.0003", "0.001", "0.002", "0.004", "0.008"):
        with program(source, delay, kind) as running:
            end = finish(running)

        assert 0 == end.code, (delay, end.output)
        assert "Traceback" not in end.output
        assert "done" == end.outcomes["flush"]


def test_a_signal_while_the_registry_changes_is_safe() -> None:
    """Signals that land on any line of a registration break neither it nor the run, many times over."""
    source = """
    hits = 0
    def hit(*_):
        global hits
        hits += 1
    signal.signal(signal.SIGUSR1, hit)
    ender = Ender('orders', grace=20, signals=['SIGTERM'])
    with ender:
        child = os.fork()
        if not child:
            for _ in range(2000):
                os.kill(os.getppid(), signal.SIGUSR1)
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        count = 0
        while not ender.stopping.is_set():
            ender.add(lambda: None, name=f'kept-{count}', phase='flush')
            ender.add(lambda: None, name='gone', phase='flush')
            ender.remove('gone')
            count += 1
        say('added', count, hits > 0)
        os.waitpid(child, 0)
    say('outcomes', {handler['outcome'] for handler in ender.report['handlers']})
    """
    with program(source) as running:
        end = finish(running)

    assert 0 == end.code, end.output
    assert "outcomes {'done'}" in end.output
    assert "Traceback" not in end.output


def test_a_signal_found_ignored_stays_ignored() -> None:
    """Under nohup HUP is ignored, before, during and after."""
    source = f"signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{WAITING}say(signal.getsignal(signal.SIGHUP).name)"
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("HUP")
        running.signal("TERM")
        end = finish(running)

    assert ["SIGTERM"] == [notice["cause"] for notice in end.report["notices"]]
    assert "SIG_IGN" in end.output


def test_handlers_are_restored_afterwards() -> None:
    """After the block each signal has the handler that it had before, and the wakeup descriptor is free."""
    source = """
    mine = lambda *_: None
    signal.signal(signal.SIGTERM, mine)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)]
    with Ender('orders', grace=10) as ender:
        pass
    after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)]
    say('restored', before == after, signal.set_wakeup_fd(-1))
    """
    end = run(source)

    assert "restored True -1" in end.output


def test_after_the_block_a_signal_has_its_default_effect() -> None:
    """A TERM after the Ender was left kills as if there had been no Ender."""
    source = f"{WAITING}say('left')\ntime.sleep(3600)"
    with program(source.replace("ender.stopping.wait()", "pass").replace("say('ready')", "pass")) as running:
        running.wait_for("left", LIMIT_S)
        running.signal("TERM")

        assert -signal.SIGTERM == finish(running).code
