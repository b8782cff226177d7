"""What a webhook tells: one CloudEvents 1.0 event for each parcel, in structured mode. `docs/webhooks.md` lists them.

An event says of whom (a keyed id that means something to this receiver alone), what changed (references and versions)
and in which order (`sequence`). By default it holds nothing of the content: the receiver reads what it may read through
the API. With `full` it holds the resources as they were released for this receiver.
"""

from __future__ import annotations

import hashlib
from typing import Any

from adapters.base import Cause, Parcel, Put
from fhir_profiles.canonical import BASE
from fhir_profiles.json import encode

CONTENT_TYPE = "application/cloudevents+json"
SCHEMA = f"{BASE}/schema/plan-event-1"
TYPES = {
    Cause.CHANGE: "org.epaccs.plan.changed",
    Cause.DECISION: "org.epaccs.plan.decided",
    Cause.REVOCATION: "org.epaccs.plan.revoked",
    Cause.WITHDRAWAL: "org.epaccs.plan.withdrawn",
    Cause.DEATH: "org.epaccs.plan.deceased",
}
REMOVAL_REQUESTED = "org.epaccs.plan.removal-requested"


def event_of(parcel: Parcel, source: str, *, full: bool) -> bytes:
    """Return the event as JSON bytes: the same bytes whenever the same parcel is sent again."""
    data: dict[str, Any] = {
        "cause": str(parcel.cause),
        "put": [_put(put, full=full) for put in parcel.puts],
        "remove": [{"reference": removal.reference} for removal in parcel.removals],
    }
    if full:
        data["notes"] = list(parcel.notes)
        if parcel.patient is not None:
            data["patient"] = parcel.patient
    return encode(
        {
            "specversion": "1.0",
            "id": f"{parcel.key}-{_content(parcel)}",
            "source": source,
            "type": event_type(parcel),
            "subject": parcel.subject,
            "time": parcel.committed,
            # a string that sorts as the number does, as the CloudEvents extension `sequence` asks
            "sequence": f"{parcel.sequence:020d}",
            "dataschema": SCHEMA,
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def event_type(parcel: Parcel) -> str:
    """Return the event's type: a parcel that only takes away asks for removal, whatever caused it."""
    if parcel.removals and not parcel.puts:
        return REMOVAL_REQUESTED
    return TYPES[parcel.cause]


def _content(parcel: Parcel) -> str:
    """Return what tells parcels of one commit apart: what may be shared can change without any."""
    parts = [put.reference.encode() + put.digest for put in parcel.puts]
    parts += [b"-" + removal.reference.encode() for removal in parcel.removals]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:8]


def _put(put: Put, *, full: bool) -> dict[str, Any]:
    meta = put.resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    told: dict[str, Any] = {"reference": put.reference}
    if isinstance(version, str):
        told["version"] = version
    if full:
        told["resource"] = put.resource
    return told
