"""
The plan before the day: the order, the chain that decides how long it takes, and what does not fit the window.

`dry_run` walks the plan and calls nothing. `expected` is how long a step usually takes. Mistakes in the order are
found as soon as the Ender is armed, and not at the end of the process.
"""

# exits: 0

from __future__ import annotations

from processender import Ender, PlanError

ender = Ender("dry", grace=30)


def nothing():
    print("never called in a dry run")


ender.add(nothing, name="stop-consumer", phase="quiesce", expected=1.0)
ender.add(nothing, name="flush", phase="flush", needs=["stop-consumer"], expected=4.0, importance="must")
ender.add(nothing, name="warm-cache", phase="close", expected=8.0, importance="may")
ender.add(nothing, name="notify", phase="close", expected=0.5)

for window in (30.0, 8.0):
    plan = ender.plan(window)
    print(f"window {window:g} s: takes {plan.makespan:g} s, decided by {' > '.join(plan.critical)}")
    for misfit in plan.misfits:
        print(f"  does not fit: {misfit.handler}, {misfit.reason}")
    report = ender.dry_run(window)
    print("  verdict:", report["verdict"], "| skipped:", report["skipped"] or "nothing")

ender.add(nothing, name="commit", phase="commit", needs=["flsh"])
try:
    ender.install()
except PlanError as error:
    print(error)
