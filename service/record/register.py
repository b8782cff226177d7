"""Reading the incident register: is there an open incident for a person that names an organisation?

Asked for almost every emergency answer, mostly several times for one incident. So the opened register is kept, and used
only while the sequence and the head that the store gives in the same request are those it was opened under.
"""

from __future__ import annotations

from service.record.manifest import Incident
from service.record.records import Records
from service.store.port import StoredRecord

MOST_KEPT = 20_000


class Register:
    """The registers that this process has opened. Incidents hold no content of a plan."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._opened: dict[bytes, tuple[int, bytes, list[Incident]]] = {}

    async def of(self, nhs_number: str) -> StoredRecord | None:
        """Return the sealed register of a person, or None."""
        (stored,) = await self._records.claimed(("incidents", nhs_number))
        return stored

    async def names(self, stored: StoredRecord | None, organisation: str, moment: str) -> bool:
        """Say whether an incident that is open at `moment` (FHIR instant) names an organisation."""
        if stored is None:
            return False
        return any(
            incident.organisation == organisation and not incident.closed and incident.expires > moment
            for incident in await self._incidents(stored)
        )

    async def _incidents(self, stored: StoredRecord) -> list[Incident]:
        kept = self._opened.get(stored.record_id)
        if kept is not None and kept[0] == stored.sequence and kept[1] == stored.head.mac:
            return kept[2]
        incidents = (await self._records.open(stored)).manifest.incidents
        if len(self._opened) >= MOST_KEPT:
            self._opened.clear()
        self._opened[stored.record_id] = (stored.sequence, stored.head.mac, incidents)
        return incidents
