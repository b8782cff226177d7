"""The ITK envelope of a 111 report: SOAP 1.1, WS-Addressing and itk:DistributionEnvelope (NHS Interoperability Toolkit,
`urn:nhs-itk:ns:201005`), read strictly; and what is answered. Pure.

A report has a tracking id, by which it is known when it comes again, and an address list of
`urn:nhs-uk:addressing:ods:` codes. What is wrong with an envelope is a fault of its sender and says nothing of whom it
is about: a report about somebody who is not known here is answered as any other.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from adapters.safe_xml import Element, InvalidXml, read_xml

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
ITK = "urn:nhs-itk:ns:201005"
CDA = "urn:hl7-org:v3"
SERVICE = "urn:nhs-itk:services:201005:SendNHS111Report-v2-0"
ACTIONS = frozenset({SERVICE, f"{SERVICE}_DMS"})
_FAULT_ACTION = f"{ADDRESSING}/soap/fault"
_CODES = "2.16.840.1.113883.2.1.3.2.4.17.268"
_ODS = "urn:nhs-uk:addressing:ods:"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_IN_ADDRESS = re.compile(r"[A-Z0-9]{3,10}")


class InvalidEnvelope(Exception):
    """It is no envelope that we take; `why` is a plain sentence that repeats nothing of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Envelope:
    """One report as it came: WS-Addressing message id, tracking id, and the ClinicalDocument."""

    message_id: str
    tracking_id: str
    document: Element = field(repr=False)


def read_envelope(body: bytes, addressed_to: Collection[str]) -> Envelope:
    """Return the report in a SOAP message that is addressed to one of these ODS codes; raise InvalidEnvelope."""
    try:
        root = read_xml(body)
    except InvalidXml as problem:
        raise InvalidEnvelope(f"The message cannot be read: {problem}.") from None
    if (root.namespace, root.name) != (SOAP, "Envelope"):
        raise InvalidEnvelope("The message is no SOAP 1.1 envelope.")
    action, message_id = _header(root, "Action"), _header(root, "MessageID")
    if action not in ACTIONS:
        raise InvalidEnvelope("The action is not that of a 111 report, version 2.0.")
    envelope = next((one for one in root.every("Body/DistributionEnvelope") if one.namespace == ITK), None)
    header = envelope.at("header") if envelope is not None else None
    if envelope is None or header is None or header.attributes.get("service") not in ACTIONS:
        raise InvalidEnvelope("The body is no itk:DistributionEnvelope of this service.")
    tracking_id = header.attributes.get("trackingid", "")
    if not _ID.fullmatch(tracking_id):
        raise InvalidEnvelope("The header has no trackingid of 1 to 64 letters, digits and . _ : -")
    if not _addresses(header) & set(addressed_to):
        raise InvalidEnvelope("The report is not addressed to this service.")
    return Envelope(message_id if _ID.fullmatch(message_id) else "", tracking_id, _document(envelope))


def accepted(envelope: Envelope) -> bytes:
    """Return the answer to a report that was stored."""
    said = f'<itk:SimpleMessageResponse xmlns:itk="{ITK}">OK:{escape(envelope.tracking_id)}</itk:SimpleMessageResponse>'
    return _answer(f"{SERVICE}Response", envelope.message_id, said)


def fault(why: str, error_id: str, *, ours: bool = False) -> bytes:
    """Return a SOAP fault. `error_id` is what an engineer may quote; `ours`: it may be sent again."""
    whose, sentence = ("Server", "The service cannot take it now") if ours else ("Client", "The message was refused")
    info = (
        f"<itk:ErrorID>{escape(error_id)}</itk:ErrorID>"
        f'<itk:ErrorCode codeSystem="{_CODES}">1000</itk:ErrorCode>'
        f"<itk:ErrorText>{escape(why)}</itk:ErrorText>"
    )
    detail = f'<itk:ToolkitErrorInfo xmlns:itk="{ITK}">{info}</itk:ToolkitErrorInfo>'
    said = (
        f"<soap:Fault><faultcode>soap:{whose}</faultcode><faultstring>{sentence}; see detail</faultstring>"
        f"<detail>{detail}</detail></soap:Fault>"
    )
    return _answer(_FAULT_ACTION, "", said)


def _answer(action: str, about: str, body: str) -> bytes:
    relates = f"<wsa:RelatesTo>{escape(about)}</wsa:RelatesTo>" if about else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{SOAP}" xmlns:wsa="{ADDRESSING}">'
        f"<soap:Header><wsa:Action>{action}</wsa:Action>{relates}</soap:Header>"
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def _header(root: Element, name: str) -> str:
    found = [one.text.strip() for one in root.every(f"Header/{name}") if one.namespace == ADDRESSING]
    return found[0] if len(found) == 1 else ""


def _addresses(header: Element) -> set[str]:
    """Return the ODS codes that it is addressed to: a code may be followed by departments, after colons."""
    found = set()
    for address in header.every("addresslist/address"):
        uri = address.attributes.get("uri", "")
        code = uri.removeprefix(_ODS).partition(":")[0]
        if uri.startswith(_ODS) and _IN_ADDRESS.fullmatch(code):
            found.add(code)
    return found


def _document(envelope: Element) -> Element:
    payloads, listed = list(envelope.every("payloads/payload")), list(envelope.every("header/manifest/manifestitem"))
    if len(payloads) != 1 or len(listed) != 1:
        raise InvalidEnvelope("A report has one payload, and its manifest lists one.")
    if listed[0].attributes.get("id") != payloads[0].attributes.get("id"):
        raise InvalidEnvelope("The manifest lists another payload than is there.")
    documents = [one for one in payloads[0].every("ClinicalDocument") if one.namespace == CDA]
    if len(documents) != 1:
        raise InvalidEnvelope("The payload is no ClinicalDocument (HL7 CDA).")
    return documents[0]
