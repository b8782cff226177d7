"""What a conformance pack is made of: rules, each with where it comes from, and what a test system made of them.

A rule is checked by a coroutine that returns when the rule holds, raises `Broken` when it does not, and `NotApplicable`
where the partner's kind or description has nothing to hold it against.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapters.base import Untranslatable
from adapters.errors import OutsideError, Refused


class Verdict(StrEnum):
    """What became of a rule."""

    HOLDS = "pass"
    BROKEN = "fail"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: an id that stays, a sentence, and the specification or document that it is from."""

    id: str
    sentence: str
    source: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a rule, and why; '' where nothing is to be said. It repeats nothing of what was sent."""

    rule: Rule
    verdict: Verdict
    why: str = ""


class Broken(Exception):
    """The rule does not hold; `why` says what was seen instead."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NotApplicable(Exception):
    """There is nothing to hold the rule against; `why` says what is missing."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


Checks = list[tuple[Rule, Callable[[Any], Awaitable[None]]]]
Check = Callable[[Any], Awaitable[None]]


def rule(checks: Checks, id: str, sentence: str, source: str) -> Callable[[Check], Check]:
    """Add a check to a list, under the rule that it checks."""

    def add(check: Check) -> Check:
        checks.append((Rule(id, sentence, source), check))
        return check

    return add


async def judged(checks: Iterable[tuple[Rule, Check]], trial: Any) -> list[Result]:
    """Check rules one after another, in their order: later ones build on what earlier ones left there."""
    return [await _judged(one, check, trial) for one, check in checks]


async def _judged(one: Rule, check: Check, trial: Any) -> Result:
    try:
        await check(trial)
    except Broken as broken:
        return Result(one, Verdict.BROKEN, broken.why)
    except NotApplicable as nothing:
        return Result(one, Verdict.NOT_APPLICABLE, nothing.why)
    except Untranslatable as untranslatable:
        return Result(one, Verdict.BROKEN, f"It cannot be put into our words: {untranslatable.why}.")
    except OutsideError as error:
        return Result(one, Verdict.BROKEN, f"It ended otherwise: {said(error)}.")
    return Result(one, Verdict.HOLDS)


def said(error: OutsideError) -> str:
    """Return a failure in a few words: what it is, the status if there was one, and the codes that were named."""
    status = f" (HTTP {error.status})" if isinstance(error, Refused) and error.status else ""
    return f"{str(error) or type(error).__name__}{status}"
