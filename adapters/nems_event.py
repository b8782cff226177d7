"""An event message of NEMS (National Events Management Service), read for one thing: whom to look at again. Pure.

A message is a FHIR STU3 Bundle in XML: MessageHeader first, `focus` to a Communication, whose `subject` is the Patient.
The NHS number is the Patient's identifier. The header's routing extension, by which NEMS chose its subscribers, may
name another one: then that one is looked at again too, without anything being said of it. Events are put in order by
MessageHeader.meta.lastUpdated, then by Patient.meta.versionId, which is PDS's serial change number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from adapters.base import Untranslatable
from adapters.look_again import Said, Told
from adapters.safe_xml import Element, InvalidXml, read_xml
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, is_nhs_number
from security.clock import instant, parse_instant

FHIR = "http://hl7.org/fhir"
WORKFLOWS = ("DEATHNOTIFICATION_1", "CHANGEOFGP_1", "CHANGEOFADDRESS_1")
"""The MESH workflows that NEMS delivers events about people by."""
_DEATH = "pds-death-notification-1"
EVENT_TYPE = "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1"
ROUTING = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1"
DEATH_STATUS = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DeathNotificationStatus-1"
_OF_STATUS = {"1": Said.DEATH, "2": Said.DEATH, "U": Said.DEATH_REMOVED}
_NO_TIME = "9999"
"""Where an event that does not say when it was is put: last."""


@dataclass(frozen=True, slots=True)
class NemsEvent:
    """One event. `id` is the Bundle's, `event` the code of its type, `told` whom it tells of, the Patient first."""

    id: str
    event: str
    told: tuple[Told, ...] = field(repr=False)


def read_event(body: bytes) -> NemsEvent:
    """Read an event; raise Untranslatable with a sentence that repeats nothing of it."""
    try:
        bundle = read_xml(body)
    except InvalidXml as invalid:
        raise Untranslatable(f"The event is not XML that may be read: {invalid}.") from None
    if (bundle.name, bundle.namespace, bundle.value("type")) != ("Bundle", FHIR, "message"):
        raise Untranslatable("The event is no FHIR Bundle of type message.")
    header = bundle.first("entry", "resource", "MessageHeader")
    if header is None or header.value("event", "system") != EVENT_TYPE:
        raise Untranslatable("The event does not say of which type it is.")
    event = header.value("event", "code")
    if not event:
        raise Untranslatable("The event does not say of which type it is.")
    patient = _patient(bundle)
    number = _number_of(patient)
    sent, version = header.value("meta", "lastUpdated"), _version(patient)
    told = [Told(number, _said(event, patient), version, sent if _is_instant(sent) else "", _birth_date(patient))]
    routed = _routed(header)
    if routed and routed != number:
        told.append(Told(routed, Said.OTHER, None, told[0].sent))
    return NemsEvent(bundle.value("id") or header.value("id"), event, tuple(told))


def place_of(body: bytes) -> tuple[str, int]:
    """Return where an event stands among others: by time in UTC, then by version; what cannot be read stands last."""
    try:
        told = read_event(body).told[0]
    except Untranslatable:
        return (_NO_TIME, 0)
    when = instant(parse_instant(told.sent)) if told.sent else _NO_TIME
    return (when, told.version or 0)


def disagrees(told: Sequence[Told]) -> bool:
    """Say whether the header names another person than the Patient."""
    return len({one.nhs_number for one in told}) > 1


def _patient(bundle: Element) -> Element:
    """Return the one Patient of the event: by subject, where several are there."""
    by_url = {entry.value("fullUrl"): resource for entry in bundle.all("entry") for resource in entry.all("resource")}
    patients = list(bundle.all("entry", "resource", "Patient"))
    header = bundle.first("entry", "resource", "MessageHeader")
    assert header is not None
    focus = by_url.get(header.value("focus", "reference"))
    if focus is not None and (communication := focus.first("Communication")) is not None:
        subject = by_url.get(communication.value("subject", "reference"))
        named = None if subject is None else subject.first("Patient")
        if named is not None:
            return named
    if len(patients) != 1:
        raise Untranslatable("The event does not say which Patient it is about.")
    return patients[0]


def _numbers(patient: Element) -> Iterator[str]:
    for identifier in patient.all("identifier"):
        if identifier.value("system") == NHS_NUMBER_SYSTEM:
            yield identifier.value("value")


def _number_of(patient: Element) -> str:
    numbers = set(_numbers(patient))
    if len(numbers) > 1:
        raise Untranslatable("The event names the Patient by two NHS numbers, so that nobody knows who is meant.")
    number = next(iter(numbers), "")
    if not is_nhs_number(number):
        raise Untranslatable("The event names the Patient by no NHS number, or by one that cannot be right.")
    return number


def _routed(header: Element) -> str:
    """Return the NHS number of the routing extension, '' where it has none that can be right."""
    for extension in header.all("extension"):
        if extension.attributes.get("url") != ROUTING:
            continue
        for part in extension.all("extension"):
            if part.attributes.get("url") == "nhsNumber" and is_nhs_number(part.value("valueIdentifier", "value")):
                return part.value("valueIdentifier", "value")
    return ""


def _said(event: str, patient: Element) -> Said:
    if event != _DEATH:
        return Said.OTHER
    codes = {
        part.value("valueCodeableConcept", "coding", "code")
        for extension in patient.all("extension")
        if extension.attributes.get("url") == DEATH_STATUS
        for part in extension.all("extension")
        if part.attributes.get("url") == "deathNotificationStatus"
    }
    said = {_OF_STATUS.get(code, Said.DEATH_STATUS) for code in codes}
    return said.pop() if len(said) == 1 else Said.DEATH_STATUS


def _version(patient: Element) -> int | None:
    version = patient.value("meta", "versionId")
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 19 else None


def _birth_date(patient: Element) -> str:
    return patient.value("birthDate")


def _is_instant(sent: str) -> bool:
    try:
        parse_instant(sent)
    except (ValueError, OverflowError):
        return False
    return True
