"""The pages for crews, at `/crew`: what they stand on.

They are another form of what the API gives and takes: the answer is drawn from the same document, asked of the same use
case with the same audit entry, and the note afterwards is written like any other resource. Nothing here reads a record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fhir_profiles import json
from security.scopes import require
from service.api.operations import Operations
from service.plan.rota import Answering
from service.record.crew_links import CrewLinks, Led
from service.record.write import WriteRecord
from service.web.answering import answering_for
from service.web.reading import Document, read_document
from service.web.site import Area, Site, Visit

AREA = Area(
    "/crew",
    "Another person",
    re.compile(r"/crew(/search|/i/[A-Za-z0-9_-]{32}(/details|/outcome|/emergency)?)?"),
    ("bryn", "ada", "odile"),
)


@dataclass(frozen=True, slots=True)
class Crew(Site):
    """What the pages for crews stand on, once the service is open."""

    operations: Operations
    write_record: WriteRecord

    @property
    def links(self) -> CrewLinks:
        """What opens links."""
        return self.operations.links

    async def document(self, visit: Visit, led: Led) -> Document:
        """Return the emergency answer about a person: the bytes that the API gives the same caller, read back."""
        caller = visit.caller(led.incident)
        require(caller.principal.scopes, "Patient", "r")
        if led.grant:
            caller = await self.operations.under(caller, led.grant)
        answer = await self.operations.summary_of(caller, led.whom)
        return read_document(json.decode(bytes(answer.body)))

    async def answering(self, visit: Visit, document: Document) -> Answering | None:
        """Return who answers now for the patients of this person's practice; None when no rota is known for them."""
        assert visit.person is not None
        return await answering_for(self.operations.read_record.access, visit.person, document, visit.now)
