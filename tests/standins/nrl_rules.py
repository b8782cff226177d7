"""What NRL accepts as a pointer, by its schema and rules, and with which answer it refuses the rest. Pure."""

from __future__ import annotations

import re
from typing import Any

ORGANISATION = "https://fhir.nhs.uk/Id/ods-organization-code"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ASID = "https://fhir.nhs.uk/Id/nhsSpineASID"
SNOMED = "http://snomed.info/sct"
ENGLAND = "https://fhir.nhs.uk/England"
STABILITY = f"{ENGLAND}/StructureDefinition/Extension-England-ContentStability"
RETRIEVAL = f"{ENGLAND}/StructureDefinition/Extension-England-NRLRetrievalMechanism"
TYPES = {
    "736373009": "End of life care plan",
    "861421000000109": "End of life care coordination summary",
    "736366004": "Advance care plan",
    "1382601000000107": "ReSPECT (Recommended Summary Plan for Emergency Care and Treatment) form",
    "735324008": "Treatment escalation plan",
    "887701000000100": "Emergency health care plan",
    "325691000000100": "Contingency plan",
    "2181441000000107": "Personalised Care and Support Plan",
}
OLDER_TYPES = {**TYPES, "736366004": "Advanced care plan"}
MECHANISMS = {
    "SSP": "Spine Secure Proxy",
    "Direct": "Direct",
    "LDR": "Large Document Retrieval",
    "InContext": "Direct using In-Context",
}
FORMATS = {
    "urn:nhs-ic:unstructured": "Unstructured Document",
    "urn:nhs-ic:record-contact": "Contact details (HTTP Unsecured)",
}
_ELEMENTS = {
    "resourceType id status docStatus type category subject author custodian content context relatesTo date "
    "masterIdentifier identifier description securityLabel meta"
}
_KNOWN = frozenset(" ".join(_ELEMENTS).split())
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


class Refusal(Exception):
    """A status, a code and what NRL says to it."""

    def __init__(self, status: int, code: str, diagnostics: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.diagnostics = diagnostics


def nhs_number_problem(number: str) -> bool:
    """Say whether a number is none: ten digits, the last a modulus 11 check digit."""
    if not re.fullmatch(r"[0-9]{10}", number):
        return True
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(number, range(10, 1, -1), strict=False)) % 11
    return (0 if rest == 11 else rest) != int(number[9])


def judge(body: Any, schema: int) -> None:
    """Raise Refusal for what is no pointer of this generation of the schema."""
    _must(isinstance(body, dict) and body.get("resourceType") == "DocumentReference", "resourceType")
    _must(body.keys() <= _KNOWN, "an element is not known")
    _must(body.get("status") == "current", "status")
    _must(body.get("docStatus", "final") in ("entered-in-error", "amended", "preliminary", "final"), "docStatus")
    _typed(body, schema)
    _about(body)
    if not body.get("author"):
        raise Refusal(500, "INTERNAL_SERVER_ERROR")  # as its program answers
    _must(len(body["author"]) == 1, "author")
    for where in (body["author"][0], body.get("custodian", {})):
        identifier = where.get("identifier", {})
        if identifier.get("system") != ORGANISATION:
            raise Refusal(400, "INVALID_IDENTIFIER_SYSTEM", "author, custodian")
    context = body.get("context", {})
    asids = [one["identifier"] for one in context.get("related", ()) if one["identifier"].get("system") == ASID]
    _must(bool(context.get("practiceSetting", {}).get("coding")), "context.practiceSetting")
    _must(bool(body.get("content")), "content")
    for content in body["content"]:
        _content(content, schema, asids, body["subject"]["identifier"]["value"])
    for relation in body.get("relatesTo", ()):
        _must(relation.get("code") == "replaces", "relatesTo")
        _must(bool(relation.get("target", {}).get("identifier", {}).get("value")), "relatesTo.target")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise Refusal(400, "INVALID_RESOURCE", what)


def _typed(body: dict[str, Any], schema: int) -> None:
    codings = body.get("type", {}).get("coding", [])
    _must(len(codings) == 1 and codings[0].get("system") == SNOMED, "type")
    known = OLDER_TYPES if schema < 2026 else TYPES
    if known.get(codings[0].get("code")) != codings[0].get("display"):
        raise Refusal(400, "INVALID_CODE_VALUE", "type")
    categories = body.get("category", [])
    _must(len(categories) == 1 and len(categories[0].get("coding", [])) == 1, "category")
    if categories[0]["coding"][0] != {"system": SNOMED, "code": "734163000", "display": "Care plan"}:
        raise Refusal(400, "INVALID_CODE_VALUE", "category")


def _about(body: dict[str, Any]) -> None:
    identifier = body.get("subject", {}).get("identifier", {})
    if identifier.get("system") != NHS_NUMBER:
        raise Refusal(400, "INVALID_IDENTIFIER_SYSTEM", "subject")
    _must(body["subject"].keys() == {"identifier"}, "subject")
    if nhs_number_problem(str(identifier.get("value"))):
        raise Refusal(500, "INTERNAL_SERVER_ERROR")  # as its program answers


def _content(content: dict[str, Any], schema: int, asids: list[dict[str, Any]], number: str) -> None:
    attachment, format = content.get("attachment", {}), content.get("format", {})
    url = attachment.get("url")
    if not url:
        raise Refusal(500, "INTERNAL_SERVER_ERROR")  # as its program answers
    _must(attachment.get("contentType") in ("application/pdf", "text/html"), "contentType")
    _must(_INSTANT.fullmatch(attachment.get("creation", "2026-01-01T10:00:00Z")) is not None, "creation")
    _must(format.get("system") == f"{ENGLAND}/CodeSystem/England-NRLFormatCode", "format")
    if FORMATS.get(format.get("code")) != format.get("display"):
        raise Refusal(400, "INVALID_CODE_VALUE", "format")
    if url.startswith("ssp://"):
        _must(len(asids) == 1 and re.fullmatch(r"[0-9]{12}", asids[0].get("value", "")) is not None, "ASID")
        rest = url.removeprefix("ssp://")
        _must("%" not in rest and "//" not in rest and number not in rest, "url")
        _must("proxy" not in rest.partition("/")[0], "url")
    extensions = content.get("extension", [])
    _must(1 <= len(extensions) <= (1 if schema < 2026 else 2), "content.extension")
    codings = {one.get("url"): one["valueCodeableConcept"]["coding"][0] for one in extensions}
    _must(codings.keys() <= {STABILITY, RETRIEVAL} and STABILITY in codings, "content.extension")
    stability = codings[STABILITY]
    _must(stability.get("system") == f"{ENGLAND}/CodeSystem/England-NRLContentStability", "stability")
    if (stability.get("code"), stability.get("display")) not in (("static", "Static"), ("dynamic", "Dynamic")):
        raise Refusal(400, "INVALID_CODE_VALUE", "stability")
    if (mechanism := codings.get(RETRIEVAL)) is not None:
        _must(mechanism.get("system") == f"{ENGLAND}/CodeSystem/England-NRLRetrievalMechanism", "retrieval")
        if MECHANISMS.get(mechanism.get("code")) != mechanism.get("display"):
            raise Refusal(400, "INVALID_CODE_VALUE", "retrieval")
