"""The conformance pack: whether a partner's TEST system keeps the rules that this product leans on.

It is run with a synthetic person alone, says of each rule whether it holds and where the rule comes from, takes away
what it made as far as the partner lets it, and says what it left. A kind that brings no rules of its own is judged by
those of the seam.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.base import Resource
from adapters.conformance_csv import CSV, CsvSight
from adapters.conformance_fhir import FHIR
from adapters.conformance_fhir_sight import FhirSight
from adapters.conformance_nrl import NRL, NrlSight
from adapters.conformance_rules import Checks, Result, Verdict, judged, said
from adapters.conformance_seam import SEAM
from adapters.conformance_trial import DEFAULT_PERSON, Sight, Trial, problem_of
from adapters.conformance_webhook import WEBHOOK, NoSight
from adapters.errors import OutsideError
from adapters.look_again import TellsOfPeople
from adapters.partners import Partner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.errors import InvalidConfiguration

__all__ = ["DEFAULT_PERSON", "Report", "conformance_of", "problem_of"]


@dataclass(frozen=True, slots=True)
class Report:
    """What became of every rule, and what is left at the partner."""

    results: list[Result]
    left: list[str]

    def count(self, verdict: Verdict) -> int:
        """Return how many rules ended so."""
        return sum(result.verdict is verdict for result in self.results)


@dataclass(frozen=True, slots=True)
class _Pack:
    """A kind's own rules, checked after a plan is there and before it is removed, and its way of looking."""

    rules: Checks
    sight: Callable[[Partner, Surroundings, str, Path | None], Sight]


_PACKS: Mapping[str, _Pack] = {
    "csv": _Pack(CSV, lambda partner, around, run, key: CsvSight(partner, run, key)),
    "fhir": _Pack(FHIR, lambda partner, around, run, key: FhirSight(partner, around)),
    "nrl": _Pack(NRL, lambda partner, around, run, key: NrlSight()),
    "webhook": _Pack(WEBHOOK, lambda partner, around, run, key: NoSight()),
}
_PLAIN = _Pack([], lambda partner, around, run, key: NoSight())


async def conformance_of(
    partner: Partner, surroundings: Surroundings, person: Resource = DEFAULT_PERSON, opens_with: Path | None = None
) -> Report:
    """Run the pack against a partner whose description has no problems.

    `person` is a Patient for whom `problem_of` finds nothing. `opens_with` is a private key of the test system, for
    kinds whose files are sealed. Raise InvalidConfiguration for a description that does not fit, and ValueError for a
    person who is not synthetic.
    """
    if problem := problem_of(person):
        raise ValueError(problem)
    kind = kind_of(partner)
    pack = _PACKS.get(partner.description.kind, _PLAIN)
    run = f"conformance-{secrets.token_hex(4)}"
    sight = pack.sight(partner, surroundings, run, opens_with)

    adapter = kind.adapter(partner, surroundings)
    if isinstance(adapter, TellsOfPeople):
        await adapter.close()
        await sight.close()
        raise InvalidConfiguration([f"{partner.name}: a source of events is given nothing, so that no rule is for it"])
    trial = Trial(partner, surroundings, person, run, sight, lambda: kind.adapter(partner, surroundings), adapter)
    try:
        results = await judged([*SEAM[:1], *pack.rules, *SEAM[1:]], trial)
        return Report(results, await _cleaned(trial))
    finally:
        await adapter.close()
        await sight.close()


async def _cleaned(trial: Trial) -> list[str]:
    try:
        return await trial.sight.clean(trial)
    except OutsideError as error:
        return [f"Everything of this run: {said(error)}."]
