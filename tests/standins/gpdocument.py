"""A practice that receives documents by MESH: reads each message strictly, files it or refuses it, and replies.

Written from GP Connect Send Document and ITK3 Messaging Distribution; it knows nothing of our adapters. `Practice.take`
raises Violation for what breaks a rule of those, which a test then sees, and answers replies as bytes for all else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4
from xml.etree.ElementTree import Element, fromstring

F = "{http://hl7.org/fhir}"
STU3 = "https://fhir.nhs.uk/STU3"
NHS = f"{STU3}/StructureDefinition"
UK = "https://fhir.hl7.org.uk/STU3/StructureDefinition"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
RFC4122 = "https://tools.ietf.org/html/rfc4122"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
DEFINITIONS = {
    f"{STU3}/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-1",
    f"{STU3}/MessageDefinition/ITK-GPConnectSendDocument-MessageDefinition-Instance-1",
}
ORDER = {
    "MessageHeader": "id meta extension event sender timestamp source focus",
    "Composition": "id meta extension identifier status type subject date author title confidentiality custodian "
    "relatesTo section",
    "Patient": "id meta identifier name gender birthDate address",
    "Binary": "id meta contentType content",
}
ADDRESS = re.compile(r"GPPROVIDER_([0-9]{10})_([0-9]{8})_([^_]+)")
SUBJECT = re.compile(r".+ for .+, NHS Number: [0-9]{10}, seen at .+, [A-Z0-9]+, Version: [0-9]+")


class Violation(AssertionError):
    """A rule of the specification that a message breaks."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A document as the practice has it."""

    reference: str
    document: str
    replaces: str
    version: str
    nhs_number: str
    family: str
    birth_date: str
    confidentiality: str
    has_address: bool
    pdf: bytes


@dataclass(slots=True)
class Practice:
    """`patients` are those whom it has; None: everybody. `filed` are documents in order, `seen` ids of messages."""

    patients: set[str] | None = None
    filed: list[Filed] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def take(self, content: bytes, headers: Mapping[str, str]) -> list[bytes]:
        """Take one message from the mailbox; return what it replies."""
        found, message = strictly_read(content, headers)
        if message in self.seen:
            return [reply(found.reference, "20007", "fatal-error")]
        self.seen.add(message)
        if any(one.document == found.document for one in self.filed):
            return [reply(found.reference, "20008", "fatal-error")]
        if found.replaces and not any(one.document == found.replaces for one in self.filed):
            return [reply(found.reference, "20014", "fatal-error")]
        if self.patients is not None and found.nhs_number not in self.patients:
            return [reply(found.reference, "20013"), reply(found.reference, "30002", "fatal-error")]
        self.filed.append(found)
        return [reply(found.reference, "20013"), reply(found.reference, "30001")]


def strictly_read(content: bytes, headers: Mapping[str, str]) -> tuple[Filed, str]:
    """Return a document and the id of its message; raise Violation for what the specification does not allow."""
    headers = {name.lower(): value for name, value in headers.items()}
    must(headers.get("mex-workflowid") == "GPCONNECT_SEND_DOCUMENT", "workflow")
    must(SUBJECT.fullmatch(headers.get("mex-subject", "")) is not None, "subject")
    root = fromstring(content)  # noqa: S314 - what our own side of a test sent
    must(root.tag == f"{F}Bundle" and at(root, "type") == "message", "message Bundle")
    must(at(root, "meta/profile") == f"{NHS}/ITK-Message-Bundle-1", "profile of the message")
    must(at(root, "identifier/system") == RFC4122, "system of the message's identifier")
    message = str(UUID(at(root, "identifier/value")))
    header, sender, document = resources(root, ("MessageHeader", "Organization", "Bundle"))
    must(at(sender, "meta/profile") == f"{NHS}/CareConnect-ITK-Header-Organization-1", "profile of the sender")
    must(at(sender, "identifier/system") == ODS and not sender.findall(f"{F}name"), "sender")
    reference = handled(header)
    must(at(header, "focus/reference") == f"urn:uuid:{at(document, 'id')}", "focus")
    must(at(header, "sender/reference") == f"urn:uuid:{at(sender, 'id')}", "sender's reference")
    must(at(header, "source/endpoint") != "", "source")
    filed = _document(document, reference)
    address = ADDRESS.fullmatch(headers["mex-to"]) if headers.get("mex-to", "").startswith("GPPROVIDER_") else None
    if address is not None:
        born = filed.birth_date.replace("-", "")
        said = (address[1], address[2], address[3])
        must(said == (filed.nhs_number, born, filed.family), "the address is another person's than the payload")
    return filed, message


def handled(header: Element) -> str:
    """Judge the MessageHeader; return the SenderReference."""
    must(at(header, "meta/profile") == f"{NHS}/ITK-MessageHeader-2", "profile of the header")
    must(at(header, "event/system") == f"{STU3}/CodeSystem/ITK-MessageEvent-2", "system of the event")
    must(at(header, "event/code") == "ITK007C", "event")
    must(not header.findall(f"{F}destination") and not header.findall(f"{F}receiver"), "MESH finds the practice")
    must(at(header, "timestamp").endswith("Z"), "timestamp")
    (handling,) = header.findall(f"{F}extension")
    must(handling.get("url") == f"{NHS}/Extension-ITK-MessageHandling-2", "handling")
    keys = {one.get("url"): one for one in handling.findall(f"{F}extension")}
    wanted = {"BusAckRequested", "InfAckRequested", "RecipientType", "MessageDefinition", "SenderReference"}
    must(set(keys) == wanted | {"LocalExtension"}, "keys of the handling")
    must(at(keys["BusAckRequested"], "valueBoolean") == "true", "reply about the patient")
    must(at(keys["InfAckRequested"], "valueBoolean") == "true", "technical reply")
    must(at(keys["RecipientType"], "valueCoding/system") == f"{STU3}/CodeSystem/ITK-RecipientType-1", "recipient type")
    must(at(keys["RecipientType"], "valueCoding/code") == "FA", "for action")
    must(at(keys["MessageDefinition"], "valueReference/reference") in DEFINITIONS, "definition")
    reference = at(keys["SenderReference"], "valueString")
    must(0 < len(reference) <= 255, "sender's reference")
    return reference


def _document(document: Element, reference: str) -> Filed:
    must(at(document, "meta/profile") == f"{NHS}/ITK-Document-Bundle-1", "profile of the document")
    must(at(document, "type") == "document" and at(document, "identifier/system") == RFC4122, "document Bundle")
    kinds = ("Composition", "Patient", "Practitioner", "Organization", "Binary")
    composition, patient, practitioner, organization, binary = resources(document, kinds)
    profiles = dict(zip(kinds, (composition, patient, practitioner, organization), strict=False))
    for kind, one in profiles.items():
        must(at(one, "meta/profile") == f"{UK}/CareConnect-{kind}-1", f"profile of {kind}")
    must(at(binary, "meta/profile") == f"{NHS}/ITK-Attachment-Binary-1", "profile of the attachment")
    must(at(binary, "contentType") == "application/pdf", "type of the attachment")
    must(at(composition, "status") == "final", "status")
    must(at(composition, "type/coding/system") == "http://snomed.info/sct", "type of document")
    must(at(composition, "confidentiality") in ("N", "R"), "confidentiality")
    for name, one in (("subject", patient), ("author", practitioner), ("custodian", organization)):
        must(at(composition, f"{name}/reference") == f"urn:uuid:{at(one, 'id')}", name)
    (section,) = composition.findall(f"{F}section")
    must(at(section, "entry/reference") == f"urn:uuid:{at(binary, 'id')}", "the PDF is the first entry")
    must(at(organization, "name") != "" and at(organization, "telecom/system") == "phone", "organisation")
    must(at(practitioner, "identifier/system") == "https://fhir.nhs.uk/Id/sds-user-id", "practitioner")
    must(at(patient, "name/use") == "official" and at(practitioner, "name/use") == "official", "official name")
    must(at(patient, "identifier/system") == NHS_NUMBER, "NHS number")
    must(re.fullmatch(r"\d{4}-\d\d-\d\d", at(patient, "birthDate")) is not None, "birth date")
    relates = composition.findall(f"{F}relatesTo")
    must(len(relates) <= 1 and all(at(one, "code") == "replaces" for one in relates), "replacement")
    pdf = base64.b64decode(at(binary, "content"), validate=True)
    must(pdf.startswith(b"%PDF-"), "the attachment is a PDF")
    return Filed(
        reference=reference,
        document=str(UUID(at(document, "identifier/value"))),
        replaces=at(relates[0], "targetIdentifier/value") if relates else "",
        version=at(composition, "meta/versionId"),
        nhs_number=at(patient, "identifier/value"),
        family=at(patient, "name/family"),
        birth_date=at(patient, "birthDate"),
        confidentiality=at(composition, "confidentiality"),
        has_address=bool(patient.findall(f"{F}address")),
        pdf=pdf,
    )


def resources(bundle: Element, kinds: tuple[str, ...]) -> list[Element]:
    """Return the resources of a Bundle, which are of these kinds in this order, each with its own id as address."""
    found = []
    entries = bundle.findall(f"{F}entry")
    must(len(entries) == len(kinds), f"entries: {len(entries)} instead of {len(kinds)}")
    for one, kind in zip(entries, kinds, strict=True):
        (resource,) = one.findall(f"{F}resource/*")
        must(resource.tag == f"{F}{kind}", f"{resource.tag} where {kind} is expected")
        must(at(one, "fullUrl") == f"urn:uuid:{UUID(at(resource, 'id'))}", f"address of {kind}")
        must(at(resource, "meta/profile") != "", f"meta of {kind}")
        _in_order(resource, kind)
        found.append(resource)
    return found


def _in_order(resource: Element, kind: str) -> None:
    """FHIR's schema has its elements in one order."""
    if kind in ORDER:
        places = [ORDER[kind].split().index(child.tag.removeprefix(F)) for child in resource]
        must(places == sorted(places), f"order of elements in {kind}")


def reply(reference: str, code: str, said: str = "ok", *, event: str = "ITK008M", extra: str = "") -> bytes:
    """Return an ITK3 response; both of its own acknowledgements are declined."""
    header, outcome = uuid4(), uuid4()
    handling = "".join(
        f'<extension url="{key}">{value}</extension>'
        for key, value in (
            ("BusAckRequested", '<valueBoolean value="false"/>'),
            ("InfAckRequested", '<valueBoolean value="false"/>'),
            ("SenderReference", f'<valueString value="{reference}"/>'),
        )
        if reference or key != "SenderReference"
    )
    severity = "information" if said == "ok" else "fatal"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Bundle xmlns="http://hl7.org/fhir"><id value="{uuid4()}"/>
<meta><profile value="{NHS}/ITK-Message-Bundle-1"/></meta>
<identifier><system value="{RFC4122}"/><value value="{uuid4()}"/></identifier><type value="message"/>
<entry><fullUrl value="urn:uuid:{header}"/><resource><MessageHeader><id value="{header}"/>
<meta><profile value="{NHS}/ITK-MessageHeader-2"/></meta>
<extension url="{NHS}/Extension-ITK-MessageHandling-2">{handling}</extension>
<event><system value="{STU3}/CodeSystem/ITK-MessageEvent-2"/><code value="{event}"/></event>
<timestamp value="2026-11-28T09:00:00Z"/><source><endpoint value="ZZPRACTICE"/></source>
<response><identifier value="{uuid4()}"/><code value="{said}"/></response>
<focus><reference value="urn:uuid:{outcome}"/></focus></MessageHeader></resource></entry>
<entry><fullUrl value="urn:uuid:{outcome}"/><resource><OperationOutcome><id value="{outcome}"/>{extra}
<issue><severity value="{severity}"/><code value="informational"/><details><coding>
<system value="{STU3}/CodeSystem/ITK-ResponseCodes-1"/><code value="{code}"/></coding></details></issue>
</OperationOutcome></resource></entry></Bundle>""".encode()


def at(element: Element, path: str) -> str:
    """Return the value at a path, '' where there is none."""
    found = element.find("/".join(f"{F}{step}" for step in path.split("/")))
    return "" if found is None else found.get("value", "")


def must(holds: bool, rule: str) -> None:
    """Raise Violation where a rule does not hold."""
    if not holds:
        raise Violation(rule)
