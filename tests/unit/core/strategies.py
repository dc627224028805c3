"""Random sets of handlers for property tests; the order of registration is shuffled, the order of names is not."""

from __future__ import annotations

from hypothesis import strategies as st

from processender.core.handler import PHASES, Handler, Importance
from processender.core.retry import Retry

SECONDS = st.sampled_from([0.0, 0.05, 0.5, 1.0, 3.0, 20.0])


@st.composite
def handlers(draw: st.DrawFn, most: int = 12) -> list[Handler]:
    """Return handlers whose named order is acyclic and never against the phases."""
    count = draw(st.integers(1, most))
    ranks = sorted(draw(st.lists(st.integers(0, len(PHASES) - 1), min_size=count, max_size=count)))
    made = []
    for number, rank in enumerate(ranks):
        earlier = st.lists(st.sampled_from([f"h{n}" for n in range(number)]), max_size=3) if number else st.just([])
        later = [f"h{n}" for n in range(number + 1, count)]
        limits = st.one_of(st.none(), st.sampled_from([0.1, 1.0, 5.0]))
        made.append(
            Handler(
                f"h{number}",
                phase=PHASES[rank],
                after=tuple(draw(earlier)),
                needs=tuple(draw(earlier)),
                before=tuple(draw(st.lists(st.sampled_from(later), max_size=2))) if later else (),
                priority=draw(st.integers(-1, 1)),
                importance=draw(st.sampled_from(list(Importance))),
                timeout=draw(limits),
                attempt_timeout=draw(limits),
                expected=draw(st.one_of(st.none(), SECONDS)),
                retry=Retry(attempts=draw(st.integers(1, 3))),
                lane=draw(st.sampled_from([None, None, "db", "disk"])),
            )
        )
    return list(draw(st.permutations(made)))


def named_order(made: list[Handler]) -> set[tuple[str, str]]:
    """Return every pair (first, then) that some handler named."""
    pairs = set()
    for handler in made:
        pairs |= {(name, handler.name) for name in (*handler.after, *handler.needs)}
        pairs |= {(handler.name, name) for name in handler.before}
    return pairs
