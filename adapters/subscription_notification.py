"""What a FHIR Subscription is told: notification Bundles of the R5 Subscriptions backport for R4 (STU 1.1).

https://hl7.org/fhir/uv/subscriptions-backport/ : profiles backport-subscription-notification-r4 (a Bundle of type
history whose first entry is the status) and backport-subscription-status-r4 (that status, as Parameters).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fhir_profiles.canonical import BASE
from fhir_profiles.json import encode

Json = dict[str, Any]

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport"
FILTER_CRITERIA = f"{BACKPORT}/StructureDefinition/backport-filter-criteria"
PAYLOAD_CONTENT = f"{BACKPORT}/StructureDefinition/backport-payload-content"
HEARTBEAT_PERIOD = f"{BACKPORT}/StructureDefinition/backport-heartbeat-period"
TIMEOUT = f"{BACKPORT}/StructureDefinition/backport-timeout"
MAX_COUNT = f"{BACKPORT}/StructureDefinition/backport-max-count"
SUBSCRIPTION_PROFILE = f"{BACKPORT}/StructureDefinition/backport-subscription"
STATUS_OPERATION = f"{BACKPORT}/OperationDefinition/backport-subscription-status"
SERVED_TOPICS = f"{BACKPORT}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
_STATUS_PROFILE = f"{BACKPORT}/StructureDefinition/backport-subscription-status-r4"
_NOTIFICATION_PROFILE = f"{BACKPORT}/StructureDefinition/backport-subscription-notification-r4"
TOPIC = f"{BASE}/SubscriptionTopic/plan-changed"
"""Our one topic: a resource of a person's plan was made, changed or deleted."""


class Content(StrEnum):
    """How much a notification holds (backport-content-code-system); NONE: not even a Bundle, for R4's empty payload."""

    NONE = "none"
    EMPTY = "empty"
    ID_ONLY = "id-only"
    FULL_RESOURCE = "full-resource"


class Kind(StrEnum):
    """Why something is sent (subscription-notification-type)."""

    HANDSHAKE = "handshake"
    HEARTBEAT = "heartbeat"
    EVENT = "event-notification"
    QUERY_STATUS = "query-status"


@dataclass(frozen=True, slots=True)
class Event:
    """One change as it is told: its number within the subscription, when it was committed (FHIR instant), and of what.

    `resource` is the focus as it was released for the client; None where it was deleted, or is not to be sent.
    """

    number: int
    timestamp: str
    focus: str
    resource: Json | None = field(default=None, repr=False)
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscription stands: its reference `Subscription/id`, status, events so far, and what is wrong, '' if all
    is well."""

    reference: str
    status: str
    events: int
    error: str = ""


def status_of(
    standing: Standing, kind: Kind, base: str, content: Content = Content.ID_ONLY, events: Iterable[Event] = ()
) -> Json:
    """Return the status as Parameters; `base` is our FHIR base, under which references are absolute."""
    parameters: list[Json] = [
        {"name": "subscription", "valueReference": {"reference": f"{base}/{standing.reference}"}},
        {"name": "status", "valueCode": standing.status},
        {"name": "type", "valueCode": str(kind)},
        # a string, since R4 has no integer of 64 bits
        {"name": "events-since-subscription-start", "valueString": str(standing.events)},
    ]
    if content not in (Content.EMPTY, Content.NONE):
        parameters.insert(1, {"name": "topic", "valueCanonical": TOPIC})
    for event in events:
        parts: list[Json] = [
            {"name": "event-number", "valueString": str(event.number)},
            {"name": "timestamp", "valueInstant": event.timestamp},
        ]
        if content in (Content.ID_ONLY, Content.FULL_RESOURCE):
            parts.append({"name": "focus", "valueReference": {"reference": f"{base}/{event.focus}"}})
        parameters.append({"name": "notification-event", "part": parts})
    if standing.error:
        parameters.append({"name": "error", "valueCodeableConcept": {"text": standing.error}})
    return {"resourceType": "Parameters", "meta": {"profile": [_STATUS_PROFILE]}, "parameter": parameters}


def notification(
    standing: Standing, kind: Kind, base: str, now: str, content: Content, events: Sequence[Event] = ()
) -> bytes:
    """Return what is sent, as JSON bytes; nothing at all for a subscription without a payload. `now`: FHIR instant."""
    if content is Content.NONE:
        return b""
    entries: list[Json] = [
        {
            # the same for the same events, so that a receiver can tell what comes again
            "fullUrl": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{base}/{standing.reference}/{kind}/{standing.events}')}",
            "resource": status_of(standing, kind, base, content, events),
            "request": {"method": "GET", "url": f"{base}/{standing.reference}/$status"},
            "response": {"status": "200"},
        }
    ]
    if content is Content.FULL_RESOURCE:
        entries += [_resource_entry(base, event) for event in events]
    return encode(
        {
            "resourceType": "Bundle",
            "meta": {"profile": [_NOTIFICATION_PROFILE]},
            "type": "history",
            "timestamp": now,
            "entry": entries,
        }
    )


def _resource_entry(base: str, event: Event) -> Json:
    if event.deleted or event.resource is None:
        request = {"method": "DELETE", "url": event.focus}
        return {"fullUrl": f"{base}/{event.focus}", "request": request, "response": {"status": "204"}}
    return {
        "fullUrl": f"{base}/{event.focus}",
        "resource": event.resource,
        "request": {"method": "PUT", "url": event.focus},
        "response": {"status": "200"},
    }
