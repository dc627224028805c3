"""The two last resorts; in processes of their own, since they end them."""

from __future__ import annotations

import os
import signal

from processender.core.window import Window
from processender.engine.watchdog import Watchdog
from processender.testing.clock import VirtualClock
from processender.testing.processes import Program

ARM = """
import signal, sys, time
from processender.core.window import Window
from processender.engine.clock import SystemClock
from processender.engine.watchdog import Watchdog
clock = SystemClock()
dog = Watchdog(clock)
print(dog.prepare(sys.argv[1]), flush=True)
def arm(seconds):
    print(dog.arm(Window.open(clock.now(), seconds)), flush=True)
"""


def run(source: str, path: str) -> tuple[int, str]:
    """Run *source* behind the preparations; return the exit code and the output."""
    with Program(ARM + source, path) as program:
        return program.wait(), program.output


def test_the_first_last_resort_writes_every_stack(tmp_path) -> None:
    """Into the file that was opened beforehand."""
    run(
        "def stuck():\n    signal.pause()\narm(0.4)\nsignal.setitimer(signal.ITIMER_REAL, 0)\nstuck()",
        str(tmp_path / "stacks"),
    )

    assert "in stuck" in (tmp_path / "stacks").read_text()


def test_the_first_last_resort_ends_the_process(tmp_path) -> None:
    """With the code of faulthandler."""
    code, _ = run("arm(0.4)\nsignal.setitimer(signal.ITIMER_REAL, 0)\nsignal.pause()", str(tmp_path / "stacks"))

    assert 1 == code


def test_the_second_last_resort_is_the_kernel(tmp_path) -> None:
    """If somebody has cancelled the first."""
    code, _ = run(
        "arm(0.4)\nimport faulthandler; faulthandler.cancel_dump_traceback_later()\nwhile True: pass",
        str(tmp_path / "s"),
    )

    assert -signal.SIGALRM == code


def test_neither_fires_when_they_were_disarmed(tmp_path) -> None:
    """The timer of the kernel is stopped."""
    _, output = run("arm(60)\ndog.disarm()\nprint(signal.getitimer(signal.ITIMER_REAL))", str(tmp_path / "stacks"))

    assert output.endswith("(0.0, 0.0)\n")


def test_an_application_that_uses_the_alarm_keeps_it(tmp_path) -> None:
    """And it is said."""
    _, output = run("signal.signal(signal.SIGALRM, lambda *_: None)\narm(60)", str(tmp_path / "stacks"))

    assert "SIGALRM belongs to the application" in output


def test_an_application_that_uses_the_timer_keeps_it(tmp_path) -> None:
    """Arming and disarming leave it running."""
    source = "signal.setitimer(signal.ITIMER_REAL, 60)\narm(30)\ndog.disarm()\nprint(signal.getitimer(0)[0] > 50)"
    _, output = run(source, str(tmp_path / "stacks"))

    assert ("interval timer belongs" in output, True) == (True, output.endswith("True\n"))


def test_a_longer_window_moves_both(tmp_path) -> None:
    """Arming again is not somebody else's use of the alarm."""
    _, output = run("arm(10)\narm(100)\nprint(signal.getitimer(signal.ITIMER_REAL)[0] > 90)", str(tmp_path / "stacks"))

    assert output.endswith("\n\nTrue\n")


def test_a_link_is_not_followed(tmp_path) -> None:
    """Another user's link must not make us overwrite a file."""
    (tmp_path / "stacks").symlink_to(tmp_path / "victim")
    dog = Watchdog(VirtualClock())
    trouble = dog.prepare(str(tmp_path / "stacks"))
    dog.close()

    assert (True, False) == ("cannot be written" in trouble, (tmp_path / "victim").exists())


def test_without_a_place_the_stacks_go_nowhere(tmp_path) -> None:
    """Never to stderr: to a full pipe the dump would block for ever."""
    dog = Watchdog(VirtualClock())
    trouble = dog.prepare(str(tmp_path / "missing" / "stacks"))
    armed_anyway = dog.file >= 0
    dog.close()

    assert ("the stacks of a forced end cannot be written", True) == (trouble.split(":")[0], armed_anyway)


def test_the_window_decides_when() -> None:
    """One margin apart, the last one a margin before the end."""
    window = Window.open(0.0, 30.0)

    assert (29.0, 29.5, 30.0) == (window.dump_at, window.kill_at, window.hard)


def test_the_null_device_is_never_removed(tmp_path) -> None:
    """It stands in for the file where there is no place for one; who removes it breaks every program of the host."""
    device = tmp_path / "null"
    os.mkfifo(device)
    reader = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    dog = Watchdog(VirtualClock())
    dog.prepare(str(device))
    dog.close()
    os.close(reader)

    assert device.exists()


def test_a_file_that_tells_nothing_is_removed(tmp_path) -> None:
    """A service may start a thousand times."""
    dog = Watchdog(VirtualClock())
    dog.prepare(str(tmp_path / "stacks"))
    dog.close()

    assert [] == list(tmp_path.iterdir())


def test_a_fatal_signal_is_told(tmp_path) -> None:
    """The file holds the stack of the thread that was hit."""
    code, _ = run("signal.raise_signal(signal.SIGSEGV)", str(tmp_path / "stacks"))

    assert (-11, True) == (code, "Segmentation fault" in (tmp_path / "stacks").read_text())
