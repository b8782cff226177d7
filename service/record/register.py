"""Reading the incident register: is there an open incident for a person that names an organisation?

Asked for almost every emergency answer, mostly several times for one incident. So the opened register is kept, and used
only while the sequence and the head that the store gives in the same request are those it was opened under.
"""

from __future__ import annotations

from security.heads import Head
from service.plan.particulars import Particulars
from service.record.manifest import Incident
from service.record.records import INCIDENTS, Records, SeenRegister

MOST_KEPT = 20_000


def about_whom(organisation: str, reference: str) -> str:
    """Return what a register is claimed by that knows no NHS number: who attends, and the incident's number."""
    return f"about|{organisation}|{reference}"


class Register:
    """The registers that this process has opened, by look-up token. Incidents hold no content of a plan."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._opened: dict[bytes, tuple[Head, list[Incident]]] = {}

    async def names(
        self, nhs_number: str, organisation: str, user: str | None, moment: str, seen: SeenRegister | None = None
    ) -> bool:
        """Say whether an incident of a person that is open at `moment` (FHIR instant) names an organisation.

        One that names its crew names nobody else of the organisation; `user` is None for a system. `seen` is what the
        look-up of the person's record saw of the register; without it, it is looked up here.
        """
        return any(incident.stands(organisation, user, moment) for incident in await self._incidents(nhs_number, seen))

    async def about(self, organisation: str, user: str | None, reference: str, moment: str) -> list[Particulars]:
        """Return whom the open incidents with this number that name a caller are about, as far as was told.

        Only incidents for whom no NHS number was known; the others are asked for by `names`.
        """
        whose = about_whom(organisation, reference)
        stored = await self._records.store.claimed(self._records.index.token(INCIDENTS, whose))
        if stored is None:
            return []
        opened = await self._records.open_claimed(stored, INCIDENTS, whose)
        return [
            incident.about
            for incident in opened.manifest.incidents
            if incident.about is not None and incident.stands(organisation, user, moment)
        ]

    async def _incidents(self, nhs_number: str, seen: SeenRegister | None) -> list[Incident]:
        if seen is not None:
            if seen.head is None:
                return []
            kept = self._opened.get(seen.token)
            if kept is not None and kept[0] == seen.head:
                return kept[1]
        token = self._records.index.token(INCIDENTS, nhs_number)
        stored = await self._records.store.claimed(token)
        if stored is None:
            return []
        incidents = (await self._records.open_claimed(stored, INCIDENTS, nhs_number)).manifest.incidents
        if len(self._opened) >= MOST_KEPT:
            self._opened.clear()
        self._opened[token] = (stored.head, incidents)
        return incidents
