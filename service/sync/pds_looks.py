"""Looking somebody up in PDS because an event told of them: `ApplyPds`, and what PDS said that it applied."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapters.pds_person import PdsPerson
from service.sync.identity_review import Review
from service.sync.look_again import PdsSays
from service.sync.pds_apply import ApplyPds, AsksPds, Outcome


@dataclass(slots=True)
class _Overheard:
    """Asks PDS, and keeps the last answer. One for each look: what is applied and what is compared are one answer."""

    pds: AsksPds
    person_said: PdsPerson | None = None

    async def person(self, nhs_number: str) -> PdsPerson:
        """Ask."""
        self.person_said = None
        self.person_said = await self.pds.person(nhs_number)
        return self.person_said


@dataclass(frozen=True, slots=True)
class LooksAtPds:
    """Applies what PDS says, and tells of it (`service.sync.look_again.Applies`)."""

    apply: ApplyPds

    async def __call__(self, nhs_number: str) -> PdsSays:
        """Do it. A number that PDS does not know, or declared invalid, is of somebody of whom it says nothing."""
        heard = _Overheard(self.apply.pds)
        applied = await replace(self.apply, pds=heard)(nhs_number)
        changed, same = applied.outcome is Outcome.CHANGED, Review.DETAILS_DIFFER not in applied.reviews
        person = heard.person_said
        if person is None:
            return PdsSays(changed, same=same)
        version = int(person.version) if person.version.isascii() and person.version.isdecimal() else None
        return PdsSays(changed, person.death_status, bool(person.died), version, same)
