"""A refusal to share that is coded in something that is no sharing Consent, and so refuses nothing (rules 1, 5.2; H4).

Sharing rules are Consents of scope `patient-privacy` alone. Clinical systems also code "consent withdrawn" as an
Observation, a Condition, an answer to a question, or on a Consent of another scope. Kept as plain content it would be
shown to those whom it refuses. So it is not taken alone: beside it must stand a sharing Consent in force of status
that refuses, or that was made later.

What it does not do: read refusals from words, or hold back a code of the national summary record, which is another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from security.consent_base import Base, base_of, statement_codings
from security.consent_compile import is_sharing_consent
from security.consent_elements import SNOMED, codings, moment_of, objects
from security.consent_legacy import QUESTIONS, REFUSED

UNANSWERED = (
    "This is coded as a refusal to share, and refuses nothing here: only a Consent of scope patient-privacy does. Send "
    "one with it, active, whose provision.type is deny; or one that says what the person decided later, with its date"
)
_NOT_SAID = frozenset({"entered-in-error", "cancelled", "rejected", "preliminary", "registered", "draft", "proposed"})
_DATES = ("effectiveDateTime", "effectiveInstant", "recordedDate", "authored", "dateTime", "issued", "date", "sent")


def is_coded_refusal(resource: Mapping[str, Any]) -> bool:
    """Tell whether something that is no sharing Consent is coded as a refusal to share, and stands as said."""
    if is_sharing_consent(resource) or resource.get("status") in _NOT_SAID:
        return False
    said = {code for system, code in _said(resource) if system == SNOMED}
    if said & REFUSED:
        # A refusal that is denied is not understood, and so counts as one.
        return True
    return resource.get("valueBoolean") is False and bool(said & QUESTIONS)


def is_answered(refusal: Mapping[str, Any], consents: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether one of the record's Consents says what a coded refusal does, or is about sharing and later."""
    said = next((when for key in _DATES if (when := moment_of(refusal.get(key))) is not None), None)
    for consent in consents:
        if not is_sharing_consent(consent) or consent.get("status") != "active":
            continue
        when = moment_of(consent.get("dateTime"))
        if base_of(consent) is Base.DISSENT or (said is not None and when is not None and when > said):
            return True
    return False


def _said(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the codings that say what a resource is about, and what it answers."""
    if resource.get("resourceType") == "Consent":
        yield from statement_codings(resource)
    yield from codings(resource.get("code"))
    yield from codings(resource.get("valueCodeableConcept"))
    for component in objects(resource.get("component")):
        yield from _said(component)
    for item in objects(resource.get("item")):
        yield from _answers(item)


def _answers(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for answer in objects(item.get("answer")):
        yield from codings({"coding": [answer.get("valueCoding")]})
        for nested in objects(answer.get("item")):
            yield from _answers(nested)
    for nested in objects(item.get("item")):
        yield from _answers(nested)
