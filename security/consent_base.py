"""What a sharing Consent says as a whole: its base, before any exception, and which others it supersedes (rule 5.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from fhir_profiles.canonical import structure_definition
from security.consent_elements import SNOMED, codings, moment_of, objects
from security.labels import ACT_CODE

PROXY_ROLE = "https://fhir.nhs.uk/England/CodeSystem/FlagProxyRole"
BASIS_EXTENSION = structure_definition("basis")
REPLACES_EXTENSION = structure_definition("replaces")

WITHDRAWAL = (SNOMED, "882941000000102")
BEST_INTERESTS_CODES = frozenset(
    {(SNOMED, "882961000000101"), (SNOMED, "883001000000106"), (PROXY_ROLE, "002"), (PROXY_ROLE, "003")}
)
BEST_INTERESTS_WORDS = frozenset({"best-interests", "lpa-decision", "court-order"})
OPT_IN = (ACT_CODE, "OPTIN")
OPT_OUT = (ACT_CODE, "OPTOUT")
IMPLIED = frozenset({(ACT_CODE, "IMPLIED"), (ACT_CODE, "IMPLIEDD")})


class Base(StrEnum):
    """What a Consent says before its exceptions."""

    EXPLICIT = "explicit"
    BEST_INTERESTS = "best_interests"
    IMPLIED = "implied"
    DISSENT = "dissent"
    UNSTATED = "unstated"


def statement_codings(consent: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the codings that say how sharing was agreed: category, policy rule, root code, our `basis` extension."""
    found = set(codings(consent.get("policyRule")))
    root = consent.get("provision")
    for concept in objects(root.get("code")) if isinstance(root, Mapping) else []:
        found |= set(codings(concept))
    for category in objects(consent.get("category")):
        found |= set(codings(category))
    for extension in objects(consent.get("extension")):
        if extension.get("url") == BASIS_EXTENSION:
            found |= set(codings(extension.get("valueCodeableConcept")))
            if isinstance(coding := extension.get("valueCoding"), Mapping):
                found |= set(codings({"coding": [coding]}))
            found.add((BASIS_EXTENSION, str(extension.get("valueCode", ""))))
    return found


def base_of(consent: Mapping[str, Any]) -> Base:
    """Return the base of a Consent: root `provision.type`, else its policy rule, else nothing is granted (5.2)."""
    statement = statement_codings(consent)
    root = consent.get("provision")
    kind = root.get("type") if isinstance(root, Mapping) else None
    if WITHDRAWAL in statement or kind == "deny" or (kind is not None and kind != "permit"):
        return Base.DISSENT
    # HL7's OPTOUT is "a grantor's dissent": without a root type it refuses
    if kind is None and OPT_OUT in statement:
        return Base.DISSENT
    if statement & IMPLIED or (kind == "permit" and OPT_OUT in statement):
        return Base.IMPLIED
    if kind is None and OPT_IN not in statement:
        return Base.UNSTATED
    by_others = statement & BEST_INTERESTS_CODES or any((BASIS_EXTENSION, w) in statement for w in BEST_INTERESTS_WORDS)
    return Base.BEST_INTERESTS if by_others else Base.EXPLICIT


def supersession(consents: Sequence[Mapping[str, Any]]) -> list[frozenset[int]]:
    """Return for each Consent the positions of those it supersedes: named by it, or of its identifier and older.

    An older-dated Consent supersedes nothing newer, so that a permission that arrives late never widens. Two that claim
    to supersede each other, directly or in a ring, contradict themselves: both stay, and deny wins.
    """
    dates = [moment_of(consent.get("dateTime")) for consent in consents]
    edges: list[set[int]] = []
    for position, consent in enumerate(consents):
        named = replaced_references(consent)
        identifiers = identifiers_of(consent)
        mine = dates[position]
        edges.append(set())
        for other, old in enumerate(consents):
            theirs = dates[other]
            if other == position or (mine is not None and theirs is not None and mine < theirs):
                continue
            later = mine is not None and theirs is not None and mine > theirs
            if f"Consent/{old.get('id')}" in named or (later and identifiers & identifiers_of(old)):
                edges[position].add(other)
    return [
        frozenset(other for other in edges[position] if position not in _reachable(other, edges))
        for position in range(len(consents))
    ]


def _reachable(start: int, edges: Sequence[set[int]]) -> set[int]:
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        for following in edges[waiting.pop()] - seen:
            seen.add(following)
            waiting.append(following)
    return seen


def replaced_references(consent: Mapping[str, Any]) -> set[str]:
    """Return the references of the Consents that one says it replaces (extension `replaces`)."""
    return {
        str(value.get("reference", "")).split("/_history/")[0]
        for extension in objects(consent.get("extension"))
        if extension.get("url") == REPLACES_EXTENSION and isinstance(value := extension.get("valueReference"), Mapping)
    }


def identifiers_of(consent: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the identifiers of a Consent as (system, value)."""
    return {
        (str(identifier.get("system", "")), str(identifier["value"]))
        for identifier in objects(consent.get("identifier"))
        if identifier.get("value")
    }
