"""The marks of an overview: those that somebody has made, and those that the runs tell themselves."""

from __future__ import annotations

from ..core.labels import OTHERS
from .answers import Mark, Question
from .days import DAY_S
from .sql import Database

DEPLOYMENT = "deployment"
MOST = 500
"""How many marks are told: the newest."""
_NEAR_S = DAY_S
"""A deployment that somebody has marked so near is the one that the runs tell."""
_FIRSTS = """SELECT c.service, c.version, c.deployment, min(d.first) FROM days d JOIN cells c ON c.id = d.cell
 GROUP BY c.service, c.version, c.deployment"""


def found_marks(database: Database, question: Question) -> tuple[Mark, ...]:
    """Return the marks in the time and of the service that are meant, the oldest first."""
    sql = "SELECT at, kind, text, service FROM marks WHERE at >= ? AND at < ? ORDER BY at DESC LIMIT ?"
    until = min(question.until, 1e15)
    made = [Mark(*row) for row in database.rows(sql, (question.since, until, MOST))]
    told = [mark for mark in _told(database, question.service) if question.since <= mark.at < until]
    new = [mark for mark in told if not any(_is_same(mark, each) for each in made)]
    meant = [mark for mark in [*made, *new] if not question.service or mark.service in {"", question.service}]
    return tuple(sorted(meant, key=lambda mark: (mark.at, mark.text))[-MOST:])


def _told(database: Database, service: str) -> list[Mark]:
    """Return a mark for each version, and each deployment, that was not there from the beginning of its service."""
    versions: dict[tuple[str, str], float] = {}
    deployments: dict[tuple[str, str], float] = {}
    for name, version, deployment, first in database.rows(_FIRSTS):
        if not service or name == service:
            for known, value in ((versions, version), (deployments, deployment)):
                if value not in {"", OTHERS}:
                    known[name, value] = min(first, known.get((name, value), first))
    marks = _later(versions)
    # A deployment that brings a version is one mark, not two.
    moments = {(mark.service, mark.at) for mark in marks}
    return marks + [mark for mark in _later(deployments) if (mark.service, mark.at) not in moments]


def _later(firsts: dict[tuple[str, str], float]) -> list[Mark]:
    begins: dict[str, float] = {}
    for (service, _), first in firsts.items():
        begins[service] = min(first, begins.get(service, first))
    return [
        Mark(first, DEPLOYMENT, value, service) for (service, value), first in firsts.items() if first > begins[service]
    ]


def _is_same(told: Mark, made: Mark) -> bool:
    """Tell whether somebody has marked what the runs tell."""
    near = made.kind == DEPLOYMENT and abs(told.at - made.at) < _NEAR_S
    return near and made.service in {"", told.service} and told.text in made.text
