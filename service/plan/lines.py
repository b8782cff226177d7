"""The write half of the emergency summary: every word that does not depend on the time of reading, encoded ready.

`lines_of` turns one stored resource into summary lines, each a ready piece of a FHIR Composition. They are kept with
the record, released one by one like everything else, and joined at the moment of reading by `summary.compose`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from fhir_profiles.canonical import structure_definition
from fhir_profiles.sections import Section
from service.plan import vocabulary as v
from service.plan.context import PlanContext
from service.plan.decision_statements import decision_statement
from service.plan.decisions import Validity, effective_of, validity
from service.plan.elements import Resource, codings, extension
from service.plan.freshness import review_ends
from service.plan.markup import json_text, plain
from service.plan.standing import Standing, State
from service.plan.statements import Statement, statements

STANDING = structure_definition("standing")
VALIDITY = structure_definition("validity")
FRESHNESS = structure_definition("item-freshness")
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_NO_SECTION_AUTHOR = ("#", "CareTeam/", "HealthcareService/")
"""References to what may say something in R4 and may not be the author of a section, which then has words alone."""
_HANDLED_ELSEWHERE = frozenset({Section.CPR_DECISION, Section.TREATMENT_ESCALATION})


class SummaryLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One item of the summary, ready to be joined. All bytes are JSON inside; `words` and `text` are escaped XHTML.

    `section` decides with the resource's own grants whether the line may be released. `json` is the item's Composition
    section up to the end of its freshness, which is closed at reading: only there is it known whether `until` (seconds
    since 1970, 0 for nothing that can pass) lies behind, and `late` is to be said. `state` is a decision's standing.
    `names` are references in `json` besides the resource's own: who reads the line need not be who may know of them
    (`without_names`).
    """

    slot: int
    order: int
    section: Section
    reference: str
    state: str
    words: bytes
    text: bytes
    json: bytes
    until: float = 0.0
    late: bytes = b""
    names: tuple[str, ...] = ()


def lines_of(
    resource: Resource,
    section: Section | None,
    context: PlanContext,
    standing: Standing | None = None,
    shown: tuple[Resource, PlanContext] | None = None,
) -> list[SummaryLine]:
    """Return the summary lines of one stored resource (with id and meta).

    `section` is that of `fhir_profiles.sections.section_of`; what has none (a Practitioner) has no line. `standing` is
    needed for decisions alone, and a decision without one has no line. `shown` is the resource as it may be told, with
    the others as they may: what became of a decision is judged on the whole record, and worded from what is shown.
    """
    if section is None:
        return []
    told, others = shown or (resource, context)
    item = context.decision(resource)
    if item is None:
        if section in _HANDLED_ELSEWHERE:
            return []
        said = statements(told, section, others)
        return [_line(told, section, others, one, None, one.validity) for one in said]
    if standing is None:
        return []
    judged = validity(item, resource)
    one = decision_statement(told, item, standing, judged, others)
    return [_line(told, section, others, one, standing, judged)] if one else []


def plan_lines(
    classified: Iterable[tuple[Resource, Section | None]], shown: Mapping[str, Resource] | None = None
) -> list[SummaryLine]:
    """Return the lines of a whole record, given its current resources with their sections, sorted for reading.

    `shown`: the resources as they may be told (`plan.masking`), by reference; what is not among them has no line.
    """
    pairs = list(classified)
    context = PlanContext.of(resource for resource, _ in pairs)
    standing = context.standings()
    others = context if shown is None else PlanContext.of(shown.values(), masked=True)
    lines: list[SummaryLine] = []
    for resource, section in pairs:
        name = f"{resource['resourceType']}/{resource.get('id', '')}"
        if shown is None:
            lines += lines_of(resource, section, context, standing.get(name))
        elif (told := shown.get(name)) is not None:
            lines += lines_of(resource, section, context, standing.get(name), (told, others))
    return sorted(lines, key=lambda line: (line.slot, line.order, line.reference, line.words))


def _line(
    resource: Resource,
    section: Section,
    context: PlanContext,
    said: Statement,
    standing: Standing | None,
    judged: Validity | None,
) -> SummaryLine:
    ends = review_ends(said.until)
    reference = f"{resource['resourceType']}/{resource.get('id', '')}"
    head: dict[str, Any] = {"title": said.title or said.words}
    names = [*(standing.by if standing else ())]
    if coding := _coding(said.concept):
        head["code"] = {"coding": coding}
    author = context.author(resource)
    if author.words:
        head["author"] = [{"display": author.words}]
        if author.reference and not author.reference.startswith(_NO_SECTION_AUTHOR):
            head["author"][0]["reference"] = author.reference
            names.append(author.reference)
    head["entry"] = [{"reference": reference}]
    if provenance := context.provenance_of(reference):
        names.append(provenance)
    escaped = plain(said.words)
    told = escaped if escaped.endswith((".", "!", "?")) else f"{escaped}."
    return SummaryLine(
        slot=said.slot,
        order=said.order,
        section=said.section or section,
        reference=reference,
        state=standing.state if standing else "",
        words=json_text(escaped),
        text=json_text(f"{told} {plain(said.details)}".rstrip() if said.details else told),
        json=_open_json(
            head, _stated(resource, standing, judged), _freshness(resource, context, said.until), ends is not None
        ),
        until=ends.timestamp() if ends else 0.0,
        late=json_text(plain(said.late)) if ends else b"",
        names=tuple(names),
    )


def without_names(json: bytes, names: Iterable[str]) -> bytes:
    """Return items of a Composition, joined or not, without the references to `names` that `lines_of` put into them.

    They are cut out of the bytes that were made here: quotes stand escaped in every text, so that what is looked for is
    found in no text. An item's own resource is never cut. What a display says of an author stays.
    """
    for name in names:
        reference = msgspec.json.encode({"reference": name})
        if name.startswith("Provenance/"):
            json = json.replace(b',{"url":"provenance","valueReference":' + reference + b"}", b"")
            continue
        json = json.replace(b',{"url":"by","valueReference":' + reference + b"}", b"")
        # Behind a display: an author. An entry's own reference opens its object.
        json = json.replace(b"," + reference[1:-1], b"")
    return json


def _open_json(head: dict[str, Any], stated: list[dict[str, Any]], fresh: list[dict[str, Any]], dated: bool) -> bytes:
    """Encode an item up to the end of its freshness facts, left open for the one that is known only at reading."""
    known = {"url": FRESHNESS, "extension": fresh}
    opened = msgspec.json.encode({**head, "extension": [*stated, known]})[: -len("]}]}")]
    return opened + b"," if dated and fresh else opened


def _stated(resource: Resource, standing: Standing | None, judged: Validity | None) -> list[dict[str, Any]]:
    """Return what is known of a decision beside its words: standing, validity, kind, why there is none."""
    found: list[dict[str, Any]] = []
    if standing:
        parts: list[dict[str, Any]] = [{"url": "state", "valueCode": standing.state}]
        if basis := (extension(resource, v.DECISION_BASIS) or {}).get("valueCode"):
            parts.append({"url": "basis", "valueCode": basis})
        parts += [{"url": "by", "valueReference": {"reference": name}} for name in standing.by]
        parts += [{"url": "order-issue", "valueCode": issue} for issue in standing.issues]
        found.append({"url": STANDING, "extension": parts})
    if judged and not (standing and standing.state is State.REVOKED):
        parts = [{"url": "state", "valueCode": "valid" if judged.valid else "unverified"}]
        parts += [{"url": "reason", "valueCode": reason} for reason in judged.reasons]
        found.append({"url": VALIDITY, "extension": parts})
    if absent := resource.get("dataAbsentReason"):
        reasons = (code for system, code in codings(absent) if system == v.DATA_ABSENT_REASON and code)
        found.append({"url": _ABSENT, "valueCode": next(reasons, "unknown")})
    return found


def _freshness(resource: Resource, context: PlanContext, until: str | None) -> list[dict[str, Any]]:
    """Return when it was said and recorded, from where, in which version, and what it is good until."""
    meta = resource.get("meta") or {}
    name = f"{resource['resourceType']}/{resource.get('id', '')}"
    facts: list[dict[str, Any]] = []
    if effective := effective_of(resource):
        facts.append({"url": "effective", "valueDateTime": effective})
    if recorded := meta.get("lastUpdated"):
        facts.append({"url": "recorded", "valueInstant": recorded})
    if version := meta.get("versionId"):
        facts.append({"url": "version", "valueString": version})
    if source := meta.get("source"):
        facts.append({"url": "source", "valueUri": source})
    if provenance := context.provenance_of(name):
        facts.append({"url": "provenance", "valueReference": {"reference": provenance}})
    if until:
        facts.append({"url": "good-until", "valueDateTime": until})
    return facts


def _coding(concept: Resource | None) -> list[dict[str, Any]]:
    """Return codings as system, code and display: free text is said in words."""
    return [
        {key: coding[key] for key in ("system", "code", "display") if key in coding}
        for coding in (concept or {}).get("coding", ())
        if coding.get("code")
    ]
