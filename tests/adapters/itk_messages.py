"""111 reports as a 111 service sends them, for tests: written from the ITK and CDA specifications, nothing of ours."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

ACTION = "urn:nhs-itk:services:201005:SendNHS111Report-v2-0_DMS"
TRACKING = "7D6F23E0-AE1A-11DB-9808-B18E1E0994CD"
TEXT = "<text><paragraph>Rang at 03:10 about breathlessness.</paragraph><paragraph>Advice given.</paragraph></text>"


def cda(
    *,
    number: str = "9990000018",
    root: str = "2.16.840.1.113883.2.1.4.1",
    family: str = "Exampleby",
    born: str = "19410502",
    time: str = "20261102031500+0000",
    confidential: str = "",
    sections: tuple[tuple[str, str], ...] = (("Consultation summary", TEXT),),
) -> str:
    """Return a ClinicalDocument."""
    told = "".join(
        f"<component><section><title>{escape(title)}</title>{text}</section></component>" for title, text in sections
    )
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="B8E2C5D0-0000-0000-0000-000000000111"/>'
        f"<title>NHS 111 Report</title><effectiveTime value={quoteattr(time)}/>"
        + (f"<confidentialityCode code={quoteattr(confidential)}/>" if confidential else "")
        + f"<recordTarget><patientRole><id root={quoteattr(root)} extension={quoteattr(number)}/>"
        f"<patient><name><given>Wilma</given><family>{escape(family)}</family></name>"
        f"<birthTime value={quoteattr(born)}/></patient></patientRole></recordTarget>"
        "<author><assignedAuthor><representedOrganization>"
        '<id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="ZZ1110"/>'
        "</representedOrganization></assignedAuthor></author>"
        f"<component><structuredBody>{told}</structuredBody></component></ClinicalDocument>"
    )


def message(
    document: str = "",
    *,
    tracking: str = TRACKING,
    to: str = "urn:nhs-uk:addressing:ods:ZZREC1",
    action: str = ACTION,
    service: str = "urn:nhs-itk:services:201005:SendNHS111Report-v2-0",
    manifest: str = "uuid_1",
    payload: str = "uuid_1",
    before: str = "",
) -> bytes:
    """Return a SOAP message; `before` stands before its root."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:itk="urn:nhs-itk:ns:201005">'
        "<soap:Header><wsa:MessageID>2B77B3F5-3016-4A6D-821F-152CE420E58D</wsa:MessageID>"
        f"<wsa:Action>{escape(action)}</wsa:Action><wsa:To>http://127.0.0.1/</wsa:To></soap:Header><soap:Body>"
        f"<itk:DistributionEnvelope><itk:header service={quoteattr(service)} trackingid={quoteattr(tracking)}>"
        f"<itk:addresslist><itk:address uri={quoteattr(to)}/></itk:addresslist>"
        f'<itk:manifest count="1"><itk:manifestitem mimetype="text/xml" id={quoteattr(manifest)}/></itk:manifest>'
        '<itk:senderAddress uri="urn:nhs-uk:addressing:ods:ZZ1110"/></itk:header>'
        f'<itk:payloads count="1"><itk:payload id={quoteattr(payload)}>{document or cda()}</itk:payload></itk:payloads>'
        "</itk:DistributionEnvelope></soap:Body></soap:Envelope>"
    ).encode()
