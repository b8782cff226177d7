"""What counts as a decision, and what must be known before it can be trusted.

A decision is one CPR Observation or one treatment escalation CarePlan. Three things look like a decision and are not:
a statement that there is none (`dataAbsentReason`: not asked, declined to discuss), a revocation, which is an event of
its own, and the other kind (a plan is not a DNACPR, whatever it says about CPR).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from fhir_profiles.terminology import CPR_MODIFIED, FOR_CPR, NOT_FOR_CPR, SNOMED, cpr_meaning
from service.plan import vocabulary as v
from service.plan.elements import (
    Resource,
    any_has_code,
    codings,
    concept_words,
    extension,
    has_code,
    target,
)
from service.plan.times import Span, span_of


class DecisionKind(StrEnum):
    """Decisions are ordered and compared only within their kind."""

    CPR = "cpr"
    ESCALATION = "escalation"


class Force(StrEnum):
    """What a resource's status says about its force."""

    IN_FORCE = "in-force"
    NOT_YET = "not-yet"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    ERROR = "entered-in-error"


class Cpr(StrEnum):
    """The three answers to "shall CPR be attempted"."""

    ATTEMPT = "attempt"
    DO_NOT_ATTEMPT = "do-not-attempt"
    MODIFIED = "modified"


_FORCE = {
    "draft": Force.NOT_YET,
    "registered": Force.NOT_YET,
    "on-hold": Force.ENDED,
    "completed": Force.ENDED,
    "cancelled": Force.WITHDRAWN,
    "revoked": Force.WITHDRAWN,
    "entered-in-error": Force.ERROR,
}
_CPR: dict[str | None, Cpr] = {FOR_CPR: Cpr.ATTEMPT, NOT_FOR_CPR: Cpr.DO_NOT_ATTEMPT, CPR_MODIFIED: Cpr.MODIFIED}
_AUTHORS = ("performer", "author", "requester", "recorder", "asserter", "contributor", "source", "sender")
_UNSETTLED = frozenset({"preliminary", "unknown"})


class DecisionItem(msgspec.Struct, frozen=True):
    """One resource as the ordering of decisions sees it.

    `value` is a comparable form of what was decided, None when nothing was; `absent` then says why. `effective` is when
    it was decided, `recorded` when we committed it. `author` and `organisation` are any stable keys of who decided. The
    three reference tuples name other decisions as `Type/id`, sorted.
    """

    reference: str
    kind: DecisionKind
    value: str | None
    effective: Span | None
    recorded: datetime | None = None
    author: str | None = None
    organisation: str | None = None
    force: Force = Force.IN_FORCE
    absent: str | None = None
    replaces: tuple[str, ...] = ()
    revokes: tuple[str, ...] = ()
    conflicts_with: tuple[str, ...] = ()

    @property
    def revokes_only(self) -> bool:
        """A revocation that puts nothing in the place of what it revokes."""
        return self.value is None and bool(self.revokes)

    @property
    def names(self) -> frozenset[str]:
        """Every decision that this one shows it knows of."""
        return frozenset((*self.replaces, *self.revokes, *self.conflicts_with))


class Unverified(StrEnum):
    """A reason why a decision is shown as unverified (hazard H9)."""

    NO_CLINICIAN = "no-clinician"
    NO_EFFECTIVE_TIME = "no-effective-time"
    EFFECTIVE_AFTER_RECORDED = "effective-after-recorded"
    NOT_FINAL = "not-final"
    NOT_CODED = "not-coded"
    NO_BASIS = "no-decision-basis"
    NOT_VERIFIED = "not-verified"
    """Of an advance decision: nobody has recorded that it is valid and applies."""


class Validity(msgspec.Struct, frozen=True):
    """Valid when no reason speaks against it. An unverified decision is shown, and said to be unverified."""

    reasons: tuple[Unverified, ...] = ()

    @property
    def valid(self) -> bool:
        """No reason was found to doubt the decision's form."""
        return not self.reasons


def kind_of(resource: Resource) -> DecisionKind | None:
    """Return which kind of decision a resource is about, or None."""
    kind = resource.get("resourceType")
    if kind == "Observation":
        return DecisionKind.CPR if has_code(resource.get("code"), SNOMED, v.RESUSCITATION_STATUS) else None
    if kind == "CarePlan" and any_has_code(resource.get("category"), SNOMED, v.TREATMENT_ESCALATION_PLAN):
        return DecisionKind.ESCALATION
    return None


def decision_item(
    resource: Resource, *, author: str | None = None, organisation: str | None = None
) -> DecisionItem | None:
    """Read a decision from a stored resource (with id and meta), or None when it is not about one.

    `author` and `organisation` are what the caller resolved; without them the resource's own author reference or
    identifier is the author, and nothing is assumed of the organisation.
    """
    kind = kind_of(resource)
    if kind is None:
        return None
    recorded = span_of(resource.get("meta", {}).get("lastUpdated"))
    return DecisionItem(
        reference=f"{resource['resourceType']}/{resource.get('id', '')}",
        kind=kind,
        value=_cpr_value(resource) if kind is DecisionKind.CPR else _escalation_value(resource),
        effective=span_of(effective_of(resource)),
        recorded=recorded.earliest if recorded else None,
        author=author or _author_key(resource),
        organisation=organisation,
        force=_FORCE.get(resource.get("status", ""), Force.IN_FORCE),
        absent=absent_reason(resource),
        replaces=_named(resource, v.REPLACES),
        revokes=_named(resource, v.REVOKES),
        conflicts_with=_named(resource, v.CONFLICTS_WITH),
    )


def effective_of(resource: Resource) -> str | None:
    """Return when something was said or decided, as sent: never when it was recorded."""
    for key in ("effectiveDateTime", "effectiveInstant", "created", "authoredOn", "whenHandedOver", "dateTime"):
        if value := resource.get(key):
            return str(value)
    for key in ("effectivePeriod", "period"):
        if value := resource.get(key, {}).get("start"):
            return str(value)
    return None


def absent_reason(resource: Resource) -> str | None:
    """Return the code (else the words) of why an Observation has no value."""
    reason = resource.get("dataAbsentReason")
    if not reason:
        return None
    return next((code for _, code in codings(reason) if code), None) or concept_words(reason) or "unknown"


def cpr_answer(resource: Resource) -> Cpr | None:
    """Return the coded answer of a CPR decision; None when there is none, or when its codings disagree."""
    stated = {cpr_meaning(system or "", code or "") for system, code in codings(resource.get("valueCodeableConcept"))}
    stated.discard(None)
    return _CPR[stated.pop()] if len(stated) == 1 else None


def validity(item: DecisionItem, resource: Resource) -> Validity:
    """Judge whether the mandatory context of a decision is there. Says nothing about whether it is the current one."""
    reasons = []
    if not _has_clinician(resource):
        reasons.append(Unverified.NO_CLINICIAN)
    if item.effective is None:
        reasons.append(Unverified.NO_EFFECTIVE_TIME)
    elif item.recorded is not None and item.effective.earliest > item.recorded:
        reasons.append(Unverified.EFFECTIVE_AFTER_RECORDED)
    if resource.get("status") in _UNSETTLED:
        reasons.append(Unverified.NOT_FINAL)
    if item.kind is DecisionKind.CPR and item.value is not None:
        if cpr_answer(resource) is None:
            reasons.append(Unverified.NOT_CODED)
        if not (extension(resource, v.DECISION_BASIS) or {}).get("valueCode"):
            reasons.append(Unverified.NO_BASIS)
    return Validity(tuple(reasons))


def authors_of(resource: Resource) -> list[Resource]:
    """Return the References to who said, decided or ordered what a resource holds, the most responsible first."""
    found: list[Resource] = []
    for key in _AUTHORS:
        if value := resource.get(key):
            found += [one.get("actor", one) for one in (value if isinstance(value, list) else [value])]
    return found


def is_clinician(reference: Resource) -> bool:
    """Say whether a Reference names a professional, by its type or by where it points."""
    kind = reference.get("type") or (target(reference) or "").rpartition("/")[0].rpartition("/")[2]
    if kind:
        return kind in ("Practitioner", "PractitionerRole")
    return bool(reference.get("identifier"))


def _cpr_value(resource: Resource) -> str | None:
    answer = cpr_answer(resource)
    if answer is not None:
        return answer.value
    concept = resource.get("valueCodeableConcept")
    for system, code in codings(concept):
        if code:
            return f"{system}|{code}"
    text = concept_words(concept) or resource.get("valueString")
    return f"text:{str(text).casefold().strip()}" if text else None


def _escalation_value(resource: Resource) -> str | None:
    """Two plans agree when level, interventions and the conditions on them are the same; order means nothing."""
    level = extension(resource, v.TREATMENT_LEVEL)
    parts = [f"level={_concept_key((level or {}).get('valueCodeableConcept'))}"] if level else []
    for activity in resource.get("activity", ()):
        detail = activity.get("detail") or {}
        when = (extension(detail, v.APPLIES_WHEN) or {}).get("valueString", "")
        what = _concept_key(detail.get("code")) or detail.get("description", "")
        parts.append(f"{what}|{'no' if detail.get('doNotPerform') else 'yes'}|{when}".casefold())
    if not parts:
        text = resource.get("description") or resource.get("title")
        return f"text:{str(text).casefold().strip()}" if text else None
    return "\n".join(sorted(parts))


def _concept_key(concept: Resource | None) -> str:
    for system, code in codings(concept):
        if code:
            return f"{system}|{code}"
    return (concept_words(concept) or "").casefold()


def _named(resource: Resource, url: str) -> tuple[str, ...]:
    found = {
        reference
        for element in resource.get("extension", ())
        if element.get("url") == url and (reference := target(element.get("valueReference")))
    }
    if url == v.REPLACES and resource.get("resourceType") == "CarePlan":
        found.update(reference for named in resource.get("replaces", ()) if (reference := target(named)))
    return tuple(sorted(found))


def _author_key(resource: Resource) -> str | None:
    for reference in authors_of(resource):
        if is_clinician(reference):
            identifier = reference.get("identifier") or {}
            if value := identifier.get("value"):
                return f"{identifier.get('system')}|{value}"
            return target(reference)
    return None


def _has_clinician(resource: Resource) -> bool:
    return any(is_clinician(reference) for reference in authors_of(resource))
