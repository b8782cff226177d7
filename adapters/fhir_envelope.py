"""One resource of a partner as it came, with the Patient whom it is about and who wrote it. Reading it is pure.

The bytes of each resource are kept as they were received, so that a message that cannot be read today can be read again
once the mapping, or this program, is mended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from adapters.base import Arrived, Message, Untranslatable
from adapters.fhir_person import whom
from adapters.fhir_words import Marks, Resource, bare, inward, person_of
from adapters.mapping import Mapping as Dialect
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode

_NOBODY = msgspec.Raw(b"null")


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message of a FHIR partner holds: resources as received, companions by the partner's references."""

    resource: msgspec.Raw
    patient: msgspec.Raw = _NOBODY
    companions: Mapping[str, msgspec.Raw] = {}


@dataclass(frozen=True, slots=True)
class Head:
    """What identifies a version of a resource, as far as its bytes can be read at all."""

    reference: str = field(repr=False)
    version: str
    last_updated: str


def head_of(received: bytes) -> Head:
    """Read a resource's head; what cannot be read is ''."""
    try:
        resource = decode(received)
    except InvalidJson:
        return Head("", "", "")
    kind, id, meta = resource.get("resourceType"), resource.get("id"), resource.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    version, updated = meta.get("versionId"), meta.get("lastUpdated")
    return Head(
        f"{kind}/{id}" if isinstance(kind, str) and isinstance(id, str) else "",
        version if isinstance(version, str) else "",
        updated if isinstance(updated, str) else "",
    )


def message_of(received: bytes, patient: bytes | None, companions: Mapping[str, bytes]) -> Message:
    """Put a resource into a message; without a version of the server's its bytes say which version it is."""
    head = head_of(received)
    envelope = Envelope(
        msgspec.Raw(received),
        msgspec.Raw(patient) if patient is not None else _NOBODY,
        {reference: msgspec.Raw(content) for reference, content in companions.items()},
    )
    version = head.version if head.reference and head.version else hashlib.sha256(received).hexdigest()[:32]
    return Message(f"{head.reference or 'unreadable'}/{version}", msgspec.json.encode(envelope), head.last_updated)


@dataclass(frozen=True, slots=True)
class Reading:
    """How messages of one partner are read. `types` are those that we ask for."""

    dialect: Dialect
    types: Collection[str]
    base: str
    our_base: str

    def __call__(self, message: Message) -> Arrived:
        """Put a message into our words; raise Untranslatable."""
        try:
            envelope = msgspec.json.decode(message.original, type=Envelope)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Untranslatable("the message is not whole") from None
        resource = _decoded(envelope.resource, "the resource")
        kind = resource["resourceType"]
        if kind not in self.types:
            raise Untranslatable("it is of a type that was not asked for")
        if not isinstance(resource.get("id"), str):
            raise Untranslatable("the resource has no id")
        patient, marks = self._patient(envelope, resource), Marks(self.our_base)
        head = head_of(bytes(envelope.resource))
        return Arrived(
            theirs=head.reference,
            version=head.version,
            sent=head.last_updated or message.sent,
            whom=whom(self._in_our_words(patient)),
            resource=self._in_our_words(resource),
            companions={
                reference: self._in_our_words(_decoded(content, "who wrote it"))
                for reference, content in envelope.companions.items()
            },
            ours=marks.ours(resource),
            untouched=marks.is_as_sent(bare(resource)),
        )

    def _patient(self, envelope: Envelope, resource: Resource) -> Resource:
        """Return the Patient in the envelope, who must be the one that the resource names."""
        if bytes(envelope.patient) == b"null":
            raise Untranslatable("it names no Patient that the partner would show")
        patient = _decoded(envelope.patient, "the Patient")
        if patient["resourceType"] != "Patient":
            raise Untranslatable("it is about something that is no Patient")
        if person_of(resource, self.base) != f"Patient/{patient.get('id')}":
            raise Untranslatable("it is about somebody else than the Patient who came with it")
        return patient

    def _in_our_words(self, received: Resource) -> Resource:
        resource = bare(inward(received, self.base))
        try:
            Marks(self.our_base).take_off(resource)
        except (AttributeError, TypeError):
            raise Untranslatable(f"the {received['resourceType']} does not have the structure of FHIR") from None
        return self.dialect.into(resource)


def _decoded(content: msgspec.Raw, what: str) -> Resource:
    try:
        resource = decode(bytes(content))
    except InvalidJson:
        raise Untranslatable(f"{what} is not JSON that can be read") from None
    if not isinstance(resource.get("resourceType"), str):
        raise Untranslatable(f"{what} is not a FHIR resource")
    return resource
