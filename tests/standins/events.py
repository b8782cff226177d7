"""What national event services send, made from their specifications; knows nothing of our adapters.

NEMS: a FHIR STU3 Bundle of type message in XML (MessageHeader, Communication, Patient, Organization). MNS: a CloudEvent
in JSON, of version 1 (subject and source are objects, data has version and status) or 2 (subject is the number).
"""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import quoteattr

NHS = "https://fhir.nhs.uk/Id/nhs-number"
TYPE = "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"
ROUTING = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
STATUS = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DeathNotificationStatus-1"
DEATH, GP, ADDRESS = "pds-death-notification-1", "pds-change-of-gp-1", "pds-change-of-address-1"


def nems(
    number: str,
    event: str = DEATH,
    *,
    status: str = "2",
    version: int | str | None = 5,
    sent: str = "2026-11-01T15:00:33+00:00",
    routed: str | None = None,
    birth_date: str = "",
    family: str = "INVENTED",
    bundle: str = "4f67281a-0000-4000-8000-f2801f1b9fd1",
    also: str = "",
    before: str = "",
) -> bytes:
    """Return an event of NEMS about a person.

    `routed` is the number in the header's routing extension, the Patient's where it is None. `also` is XML inside the
    Patient, `before` stands before the document.
    """
    died = f"<deceasedDateTime {_value('2026-10-31T04:10:00+00:00')}/>" if status in ("1", "2") else ""
    of_death = (
        f'<extension url="{STATUS}"><extension url="deathNotificationStatus"><valueCodeableConcept><coding>'
        f"<system {_value('https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-DeathNotificationStatus-1')}/>"
        f"<code {_value(status)}/></coding></valueCodeableConcept></extension>"
        f'<extension url="systemEffectiveDate"><valueDateTime {_value(sent)}/></extension></extension>'
        if event == DEATH
        else ""
    )
    meta = "" if version is None else f"<meta><versionId {_value(str(version))}/></meta>"
    return f"""{before}<Bundle xmlns="http://hl7.org/fhir">
  <id {_value(bundle)}/>
  <type value="message"/>
  <entry><fullUrl value="urn:uuid:header"/><resource><MessageHeader>
    <meta><versionId value="1"/><lastUpdated {_value(sent)}/></meta>
    <extension url="{ROUTING}">
      <extension url="nhsNumber"><valueIdentifier><system value="{NHS}"/><value {_value(routed or number)}/>
      </valueIdentifier></extension>
      <extension url="birthDateTime"><valueDateTime value="1940-01-01T00:00:00+00:00"/></extension>
    </extension>
    <event><system value="{TYPE}"/><code {_value(event)}/></event>
    <timestamp {_value(sent)}/>
    <source><endpoint value="urn:nhs:addressing:asid:477121000323"/></source>
    <focus><reference value="urn:uuid:communication"/></focus>
  </MessageHeader></resource></entry>
  <entry><fullUrl value="urn:uuid:communication"/><resource><Communication>
    <status value="completed"/>
    <subject><reference value="urn:uuid:patient"/></subject>
  </Communication></resource></entry>
  <entry><fullUrl value="urn:uuid:patient"/><resource><Patient>
    {meta}{of_death}
    <identifier><system value="{NHS}"/><value {_value(number)}/></identifier>{also}
    <name><use value="official"/><family {_value(family)}/></name>
    {f"<birthDate {_value(birth_date)}/>" if birth_date else ""}{died}
  </Patient></resource></entry>
  <entry><fullUrl value="urn:uuid:organisation"/><resource><Organization>
    <identifier><system value="https://fhir.nhs.uk/Id/ods-organization-code"/><value value="ZZNHS1"/></identifier>
  </Organization></resource></entry>
</Bundle>""".encode()


def mns_2(number: str, kind: str = "pds-death-notification-2", **more: Any) -> bytes:
    """Return an event of MNS, version 2."""
    said = {
        "specversion": "1.0",
        "id": "236a1d4a-0000-4000-8000-e72bf505aa5b",
        "source": "https://fhir.nhs.uk/Id/nhsSpineASID|477121000324",
        "type": kind,
        "time": "2026-11-01T15:00:33Z",
        "subject": number,
        "dataref": "https://api.service.nhs.uk/personal-demographics/FHIR/R4/Patient/",
        "filtering": {"generalpractitioner": "ZZGP01"},
    }
    return json.dumps({**said, **more}).encode()


def mns_1(
    number: str, kind: str = DEATH, *, status: str = "2", version: str = 'W/"5"', dob: str = "", **more: Any
) -> bytes:
    """Return an event of MNS, version 1."""
    data = {"versionId": version, "fullUrl": "https://api.service.nhs.uk/personal-demographics/FHIR/R4/Patient/"}
    said = {
        "id": "236a1d4a-0000-4000-8000-e72bf505aa5b",
        "type": kind,
        "subject": {"nhsNumber": number, "familyName": "INVENTED", **({"dob": dob} if dob else {})},
        "source": {"name": "NHS DIGITAL", "identifier": {"system": "https://fhir.nhs.uk/Id/nhsSpineASID"}},
        "time": "2026-11-01T15:00:33Z",
        "data": {**data, "deathNotificationStatus": status} if kind == DEATH else data,
    }
    return json.dumps({**said, **more}).encode()


def _value(text: str) -> str:
    return f"value={quoteattr(text)}"
