"""The pages for crews, at `/crew`: what they stand on.

They are another form of what the API gives and takes: the answer is drawn from the same document, asked of the same use
case with the same audit entry, and the note afterwards is written like any other resource. Nothing here reads a record.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from fhir_profiles import json
from fhir_profiles.identifiers import ODS_SYSTEM
from security.scopes import require
from service import logs
from service.api.operations import Operations
from service.plan.elements import Resource, identifier_of, target
from service.plan.rota import Answering, covers_of, who_answers
from service.record import directory
from service.record.crew_links import CrewLinks, Led
from service.record.write import WriteRecord
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
        try:
            practice = practice_of(document)
            if not practice:
                return None
            access = self.operations.read_record.access
            found = await directory.covering(access, visit.person, ODS_SYSTEM, practice)
            covers = covers_of(json.decode(bytes(item.body)) for item in found.items)
            return who_answers(covers, visit.now) if covers else None
        except Exception as problem:  # whatever is wrong with the rota, the plan was read and is to be shown
            logs.event("rota-not-read", logging.ERROR, reason=type(problem).__name__)
            return Answering((), unread=True)


def practice_of(document: Document) -> str:
    """Return the ODS code of the person's practice, as far as it was released; empty for none.

    A reference leads to a resource of the answer, or carries the identifier of one that is elsewhere, in the shared
    directory: one object there (https://hl7.org/fhir/R4/references.html#logical), where a resource has a list.
    """
    for reference in document.patient.get("generalPractitioner", ()):
        released = document.resources.get(target(reference) or "", {})
        code = identifier_of(released, ODS_SYSTEM) or identifier_of({"identifier": _stated(reference)}, ODS_SYSTEM)
        if code:
            return code
    return ""


def _stated(reference: Resource) -> list[Resource]:
    return [reference["identifier"]] if "identifier" in reference else []
