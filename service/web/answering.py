"""Who answers the telephone now for the patients of a person's practice, by the rota in the shared directory."""

from __future__ import annotations

import logging
from datetime import datetime

from fhir_profiles import json
from fhir_profiles.identifiers import ODS_SYSTEM
from security.principal import Principal
from service import logs
from service.plan.elements import Resource, identifier_of, target
from service.plan.rota import Answering, covers_of, who_answers
from service.record import directory
from service.record.access import Access
from service.web.reading import Document


async def answering_for(access: Access, principal: Principal, document: Document, now: datetime) -> Answering | None:
    """Return who answers now for the patients of this person's practice; None when no rota is known for them."""
    try:
        practice = practice_of(document)
        if not practice:
            return None
        found = await directory.covering(access, principal, ODS_SYSTEM, practice)
        covers = covers_of(json.decode(bytes(item.body)) for item in found.items)
        return who_answers(covers, now) if covers else None
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
