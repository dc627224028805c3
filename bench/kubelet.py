"""
Pods that are deleted at random timings: what the mini-kubelet, the agent and the sidecar do, beside what was foretold.

One round is one pod, as an entrypoint or with a native sidecar. Its timings are drawn so that no two outcomes are nearer
to each other than a busy machine is late; what becomes of it is computed before it runs, with the kubelet's arithmetic
and the plan of the engine, and both must agree: finished, cut by the kubelet, or given up by the plan, and when.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from processender.agent import builtin
from processender.agent.watch import last_moment
from processender.core.commands import Cancel
from processender.core.handler import Handler, Importance
from processender.core.outcome import verdict as verdict_of
from processender.core.window import Window
from processender.engine.clock import SystemClock
from processender.testing.kubelet import Container, Kubelet
from processender.testing.pods import NEVER, Timing, foretell
from processender.testing.simulate import Attempt, Behaviour, simulate

from .figures import Figure, say

SCALE = 0.5
"""How many real seconds one of the kubelet's seconds lasts."""
LATE_S = 0.3
"""How much later than foretold, real seconds, an instant may come on a busy machine."""
APART_S = 0.45
"""How far apart outcomes are at the least, real seconds."""
START_S = 0.35
"""How long a fresh `processender pre-stop` takes, about, until it is heard."""
AT_ONCE = 3
FLUSH = "flush"
UNCLEAR = "unclear"
"""The verdict on timings that are not played."""
APP = """
import signal, sys, time
stops = float(sys.argv[1])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
while True:
    signal.sigwait([signal.SIGTERM])
    if stops >= 0:
        time.sleep(stops)
        sys.exit(0)
"""


class Draw(NamedTuple):
    """The timings of one pod: the kubelet's seconds, but for *agent*, which are those of the agent."""

    form: str
    grace: int
    hook: float | None
    stops: float
    delay: float
    flush: float
    window: float


class Expected(NamedTuple):
    """What becomes of the container of the agent."""

    how: str
    """The verdict of the run, or `cut` when the kubelet's KILL came first."""
    gone_at: float
    """When it is gone, the kubelet's seconds since the deletion."""
    code: int
    """Its exit code, or minus the signal."""


def draw(chance: random.Random, form: str) -> Draw:
    """Return timings whose outcome does not hang on a moment."""
    while True:
        grace = chance.randint(3, 8)
        hook = chance.randint(0, grace) + chance.uniform(0.1, 0.4) if chance.random() < 0.5 else None
        stops = chance.choices((NEVER, chance.uniform(0.0, 1.5), chance.uniform(0.0, grace + 2.0)), (1, 3, 2))[0]
        window = chance.choice((float(grace), chance.uniform(3.0, 12.0), 20.0))
        delay = chance.choice((0.0, chance.uniform(0.1, 0.3 * window)))
        flush = chance.choice((chance.uniform(0.2, 2.0), chance.uniform(2.5, 4.5)))
        found = Draw(form, grace, hook, stops, delay, flush, window)
        if is_clear(found):
            return found


def is_clear(drawn: Draw) -> bool:
    """Tell whether it ends in the same way when everything takes a little more, or less."""
    step = APART_S / SCALE
    least = max(0.0, drawn.stops - step), max(0.05, drawn.flush - step)
    near = [
        drawn._replace(stops=stops, flush=flush)
        for stops in (drawn.stops, least[0], drawn.stops + step)
        for flush in (drawn.flush, least[1], drawn.flush + step)
    ]
    near += [drawn._replace(window=window) for window in (drawn.window - step, drawn.window + step)]
    found = {foresee(each, late)[:3:2] for each in near for late in (0.2, 0.2 + step)}
    return len(found) == 1 and not any(how == UNCLEAR for how, _ in found)


def foresee(drawn: Draw, opened: float) -> Expected:
    """Return what becomes of it; in the form of a sidecar pre-stop is heard at *opened*."""
    return _entrypoint(drawn) if drawn.form == "entrypoint" else _sidecar(drawn, opened)


def _entrypoint(drawn: Draw) -> Expected:
    at = foretell([Timing("app", drawn.hook)], drawn.grace)["app"].term_at
    seconds, verdict, killed = run(drawn, NEVER, lambda begun: begun + drawn.stops)
    fate = foretell([Timing("app", drawn.hook, seconds)], drawn.grace)["app"]
    if fate.killed and verdict != UNCLEAR:
        return Expected("cut", fate.gone_at, -9)
    return Expected(verdict, at + seconds, 137 if killed else 0)


def _sidecar(drawn: Draw, opened: float) -> Expected:
    app = Timing("app", drawn.hook, drawn.stops)
    gone = foretell([app], drawn.grace)["app"].gone_at - opened
    seconds, verdict, _ = run(drawn, gone, lambda _begun: gone)
    leaves = opened + last_moment(Window.open(0.0, drawn.window))
    end = opened + seconds
    # Asked to end while its run is on, it comes to the end of that first.
    term = foretell([Timing("sidecar", end, 0.0, sidecar=True), app], drawn.grace)["sidecar"].term_at
    late = max(0.0, end - term)
    fate = foretell([Timing("sidecar", end, late, sidecar=True, ends=max(end, leaves)), app], drawn.grace)["sidecar"]
    if fate.killed and verdict != UNCLEAR:
        return Expected("cut", fate.gone_at, -9)
    return Expected(verdict, fate.gone_at, 0 if verdict == "clean" else 70)


def run(drawn: Draw, gone: float, ends: Callable[[float], float]) -> tuple[float, str, bool]:
    """
    Carry the plan through in virtual time; return how long it takes, the verdict, and whether the command was killed.

    Args:

        drawn: The timings.

        gone: When the application is gone whatever is asked of it, the kubelet's seconds since the notice.

        ends: Tells, of when it was asked, when it is gone.
    """
    window, delay, flush = (each * SCALE for each in (drawn.window, drawn.delay, drawn.flush))
    handlers = [*builtin.builtin_handlers(delay, "fail-readiness"), handler(flush)]
    if drawn.form == "sidecar":
        expected = min(2.0, 0.1 * window)
        handlers.append(Handler("recovery", phase="release", importance=Importance.MUST, expected=expected))
    script: dict[str, Attempt] = {builtin.DRAIN_DELAY: min(delay, max(0.0, gone) * SCALE), FLUSH: flush}
    asked = simulate(handlers, {**script, builtin.COMMAND: NEVER}, window)
    begun, limit = asked.attempts(builtin.COMMAND)[0], dict(map(reversed, asked.asked(Cancel)))[builtin.COMMAND]
    need = min(0.25, 0.05 * (limit - begun)) if drawn.form == "entrypoint" else min(0.5, 0.1 * (limit - begun))
    if limit - begun < APART_S:
        # A command that has no time at all is killed while it is still looked for.
        return window / SCALE, UNCLEAR, False
    takes = max(0.0, ends(begun / SCALE) * SCALE - begun)
    stays = takes > limit - need - begun
    script[builtin.COMMAND] = Behaviour(limit - need - begun, TimeoutError()) if stays else takes
    found = simulate(handlers, script, window)
    return found.now / SCALE, str(verdict_of(found.results.values())), stays and drawn.form == "entrypoint"


def handler(seconds: float) -> Handler:
    """Return the configured step of the plan."""
    return Handler(FLUSH, phase="flush", expected=seconds, importance=Importance.MUST)


def pod(drawn: Draw, state: Path) -> Kubelet:
    """Return the pod of *drawn*, not started yet."""
    flush, window, delay = drawn.flush * SCALE, drawn.window * SCALE, drawn.delay * SCALE
    config = state / "processender.toml"
    config.write_text(
        f'service = "pod"\ngrace = "{window:.3f}s"\ndrain_delay = "{delay:.3f}s"\n[handlers.{FLUSH}]\n'
        f'run = ["sleep", "{flush:.3f}"]\nphase = "flush"\nexpected = "{flush:.3f}s"\nimportance = "must"\n'
    )
    stops = -1.0 if drawn.stops == NEVER else drawn.stops * SCALE
    name = f"pod{random.randrange(10**9)}"
    app = (sys.executable, "-IS", "-c", APP, f"{stops:.3f}", name)
    hook = ("sleep", f"{drawn.hook * SCALE:.3f}") if drawn.hook is not None else ()
    processender = (sys.executable, "-m", "processender")
    env = {"PROCESSENDER_STATE": str(state), "TMPDIR": str(state)}
    if drawn.form == "entrypoint":
        argv = (*processender, "run", "-c", str(config), "--", *app)
        return Kubelet([Container("app", argv, hook, ready="ready")], drawn.grace, scale=SCALE, env=env)
    pid_file = state / "app.pid"
    started = ("sh", "-c", f'echo $$ > {pid_file}; exec "$@"', "sh", *app)
    argv = (*processender, "sidecar", "-c", str(config), "--pid-file", str(pid_file))
    sidecar = Container("sidecar", argv, (*processender, "pre-stop"), sidecar=True, ready="nobody")
    return Kubelet([sidecar, Container("app", started, hook, ready="ready")], drawn.grace, scale=SCALE, env=env)


def play(seed: int, late_s: float = LATE_S, again: int = 2) -> dict[str, object]:
    """Delete one pod; return what it was, what was foretold, what became of it, and what is wrong."""
    chance = random.Random(seed)
    drawn = draw(chance, chance.choice(("entrypoint", "sidecar")))
    name = "app" if drawn.form == "entrypoint" else "sidecar"
    with tempfile.TemporaryDirectory(prefix="processender-pod-") as base:
        state = Path(base)
        with pod(drawn, state) as kubelet:
            if name == "sidecar":
                kubelet.programs["sidecar"].wait_for("watching process", 30.0)
            fate = kubelet.delete()[name]
            code, said = kubelet.codes[name], kubelet.programs[name].output
            report = next(state.glob("*/reports/last.json"), None)
            told = json.loads(report.read_text()) if report else {}
            clock = SystemClock()
        begun = kubelet.begun + clock.wall() - clock.now()
        opened = (told["started"] - begun) / SCALE if told else START_S / SCALE
    expected = foresee(drawn, opened)
    seen = Expected(told["verdict"] if told and code != -9 else "cut", fate.gone_at, code)
    late = (seen.gone_at - expected.gone_at) * SCALE
    wrong = (seen.how, seen.code) != (expected.how, expected.code) or not -0.1 <= late <= late_s
    # A machine that was busy is not so in the same place again; arithmetic that is wrong is.
    if wrong and again and seen[::2] == expected[::2]:
        return play(seed, late_s, again - 1) | {"again": True}
    return {"form": drawn.form, "how": expected.how, "late": late, "again": False,
            "wrong": f"seed {seed}: {drawn}\n  foretold {expected}\n  seen {seen}\n{said}" if wrong else ""}  # fmt: skip


def measure() -> list[Figure]:
    """Delete 200 pods."""
    count = 200
    done: list[dict] = []
    seeds = iter(range(count))

    def work() -> None:
        for seed in seeds:
            done.append(play(seed))
            say(f"pod {len(done)} of {count}")

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) < count:
        raise RuntimeError(f"only {len(done)} of {count} pods came to their end")
    wrong = [each["wrong"] for each in done if each["wrong"]]
    for text in wrong[:20]:
        print(text)
    kinds = Counter((each["form"], each["how"]) for each in done)
    beside = ", ".join(f"{form} {how}: {number}" for (form, how), number in sorted(kinds.items()))
    beside += f"; {sum(each['again'] for each in done)} came too late at first and were played again"
    late = sorted(each["late"] for each in done)
    return [
        Figure("pods that did not end as foretold, of 200 at random timings", len(wrong), "", bar=0, beside=beside),
        Figure(
            "how late the end was, median", 1000 * late[count // 2], "ms", beside=f"at most {1000 * late[-1]:.0f} ms"
        ),
    ]


if __name__ == "__main__":
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        played = play(number)
        print(number, {key: value for key, value in played.items() if key != "wrong"}, flush=True)
        if played["wrong"]:
            print(played["wrong"])
