"""What somebody has to settle about who a record is of: whoever holds the record, by a Task. Pure but for its id."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.terminology import EPACCS
from security.clock import instant
from service.plan import vocabulary as v
from service.record.changes import Change, Method, new_ids
from service.record.records import OpenRecord
from service.sync.settling import TO_SETTLE

REVIEW_SYSTEM = "urn:epaccs:identity-review"
"""Identifiers of such Tasks: one for each occasion, so that it is raised once."""


class Review(StrEnum):
    """What somebody has to settle; nothing is decided until they have."""

    DETAILS_DIFFER = "details-differ"
    NOT_KNOWN = "not-known"
    INVALIDATED = "invalidated"
    TWO_RECORDS = "two-records"
    DEATH_DISAGREES = "death-disagrees"


WORDS = {
    Review.DETAILS_DIFFER: (
        "PDS knows this NHS number with another name or birth date. Check who the record is about; until then nothing "
        "that PDS says is taken over but protection."
    ),
    Review.NOT_KNOWN: "PDS does not know this NHS number. Check the number with the person.",
    Review.INVALIDATED: (
        "PDS declared this NHS number invalid. Sharing is frozen: the record is open to your organisation alone, and "
        "in an emergency. Find the right number and record it, or confirm that the record is about somebody else."
    ),
    Review.TWO_RECORDS: (
        "PDS says that this NHS number and another are one person's, and each has a record here. Nothing was merged: "
        "compare the two, and settle which is kept."
    ),
    Review.DEATH_DISAGREES: (
        "PDS and this record disagree on whether the person died. Settle it, and correct whichever is wrong."
    ),
}


def review_task(
    record: OpenRecord, review: Review, identifier: dict[str, str], holder_name: str, now: datetime
) -> Change:
    """Return the change that makes the Task of whoever holds the record. It says nothing of any other record."""
    manifest = record.manifest
    owner = {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": manifest.holder}}
    task: dict[str, Any] = {
        "resourceType": "Task",
        "identifier": [identifier],
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": EPACCS, "code": v.IDENTITY_REVIEW}]},
        "description": WORDS[review],
        "focus": {"reference": manifest.patient},
        "for": {"reference": manifest.patient},
        "authoredOn": instant(now),
        "owner": {**owner, "display": holder_name},
        "restriction": {"period": {"end": (now + TO_SETTLE).date().isoformat()}},
    }
    change = Change(Method.CREATE, "Task", "Task", task)
    change.give(*new_ids(1))
    return change
