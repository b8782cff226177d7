"""The next state of a record, put together from the current one and a set of changes. Pure but for random piece ids."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from datetime import datetime
from typing import Any

import msgspec

from fhir_profiles import json
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from fhir_profiles.sections import TIER, Section
from security.clock import instant
from security.consent_compile import compile_consents
from security.labels import SFlag, entry_tier, sflag_of
from security.principal import BUILT_IN_ROLES, RoleWord
from service.plan.mask import Mask
from service.plan.particulars import Particulars, of_patient, unplaced
from service.plan.places import Places, places_in
from service.plan.proxies import proxies_of
from service.record import derive
from service.record.changes import Change, Resource, condition_of
from service.record.decoded import decode_slice, decode_version
from service.record.manifest import (
    SECTION_NUMBER,
    Author,
    Contents,
    Entry,
    Identity,
    Manifest,
    Piece,
    Superseded,
    version_made,
)
from service.record.masked import masked_for_summary, places_known
from service.record.records import FLAGGED, NewState, OpenRecord
from service.record.slices import Sliced, cut
from service.record.urgent import Style, masked_urgent_of, ready_of, urgent_of

PDS_SCALE = derive.CONFIDENTIALITY


class Draft:
    """A record being changed. Read the current resources, `put` and `delete`, then `finish`."""

    def __init__(self, record: OpenRecord, known_roles: frozenset[RoleWord] = BUILT_IN_ROLES) -> None:
        """`known_roles`: those of this deployment, which a Consent may name."""
        self._record = record
        self._known_roles = known_roles
        # Copies: laying out moves offsets, and the opened record must stay as it was read.
        self._entries = {entry.reference: copy(entry) for entry in record.entries.values()}
        self._decoded: dict[str, Resource] = {}
        self._sliced: dict[str, Sliced] = {}
        self._replaced: list[Superseded] = []
        self._conditions = [claim for claim in record.manifest.claims if claim[0] == "identifier"]
        self._registered = list(record.manifest.registered)
        self._sflag = record.manifest.sflag
        self._changed: set[str] = set()
        self._former: list[Places] = []
        self._elements: list[tuple[Piece, bytes]] = []
        self._former_numbers = list(record.manifest.former_numbers)
        self._invalidated = record.manifest.invalidated

    @property
    def record(self) -> OpenRecord:
        """The record as it was opened."""
        return self._record

    def entry(self, reference: str) -> Entry | None:
        """Return the entry of a reference as it stands in the draft."""
        return self._entries.get(reference)

    def resource(self, reference: str) -> Resource:
        """Return a current resource as decoded JSON (large elements empty). Do not change it."""
        if reference not in self._decoded:
            entry = self._entries[reference]
            self._decoded[reference] = decode_slice(self._record, entry)
        return self._decoded[reference]

    def resources(self) -> dict[str, Resource]:
        """Return every current resource by reference, without the deleted."""
        return {reference: self.resource(reference) for reference, entry in self._entries.items() if not entry.deleted}

    @property
    def registered(self) -> list[str]:
        """Organisations with a relationship by registration."""
        return self._registered

    def register(self, organisation: str) -> None:
        """Give an organisation a relationship by registration (rule 5.9a)."""
        if organisation not in self._registered:
            self._registered.append(organisation)

    def identify(self, sflag: SFlag, former_numbers: Iterable[str], invalidated: str) -> None:
        """Take over what PDS alone says: the flag, also where it is lower than before, and which numbers count.

        Comes after the Patient was put, whose own flag would only raise what is known.
        """
        self._sflag = sflag
        self._former_numbers = list(former_numbers)
        self._invalidated = invalidated
        self._changed.add(self._record.manifest.patient)  # what tells who it is was kept without places, or is now

    def put(self, change: Change, section: Section | None, author: Author, now: str) -> Entry:
        """Create or replace the resource of a change, which is of a section, and return its new entry."""
        reference, sent = change.reference, change.resource or {}
        condition = condition_of(change)
        if condition is not None and condition[0] != NHS_NUMBER_SYSTEM:
            self._conditions.append(("identifier", "|".join(condition)))
        if change.type == "Patient":
            self._sflag = _raised(self._sflag, sflag_of(sent))
        before = self._supersede(reference)
        version = 1 if before is None else self._next_version(before)
        head = {"resourceType": sent["resourceType"], "id": change.id, "meta": _meta(sent, version, now, author)}
        resource = {**head, **sent, **head}  # in this order, and not as the sender had them
        own = section or Section.UNKNOWN
        tier = TIER[own] if section is None else entry_tier(own, resource)
        if change.type == "Patient":
            own, tier = Section.DEMOGRAPHICS, TIER[Section.DEMOGRAPHICS]
        # A Patient's meta may have lost a label; what else is kept is what was sent, and its pointers are known.
        pointers = derive.pointers_in(resource) if change.type == "Patient" else change.pointers
        sliced = cut(resource)
        entry = Entry(
            type=change.type,
            id=change.id,
            version=version,
            last_updated=now,
            author=author,
            section=SECTION_NUMBER[own],
            tier=int(tier),
            grants=() if section is None else ((SECTION_NUMBER[own], int(tier)),),
            superseded=self._past(before),
            points_at=sorted({pointer["reference"] for pointer in pointers} - {reference}),
            parts=sliced.parts,
            pieces=sliced.pieces,
            follows=section is None,
            made=self._record.following if before is None else before.made,
        )
        self._entries[reference] = entry
        self._decoded[reference] = resource
        self._sliced[reference] = sliced
        return entry

    def put_late(self, change: Change, section: Section | None, author: Author, now: str) -> Entry:
        """File an earlier version that arrives only now as a past one, and return its entry.

        What is current says what it said since when it said it, as the version after it: numbers never go back, and the
        highest is current. Only for what is there, and neither in parts nor with large elements filed apart.
        """
        reference = change.reference
        current, resource = self._entries[reference], self.resource(reference)
        received_text = self._record.slice(*current.received_text)
        late = self.put(change, section, author, now)
        self._elements += self._sliced[reference].elements
        self._supersede(reference)
        version = self._next_version(late)
        again = msgspec.structs.replace(current, version=version, superseded=self._past(late))
        meta = {**resource["meta"], "versionId": str(version)}
        self._entries[reference] = again
        self._decoded[reference] = {**resource, "meta": meta}
        self._sliced[reference] = Sliced(json.encode(self._decoded[reference]), received_text, [], [], [])
        return late

    def restore(self, version: Superseded) -> None:
        """Take a version as it was, for a record that is put together as it stood once."""
        entry = copy(version.entry)
        self._changed.add(entry.reference)
        self._entries[entry.reference] = entry
        if not entry.deleted:
            self._decoded[entry.reference] = decode_version(version)
            self._sliced[entry.reference] = Sliced(version.body, version.received_text, entry.parts, [], [])

    def delete(self, change: Change, author: Author, now: str) -> Entry:
        """Mark the resource of a change as deleted; its past stays readable."""
        before = self._supersede(change.reference)
        if before is None:
            raise KeyError(change.reference)
        entry = Entry(
            type=before.type,
            id=before.id,
            version=self._next_version(before),
            last_updated=now,
            author=author,
            section=before.section,
            tier=before.tier,
            grants=before.grants,
            deleted=True,
            superseded=self._past(before),
            follows=before.follows,
            reason=change.reason,
            needs=before.needs,
            made=before.made,
        )
        self._entries[change.reference] = entry
        self._decoded.pop(change.reference, None)
        self._sliced.pop(change.reference, None)
        return entry

    def finish(self, style: Style | None, now: datetime) -> NewState:
        """Lay out the slices and work out everything that rules and readers need of the new state.

        `style` is that of the emergency answer; None for a record that has none.
        """
        body = bytearray()
        elements = self._elements
        for reference, entry in self._entries.items():
            elements += self._lay(reference, entry, body)
        entries = list(self._entries.values())
        derive.close_grants(self._entries)
        resources = self.resources()
        old = self._record.manifest
        patient = resources.get(old.patient) or next(
            (item for item in resources.values() if item["resourceType"] == "Patient"), None
        )
        reference = "" if patient is None else f"Patient/{patient['id']}"
        identity = Identity() if patient is None else derive.identity_of(patient)
        life, died = ("alive", "") if patient is None else derive.life_of(patient)
        manifest = Manifest(
            format=old.format,
            kind=old.kind,
            patient=reference,
            holder=old.holder,
            identity=identity,
            relations=sorted({*derive.relations_of(resources, old.holder), *self._registered}),
            consents=compile_consents(
                [item for item in resources.values() if item["resourceType"] == "Consent"],
                reference,
                lambda actor: derive.organisation_of(actor, resources),
                lambda actor: derive.person_of(actor, resources),
                before=old.consents,
                known_roles=self._known_roles,
            ),
            sflag=self._sflag,
            life=life,
            died=died,
            padding=0,
            claims=[*_claims(old, (identity.nhs_number, *self._former_numbers), resources), *self._conditions],
            identifiers=derive.covers_of(resources) if patient is None else derive.identifiers_of(patient),
            critical=derive.critical_places(entries),
            incidents=old.incidents,
            registered=self._registered,
            proxies=proxies_of(resources),
            places_of_care=[] if patient is None else derive.places_of(patient, resources),
            flagged=self._flagged(now),
            former_numbers=self._former_numbers,
            invalidated=self._invalidated,
        )
        slices, front = bytes(body), b""
        former = self._record.contents.former.with_(*self._former) if self._former else self._record.contents.former
        contents = Contents(entries, (), self._person(patient, resources), former)
        if self._sflag in FLAGGED:
            contents.person = unplaced(contents.person)
            contents.places = places_known(resources.values(), manifest, contents)
        if patient is not None and style is not None:
            if self._sflag in FLAGGED:
                shown = masked_for_summary(resources, self._entries, Mask(contents.places), manifest)
                contents.urgent, masked = masked_urgent_of(resources, self._entries, shown, len(slices))
                slices += masked
                manifest.ready, front = ready_of(contents.urgent, self._entries, slices, style, now, masked=True)
            else:
                contents.urgent = urgent_of(resources, self._entries)
                manifest.ready, front = ready_of(contents.urgent, self._entries, slices, style, now)
        return NewState(manifest, front, contents, slices, self._replaced, elements)

    def _flagged(self, now: datetime) -> str:
        """Return when the flag came: with this commit, or as it was."""
        if self._sflag not in FLAGGED:
            return ""
        return self._record.manifest.flagged or instant(now)

    def _person(self, patient: Resource | None, resources: dict[str, Resource]) -> Particulars:
        """Return what tells who it is; worked out again only when somebody said something of it."""
        if patient is None:
            return Particulars()
        kinds = {reference.partition("/")[0] for reference in self._changed}
        if not kinds & {"Patient", "RelatedPerson"}:
            return self._record.contents.person
        return of_patient(patient, [one for one in resources.values() if one["resourceType"] == "RelatedPerson"])

    def _lay(self, reference: str, entry: Entry, body: bytearray) -> Iterable[tuple[Piece, bytes]]:
        start = len(body)
        sliced = self._sliced.get(reference)
        if sliced is not None:
            body += sliced.body
            entry.offset, entry.length = start, len(sliced.body)
            entry.received_text = (len(body), len(sliced.received_text))
            body += sliced.received_text
            return sliced.elements
        offset, length = entry.offset, entry.length
        text_offset, text_length = entry.received_text
        body += self._record.slices[offset : offset + length]
        entry.offset = start
        entry.received_text = (len(body), text_length)
        body += self._record.slices[text_offset : text_offset + text_length]
        return ()

    def _supersede(self, reference: str) -> Entry | None:
        self._changed.add(reference)
        entry = self._entries.get(reference)
        if entry is not None:
            record = self._record
            if not entry.deleted:
                # Whoever is protected later is protected from what was told of them before.
                told = places_in([self.resource(reference)])
                self._former += [told] if told != Places() else []
            new = self._sliced.get(reference)  # what this very commit puts before it
            body = record.slice(entry.offset, entry.length) if new is None else new.body
            text = record.slice(*entry.received_text) if new is None else new.received_text
            self._replaced.append(Superseded(copy(entry), body, text))
        return entry

    def _next_version(self, before: Entry) -> int:
        return version_made(len(before.superseded) + 2, self._record.following)

    def _past(self, before: Entry | None) -> list[int]:
        return [] if before is None else [*before.superseded, self._record.following]


def _raised(known: str, sent: SFlag) -> str:
    """Keep the strongest flag known: only PDS takes one away, and a sender that shows none has not asked it to."""
    order = ("", SFlag.UNRESTRICTED, SFlag.RESTRICTED, SFlag.VERY_RESTRICTED)
    return max(known, sent, key=order.index)


def _meta(resource: Resource, version: int, now: str, author: Author) -> dict[str, Any]:
    """Return the meta of a version. Its source is who recorded it here, whatever a sender says of itself."""
    meta = dict(resource.get("meta", {}))
    if resource["resourceType"] == "Patient" and "security" in meta:
        # PDS stamps its own scale on ordinary patients; it is read into the flag and never echoed (rules, section 1).
        labels = [label for label in meta["security"] if label.get("system") != PDS_SCALE]
        meta.pop("security")
        if labels:
            meta["security"] = labels
    source = f"{ODS_SYSTEM}/{author.organisation}#{author.client}"
    return {**meta, "versionId": str(version), "lastUpdated": now, "source": source}


def _claims(old: Manifest, numbers: Iterable[str], resources: dict[str, Resource]) -> list[tuple[str, str]]:
    if old.kind == "person":
        return [("nhs-number", number) for number in dict.fromkeys(numbers) if number]
    if old.kind == "directory":
        return [
            ("directory", f"{item['resourceType']}|{identifier.get('system', '')}|{identifier['value']}")
            for item in resources.values()
            for identifier in item.get("identifier", ())
            if "value" in identifier
        ]
    return old.claims
