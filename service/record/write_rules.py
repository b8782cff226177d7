"""The rules that changes must keep before any of them is applied (sharing rules 5.2, 5.3, 5.9; hazards H3, H9, H13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fhir_profiles.issues import Issue, error
from fhir_profiles.sections import Section, Tier, section_of
from security.decision import Decision
from security.labels import label_problems, splits_decision_group
from security.principal import RoleWord
from security.writes import Authorship, WriteVerdict, asks_who, may_write
from service.plan.context import PlanContext
from service.plan.decisions import kind_of
from service.plan.proxies import suspends_proxy
from service.plan.standing import rivals
from service.record import consent_rules, directory
from service.record.access import Access, Caller
from service.record.authorship import Authors
from service.record.changes import Change, Method, Prepared, Resource
from service.record.derive import identity_of
from service.record.draft import Draft
from service.record.errors import (
    InvalidContent,
    NotAllowedToWrite,
    RivalDecision,
    TooLarge,
)
from service.record.kept_pointers import UNNOTICED, is_own
from service.record.limits import Limits
from service.record.manifest import SECTIONS, Entry
from service.record.masked import as_seen
from service.record.pointers import closed_targets, is_open
from service.record.records import NewState
from service.record.versions import check_version


async def check(
    access: Access,
    caller: Caller,
    prepared: Prepared,
    changes: Sequence[Change],
    draft: Draft,
    decision: Decision | None,
) -> dict[str, Section | None]:
    """Raise for the first kind of rule that is broken, with every place that breaks it.

    Return the section of every resource of the record as it would be, by its reference.
    `decision` says what the writer may read of the record; None for a record that is new, which has nothing to hide.
    """
    for change in changes:
        if change.method is not Method.CREATE:
            await check_version(access.records, draft.record, change, caller.principal, decision)
    after = _after(changes, draft)
    sections = {reference: section_of(resource) for reference, resource in after.items()}
    await _check_references(access, caller, prepared, draft, decision)
    _check_content(changes, draft, after, sections, access.policies.roles)
    _check_authority(access, caller, changes, draft, after, sections)
    _check_seen_whole(caller, changes, draft, decision)
    _check_decisions(changes, after, decision)
    return sections


def check_size(state: NewState, limits: Limits) -> None:
    """Raise TooLarge when the new state exceeds a limit."""
    if len(state.slices) > limits.record:
        raise TooLarge(f"A record may have {limits.record} bytes, attachments apart.")
    if sum(not entry.deleted for entry in state.contents.entries) > limits.resources:
        raise TooLarge(f"A record may have {limits.resources} current resources.")
    if any(piece.size > limits.attachment for piece, _ in state.elements):
        raise TooLarge(f"A single attachment may have {limits.attachment} bytes.")


def _after(changes: Sequence[Change], draft: Draft) -> dict[str, Resource]:
    """Return the record's resources as they would be. What comes late changes none of them."""
    after = draft.resources()
    for change in changes:
        if change.late:
            continue
        if change.method is Method.DELETE:
            after.pop(change.reference, None)
        else:
            after[change.reference] = {**(change.resource or {}), "id": change.id}
    return after


async def _check_references(
    access: Access, caller: Caller, prepared: Prepared, draft: Draft, decision: Decision | None
) -> None:
    """Refuse references that lead nowhere, for this writer: to what it may not read, which is absent to it (5.9)."""
    issues: list[Issue] = []
    for target, places in prepared.outside.items():
        entry = draft.entry(target)
        if entry is not None and not entry.deleted and _may_be_named(entry, caller, decision):
            continue
        if target.split("/")[0] in directory.TYPES and await directory.by_reference(access.records, target) is not None:
            continue
        issues += [error("not-found", place, "This reference leads nowhere.") for place in places]
    if issues:
        raise InvalidContent(issues)


def _may_be_named(entry: Entry, caller: Caller, decision: Decision | None) -> bool:
    """Tell whether a writer may point at an entry. What `follows` is released with the pointer."""
    if decision is None or entry.type == "Patient" or entry.follows:
        return True
    return is_open(entry, decision) or is_own(entry, caller)


def _check_content(
    changes: Sequence[Change],
    draft: Draft,
    after: dict[str, Resource],
    sections: dict[str, Section | None],
    known_roles: frozenset[RoleWord],
) -> None:
    issues = consent_rules.problems([change for change in changes if not change.late], after, known_roles)
    for change in changes:
        if change.method is Method.DELETE:
            if change.type == "Patient":
                issues.append(error("business-rule", change.at, "A person is not deleted; the record is closed."))
            continue
        resource = (change.resource or {}) if change.late else after[change.reference]
        if change.type == "Patient" and identity_of(resource).nhs_number in draft.record.manifest.former_numbers:
            text = "PDS replaced this NHS number with another: it may only be kept with use `old`."
            issues.append(error("business-rule", f"{change.at}.identifier", text))
        issues += [error("business-rule", f"{change.at}.meta.security", text) for text in label_problems(resource)]
        if (
            change.type == "Flag"
            and suspends_proxy(resource)
            and sections[change.reference] is not Section.SAFEGUARDING
        ):
            # else those whom it suspends might read that it does (5.8)
            text = "A Flag that suspends somebody who acts for the person must be coded as a safeguarding concern."
            issues.append(error("business-rule", change.at, text))
    if splits_decision_group((sections[name] or Section.UNKNOWN, item) for name, item in after.items()):
        text = "The decision group carries NOPAT as a whole or not at all."
        issues.append(error("business-rule", changes[0].at if changes else "", text))
    if issues:
        raise InvalidContent(issues)


def _check_authority(
    access: Access,
    caller: Caller,
    changes: Sequence[Change],
    draft: Draft,
    after: dict[str, Resource],
    sections: dict[str, Section | None],
) -> None:
    issues: list[Issue] = []
    authors = Authors(after)
    policy = access.governing(draft.record)
    verdicts: dict[tuple[Section | None, Authorship], WriteVerdict] = {}
    for change in changes:
        reference = change.reference
        before = draft.entry(reference)
        resource = (change.resource or {}) if change.late else after.get(reference) or draft.resource(reference)
        known = reference in sections and not change.late
        section = sections[reference] if known else section_of(resource)
        touched = {section} if before is None or before.follows else {section, SECTIONS[before.section]}
        if any(asks_who(section, policy) for section in touched):
            authorship = authors.of(resource, change.method.value)
        else:
            authorship = Authorship(resource["resourceType"], change.method.value)
        for asked in ((section, authorship) for section in touched):
            verdict = verdicts.get(asked) or may_write(caller.principal, *asked, policy)
            verdicts[asked] = verdict
            if not verdict.permitted:
                issues.append(error("forbidden", change.at, f"Not allowed: {verdict.reason} (rule {verdict.rule})."))
    if issues:
        raise NotAllowedToWrite(issues)


def _check_seen_whole(caller: Caller, changes: Sequence[Change], draft: Draft, decision: Decision | None) -> None:
    """Refuse to replace a resource of which the writer is shown only a part: what it cannot see would be lost.

    What nobody may read (T7) does not count; else nobody could write. Where location is closed to the writer, an entry
    is shown in part as soon as anything of it is masked (5.6). A reference that was dropped for the writer counts,
    unless its own organisation's system sent it, or what it points at must not be noticed (T5 to T7, 5.5): that one
    stays without the writer (`kept_pointers`).
    """
    issues: list[Issue] = []
    for change in changes:
        entry = draft.entry(change.reference)
        if entry is None or decision is None:
            continue
        readable = [part for part in entry.parts if part.tier != Tier.T7]
        if (
            not all(decision.opens(SECTIONS[part.section], Tier(part.tier)) for part in readable)
            or _is_masked(change, draft, entry, decision)
            or _points_at_closed(caller, change, draft, entry, decision)
        ):
            text = "You are shown only part of this resource. Replacing it would remove the rest, so it stays as it is."
            issues.append(error("forbidden", change.at, text))
    if issues:
        raise NotAllowedToWrite(issues)


def _points_at_closed(caller: Caller, change: Change, draft: Draft, entry: Entry, decision: Decision) -> bool:
    if is_own(entry, caller) or change.method is not Method.UPDATE:
        return False
    entries = draft.record.entries
    return any(entries[one].tier not in UNNOTICED for one in closed_targets(entry, entries, decision))


def _is_masked(change: Change, draft: Draft, entry: Entry, decision: Decision) -> bool:
    if not decision.masks_location or change.method is not Method.UPDATE:
        return False
    resource = draft.resource(change.reference)
    seen = as_seen(draft.record, entry, resource, decision) or {}
    return any(resource[key] != seen.get(key) for key in resource if key not in ("meta", "text"))


def _check_decisions(changes: Sequence[Change], after: dict[str, Resource], decision: Decision | None) -> None:
    """Refuse a second active decision that does not name the first (H3); it is asked of the state before the write.

    To a writer from whom the decision group is withheld, a conflict would tell what stands: it is refused first (5.3).
    """
    kinds = {name: kind for name, resource in after.items() if (kind := kind_of(resource)) is not None}
    deciding = [change for change in changes if change.reference in kinds]
    if deciding and decision is not None and not decision.decision_group_open:
        text = "Decisions of this person are not open to you, so you cannot write one beside them."
        raise NotAllowedToWrite([error("forbidden", deciding[0].at, text)])
    how_many = Counter(kinds.values())
    if all(how_many[kinds[change.reference]] == 1 for change in deciding):
        return  # most plans have one of a kind, and to read who decided it takes longer than to see that
    context = PlanContext.of(after.values())
    decided = {name: item for name in kinds if (item := context.decision(after[name])) is not None}
    for change in deciding:
        if change.late:
            continue
        others = [other for name, other in decided.items() if name != change.reference]
        found = rivals(decided[change.reference], others)
        if found:
            raise RivalDecision(change.at, found)
