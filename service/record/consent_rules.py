"""What a change of sharing Consents must keep before it is applied (sharing rules 1, 5.2, 5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from fhir_profiles.issues import Issue, error
from security.access_policy import AccessPolicy
from security.coded_refusals import UNANSWERED, is_answered, is_coded_refusal
from security.consent_base import replaced_references
from security.consent_check import check_sharing_consent
from security.consent_compile import is_sharing_consent
from security.consent_contradictions import problems_beside
from security.emergency_view import Services, closed_by, is_confirmed
from security.principal import RoleWord
from service.record.changes import Change, Method, Resource
from service.record.decoded import decode_slice
from service.record.derive import organisation_of, person_of
from service.record.draft import Draft
from service.record.errors import EmergencyViewCloses, InvalidContent
from service.record.records import NewState, OpenRecord


def problems(changes: Sequence[Change], after: Mapping[str, Resource], known_roles: frozenset[RoleWord]) -> list[Issue]:
    """Return what is wrong with the sharing choices that are written, in themselves and beside the others.

    `after` are the record's resources as they would be.
    """
    issues = _unanswered_refusals(changes, after)
    written = [
        change
        for change in changes
        if change.method is not Method.DELETE
        and change.type == "Consent"
        and is_sharing_consent(after[change.reference])
    ]
    if not written:
        return issues
    patient = next((name for name, item in after.items() if item["resourceType"] == "Patient"), "")
    active = [item for item in after.values() if is_sharing_consent(item) and item.get("status") == "active"]
    for change in written:
        consent = after[change.reference]
        found = check_sharing_consent(
            consent,
            patient,
            lambda actor: organisation_of(actor, after),
            lambda actor: person_of(actor, after),
            known_roles=known_roles,
            has_active_successor=any(change.reference in replaced_references(one) for one in active),
        )
        if consent.get("status") == "active":
            found += problems_beside(consent, (one for one in active if one is not consent))
        issues += [error("business-rule", change.at, text) for text in found]
    return issues


def _unanswered_refusals(changes: Sequence[Change], after: Mapping[str, Resource]) -> list[Issue]:
    """Return an issue for each refusal to share that is coded elsewhere and that no sharing Consent answers.

    Also where what changes is a Consent that answered one until now.
    """
    written = {change.reference: change.at for change in changes}
    consents_change = next((change.at for change in changes if change.type == "Consent"), None)
    consents = [item for item in after.values() if item["resourceType"] == "Consent"]
    found = []
    for reference, resource in after.items():
        at = written.get(reference, consents_change)
        if at is not None and is_coded_refusal(resource) and not is_answered(resource, consents):
            found.append(error("business-rule", at, UNANSWERED))
    return found


def check_in_time(record: OpenRecord, state: NewState, changes: Sequence[Change]) -> None:
    """Raise InvalidContent for a permission that is written and, being older than what we know, can open nothing.

    One that is new and has a date is taken all the same: what a partner sends late is history, and it cannot know.
    """
    before = {one.id: one.arrival.said_since for one in record.manifest.consents.consents}
    issues = []
    written = {change.id: change for change in changes if change.type == "Consent"}
    for one in state.manifest.consents.consents:
        change = written.get(one.id)
        if change is None or not one.overtaken or not one.permits or before.get(one.id) == one.arrival.said_since:
            continue
        if change.method is not Method.CREATE or one.arrival.effective is None:
            text = (
                "Consent.dateTime must say when the person permitted this: by it, or without it, this is older than a "
                "Consent that the record has already, and would open nothing"
            )
            issues.append(error("business-rule", change.at, text))
    if issues:
        raise InvalidContent(issues)


def check_emergency_view(
    record: OpenRecord,
    state: NewState,
    changes: Sequence[Change],
    draft: Draft,
    policy: AccessPolicy,
    now: datetime,
    services: Services,
) -> None:
    """Raise EmergencyViewCloses when crews would see less by the new state, and no Consent that is written confirms it.

    A new record closes nothing to anybody. `record` is the record as it was opened; the drafts of `changes` are put.
    `services`: which organisations act as ambulance service or 111.
    """
    before, after = record.manifest.consents, state.manifest.consents
    if not record.sequence or before == after:
        return
    closed = closed_by(before, after, policy, now, services)
    if not closed:
        return
    written = [change for change in changes if change.type == "Consent" and change.method is not Method.DELETE]
    for change in written:
        earlier = record.entries.get(change.reference)
        version = None if earlier is None or earlier.deleted else decode_slice(record, earlier)
        if is_confirmed(draft.resource(change.reference), version, now):
            return
    at = next((change.at for change in changes if change.type == "Consent"), changes[0].at if changes else "")
    raise EmergencyViewCloses(at, sorted(closed))
