"""What the emergency summary says of a CPR or escalation decision: its answer first, then by whom, when, why.

Current, due for review, in conflict, revoked and "nothing was decided" have different words, so that none of them can
be taken for another at a glance (hazards H3, H7, H9). A decision that was superseded or is history says nothing here.
"""

from __future__ import annotations

from service.plan import vocabulary as v
from service.plan.context import Author, PlanContext
from service.plan.decisions import DecisionItem, DecisionKind, Validity, effective_of
from service.plan.elements import Resource, concept_words, extension, notes
from service.plan.phrases import BASIS_WORDS, absent_words, finding, interventions
from service.plan.slots import Slot
from service.plan.standing import Standing, State
from service.plan.statements import Statement
from service.plan.times import in_words

_SLOT = {DecisionKind.CPR: Slot.CPR, DecisionKind.ESCALATION: Slot.CEILING}
_NOUN = {DecisionKind.CPR: "CPR DECISION", DecisionKind.ESCALATION: "TREATMENT ESCALATION PLAN"}
_UNVERIFIED_WORDS = {
    "no-clinician": "no clinician is named",
    "no-effective-time": "it is not said when it was decided",
    "effective-after-recorded": "it is dated after it was recorded",
    "not-final": "its author has not made it final",
    "not-coded": "the decision is not coded; read its words",
    "no-decision-basis": "its basis is not stated",
}


def decision_statement(
    resource: Resource, item: DecisionItem, standing: Standing, validity: Validity, context: PlanContext
) -> Statement | None:
    """Return what to say of a decision, or None when it no longer speaks."""
    told = standing.state in (State.CURRENT, State.IN_CONFLICT)
    withdrawn = standing.state is State.REVOKED and not standing.by
    if not (told or withdrawn):
        return None
    due = context.review_due(item.reference) if told and item.value is not None else None
    author = context.author(resource)
    owner = context.owner_of_conflict(item.reference) if standing.state is State.IN_CONFLICT else ""
    words, title = _words(resource, item, standing, author)
    return Statement(
        slot=_SLOT[item.kind],
        words=words,
        title=title,
        details=_details(resource, validity, due, owner),
        concept=resource.get("valueCodeableConcept") if item.kind is DecisionKind.CPR else _level(resource),
        until=due,
        late=f"REVIEW OVERDUE: it was due by {in_words(due)}. The decision stands until it is changed." if due else "",
    )


def _words(resource: Resource, item: DecisionItem, standing: Standing, author: Author) -> tuple[str, str]:
    """Return the words and the title of a decision, by what became of it."""
    noun = _NOUN[item.kind]
    when = in_words(effective_of(resource))
    signed = f"decided {when or 'on a date not recorded'} by {author.words or 'a person not named'}"
    if standing.state is State.REVOKED:
        recorded = in_words((resource.get("meta") or {}).get("lastUpdated")) or "a date not recorded"
        words = f"NO {noun} IN FORCE: the decision of {when or 'an unknown date'} was REVOKED, recorded {recorded}"
        return words, f"{noun} REVOKED"
    if item.revokes_only:
        if standing.state is State.IN_CONFLICT:
            return f"REVOCATION OF A {noun}, {signed}", f"REVOCATION OF A {noun}"
        by = author.words or "a person not named"
        return f"NO {noun} IN FORCE: the earlier one was REVOKED on {when or 'a date not recorded'} by {by}", (
            f"{noun} REVOKED"
        )
    if item.value is None:
        why = absent_words(resource) or "nothing was decided"
        return f"NO {noun} RECORDED: {why}. This does not mean the person has none", f"NO {noun} RECORDED"
    answer, title = _answer(resource, item)
    return f"{answer}, {signed}", title


def _answer(resource: Resource, item: DecisionItem) -> tuple[str, str]:
    if item.kind is DecisionKind.CPR:
        answer = finding(resource) or "CPR decision without a coded answer: read it"
        return answer, answer
    level = (concept_words(_level(resource)) or "").removeprefix("Treatment level: ")
    title = f"Level of treatment: {level}" if level else "Treatment escalation plan"
    parts = [title, resource.get("description"), *interventions(resource)]
    return ". ".join(str(part).rstrip(".") for part in parts if part), title


def _details(resource: Resource, validity: Validity, due: str | None, owner: str) -> str:
    basis = (extension(resource, v.DECISION_BASIS) or {}).get("valueCode")
    said = [
        f"The disagreement is for {owner} to settle." if owner else None,
        f"Kind: {BASIS_WORDS.get(basis, basis)}." if basis else None,
        f"Reason: {reason.rstrip('.')}." if (reason := notes(resource)) else None,
        f"Review due by {in_words(due)}." if due else None,
        None if validity.valid else f"UNVERIFIED: {'; '.join(_UNVERIFIED_WORDS[one] for one in validity.reasons)}.",
    ]
    return " ".join(one for one in said if one)


def _level(resource: Resource) -> Resource | None:
    return (extension(resource, v.TREATMENT_LEVEL) or {}).get("valueCodeableConcept")
