"""The document of what was released for a partner: from resources alone, without the record. Pure but for the printing.

Which sections are closed to the partner cannot be seen from what is open to it, so of every section that shows nothing
it is said that something may be withheld, never that nothing is recorded (sharing rule 5.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_profiles import json
from fhir_profiles.sections import Section, section_of
from security.clock import Clock
from service.document.paper import Chapter, Paper
from service.plan.lines import plan_lines
from service.plan.narrative import with_narrative
from service.plan.summary import Wording, enclose, sections
from service.record.derive import life_of
from service.record.emergency import DEATH_BANNER, DEATH_UNCONFIRMED
from service.web.reading import Document, paragraphs, read_document

Resource = dict[str, Any]
_EVERY_SECTION = frozenset(Section)
_NOTICES = {
    "formal_death": DEATH_BANNER,
    "verified_death": DEATH_BANNER,
    "informal_death": DEATH_UNCONFIRMED,
}
_NOT_TOLD = frozenset({Section.DEMOGRAPHICS, Section.UNKNOWN})
"""Who it is stands on top; what nothing here understands is not put into words."""


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """Makes a plan, as released for somebody, PDF/A. `wording` is the locality's."""

    paper: Paper
    wording: Wording
    clock: Clock

    async def __call__(self, plan: Sequence[Mapping[str, Any]]) -> bytes:
        """Return the document of a list of resources, as known now. Raise NotPrinted."""
        resources = [dict(one) for one in plan]
        document = document_of(resources, self.wording, self.clock())
        return await self.paper(document, None, others(resources, document))


def document_of(resources: Sequence[Resource], wording: Wording, now: datetime) -> Document:
    """Return the emergency answer that released resources make up."""
    patient = next((one for one in resources if one["resourceType"] == "Patient"), {})
    lines = plan_lines((one, section_of(one)) for one in resources)
    first = enclose(
        sections(lines, _EVERY_SECTION, now, wording=wording),
        now,
        subject=f"Patient/{patient.get('id', '')}",
        version="",
        notices=[_NOTICES[life] for life in (life_of(patient)[0],) if life in _NOTICES],
    )
    return read_document({"entry": [{"resource": json.decode(first)}, *({"resource": one} for one in resources)]})


def others(resources: Sequence[Resource], document: Document) -> list[Chapter]:
    """Return what the resources say that the emergency answer does not, by section."""
    said = {reference for part in document.parts.values() for reference in part.references}
    found: dict[Section, list[tuple[str, ...]]] = {}
    for one in resources:
        section = section_of(one)
        if section is None or section in _NOT_TOLD or f"{one['resourceType']}/{one.get('id', '')}" in said:
            continue
        found.setdefault(section, []).append(paragraphs(with_narrative(one)))
    return [
        Chapter(section.value.replace("_", " ").capitalize(), tuple(found[section]))
        for section in Section
        if section in found
    ]
