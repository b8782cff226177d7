"""One person with a very large record, for the benchmark that says whether size slows the answer down."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from random import Random

from service.people import clinical, invented, values
from service.people.draft import Draft
from service.people.plans import plan
from service.people.traits import Traits
from service.people.values import Json

_PIECE = 5_000_000
_INDEX = invented.NUMBERS - 2_000


def heavy_person(now: datetime, resources: int = 300, attachment_bytes: int = 20_000_000, index: int = 0) -> Json:
    """Return a plan of `resources` entries, some of them documents holding `attachment_bytes` bytes between them.

    The bytes do not compress. `index` (below 1,000) tells one heavy person from another.
    """
    random = Random(f"heavy:{index}")  # noqa: S311 - invents people, guards nothing
    bundle = plan(random, invented.nhs_number(_INDEX + index), Traits(), now)
    entries = bundle["entry"]
    subject = values.to(next(one["fullUrl"] for one in entries if one["resource"]["resourceType"] == "Patient"))
    author = next(one["resource"] for one in entries if one["resource"]["resourceType"] == "CarePlan")["author"]
    draft = Draft(random, entries)
    left, number = attachment_bytes, 0
    while left > 0:
        number += 1
        size = min(left, _PIECE)
        left -= size
        draft.add(_document(subject, f"Scanned letter {number}", random.randbytes(size)))
    for day in range(resources - len(entries)):
        when = (now - timedelta(days=day + 1)).isoformat(timespec="seconds").replace("+00:00", "Z")
        draft.add(clinical.functional_status(subject, when, [author], random.randrange(10, 90, 10)))
    return draft.bundle()


def _document(subject: Json, title: str, content: bytes) -> Json:
    attachment = {"contentType": "application/pdf", "title": title, "data": b64encode(content).decode()}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"text": "Clinical letter"},
        "subject": subject,
        "content": [{"attachment": attachment}],
    }
