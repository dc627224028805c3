"""What real lives, crashes and recoveries leave in the totals of their service."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from processender import Ender
from processender.core.events import Event, Trouble
from processender.core.labels import OTHERS
from processender.errors import Permanent
from processender.measuring import Measuring
from processender.testing.processes import Program
from tests.integration.agents import agent
from tests.integration.test_agent_drain import steer
from tests.integration.test_agent_join import joined
from tests.waits import until

OWING = """
import os, signal
from processender import Ender
ender = Ender('shop', grace=5, signals=(), exit='return', observers=())
ender.releaser('thing')(lambda obligation: None)
with ender:
    for key in ('a', 'b'):
        ender.obligation('thing', key=key).acquire()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def counted(state: Path, name: str, service: str = "shop") -> dict[str, float]:
    """Return the values of a figure by its labels without the service, as one word; those with nothing left out."""
    tally = Measuring(str(state / service), service).tally(time.time())
    values = tally.values.get(f"processender_{name}", {})
    return {" ".join(labels[1:]): value for labels, value in values.items() if value}


def shop(state: Path, **options: object) -> Ender:
    """Return the Ender of the service."""
    return Ender("shop", grace=5, signals=(), state=str(state), exit="return", **{"observers": (), **options})


def test_a_crash_under_an_agent_counts_once_with_its_cause(tmp_path: Path) -> None:
    """Though its account is written again when what follows it has been done."""
    config = tmp_path / "pe.toml"
    config.write_text('service = "shop"\n[on_crash.handlers.hook]\nrun = ["true"]\n')
    with agent(["-c", str(config)], ["sh", "-c", "exit 3"], PROCESSENDER_STATE=str(tmp_path)) as program:
        assert 3 == program.wait()

    assert {"exit": 1} == counted(tmp_path, "crashes_total")


def test_a_recovery_counts_what_it_has_released_and_how_late_it_came(tmp_path: Path) -> None:
    """Once for the dead process, from the last entry in its journal; the crash is that of one that was killed."""
    with Program([sys.executable, "-c", OWING], env={"PROCESSENDER_STATE": str(tmp_path)}, cwd="/") as program:
        program.wait()
    owed = counted(tmp_path, "obligations_open")
    ender = shop(tmp_path, recover="on-start")
    ender.releaser("thing")(lambda _obligation: None)
    with ender:
        until(lambda: counted(tmp_path, "obligations_settled_total"))
    spread = ender.totals().spreads["processender_recovery_lag_seconds"][("shop",)]

    assert ({"": 2}, {}) == (owed, counted(tmp_path, "obligations_open"))
    assert ({"released": 2}, {"killed": 1}) == (
        counted(tmp_path, "obligations_settled_total"),
        counted(tmp_path, "crashes_total"),
    )
    assert (1, True) == (sum(spread.counts), 0 <= spread.sum < 600)


def test_a_dead_letter_counts_once_however_often_a_recovery_looks_at_it(tmp_path: Path) -> None:
    """It is told as what is dead now, too, and not as what is open."""
    with Program([sys.executable, "-c", OWING], env={"PROCESSENDER_STATE": str(tmp_path)}, cwd="/") as program:
        program.wait()

    def refuse(_obligation: object) -> None:
        raise Permanent("it is not ours")

    for _ in range(2):
        told: list[Event] = []
        ender = shop(tmp_path, recover="on-start", observers=[Told(told)])
        ender.releaser("thing")(refuse)
        with ender:
            until(lambda: any("cannot release" in each.text for each in told if isinstance(each, Trouble)))  # noqa: B023

    assert {"dead": 2} == until(lambda: counted(tmp_path, "obligations_settled_total"))
    assert ({"": 2}, {}) == (counted(tmp_path, "obligations_dead"), counted(tmp_path, "obligations_open"))


def test_what_is_released_as_the_process_lives_and_as_it_ends_counts(tmp_path: Path) -> None:
    """By leaving the block, by saying so, and by the end."""
    ender = shop(tmp_path)
    ender.releaser("thing")(lambda _obligation: None)
    with ender:
        with ender.obligation("thing", key="a"):
            pass
        ender.obligation("thing", key="b").acquire().settle()
        ender.obligation("thing", key="c").acquire()

    assert {"released": 3} == counted(tmp_path, "obligations_settled_total")


def test_broken_totals_are_said_and_the_end_is_as_clean_as_without(tmp_path: Path) -> None:
    """It is counted in new ones."""
    (tmp_path / "shop").mkdir(mode=0o700)
    (tmp_path / "shop" / "totals").write_text("odd")
    told: list[Event] = []
    ender = shop(tmp_path, observers=[Told(told)])
    with ender:
        pass

    assert "observer-failed" in [each.code for each in told if isinstance(each, Trouble)]
    assert {"exit clean": 1} == counted(tmp_path, "shutdowns_completed_total")


def test_an_agent_and_the_application_that_has_joined_it_have_one_shutdown_in_one_place(tmp_path: Path) -> None:
    """The handlers of both are told apart, and the totals of the application are those of the agent's service."""
    with joined(
        PROCESSENDER_STATE=str(tmp_path), more="print('known', ender.totals().values.keys() != set(), flush=True)"
    ) as program:
        program.wait_for("ready 1")
        steer(program, "stop")
        program.wait()
        output = program.output

    assert "known True" in output
    assert {"stop clean": 1} == counted(tmp_path, "shutdowns_completed_total")
    assert {"command done": 1, "command/orders/flush done": 1}.items() <= counted(
        tmp_path, "handler_outcomes_total"
    ).items()
    assert not (tmp_path / "orders").exists()


def test_a_life_of_many_names_says_so_and_stays_small(tmp_path: Path) -> None:
    """A run with a thousand handlers is in a file that the next process reads as quickly."""
    ender = shop(tmp_path)
    for number in range(1000):
        ender.add(lambda: None, name=f"handler-{number}", phase="flush")
    with ender:
        pass
    done = counted(tmp_path, "handler_outcomes_total")

    assert (1001, True) == (sum(done.values()), OTHERS + " done" in done)
    assert "processender_folded_total" in ender.totals().values
    assert (tmp_path / "shop" / "totals").stat().st_size < 100_000


class Told:
    """Keeps what it is told."""

    def __init__(self, told: list[Event]) -> None:
        self._told = told

    def observe(self, event: Event) -> None:
        """Keep one event."""
        self._told.append(event)
