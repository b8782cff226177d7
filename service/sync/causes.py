"""Why a commit has to be told: a change, a decision, or one of the three that overtake everything. Pure."""

from __future__ import annotations

from adapters.base import Cause
from fhir_profiles.sections import Section
from service.plan.decisions import Force, decision_item
from service.record.decoded import decode_slice
from service.record.manifest import SECTIONS, Entry
from service.record.records import OpenRecord
from service.record.subscribers import Committing

_DECISIONS = frozenset({Section.CPR_DECISION, Section.TREATMENT_ESCALATION, Section.ADRT})


def cause_of(committing: Committing) -> Cause:
    """Return why a commit has to be told, the most urgent reason that it has."""
    before, after = committing.before.manifest, committing.after.manifest
    if before.life != after.life:
        return Cause.DEATH
    if sharing_changed(committing):
        return Cause.WITHDRAWAL
    causes = {_of_entry(committing.after, entry) for entry in committing.changed}
    return min(causes, key=lambda cause: cause.rank, default=Cause.CHANGE)


def sharing_changed(committing: Committing) -> bool:
    """Say whether what may be shared of a person, or with whom, is not what it was: it may be less."""
    before, after = committing.before.manifest, committing.after.manifest
    if not committing.before.sequence:
        return False
    return (before.consents, before.sflag, before.frozen) != (after.consents, after.sflag, after.frozen)


def _of_entry(record: OpenRecord, entry: Entry) -> Cause:
    if SECTIONS[entry.section] not in _DECISIONS:
        return Cause.CHANGE
    if entry.deleted:
        return Cause.REVOCATION
    item = decision_item(decode_slice(record, entry))
    if item is None:
        return Cause.DECISION
    return Cause.REVOCATION if item.revokes or item.force is not Force.IN_FORCE else Cause.DECISION
