"""The verdict of a rehearsal as text for people, as data, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

from ..core.texts import SHOWN, counted, listed
from ..hints import Any
from .judge import not_kept
from .matrix import Tried, Verdict

SCHEMA = 1


def as_text(verdict: Verdict, again: Callable[[str, int], str]) -> str:
    """Return *verdict* for people; *again* tells the command that repeats a scenario with a seed."""
    parts = [_of_scenario(name, runs) for name, runs in _by_scenario(verdict).items()]
    shown: set[tuple[str, int]] = set()
    for assertion, runs in _by_assertion(verdict).items():
        first = runs[0]
        where = listed(dict.fromkeys(f"{each.scenario} (seed {each.seed})" for each in runs))
        texts = [each.text for each in first.findings if each.assertion == assertion]
        parts.append(f"\nFAILED {assertion} in {counted(len(runs), 'run')}: {where}")
        parts += [f"  {text}".replace("\n", "\n  ") for text in texts[:SHOWN]]
        if _is_telling(first):
            # What one run has written is shown once, however much is wrong with it.
            run = (first.scenario, first.seed)
            parts += ["  it has written what stands above"] if run in shown else _written(first.evidence.output)
            shown.add(run)
        parts.append(f"  again: {again(first.scenario.partition(', ')[0], first.seed)}")
    if verdict.left_out:
        why = "the program does not start, or had to be killed each time"
        parts.append(f"\n{counted(verdict.left_out, 'run was', 'runs were')} not tried: {why}")
    good = sum(each.passed for each in verdict.tried)
    parts.append(f"\n{'PASSED' if verdict.passed else 'FAILED'}: {good} of {counted(len(verdict.tried), 'run')} good, ")
    parts[-1] += f"{_requests(verdict.tried)}{verdict.seconds:.1f} s"
    return "\n".join(parts)


def as_data(verdict: Verdict) -> dict[str, Any]:
    """Return *verdict* as what `--json` prints."""
    return {
        "schema": SCHEMA,
        "passed": verdict.passed,
        "seconds": round(verdict.seconds, 3),
        "not_tried": verdict.left_out,
        "failed": {name: len(runs) for name, runs in _by_assertion(verdict).items()},
        "runs": [_run(each) for each in verdict.tried],
    }


def as_junit(verdict: Verdict) -> str:
    """Return *verdict* as JUnit XML: a suite for each scenario, a case for each seed."""
    root = ET.Element("testsuites", name="processender rehearse", time=f"{verdict.seconds:.3f}")
    for name, runs in _by_scenario(verdict).items():
        failed = sum(not each.passed for each in runs)
        took = f"{sum(each.took for each in runs):.3f}"
        about = {"name": _legal(name), "tests": str(len(runs)), "failures": str(failed), "time": took}
        suite = ET.SubElement(root, "testsuite", about)
        for each in runs:
            case = ET.SubElement(
                suite, "testcase", classname=_legal(name), name=f"seed {each.seed}", time=f"{each.took:.3f}"
            )
            for finding in each.findings:
                failure = ET.SubElement(case, "failure", type=finding.assertion, message=_legal(finding.text))
                failure.text = _legal(each.evidence.output)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _run(tried: Tried) -> dict[str, Any]:
    seen = tried.evidence
    return {
        "scenario": tried.scenario,
        "seed": tried.seed,
        "passed": tried.passed,
        "took_s": round(tried.took, 3),
        "exit": seen.exit,
        "end_s": round(seen.seconds, 3),
        "window_s": seen.window,
        "killed": seen.killed,
        "requests": len(seen.answers),
        "lost": sum(bool(each.lost) for each in seen.answers),
        "not_kept": len(not_kept(seen)),
        "reports": [account["id"] for account in seen.accounts],
        "findings": [{"assertion": each.assertion, "text": each.text} for each in tried.findings],
        "output": "" if tried.passed else seen.output,
    }


def _of_scenario(name: str, runs: list[Tried]) -> str:
    good = sum(each.passed for each in runs)
    times = sorted(each.evidence.seconds for each in runs if not each.evidence.trouble)
    if not times:
        return f"FAILED {name}: it has not started"
    window = max(each.evidence.window for each in runs)
    median = times[len(times) // 2]
    took = f"the end took {median:.2f} s, at most {times[-1]:.2f} s, of {window:g} s"
    return f"{'ok    ' if good == len(runs) else 'FAILED'} {name}: {good} of {len(runs)} good; {took}"


def _requests(tried: tuple[Tried, ...]) -> str:
    made = sum(len(each.evidence.answers) for each in tried)
    lost = sum(bool(answer.lost) for each in tried for answer in each.evidence.answers)
    gone = sum(len(not_kept(each.evidence)) for each in tried)
    text = f"{counted(made, 'request')}, {lost} lost, " if made else ""
    return f"{text}{gone} answered and not kept, " if gone else text


def _by_scenario(verdict: Verdict) -> dict[str, list[Tried]]:
    found: dict[str, list[Tried]] = {}
    for each in verdict.tried:
        found.setdefault(each.scenario, []).append(each)
    return found


def _by_assertion(verdict: Verdict) -> dict[str, list[Tried]]:
    found: dict[str, list[Tried]] = {}
    for each in verdict.tried:
        for name in dict.fromkeys(finding.assertion for finding in each.findings):
            found.setdefault(name, []).append(each)
    return found


def _is_telling(tried: Tried) -> bool:
    return bool(tried.evidence.output.strip()) and not tried.evidence.trouble


def _written(text: str) -> list[str]:
    return ["  it has written:", *(f"    {line}" for line in text.strip().splitlines()[-SHOWN:])]


def _legal(text: str) -> str:
    """Return *text* without what XML cannot say at all."""
    return "".join(
        each if each in "\t\n" or " " <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" else "?" for each in text
    )
