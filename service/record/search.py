"""Search: by identifier or id to one record, and inside it by the parameters of the type.

Inside a record it runs in memory on plaintext; across records only tokens exist, so a search that names no token is
refused and told what would make it answerable. What is not this caller's looks like what is not there: an empty set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, NhsNumber
from security.decision import Decision
from security.release import Held, Released, release_nothing
from service.record import directory
from service.record.access import Access, Asked, Caller, Refused
from service.record.decoded import decode_slice
from service.record.errors import InvalidSearch, Unanswerable
from service.record.masked import as_seen
from service.record.read import ReadRecord
from service.record.records import OpenRecord
from service.record.search_parameters import IDENTIFIED, Match, Unusable, matcher, parameters_of
from service.record.select import whole

IGNORED = frozenset({"_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class SearchQuestion:
    """A search of one type, with its tests and how its record is found."""

    type: str
    reference: str
    nhs_number: str
    identifier: str
    tests: tuple[Match, ...]
    names: tuple[str, ...]
    by_id: bool = False
    """`reference` is that of what is looked for, by `_id` alone, and names nobody's record."""

    def asked(self) -> Asked:
        """Return the words for the audit entry: the type and the parameters' names, never their values."""
        return Asked("search-type", (), self.names, guessable=bool(self.nhs_number or self.identifier))

    async def find(self, access: Access) -> OpenRecord | None:
        """Find the one record that the search names."""
        if self.nhs_number:
            return await access.records.by_nhs_number(self.nhs_number)
        if self.reference:
            record = await access.records.by_reference(self.reference)
            # A record is named by its Patient alone: another of its ids, guessed, tells nothing.
            return record if record is None or self.by_id or record.manifest.patient == self.reference else None
        found = await access.records.by_identifier(self.identifier, 2)
        return found[0] if len(found) == 1 else None

    async def select(self, access: Access, record: OpenRecord, decision: Decision) -> list[Held]:
        """Return the matching current resources. Hidden ones are tested too, and released to nobody.

        Where location is closed, what matches is what the caller would be shown: no search tells what is masked.
        """
        selected: list[Held] = []
        for entry in record.entries.values():
            if entry.type == self.type and not entry.deleted:
                resource = as_seen(record, entry, decode_slice(record, entry), decision)
                if resource is not None and all(test(resource) for test in self.tests):
                    body = record.slice(entry.offset, entry.length)
                    selected += await whole(access.records, record, entry, body, decision)
        return selected


@dataclass(frozen=True, slots=True)
class SearchRecords:
    """Answers searches with what was released, nothing when nothing may be known."""

    read_record: ReadRecord

    async def __call__(self, caller: Caller, resource_type: str, parameters: Sequence[tuple[str, str]]) -> Released:
        """Raise InvalidSearch or Unanswerable for what cannot be run, Refused for a caller that may not search."""
        given = [(name, value) for name, value in parameters if name not in IGNORED]
        known = parameters_of(resource_type)
        if any(name not in known for name, _ in given):
            raise InvalidSearch(f"{resource_type} can be searched by {', '.join(known)}.")
        if resource_type in directory.TYPES:
            found = await directory.search(self.read_record.access, caller.principal, resource_type, given)
            if found is not None:
                return found
        question = _question(resource_type, given)
        try:
            answered = await self.read_record(caller, question)
        except Refused as refused:
            if refused.decision.status == 403:
                raise
            return release_nothing(refused.decision)
        if question.by_id and not answered.released.items:
            # What is not open to the caller, or does not match, is as an id that was never given: no flag either.
            absent = await self.read_record.access.decide(caller, None, by_reference=True)
            return release_nothing(absent)
        return answered.released


def _question(resource_type: str, given: Sequence[tuple[str, str]]) -> SearchQuestion:
    reference = nhs_number = identifier = by_id = ""
    for name, value in given:
        if name == "_id" and "," not in value:
            by_id = by_id or f"{resource_type}/{value}"
        elif name == "patient" and "," not in value:
            reference = value if "/" in value else f"Patient/{value}"
        elif name == "identifier" and resource_type == "Patient":
            system, _, number = value.rpartition("|")
            if system == NHS_NUMBER_SYSTEM:
                nhs_number = _nhs_number(number)
            elif system:
                identifier = value
    if not (reference or by_id or nhs_number or identifier):
        raise Unanswerable(("identifier (system|value)", "_id") if resource_type in IDENTIFIED else ("patient", "_id"))
    try:
        tests = tuple(matcher(resource_type, name, value) for name, value in given)
    except Unusable as unusable:
        raise InvalidSearch(f"The value of {unusable} is not of the form that this parameter has.") from None
    names = tuple(sorted({name for name, _ in given}))
    return SearchQuestion(
        resource_type, reference or by_id, nhs_number, identifier, tests, names, by_id=bool(by_id) and not reference
    )


def _nhs_number(text: str) -> str:
    try:
        return NhsNumber(text).value
    except InvalidNhsNumber:
        raise InvalidSearch("The NHS number does not have ten digits with a right check digit.") from None
