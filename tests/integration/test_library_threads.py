"""The library in programs with threads: who may call what, and from where."""

from __future__ import annotations

import signal

from tests.integration.library_programs import LIMIT_S, finish, program, run


def test_stop_from_ten_threads_is_one_run() -> None:
    """`stop()` is idempotent and may be called from any thread; each caller can wait for the end."""
    source = """
    ender = Ender('orders', grace=10)
    ender.add(lambda: say('flushed'), name='flush')
    waited = []
    threads = [threading.Thread(target=lambda: waited.append(ender.stop('enough').wait(10))) for _ in range(10)]
    with ender:
        for thread in threads:
            thread.start()
        ender.stopping.wait()
    for thread in threads:
        thread.join()
    say('waited', waited == [True] * 10)
    """
    end = run(source)

    assert "waited True" in end.output
    assert 1 == end.output.count("flushed")
    assert ["enough"] == [notice["cause"] for notice in end.report["notices"]]


def test_off_the_main_thread_there_are_no_signals_and_that_is_said() -> None:
    """Only the main thread can take signals; everything else works."""
    source = """
    def serve():
        with Ender('orders', grace=10) as ender:
            ender.add(lambda: say('flushed'), name='flush')
            say('default', signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
            ender.stop()
    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    """
    end = run(source)

    assert "default True" in end.output
    assert 1 == end.output.count("signals are not heard")
    assert {"flush": "done", "body": "done"} == end.outcomes


def test_installed_on_the_main_thread_it_hears_for_another() -> None:
    """A thread may enter what the main thread has installed."""
    source = """
    ender = Ender('orders', grace=10).install()
    def serve():
        with ender:
            say('ready')
            ender.stopping.wait()
    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    say('left')
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert "left" in end.output
    assert {"body": "done"} == end.outcomes


def test_left_on_another_thread_the_signals_are_given_back_late() -> None:
    """A thread cannot give signals back; the first signal that comes afterwards does, and has its default effect."""
    source = """
    ender = Ender('orders', grace=10).install()
    def serve():
        with ender:
            pass
    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    files = [open(os.devnull, 'w') for _ in range(20)]  # they take the numbers that have become free
    say('left')
    time.sleep(3600)
    """
    end = run(source, "TERM", after="left")

    assert -signal.SIGTERM == end.code


def test_threads_see_that_the_end_has_begun() -> None:
    """`ender.stopping` ends the loops of an application's own threads."""
    source = """
    with Ender('orders', grace=10) as ender:
        def poll():
            while not ender.stopping.wait(0.01):
                pass
            say('poller leaves')
        poller = threading.Thread(target=poll)
        poller.start()
        ender.add(poller.join, name='poller', phase='quiesce')
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert "poller leaves" in end.output
    assert "done" == end.outcomes["poller"]


def test_work_in_flight_is_waited_for_and_named() -> None:
    """The end waits for what is in progress, says what that is, and goes on when it is over."""
    source = """
    ender = Ender('orders', grace=20)
    gate = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: gate.set())
    ender.add(lambda: say('flushing'), name='flush')
    def work():
        with ender.inflight('order 4711'):
            say('ready')
            gate.wait()
            say('order written')
    with ender:
        threading.Thread(target=work).start()
        ender.stopping.wait()
    """
    with program(source) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        running.wait_for("waiting for 1 in flight: order 4711", LIMIT_S)

        assert "flushing" not in running.output

        running.signal("USR1")
        end = finish(running)

    assert end.output.index("order written") < end.output.index("flushing")
    assert "done" == end.outcomes["inflight"]


def test_work_that_does_not_end_is_named_in_the_report() -> None:
    """When the time is up the report lists what was still in progress."""
    source = """
    ender = Ender('orders', grace=4)
    async def main():
        async with ender:
            async with ender.inflight('order 4711'):
                asyncio.get_running_loop().call_later(0.05, ender.stop)
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    await asyncio.sleep(3600)
    asyncio.run(main())
    """
    end = run(source)

    assert "still in flight: order 4711" in end.handler("inflight")["error"]
    assert ["order 4711"] == end.report["in_flight"]
    assert 70 == end.code


def test_the_first_work_in_flight_may_begin_on_many_threads_at_once() -> None:
    """What counts the work is registered once, whoever comes first."""
    source = """
    sys.setswitchinterval(1e-6)
    for turn in range(30):
        ender = Ender('orders', grace=10)
        start = threading.Barrier(8)
        failed = []
        def work():
            start.wait()
            try:
                with ender.inflight():
                    pass
            except Exception as error:
                failed.append(error)
        threads = [threading.Thread(target=work) for _ in range(8)]
        with ender:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert not failed, failed
    say('all right')
    """
    with program(source) as running:
        end = finish(running)

    assert "all right" in end.output


def test_registering_on_many_threads_during_the_run_loses_nothing() -> None:
    """A handler is either refused or it runs: none is accepted and forgotten."""
    source = """
    ender = Ender('orders', grace=20)
    accepted, ran = [], []
    def register(number):
        for count in range(40):
            name = f'step-{number}-{count}'
            try:
                ender.add(lambda name=name: ran.append(name), name=name, phase='release')
            except StateError:
                break
            accepted.append(name)
    threads = [threading.Thread(target=register, args=[number]) for number in range(4)]
    with ender:
        for thread in threads:
            thread.start()
        ender.stop()
    for thread in threads:
        thread.join()
    say('lost', sorted(set(accepted) - set(ran)))
    """
    for _ in range(5):
        end = run(source)

        assert "lost []" in end.output


def test_an_ender_with_phases_of_its_own_waits_for_its_work_in_the_first() -> None:
    """Without a phase `quiesce` body and work in flight have their place in the first one."""
    source = """
    with Ender('orders', grace=10, phases=['stop', 'shut']) as ender:
        ender.add(lambda: say('shut'), name='shut', phase='shut')
        with ender.inflight():
            pass
        say('ready')
        ender.stopping.wait()
    """
    end = run(source, "TERM")

    assert 0 == end.code
    assert {"shut": "done", "body": "done", "inflight": "done"} == end.outcomes
    assert {"stop", "shut"} == {handler["phase"] for handler in end.report["handlers"]}


def test_a_signal_handler_may_notify_and_stop() -> None:
    """An application's own signal handler may interrupt any line of ours and tell the Ender, many times over."""
    source = """
    from processender.core.notice import Action
    ender = Ender('orders', grace=20, observers=[], signals=['SIGTERM'])
    heard = 0
    def advise(*_):
        global heard
        heard += 1
        ender.notify(Notice('advice', 'api', time.monotonic(), action=Action.ADVISE))
    signal.signal(signal.SIGUSR1, advise)
    signal.signal(signal.SIGUSR2, lambda *_: ender.stop('told by a signal handler'))
    with ender:
        child = os.fork()
        if not child:
            for _ in range(5000):
                os.kill(os.getppid(), signal.SIGUSR1)
            os.kill(os.getppid(), signal.SIGUSR2)
            os._exit(0)
        while not ender.stopping.is_set():
            ender.notify(Notice('more advice', 'api', time.monotonic(), action=Action.ADVISE))
        os.waitpid(child, 0)
    say('heard', heard > 0)
    """
    end = run(source)

    assert "heard True" in end.output
    assert "clean" == end.report["verdict"]
