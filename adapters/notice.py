"""Notices to people, as a partner carries them: one CloudEvents 1.0 event for each, and nothing of any plan in it.

The partner is a messaging service that the person's locality has a contract with (an NHS App, letters, text messages).
It has to know whom to write to, so the event holds the NHS number: the one thing that we send to any webhook in which
a person is named. `docs/webhooks.md` describes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from fhir_profiles.canonical import BASE
from fhir_profiles.json import encode

SCHEMA = f"{BASE}/schema/notice-event-1"
EMERGENCY_READ = "org.epaccs.notice.emergency-read"


@dataclass(frozen=True, slots=True)
class PersonNotice:
    """What a person is told: that somebody read their plan in an emergency.

    `key` is the same whenever the same is sent again, and says nothing of anybody; `subject` is a keyed id of the
    person for this partner. `time`: when it was read; `until`: when the person should know (FHIR instants).
    `organisation` and `sentence` are in lay words, as the person's own log has them.
    """

    key: str
    subject: str
    nhs_number: str = field(repr=False)
    time: str
    until: str
    organisation: str = field(repr=False)
    sentence: str = field(repr=False)


@runtime_checkable
class Notifies(Protocol):
    """A partner's adapter that carries notices."""

    async def notify(self, notice: PersonNotice) -> None:
        """Hand one notice over; return once the partner has taken it. Raise `adapters.errors.OutsideError`."""


def notice_event(notice: PersonNotice, source: str) -> bytes:
    """Return the event as JSON bytes."""
    return encode(
        {
            "specversion": "1.0",
            "id": notice.key,
            "source": source,
            "type": EMERGENCY_READ,
            "subject": notice.subject,
            "time": notice.time,
            "dataschema": SCHEMA,
            "datacontenttype": "application/json",
            "data": {
                "nhsNumber": notice.nhs_number,
                "read": notice.time,
                "tellBy": notice.until,
                "organisation": notice.organisation,
                "sentence": notice.sentence,
            },
        }
    )
