"""Security labels on entries: which tier an entry has, and what a label may not say (sharing rules, section 1).

An entry's tier is the highest of its section's tier and what its `meta.security` labels ask for. A label that is not
known here makes the entry T7, which no service may read: nobody can tell what its author wanted hidden from whom (I15).
`label_problems` refuses such an entry when it is written, so that this never happens silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from fhir_profiles.sections import DECISION_GROUP, TIER, Section, Tier

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"

NOPAT = (ACT_CODE, "NOPAT")
RESTRICTED = (CONFIDENTIALITY, "R")
VERY_RESTRICTED = (CONFIDENTIALITY, "V")

LABEL_TIER: Mapping[tuple[str, str], Tier] = {
    NOPAT: Tier.T6,
    RESTRICTED: Tier.T4,
    VERY_RESTRICTED: Tier.T7,
    **{(ACT_CODE, code): Tier.T4 for code in ("PSY", "SUD", "ETH", "HIV", "SDV")},
}
"""What each label asks for, at least."""

NEUTRAL_LABELS = frozenset(
    {
        *((CONFIDENTIALITY, code) for code in ("U", "L", "M", "N")),
        (ACT_REASON, "HTEST"),
        *((OBSERVATION_VALUE, code) for code in ("SUBSETTED", "REDACTED", "MASKED")),
    }
)
"""Labels that say nothing about who may read. They never lower a tier."""

KEEP_TIER_UNDER_RESTRICTED = DECISION_GROUP | {
    Section.ANTICIPATORY_MEDICINES,
    Section.ALLERGIES,
    Section.SAFETY_ALERTS,
    Section.ACCESS_DETAILS,
}
"""Sections that a bare `R` does not hide: to hide them takes a Consent, which is loud (5.3)."""


class SFlag(StrEnum):
    """PDS's own scale for a person, read from `Patient.meta.security`; not a content label."""

    UNRESTRICTED = "U"
    RESTRICTED = "R"
    VERY_RESTRICTED = "V"


def _labels(resource: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the labels as (system, code), without PDS's scale on a Patient; what is malformed is unknown."""
    meta = resource.get("meta")
    if not meta:
        return []
    security = meta.get("security") if isinstance(meta, Mapping) else None
    if not security:
        return []
    found = [
        (str(label.get("system", "")), str(label.get("code", ""))) if isinstance(label, Mapping) else ("", "")
        for label in (security if isinstance(security, list) else [security])
    ]
    if resource.get("resourceType") == "Patient":
        return [label for label in found if label[0] != CONFIDENTIALITY]
    return found


def entry_tier(section: Section, resource: Mapping[str, Any]) -> Tier:
    """Return the tier of an entry: the highest of its section's and its labels'.

    L stands apart from the order: a labelled entry of a location section has its label's tier, and is released only
    where the section's own tier is open too (`security.cells.opened_by`). For the same reason NOPAT in a T7 section is
    T6: the patient, who may read T7, does not read it, and nobody else gains by it.
    """
    own = TIER[section]
    labels = _labels(resource)
    if not labels:
        return own
    asked = [
        LABEL_TIER.get(label, Tier.T7)
        for label in labels
        if label not in NEUTRAL_LABELS and not (label == RESTRICTED and section in KEEP_TIER_UNDER_RESTRICTED)
    ]
    if not asked:
        return own
    if own is Tier.T7 and NOPAT in labels:
        return Tier.T6
    return max(asked) if own is Tier.L else max(own, *asked)


def sflag_of(patient: Mapping[str, Any]) -> SFlag:
    """Return the S-flag that PDS stamped on a Patient; a word of that scale that is not known counts as `V`."""
    meta = patient.get("meta")
    security = meta.get("security") if isinstance(meta, Mapping) else None
    flag = SFlag.UNRESTRICTED
    for label in security if isinstance(security, list) else []:
        if not isinstance(label, Mapping) or label.get("system") != CONFIDENTIALITY:
            continue
        match label.get("code"):
            case "U" | "L" | "M" | "N":
                continue
            case "R":
                flag = flag if flag is SFlag.VERY_RESTRICTED else SFlag.RESTRICTED
            case _:
                flag = SFlag.VERY_RESTRICTED
    return flag


def label_problems(resource: Mapping[str, Any]) -> list[str]:
    """Return, in plain sentences, why an entry's labels cannot be accepted when it is written; empty when they can."""
    labels = set(_labels(resource))
    if not labels:
        return []
    problems = [
        "meta.security has a label that this service does not know, and so cannot honour"
        for label in labels
        if label not in LABEL_TIER and label not in NEUTRAL_LABELS
    ]
    if NOPAT in labels and VERY_RESTRICTED in labels:
        problems.append("meta.security has both NOPAT and V, which together close the entry to everybody")
    return sorted(set(problems))


def splits_decision_group(entries: Iterable[tuple[Section, Mapping[str, Any]]]) -> bool:
    """Tell whether some but not all entries of the decision group carry NOPAT, which is refused (section 1).

    `entries` are the current resources of one person's record, as they would be after the write.
    """
    marked = {NOPAT in _labels(resource) for section, resource in entries if section in DECISION_GROUP}
    return len(marked) > 1
