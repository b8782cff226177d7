"""What a practice answers when it is asked for a structured record: taken apart, each part with whom it is about.

The bytes of every resource are kept as they came. Reading a part is pure, so one that cannot be read today can be read
again once the mapping, or this program, is mended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from adapters.base import Arrived, Message, Untranslatable, Whom
from adapters.errors import OtherPerson, Unintelligible
from adapters.fhir_person import whom
from adapters.fhir_words import Resource, bare, pointed_at
from adapters.mapping import Mapping as Dialect
from adapters.stu3 import NotSaid, r4_of
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode

READ = ("AllergyIntolerance", "Condition", "MedicationStatement")
"""What a plan is filled with."""
_BESIDE = frozenset({"Medication", "Organization", "Practitioner", "PractitionerRole"})
_MOST_BESIDE = 20


class _Entry(msgspec.Struct):
    resource: msgspec.Raw


class _Bundle(msgspec.Struct, rename="camel"):
    resource_type: str
    entry: list[_Entry] = []


class _Part(msgspec.Struct, frozen=True):
    """A part of an answer: the resource, the Patient, and what it points at, as received."""

    resource: msgspec.Raw
    patient: msgspec.Raw
    beside: Mapping[str, msgspec.Raw] = {}


def parts_of(body: bytes, asked: Whom) -> list[Message]:
    """Return a message for each allergy, problem and medicine of an answer.

    Raise OtherPerson unless the answer is about whom was asked for, Unintelligible for what is no such answer.
    """
    try:
        bundle = msgspec.json.decode(body, type=_Bundle)
        received = {_reference(resource): resource for one in bundle.entry if (resource := bytes(one.resource))}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidJson, KeyError, TypeError):
        raise Unintelligible("the answer is no Bundle of resources") from None
    if bundle.resource_type != "Bundle":
        raise Unintelligible("the answer is no Bundle")
    patients = [content for reference, content in received.items() if reference.startswith("Patient/")]
    if len(patients) != 1:
        raise Unintelligible("the answer is not about one person")
    _compare(patients[0], asked)
    return [
        _message(reference, content, patients[0], received)
        for reference, content in received.items()
        if reference.partition("/")[0] in READ
    ]


def arrived(message: Message, base: str, dialect: Dialect) -> Arrived:
    """Put a part of an answer into our words; raise Untranslatable."""
    try:
        part = msgspec.json.decode(message.original, type=_Part)
        resource, patient = decode(bytes(part.resource)), decode(bytes(part.patient))
        beside = {reference: decode(bytes(content)) for reference, content in part.beside.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidJson):
        raise Untranslatable("the message is not whole") from None
    who = whom(dialect.into(bare(patient)))
    if f"Patient/{patient.get('id')}" not in pointed_at(resource, base):
        raise Untranslatable("it is about somebody else than the Patient who came with it")
    meta = resource.get("meta")
    said = meta if isinstance(meta, dict) else {}
    medications = {name: one for name, one in beside.items() if name.startswith("Medication/")}
    try:
        found = dialect.into(bare(r4_of(resource, medications)))
        companions = {
            name: dialect.into(bare(r4_of(one, {}))) for name, one in beside.items() if name not in medications
        }
    except NotSaid as not_said:
        raise Untranslatable(not_said.why) from None
    except (AttributeError, KeyError, TypeError):
        raise Untranslatable("it does not have the structure of FHIR") from None
    return Arrived(
        theirs=f"{resource['resourceType']}/{resource['id']}",
        version=str(said.get("versionId", "")),
        sent=str(said.get("lastUpdated", "")),
        whom=who,
        resource=found,
        companions=companions,
    )


def _message(reference: str, content: bytes, patient: bytes, received: Mapping[str, bytes]) -> Message:
    resource = decode(content)
    beside: dict[str, msgspec.Raw] = {}
    wanted = pointed_at(resource, "")
    while wanted and len(beside) < _MOST_BESIDE:
        name = wanted.pop(0)
        if name in received and name not in beside and name.partition("/")[0] in _BESIDE:
            beside[name] = msgspec.Raw(received[name])
            wanted += pointed_at(decode(received[name]), "")
    version = hashlib.sha256(content).hexdigest()[:32]
    part = _Part(msgspec.Raw(content), msgspec.Raw(patient), beside)
    return Message(f"{reference}/{version}", msgspec.json.encode(part), _sent(resource))


def _reference(content: bytes) -> str:
    resource = decode(content)
    return f"{resource['resourceType']}/{resource['id']}" if "id" in resource else f"{resource['resourceType']}/"


def _sent(resource: Resource) -> str:
    meta = resource.get("meta")
    said = meta.get("lastUpdated", "") if isinstance(meta, dict) else ""
    return said if isinstance(said, str) else ""


def _compare(patient: bytes, asked: Whom) -> None:
    """Be sure that it is the person meant: NHS number, family name and birth date (hazard H2)."""
    try:
        said = whom(decode(patient))
    except Untranslatable as untranslatable:
        raise OtherPerson(untranslatable.why) from None
    for name, theirs, ours in (
        ("NHS number", said.nhs_number, asked.nhs_number),
        ("family name", said.family.casefold(), asked.family.casefold()),
        ("birth date", said.birth_date, asked.birth_date),
    ):
        if theirs != ours:
            raise OtherPerson(f"the Patient there has another {name}")
