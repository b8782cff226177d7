"""The message that carries a plan to a practice (NHS GP Connect Send Document 2, over ITK3, STU3 as XML). Pure.

The inner Bundle is a document: Composition, Patient, Practitioner, Organization, and the PDF as a Binary, which is the
first entry of the one section. A replacement says which document it replaces by that one's identifier.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from unicodedata import normalize
from xml.etree.ElementTree import Element

from adapters.errors import ContentRefused, ReportedIssue
from adapters.gp_document_addressee import Addressee
from adapters.gp_document_settings import GpDocumentSettings
from adapters.itk_message import (
    ODS,
    PROFILES,
    UUID_SYSTEM,
    Envelope,
    coding_parts,
    entry,
    id_of,
    identifier,
    message_of,
    meta,
    points_at,
)
from adapters.itk_xml import element

CARE_CONNECT = "https://fhir.hl7.org.uk/STU3/StructureDefinition"
CARE_SETTING = f"{PROFILES}/Extension-ITK-CareSettingType-1"
VERIFICATION = f"{CARE_CONNECT}/Extension-CareConnect-NHSNumberVerificationStatus-1"
VERIFICATION_CODES = "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"
SNOMED = "http://snomed.info/sct"
_ADDRESS = ("city", "district", "state", "postalCode", "country")


@dataclass(frozen=True, slots=True)
class Document:
    """One document to a practice.

    `reference` is the SenderReference of its message. `made` is when it was made (FHIR instant), `version` counts the
    documents about the person from 1. `replaces` is the SenderReference of the document that it replaces, '' for none.
    """

    reference: str
    version: int
    replaces: str
    made: str
    about: Addressee
    pdf: bytes = field(repr=False)


def message(document: Document, settings: GpDocumentSettings) -> bytes:
    """Return the message; raise ContentRefused where a text cannot be said in XML, or it would be too large."""
    envelope = Envelope(
        document.reference, document.made, settings.mesh.mailbox, settings.sender.ods, settings.message_definition
    )
    try:
        made = message_of(envelope, _payload(document, settings))
    except ValueError:
        raise ContentRefused((ReportedIssue("error", "value", ("Patient",)),)) from None
    if len(made) > settings.largest:
        raise ContentRefused((ReportedIssue("error", "too-long", ("Binary.content",)),))
    return made


def subject(document: Document, settings: GpDocumentSettings) -> str:
    """Return the line that the practice sees in its list (GPCM-SD-064). In ASCII, which is all that a header takes."""
    about, sender = document.about, settings.sender
    said = (
        f"{settings.title} for {about.full_name}, NHS Number: {about.nhs_number}, "
        f"seen at {sender.name}, {sender.ods}, Version: {document.version}"
    )
    return normalize("NFKD", said).encode("ascii", "ignore").decode().strip()


def _payload(document: Document, settings: GpDocumentSettings) -> Element:
    ids = {part: id_of(document.reference, part) for part in _PARTS}
    return element(
        "Bundle",
        element("id", value=ids["document"]),
        meta("ITK-Document-Bundle-1"),
        identifier(UUID_SYSTEM, ids["document"]),
        element("type", value="document"),
        entry(ids["composition"], _composition(document, settings, ids)),
        entry(ids["patient"], _patient(document.about, ids["patient"])),
        entry(ids["practitioner"], _practitioner(settings, ids["practitioner"])),
        entry(ids["organization"], _organization(settings, ids["organization"])),
        entry(
            ids["binary"],
            element(
                "Binary",
                element("id", value=ids["binary"]),
                meta("ITK-Attachment-Binary-1"),
                element("contentType", value="application/pdf"),
                element("content", value=base64.b64encode(document.pdf).decode("ascii")),
            ),
        ),
    )


_PARTS = ("document", "composition", "patient", "practitioner", "organization", "binary")


def _composition(document: Document, settings: GpDocumentSettings, ids: dict[str, str]) -> Element:
    kind, setting = settings.document_type, settings.care_setting
    replaces = []
    if document.replaces:
        before = identifier(UUID_SYSTEM, id_of(document.replaces, "document"), name="targetIdentifier")
        replaces = [element("relatesTo", element("code", value="replaces"), before)]
    return element(
        "Composition",
        element("id", value=ids["composition"]),
        meta(f"{CARE_CONNECT}/CareConnect-Composition-1", str(document.version)),
        element(
            "extension",
            element(
                "valueCodeableConcept",
                element("coding", *coding_parts(SNOMED, setting.code, setting.display)),
            ),
            url=CARE_SETTING,
        ),
        identifier(UUID_SYSTEM, ids["document"]),
        element("status", value="final"),
        element("type", element("coding", *coding_parts(SNOMED, kind.code, kind.display))),
        points_at("subject", ids["patient"]),
        element("date", value=document.made),
        points_at("author", ids["practitioner"]),
        element("title", value=settings.title),
        element("confidentiality", value="R" if document.about.restricted else "N"),
        points_at("custodian", ids["organization"]),
        *replaces,
        element("section", element("title", value=settings.title), points_at("entry", ids["binary"])),
    )


def _patient(about: Addressee, id: str) -> Element:
    verified = []
    if about.verified:
        coding = element("coding", *coding_parts(VERIFICATION_CODES, "01", "Number present and verified"))
        verified = [element("extension", element("valueCodeableConcept", coding), url=VERIFICATION)]
    return element(
        "Patient",
        element("id", value=id),
        meta(f"{CARE_CONNECT}/CareConnect-Patient-1"),
        identifier(NHS_NUMBER, about.nhs_number, *verified),
        _name(about.family, about.given, about.prefix),
        *([element("gender", value=about.gender)] if about.gender else []),
        element("birthDate", value=about.birth_date),
        *_address(about),
    )


def _address(about: Addressee) -> list[Element]:
    if not about.address:
        return []
    lines = [element("line", value=str(one)) for one in about.address.get("line", ()) if one]
    rest = [element(name, value=str(about.address[name])) for name in _ADDRESS if about.address.get(name)]
    return [element("address", element("use", value="home"), *lines, *rest)]


def _practitioner(settings: GpDocumentSettings, id: str) -> Element:
    clinician = settings.clinician
    prefix = (clinician.prefix,) if clinician.prefix else ()
    return element(
        "Practitioner",
        element("id", value=id),
        meta(f"{CARE_CONNECT}/CareConnect-Practitioner-1"),
        identifier(SDS_USER, clinician.sds_user_id),
        _name(clinician.family, (clinician.given,), prefix),
    )


def _organization(settings: GpDocumentSettings, id: str) -> Element:
    sender = settings.sender
    return element(
        "Organization",
        element("id", value=id),
        meta(f"{CARE_CONNECT}/CareConnect-Organization-1"),
        identifier(ODS, sender.ods),
        element("name", value=sender.name),
        element("telecom", element("system", value="phone"), element("value", value=sender.telephone)),
    )


def _name(family: str, given: tuple[str, ...], prefix: tuple[str, ...]) -> Element:
    return element(
        "name",
        element("use", value="official"),
        element("family", value=family),
        *(element("given", value=one) for one in given if one),
        *(element("prefix", value=one) for one in prefix if one),
    )
