"""The elements of a FHIR Consent provision, read one by one; each reader says whether it understood (rule 5.2).

Our vocabulary inside a provision:

    code, class     a coding of code system `section` or `tier` names what the provision speaks of
    securityLabel   R, NOPAT, V, PSY, SUD, ETH, HIV, SDV; N for what is not labelled
    actor           role IRCP; the reference names an organisation or a human, or, by an identifier of code system
                    `role`, everybody in a role
    purpose         v3-ActReason
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from fhir_profiles.canonical import code_system
from fhir_profiles.sections import TIER, Section, Tier
from security import cells
from security.clock import LONDON, microseconds
from security.labels import ACT_CODE, CONFIDENTIALITY, NOPAT, RESTRICTED, VERY_RESTRICTED
from security.principal import BUILT_IN_ROLES, RoleWord
from security.purposes import ACT_REASON, KNOWN_PURPOSES

Reference = Mapping[str, Any]

SECTION_SYSTEM = code_system("section")
TIER_SYSTEM = code_system("tier")
ROLE_SYSTEM = code_system("role")
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
CONSENT_ACTION = "http://terminology.hl7.org/CodeSystem/consentaction"

_READING = frozenset({"access", "use", "disclose"})
_NOT_READING = frozenset({"collect", "correct"})
_NOT_RECIPIENTS = frozenset({"AUT", "CST", "ENT", "INF", "WIT", "SBJ", "CONSENTER", "GRANTOR"})

_SECTIONS = {section.value: section for section in Section}
_TIERS = {tier.name: tier for tier in Tier}

_SENSITIVE = {
    "PSY": Section.MENTAL_HEALTH,
    "SUD": Section.SUBSTANCE_USE,
    "ETH": Section.SUBSTANCE_USE,
    "HIV": Section.SEXUAL_HEALTH,
    "SDV": Section.SEXUAL_HEALTH,
}
_ELSEWHERE_AT_T4 = cells.column(Tier.T4) & ~cells.of_sections(s for s in Section if TIER[s] is Tier.T4)
_UNLABELLED = cells.opened_by({Tier.T0, Tier.T1, Tier.T2, Tier.T3, Tier.L})
_LABELLED = {
    RESTRICTED: cells.of_tier(Tier.T4),
    NOPAT: cells.of_tier(Tier.T6),
    VERY_RESTRICTED: cells.of_tier(Tier.T7),
}

SNOMED = "http://snomed.info/sct"
CONSENT_STATEMENTS = frozenset(
    (SNOMED, code)
    for code in (
        "882921000000109",
        "882941000000102",
        "882961000000101",
        "883001000000106",
        "882981000000105",
        "887031000000108",
    )
)
"""How consent to share was given or withdrawn (SCCI1580)."""


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the JSON objects of an element that repeats; nothing where there are none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def codings(concept: Any) -> Iterator[tuple[str, str]]:
    """Yield the codings of a CodeableConcept as (system, code)."""
    if isinstance(concept, Mapping):
        for coding in objects(concept.get("coding")):
            yield str(coding.get("system", "")), str(coding.get("code", ""))


def identifier_value(reference: Reference) -> str | None:
    """Return the value of a reference's identifier."""
    identifier = reference.get("identifier")
    value = identifier.get("value") if isinstance(identifier, Mapping) else None
    return value if isinstance(value, str) and value else None


def _bounds(text: str) -> tuple[int, int]:
    """Return first and last microsecond of a FHIR dateTime; a date is the whole day, month or year in London.

    Raises:
        ValueError: it is not a FHIR dateTime.

    """
    if "T" in text:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("a time needs a zone")
        return microseconds(moment), microseconds(moment)
    parts = [int(part) for part in text.split("-")]
    if not 1 <= len(parts) <= 3:
        raise ValueError("not a date")
    year, month, day = (*parts, 1, 1)[:3]
    first = datetime(year, month, day, tzinfo=LONDON)
    days = {1: 365 + (monthrange(year, 2)[1] == 29), 2: monthrange(year, month)[1], 3: 1}[len(parts)]
    # midnight to midnight on London's clock: a day there may have 23 or 25 hours
    return microseconds(first), microseconds(first + timedelta(days=days)) - 1


def moment_of(value: Any) -> int | None:
    """Return the first microsecond of a FHIR dateTime; None where there is none or it is malformed."""
    try:
        return _bounds(value)[0] if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def period_of(value: Any) -> tuple[int | None, int | None, bool]:
    """Return start, exclusive end, and whether the Period was understood. Ends include what they name (5.2)."""
    if value is None:
        return None, None, True
    if not isinstance(value, Mapping):
        return None, None, False
    try:
        start, end = value.get("start"), value.get("end")
        return (
            None if start is None else _bounds(start)[0],
            None if end is None else _bounds(end)[1] + 1,
            not value.get("modifierExtension"),
        )
    except (ValueError, OverflowError, TypeError):
        return None, None, False


def purposes_of(value: Any) -> tuple[frozenset[str], bool]:
    """Return the purposes named and whether each was understood; none named means any."""
    if not value:
        return frozenset(), True
    named = [(str(item.get("system", "")), str(item.get("code", ""))) for item in objects(value)]
    known = {code for system, code in named if system == ACT_REASON and code in KNOWN_PURPOSES}
    return frozenset(known), len(known) == len(set(named)) and isinstance(value, list) and len(named) == len(value)


def action_applies(value: Any) -> tuple[bool, bool]:
    """Return whether the actions named include reading, and whether each was understood; none named means any."""
    if not value:
        return True, True
    named = {coding for concept in objects(value) for coding in codings(concept)}
    known = {code for system, code in named if system == CONSENT_ACTION and code in _READING | _NOT_READING}
    return bool(known & _READING), bool(named) and len(known) == len(named)


class Actors(NamedTuple):
    """Whom a provision is about. Not `named`: everybody."""

    named: bool
    organisations: frozenset[str]
    roles: frozenset[str]
    persons: frozenset[str]
    known: bool


def read_actors(
    value: Any,
    organisation_of: Callable[[Reference], str | None],
    person_of: Callable[[Reference], str | None],
    *,
    widen: bool,
    known_roles: frozenset[RoleWord] = BUILT_IN_ROLES,
) -> Actors:
    """Return the recipients that a provision names; `known_roles` are those of the policies in force.

    `widen` is set for a deny: it also matches a recipient whose participation is not known to be another, where a
    permit matches IRCP alone.
    """
    organisations: set[str] = set()
    roles: set[str] = set()
    persons: set[str] = set()
    if not value:
        return Actors(False, frozenset(), frozenset(), frozenset(), known=True)
    known = isinstance(value, list) and len(objects(value)) == len(value)
    for actor in objects(value):
        parts = {(system, code) for system, code in codings(actor.get("role"))}
        if (PARTICIPATION, "IRCP") not in parts:
            other = any(system == PARTICIPATION and code in _NOT_RECIPIENTS for system, code in parts)
            if other or not widen:
                continue
        reference = actor.get("reference")
        reference = reference if isinstance(reference, Mapping) else {}
        identifier = reference.get("identifier")
        if isinstance(identifier, Mapping) and identifier.get("system") == ROLE_SYSTEM:
            role = str(identifier.get("value", ""))
            roles.add(role)
            known = known and role in known_roles
        elif (organisation := organisation_of(reference)) is not None:
            organisations.add(organisation)
        elif (person := person_of(reference)) is not None:
            persons.add(person)
        else:
            known = False
    return Actors(True, frozenset(organisations), frozenset(roles), frozenset(persons), known)


def participations_understood(value: Any) -> bool:
    """Return whether every actor says in what part it is named, in words that are known."""
    return all(
        any(
            system == PARTICIPATION and code in {"IRCP", *_NOT_RECIPIENTS}
            for system, code in codings(actor.get("role"))
        )
        for actor in objects(value)
    )


def data_cells(provision: Mapping[str, Any], *, widen: bool) -> int | None:
    """Return the cells that a provision speaks of; None for a permit (`widen` false) that cannot be understood.

    A decision is about sections and tiers. What is narrower than a cell - single resources (`data`), when data was
    authored (`dataPeriod`) or by whom (an actor of role AUT) - or not in our vocabulary is widened for a deny, and
    never opens anything in a permit.
    """
    if not widen and narrower_than_cells(provision):
        return None
    spoken = cells.ALL
    for alternatives in (_classes(provision), _codes(provision), _labels(provision, widen=widen)):
        if alternatives is None:
            continue
        understood = [cell for cell in alternatives if cell is not None]
        if widen and (not understood or len(understood) < len(alternatives)):
            continue
        if not understood:
            return None
        spoken &= reduce(or_, understood)
    return spoken


def narrower_than_cells(provision: Mapping[str, Any]) -> bool:
    """Return whether a provision is about single resources, when they were authored, or by whom."""
    return bool(provision.get("data") or provision.get("dataPeriod")) or any(
        (PARTICIPATION, "AUT") in codings(actor.get("role")) for actor in objects(provision.get("actor"))
    )


def all_codes_understood(provision: Mapping[str, Any]) -> bool:
    """Return whether every class, code and label of a provision is one of our vocabulary, not only some of them."""
    read = (_classes(provision), _codes(provision), _labels(provision, widen=True))
    return all(cell is not None for alternatives in read for cell in alternatives or ())


def _classes(provision: Mapping[str, Any]) -> list[int | None] | None:
    if not (value := provision.get("class")):
        return None
    return [_named_cells({_coding(item)}) for item in objects(value)]


def _codes(provision: Mapping[str, Any]) -> list[int | None] | None:
    if not (value := provision.get("code")):
        return None
    concepts = [set(codings(concept)) for concept in objects(value)]
    # how consent was given is sometimes coded here; it names no data
    named = [concept for concept in concepts if not concept or not concept <= CONSENT_STATEMENTS]
    return [_named_cells(concept) for concept in named] if named or not concepts else None


def _labels(provision: Mapping[str, Any], *, widen: bool) -> list[int | None] | None:
    if not (value := provision.get("securityLabel")):
        return None
    return [_label_cells(_coding(item), widen=widen) for item in objects(value)]


def _coding(value: Mapping[str, Any]) -> tuple[str, str]:
    return str(value.get("system", "")), str(value.get("code", ""))


def _named_cells(translations: set[tuple[str, str]]) -> int | None:
    found = [
        cells.row(_SECTIONS[code]) for system, code in translations if system == SECTION_SYSTEM and code in _SECTIONS
    ]
    found += [cells.of_tier(_TIERS[code]) for system, code in translations if system == TIER_SYSTEM and code in _TIERS]
    return reduce(or_, found) if found else None


def _label_cells(label: tuple[str, str], *, widen: bool) -> int | None:
    system, code = label
    if label in _LABELLED:
        return _LABELLED[label]
    if system == CONFIDENTIALITY and code in {"U", "L", "M", "N"}:
        return _UNLABELLED
    if system == ACT_CODE and code in _SENSITIVE:
        # an entry of another section at T4 may or may not carry this label: a cell cannot tell
        return cells.row(_SENSITIVE[code]) | (_ELSEWHERE_AT_T4 if widen else cells.NONE)
    return None
