"""The checks by the statistic whose figure they bound, and the plan of several targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from deploy.errors import Problem
from experiments.attainability.model import Attainability, Question, Settings, Target, Unread
from experiments.documents import Document

type Check = Callable[[Question], Attainability]

CHECKS: dict[str, Check] = {}


def bounds(statistic: str) -> Callable[[Check], Check]:
    """Registers the check of a statistic.

    Raises:
        ValueError: it has one.
    """

    def register(check: Check) -> Check:
        if statistic in CHECKS:
            raise ValueError(f"two checks bound {statistic}")
        CHECKS[statistic] = check
        return check

    return register


def plan(targets: Iterable[Target], document: Document, settings: Settings) -> list[Attainability]:
    """Answers for each target of one experiment; never raises for what the settings look like."""
    return [_answer(Question(target, document, settings)) for target in targets]


def _answer(question: Question) -> Attainability:
    check = CHECKS.get(question.target.statistic)
    if check is None:
        return question.unknown(f"no setting is known to bound {question.target.statistic}")
    try:
        return check(question)
    except Unread as error:
        return question.unknown(str(error))
    except Problem as problem:
        return question.unknown(f"{problem.what}: {problem.why}" if problem.why else problem.what)
    except Exception as bug:  # noqa: BLE001 - settings of any shape: a check that trips over one must not stop a run
        return question.unknown(f"the check failed: {type(bug).__name__}: {bug}")
