"""The shared directory: organisations, services, places and endpoints that belong to no person.

Each is a small record of its own, found by its identifiers, written only by clients with the directory scope,
readable by every client. A person's record points at it by conditional reference, which must resolve. Nobody's data
is in it, so reads leave no audit entry; writes do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.issues import error
from fhir_profiles.sections import section_of
from fhir_profiles.validation import validate
from security.access_request import new_decision_id
from security.clock import instant
from security.decision import DIRECTORY_RULE, Decision, impersonal
from security.principal import Principal
from security.release import Held, Released, release_directory
from service.record.access import Access, Asked, Caller
from service.record.changes import Change, DirectoryTarget, Method, new_ids, parse_conditional
from service.record.decoded import decode_slice
from service.record.derive import covered, references_in
from service.record.draft import Draft
from service.record.errors import InvalidContent, ManyMatches, NotHere
from service.record.locks import KeyedLocks
from service.record.manifest import Entry, RecordKind, empty_manifest
from service.record.records import OpenRecord, Records
from service.record.search_parameters import matcher
from service.record.select import held
from service.record.versions import check_version
from service.store.errors import ClaimTaken, SequenceTaken

TYPES = ("Organization", "HealthcareService", "Location", "Endpoint")
"""Types that the directory holds."""
MOST_COVERING = 50
"""Services that are looked at for one practice or locality."""


async def resolve(records: Records, references: Iterable[str]) -> dict[str, DirectoryTarget]:
    """Resolve conditional references; those that lead nowhere are left out."""
    targets: dict[str, DirectoryTarget] = {}
    for reference in references:
        parsed = parse_conditional(reference)
        if parsed is None or parsed[0] not in TYPES:
            continue
        kind, system, value = parsed
        record = await by_identifier(records, kind, system, value)
        if record is not None:
            entry = _entry(record)
            targets[reference] = DirectoryTarget(entry.reference, {"system": system, "value": value})
    return targets


async def by_identifier(records: Records, kind: str, system: str, value: str) -> OpenRecord | None:
    """Return the directory record of a type that carries an identifier, without deleted ones."""
    record = await records.by_claim("directory", f"{kind}|{system}|{value}")
    if record is None or record.manifest.kind is not RecordKind.DIRECTORY or _entry(record).deleted:
        return None
    return record


async def by_reference(records: Records, reference: str) -> OpenRecord | None:
    """Return the directory record of `Type/id`, or None."""
    record = await records.by_reference(reference)
    return record if record is not None and record.manifest.kind is RecordKind.DIRECTORY else None


async def search(
    access: Access, principal: Principal, resource_type: str, given: Sequence[tuple[str, str]]
) -> Released | None:
    """Answer a search that the directory can answer; None when it speaks of a person's record."""
    records = access.records
    found: OpenRecord | None = None
    for name, value in given:
        if name == "identifier":
            system, _, number = value.rpartition("|")
            found = await by_identifier(records, resource_type, system, number)
            break
        if name == "_id":
            record = await records.by_reference(f"{resource_type}/{value}")
            if record is None or record.manifest.kind is not RecordKind.DIRECTORY:
                return None
            found = record
            break
    else:
        return None
    if found is None or _entry(found).deleted:
        return _released(access, principal, [])
    resource = decode_slice(found, _entry(found))
    matches = all(matcher(resource_type, name, value)(resource) for name, value in given)
    return _released(access, principal, [found] if matches else [])


async def covering(access: Access, principal: Principal, system: str, value: str) -> Released:
    """Return the services whose coverage area carries an identifier, without deleted ones."""
    found = await access.records.by_identifier(covered(system, value), MOST_COVERING)
    here = [one for one in found if one.manifest.kind is RecordKind.DIRECTORY and not _entry(one).deleted]
    return _released(access, principal, here)


@dataclass(frozen=True, slots=True)
class Directory:
    """Writes single entries of the directory; they are read like everything else, through `ReadRecord`."""

    access: Access
    locks: KeyedLocks = field(default_factory=KeyedLocks)

    async def create(self, caller: Caller, change: Change) -> tuple[Released, int]:
        """Create an entry, or return the one that carries its identifier; the status is 201 or 200."""
        claims = self._claims(change)
        for _ in range(8):
            existing = [await self.access.records.by_claim("directory", claim) for claim in claims]
            known = {record.record_id: record for record in existing if record is not None}
            if len(known) > 1:
                raise ManyMatches
            for record in known.values():
                return _released(self.access, caller.principal, [record]), 200
            try:
                organisation = caller.principal.organisation
                empty = await self.access.records.new(empty_manifest(RecordKind.DIRECTORY, holder=organisation))
                return await self._commit(caller, empty, change, "create"), 201
            except (ClaimTaken, SequenceTaken):
                continue
        raise ManyMatches

    async def update(self, caller: Caller, change: Change) -> Released:
        """Replace an entry at the version named. Raise VersionConflict, NotHere, Gone."""
        self._claims(change)
        record = await by_reference(self.access.records, change.reference)
        if record is None:
            raise NotHere
        async with self.locks.hold(record.record_id):
            record = await by_reference(self.access.records, change.reference)
            if record is None:
                raise NotHere
            await check_version(self.access.records, record, change, caller.principal, None)
            try:
                return await self._commit(caller, record, change, "update")
            except ClaimTaken:
                raise ManyMatches from None

    def _claims(self, change: Change) -> list[str]:
        """Check the resource and return what it claims. Raise InvalidContent with every problem."""
        resource = change.resource or {}
        issues = validate(resource)
        identifiers = [item for item in resource.get("identifier", ()) if item.get("system") and item.get("value")]
        if not identifiers:
            issues.append(
                error("required", f"{change.type}.identifier", "A directory entry needs an identifier with a system.")
            )
        if any(reference.split("/")[0] == "Patient" for reference in references_in(resource)):
            issues.append(error("business-rule", change.type, "The directory holds no person and points at none."))
        if issues:
            raise InvalidContent(issues)
        return [f"{change.type}|{item['system']}|{item['value']}" for item in identifiers]

    async def _commit(self, caller: Caller, record: OpenRecord, change: Change, interaction: str) -> Released:
        draft = Draft(record)
        if change.method is Method.CREATE:
            change.give(*new_ids(1))
        section = section_of(change.resource or {})
        entry = draft.put(change, section, caller.author(), instant(self.access.clock()))
        asked = Asked(interaction, (f"{entry.reference}/_history/{entry.version}",))
        audit = self.access.entry(
            caller, decision(self.access, caller.principal), asked, record, makes=record.following
        )
        committed = await self.access.records.commit(record, draft.finish(None, self.access.clock()), audit=(audit,))
        return _released(self.access, caller.principal, [committed])


def name_of(record: OpenRecord) -> str:
    """Return the name of a directory entry, empty where it has none."""
    name = decode_slice(record, _entry(record)).get("name")
    return name if isinstance(name, str) else ""


async def organisation_name(records: Records, code: str) -> str:
    """Return what the directory calls the organisation with an ODS code, or the code."""
    found = await by_identifier(records, "Organization", ODS_SYSTEM, code)
    return code if found is None else name_of(found) or code


def decision(access: Access, principal: Principal) -> Decision:
    """Return the decision under which the directory is used."""
    return impersonal(DIRECTORY_RULE, principal.role, access.policy, new_decision_id())


def _released(access: Access, principal: Principal, records: Sequence[OpenRecord]) -> Released:
    return release_directory(decision(access, principal), [_held(record) for record in records])


def _held(record: OpenRecord) -> Held:
    return held(record, _entry(record))


def _entry(record: OpenRecord) -> Entry:
    return next(iter(record.entries.values()))
