"""A sealed record of nobody, kept in memory: what is opened for a person who is not there (sharing rule I3).

Whoever asks for somebody by number learns nothing from the answer: absent and refused are the same bytes. They would
learn it from the clock, for a record that is there is opened, read and judged before it is refused. So the same is done
for one who is absent, with this: an invented plan of ordinary size, sealed like any other under a key of its own, never
stored and never released.
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from uuid import UUID

from fhir_profiles import json
from fhir_profiles.sections import section_of
from service.people import invented
from service.people.plans import plan
from service.people.traits import Traits
from service.record.changes import prepare
from service.record.compression import compress
from service.record.draft import Draft
from service.record.manifest import Author, RecordKind, empty_manifest
from service.record.records import Records
from service.record.transaction import changes_of
from service.record.urgent import Style
from service.store.port import StoredRecord

_MORE = 12
"""Allergies that it has more than an ordinary plan: to open them takes as long as to fetch the row of one who is there,
which nothing does for who is not."""


async def make_decoy(records: Records, fhir_base: str, style: Style, now: datetime) -> StoredRecord:
    """Return a fresh decoy. Its practice and people are those of the synthetic plans, whom no client can be."""
    bundle = json.decode(json.encode(plan(Random(0), invented.nhs_number(0), Traits(), now)))  # noqa: S311 - a plan, not a secret
    said = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] == "AllergyIntolerance"]
    bundle["entry"] += [
        entry | {"fullUrl": f"urn:uuid:{UUID(int=number)}"} for number in range(_MORE) for entry in said
    ]
    prepared, _ = prepare(changes_of(bundle), fhir_base, {})
    record = await records.new(empty_manifest(RecordKind.PERSON, holder=""))
    draft = Draft(record)
    author = Author("", "", "")
    for change in prepared.changes:
        draft.put(change, section_of(change.resource or {}), author, now.isoformat())
    state = draft.finish(style, now)
    state.manifest.relations = []
    return records.sealed(record, state, compress(state.front, thorough=False))
