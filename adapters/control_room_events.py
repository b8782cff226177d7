"""What a control room is told: CloudEvents 1.0 in structured mode. `docs/nhs-control.md` lists them.

Flags are the whole of what shall stand for one person, each time: whoever takes the newest of a `subject` holds what is
right, whatever was lost before. An answer is told of an incident: the newest replaces what came before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from adapters.base import Parcel
from fhir_profiles.canonical import BASE
from fhir_profiles.json import encode

SCHEMA = f"{BASE}/schema/control-room-event-1"
FLAGS_SET = "org.epaccs.flags.set"
FLAGS_CLEARED = "org.epaccs.flags.cleared"
ANSWERED = "org.epaccs.incident.answered"
ASK = "A plan exists: ask."


@dataclass(frozen=True, slots=True)
class IncidentAnswer:
    """The emergency answer for the crew of an open incident, as released for the control room that is told.

    `incident` is our id of the incident and `reference` the control room's own number; `organisation` (ODS code)
    attends. `time` is when it was answered (FHIR instant), `sequence` that of the record, `document` the Bundle.
    """

    incident: str
    reference: str
    organisation: str
    time: str
    sequence: int
    document: dict[str, Any] = field(repr=False)


@runtime_checkable
class TakesAnswers(Protocol):
    """A partner's adapter that an emergency answer can be pushed to."""

    async def answered(self, answer: IncidentAnswer) -> None:
        """Hand an answer over; return once the partner has it. Raise `adapters.errors.OutsideError`."""


def flags_event(parcel: Parcel, flags: Sequence[dict[str, Any]], source: str) -> bytes:
    """Return the event for what shall stand of one person now: the same bytes whenever the same is sent again."""
    data: dict[str, Any] = {"flags": [{**flag, "says": ASK} for flag in flags]}
    digest = hashlib.sha256(encode(data)).hexdigest()[:8]
    return encode(
        _envelope(
            id=f"{parcel.key}-{digest}",
            source=source,
            type=FLAGS_SET if flags else FLAGS_CLEARED,
            subject=parcel.subject,
            time=parcel.committed,
            sequence=parcel.sequence,
            data=data,
        )
    )


def answer_event(answer: IncidentAnswer, source: str) -> bytes:
    """Return the event of an emergency answer. What is asked again is another answer, with an id of its own."""
    data = {
        "incident": answer.reference,
        "organization": answer.organisation,
        "answer": answer.document,
    }
    digest = hashlib.sha256(encode(data)).hexdigest()[:16]
    return encode(
        _envelope(
            id=f"{answer.incident}-{digest}",
            source=source,
            type=ANSWERED,
            subject=answer.incident,
            time=answer.time,
            sequence=answer.sequence,
            data=data,
        )
    )


def _envelope(*, id: str, source: str, type: str, subject: str, time: str, sequence: int, data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "subject": subject,
        "time": time,
        "sequence": f"{sequence:020d}",
        "dataschema": SCHEMA,
        "datacontenttype": "application/json",
        "data": data,
    }
