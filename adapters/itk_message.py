"""The envelope of an ITK3 message (NHS ITK3 Messaging Distribution, STU3): who sends it, for what, and what for. Pure.

A message Bundle holds a MessageHeader, the sender's Organization, and the payload as a Bundle of its own. The handling
extension asks for both replies: that it was taken in technically (infrastructure), and that the patient is known there
(business). No destination and no receiver: MESH finds the practice of the patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree.ElementTree import Element

from adapters.itk_xml import element, write

STU3 = "https://fhir.nhs.uk/STU3"
PROFILES = f"{STU3}/StructureDefinition"
HANDLING = f"{PROFILES}/Extension-ITK-MessageHandling-2"
EVENTS = f"{STU3}/CodeSystem/ITK-MessageEvent-2"
RECIPIENT_TYPES = f"{STU3}/CodeSystem/ITK-RecipientType-1"
UUID_SYSTEM = "https://tools.ietf.org/html/rfc4122"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
SEND_DOCUMENT = ("ITK007C", "ITK GP Connect Send Document")
RESPONSE = "ITK008M"
Definition = Literal[
    "ITK-GPConnectSendDocument-MessageDefinition-1", "ITK-GPConnectSendDocument-MessageDefinition-Instance-1"
]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands on the envelope. `reference` is the SenderReference, a UUID, which replies repeat; every other id of
    the message comes of it. `timestamp` is a FHIR instant."""

    reference: str
    timestamp: str
    mailbox: str
    sender_ods: str
    definition: Definition


def id_of(reference: str, part: str) -> str:
    """Return the UUID of a part of a message: the same whenever the same message is made again."""
    return str(uuid5(UUID(reference), part))


def reference_of(*parts: str) -> str:
    """Return a SenderReference for an event, the same for the same parts; it says nothing of them."""
    return str(uuid5(NAMESPACE_URL, "itk:" + "|".join(parts)))


def message_of(envelope: Envelope, payload: Element) -> bytes:
    """Return the message; `payload` is the inner Bundle, whose id is that of the part `document`."""
    header = id_of(envelope.reference, "header")
    sender = id_of(envelope.reference, "sender")
    return write(
        element(
            "Bundle",
            element("id", value=id_of(envelope.reference, "message")),
            meta("ITK-Message-Bundle-1"),
            identifier(UUID_SYSTEM, id_of(envelope.reference, "message")),
            element("type", value="message"),
            entry(header, _header(envelope, header, sender)),
            entry(
                sender,
                element(
                    "Organization",
                    element("id", value=sender),
                    meta("CareConnect-ITK-Header-Organization-1"),
                    identifier(ODS, envelope.sender_ods),
                ),
            ),
            entry(id_of(envelope.reference, "document"), payload),
        )
    )


def _header(envelope: Envelope, id: str, sender: str) -> Element:
    code, display = SEND_DOCUMENT
    return element(
        "MessageHeader",
        element("id", value=id),
        meta("ITK-MessageHeader-2"),
        element(
            "extension",
            _handling("BusAckRequested", element("valueBoolean", value="true")),
            _handling("InfAckRequested", element("valueBoolean", value="true")),
            _handling("RecipientType", element("valueCoding", *coding_parts(RECIPIENT_TYPES, "FA", "For Action"))),
            _handling(
                "MessageDefinition",
                element(
                    "valueReference",
                    element("reference", value=f"{STU3}/MessageDefinition/{envelope.definition}"),
                ),
            ),
            _handling("SenderReference", element("valueString", value=envelope.reference)),
            _handling("LocalExtension", element("valueString", value="None")),
            url=HANDLING,
        ),
        element("event", *coding_parts(EVENTS, code, display)),
        points_at("sender", sender),
        element("timestamp", value=envelope.timestamp),
        element("source", element("endpoint", value=envelope.mailbox)),
        points_at("focus", id_of(envelope.reference, "document")),
    )


def _handling(key: str, value: Element) -> Element:
    return element("extension", value, url=key)


def meta(profile: str, version: str = "") -> Element:
    """Return `meta` with a profile: its name, or its whole URL."""
    named = profile if "/" in profile else f"{PROFILES}/{profile}"
    versions = [element("versionId", value=version)] if version else []
    return element("meta", *versions, element("profile", value=named))


def identifier(system: str, value: str, *before: Element, name: str = "identifier") -> Element:
    """Return an Identifier."""
    return element(name, *before, element("system", value=system), element("value", value=value))


def coding_parts(system: str, code: str, display: str) -> tuple[Element, Element, Element]:
    """Return what a Coding is made of."""
    return element("system", value=system), element("code", value=code), element("display", value=display)


def points_at(name: str, id: str) -> Element:
    """Return a Reference to an entry of the message."""
    return element(name, element("reference", value=f"urn:uuid:{id}"))


def entry(id: str, resource: Element) -> Element:
    """Return an entry of a Bundle."""
    return element("entry", element("fullUrl", value=f"urn:uuid:{id}"), element("resource", resource))
