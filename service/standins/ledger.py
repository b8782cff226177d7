"""What a stand-in was sent: each effect, counted exactly, and each request that broke a rule. Nothing of a person.

`Effect.words` and `about` are for the page alone and are not in what `counted` returns.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from service.standins.moments import instant

_SHOWN = 60
_MOST_VIOLATIONS = 10_000


class Violation(msgspec.Struct, frozen=True):
    """A request that broke a rule: which, where (method and resource type), and the status it was answered with."""

    at: str
    rule: str
    where: str
    status: int
    text: str


class Effect(msgspec.Struct, frozen=True):
    """Something that changed here. `about` is the name of a person; `ours`: it was changed here, not over the wire."""

    at: str
    what: str
    reference: str
    version: int
    words: str
    about: str = ""
    ours: bool = False


class Ledger:
    """Violations and effects of one stand-in, in the order in which they happened."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.violations: list[Violation] = []
        self.newest: deque[Effect] = deque(maxlen=_SHOWN)
        self._counts: Counter[str] = Counter()
        self._by_type: Counter[str] = Counter()
        self._here: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._repeated = 0
        self._versions: dict[str, int] = {}
        self._sequences: dict[str, int] = {}

    def violated(self, rule: str, where: str, status: int, text: str) -> None:
        """Keep a request that broke a rule. The first ten thousand are kept; more teach nothing."""
        if len(self.violations) < _MOST_VIOLATIONS:
            self.violations.append(Violation(instant(self._now()), rule, where, status, text))

    def refused(self, status: int) -> None:
        """Count an answer that said no, a broken rule or not."""
        self._refused[str(status)] += 1

    def repeated(self) -> None:
        """Count a request that had its effect already, and was answered as the first time."""
        self._repeated += 1

    def effect(
        self, what: str, reference: str, version: int, words: str, about: str = "", *, ours: bool = False
    ) -> None:
        """Count an effect (`create`, `update`, `delete`) on a resource."""
        self.newest.appendleft(Effect(instant(self._now()), what, reference, version, words, about, ours))
        if ours:
            self._here[what] += 1
        else:
            self._counts[what] += 1
            self._by_type[reference.partition("/")[0]] += 1
        self._versions[reference] = version

    def sequence(self, subject: str) -> int | None:
        """Return the last sequence of a subject, None before the first."""
        return self._sequences.get(subject)

    def heard(self, subject: str, sequence: int, cause: str) -> None:
        """Count an event about a subject."""
        self._sequences[subject] = sequence
        self.newest.appendleft(Effect(instant(self._now()), "event", subject, sequence, cause))
        self._counts["event"] += 1
        self._by_type[cause] += 1

    def counted(self) -> dict[str, Any]:
        """Return all counts: effects by kind and by resource type (events: by cause), `here` those made on the page,
        `repeated`, `refused` by status, the version of each resource and the last sequence of each subject."""
        return {
            "counts": dict(self._counts),
            "by_type": dict(self._by_type),
            "here": dict(self._here),
            "repeated": self._repeated,
            "refused": dict(self._refused),
            "violations": len(self.violations),
            "versions": dict(self._versions),
            "sequences": dict(self._sequences),
        }
