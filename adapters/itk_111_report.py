"""A 111 report, from its ClinicalDocument (HL7 CDA R2) to a Communication: an event in the record, in plain text. Pure.

Whom it is about is said, never believed: NHS number (only as verified: root 2.16.840.1.113883.2.1.4.1), family name and
birth date go to whoever compares them. Of the narrative only the text of CDA's own narrative elements is taken; what
stands in any other element (a script, a style, a frame) is left out, and nothing is ever taken as markup. The report
itself is kept as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from adapters.base import Arrived, Untranslatable, Whom
from adapters.itk_111_envelope import CDA, Envelope
from adapters.safe_xml import Element
from fhir_profiles.canonical import code_system
from fhir_profiles.identifiers import ODS_SYSTEM, is_nhs_number, is_ods_code
from fhir_profiles.sections import Section
from security.clock import LONDON, instant

VERIFIED = "2.16.840.1.113883.2.1.4.1"
_ORGANISATION = "2.16.840.1.113883.2.1.3.2.4.19.1"
_NARRATIVE = frozenset(
    "content paragraph list item table thead tbody tfoot tr td th caption br sub sup linkHtml footnote".split()
)
_BLOCKS = frozenset("paragraph list item tr caption br table".split())
_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})?([+-][0-9]{4})?")
_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
LONGEST_PART, MOST_PARTS = 4_000, 30
CUT = " [The rest is in the report itself.]"
_NOBODY = "The report does not name its person by a verified NHS number, a family name and a birth date."


def arrived_report(envelope: Envelope) -> Arrived:
    """Return what a report says, in our words; raise Untranslatable where it names nobody to compare."""
    document = envelope.document
    sent = _moment(document.at("effectiveTime"))
    return Arrived(
        theirs=f"Communication/{envelope.tracking_id.upper()}",
        version="1",
        sent=sent,
        whom=_whom(document),
        resource=_communication(document, sent),
    )


def _whom(document: Element) -> Whom:
    role = document.at("recordTarget/patientRole")
    numbers = (
        {one.attributes.get("extension", "") for one in role.every("id") if _root(one) == VERIFIED} if role else set()
    )
    name = role.at("patient/name/family") if role else None
    born = role.at("patient/birthTime") if role else None
    number = next(iter(numbers)) if len(numbers) == 1 else ""
    family, day = name.text.strip() if name else "", _day(born.attributes.get("value", "") if born else "")
    if not (is_nhs_number(number) and family and day):
        raise Untranslatable(_NOBODY)
    return Whom(number, family, day)


def _communication(document: Element, sent: str) -> dict[str, Any]:
    title = document.at("title")
    resource: dict[str, Any] = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [
            {"text": "NHS 111 report"},
            {"coding": [{"system": code_system("section"), "code": Section.CARE_PLAN}]},
        ],
        "topic": {"text": _plain(title.text if title else "")[:200] or "NHS 111 report"},
        "subject": {"type": "Patient"},
        "payload": [{"contentString": part} for part in _parts(document)],
    }
    if sent:
        resource["sent"] = sent
    confidential = document.at("confidentialityCode")
    if confidential is not None and (code := confidential.attributes.get("code", "")):
        # of HL7's own scale, whose codes are those of FHIR; what is none of them is refused at the write, and parked
        resource["meta"] = {"security": [{"system": _CONFIDENTIALITY, "code": code}]}
    organisation = document.at("author/assignedAuthor/representedOrganization")
    codes = (
        [one.attributes.get("extension", "") for one in organisation.every("id") if _root(one) == _ORGANISATION]
        if organisation
        else []
    )
    if codes and is_ods_code(codes[0]):
        resource["sender"] = {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": codes[0]}}
    return resource


def _parts(document: Element) -> list[str]:
    """Return the sections in plain text, each with its title."""
    found = []
    for section in document.every("component/structuredBody/component/section"):
        found += list(_section(section))
    if not found:
        return ["The report holds no text that can be shown. It is kept as it came."]
    if len(found) > MOST_PARTS:
        found = [*found[: MOST_PARTS - 1], CUT.strip()]
    return found


def _section(section: Element) -> Iterator[str]:
    title, text = section.at("title"), section.at("text")
    words = _plain("".join(_words(text))) if text else ""
    said = ": ".join(part for part in (_plain(title.text if title else ""), words) if part)
    if said:
        yield said if len(said) <= LONGEST_PART else said[: LONGEST_PART - len(CUT)] + CUT
    for inner in section.every("component/section"):
        yield from _section(inner)


def _words(element: Element) -> Iterator[str]:
    for part in element.parts:
        if isinstance(part, str):
            yield part
        elif part.namespace == CDA and part.name in _NARRATIVE:
            yield "\n" if part.name in _BLOCKS else ""
            yield from _words(part)
            yield "\n" if part.name in _BLOCKS else " "


def _plain(text: str) -> str:
    """Return text without control and other unseen characters, its lines trimmed, empty ones left out."""
    seen = "".join(one if one.isprintable() else "\n" if one == "\n" else " " for one in text)
    return "\n".join(line for line in (" ".join(line.split()) for line in seen.split("\n")) if line)


def _root(id: Element) -> str:
    return id.attributes.get("root", "")


def _day(value: str) -> str:
    """Return the day of an HL7 timestamp (YYYYMMDD...), '' for anything less."""
    day = value[:8]
    try:
        return date.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}").isoformat() if day.isascii() else ""
    except ValueError:
        return ""


def _moment(time: Element | None) -> str:
    """Return an HL7 timestamp as a FHIR instant, '' where it is none. Without a zone it is London's."""
    value = time.attributes.get("value", "") if time else ""
    found = _TIME.fullmatch(value)
    try:
        moment = (
            datetime.fromisoformat("{}-{}-{}T{}:{}:{}{}".format(*found.groups("00")[:6], found[7] or ""))
            if found
            else None
        )
    except ValueError:
        return ""
    if moment is None:
        return ""
    return instant(moment if moment.tzinfo else moment.replace(tzinfo=LONDON))
