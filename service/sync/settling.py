"""Who settles that two decisions disagree which did not know of each other: whoever holds the record, by a Task."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from fhir_profiles.identifiers import ODS_SYSTEM
from service.plan.elements import identifier_of
from service.record.changes import Change, Method
from service.record.decoded import decode_slice
from service.record.records import OpenRecord
from service.sync import ours

TO_SETTLE = timedelta(days=3)
"""How long they have. [sign-off]"""


def to_settle(record: OpenRecord, decision: Change, now: datetime) -> Change:
    """Return the change that makes the Task: shown with the disagreement, until it is settled.

    It comes after the decision, which gets an address for it to point at.
    """
    manifest = record.manifest
    if not decision.id:
        decision.full_url = f"urn:uuid:{uuid4()}"
    known = [decode_slice(record, one) for one in record.entries.values() if one.type == "Organization"]
    names = [str(one["name"]) for one in known if identifier_of(one, ODS_SYSTEM) == manifest.holder]
    at, name = decision.full_url or decision.reference, next(iter(names), manifest.holder)
    by = (now + TO_SETTLE).date()
    task = ours.to_settle(at, decision.resource or {}, manifest.patient, manifest.holder, name, by)
    return Change(Method.CREATE, "Task", "Task", task)
