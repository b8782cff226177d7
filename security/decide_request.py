"""The request of `epaccs decide`: the sharing decision alone, from plain words (defaults: docs/sharing-rules.md).

Words are strict: a key or a word that the rules do not have is refused, so that a misspelt limit is never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from fhir_profiles.sections import TIER, Section, Tier
from security import cells
from security.access_policy import AccessPolicy
from security.access_request import (
    AccessRequest,
    Basis,
    BreakGlass,
    ConsentState,
    Life,
    RecordFacts,
    Relationship,
    withheld_cells,
)
from security.consent import admit, decide
from security.consent_compile import CompiledConsents, compile_consents
from security.consent_elements import Reference, identifier_value
from security.consent_legacy import modern_consent
from security.decision import Decision, explain
from security.decision_group import kept_whole
from security.errors import ConsentForAnotherPatient, DecideRequestError, LegacyConsentNotUnderstood
from security.labels import SFlag
from security.localities import Policies
from security.principal import Purpose, Role, RoleWord
from security.proxies import ProxyAuthority, ProxyKind
from security.purposes import KNOWN_PURPOSES

_KEYS = frozenset(
    "role org user purpose lr incident by_incident consent consents sflag life days_since_death owner_org assurance"
    " self_claim_reason withheld break_glass sections place proxy legacy_consents"
    " decision_tiers frozen".split()
)
_BREAK_GLASS_KEYS = frozenset({"basis", "reason", "senior", "echo_matches"})
_PROXY_KEYS = frozenset(
    "kind registered person_lacks_capacity within_order age competent person_agrees suspended reach".split()
)
_PATIENT_REFUSES = "patient_refuses"
_TIERS = {tier.name: tier for tier in Tier}

_Word = TypeVar("_Word", bound=StrEnum)
_Plain = TypeVar("_Plain", str, int, bool)


def read_requests(body: bytes) -> list[dict[str, Any]]:
    """Return the requests of a file: one JSON object, a JSON array of them, or NDJSON with one a line.

    Raises:
        DecideRequestError: it is neither.

    """
    try:
        try:
            whole = msgspec.json.decode(body)
        except msgspec.DecodeError:
            whole = [msgspec.json.decode(line) for line in body.splitlines() if line.strip()]
    except msgspec.DecodeError as error:
        raise DecideRequestError("the file is neither JSON nor one JSON object a line") from error
    requests = whole if isinstance(whole, list) else [whole]
    if not requests or not all(isinstance(request, dict) for request in requests):
        raise DecideRequestError("a request is a JSON object")
    return requests


def answer(request: Mapping[str, Any], policies: Policies, at: datetime) -> dict[str, Any]:
    """Return the decision on one request, as plain JSON.

    Raises:
        DecideRequestError: the request has a key or a word that the rules do not have.

    """
    if unknown := sorted(set(request) - _KEYS):
        raise DecideRequestError(f"unknown key: {', '.join(unknown)}")
    asked = _access_request(request, policies.roles)
    facts = _facts(request, policies.roles)
    present = _sections(request)
    policy = policies.governing(_places(request))
    decided = admit(asked, policies.base) or decide(asked, facts, policy, at, admitted=policy is not policies.base)
    decision = kept_whole(decided, _decision_tiers(request))
    return _in_words(decision, policy, present)


def _access_request(request: Mapping[str, Any], roles: frozenset[RoleWord]) -> AccessRequest:
    role = _plain(request, "role", str, Role.SYSTEM.value)
    if role not in roles:
        raise DecideRequestError(f"role: unknown word; one of {', '.join(sorted(roles))}")
    relationship = _word(request, "lr", Relationship, Relationship.NONE)
    incident = _plain(request, "incident", str, "") or None
    # what is established and quotes an incident is taken to rest on it, unless the request says otherwise
    rests = relationship is Relationship.ESTABLISHED and incident is not None
    return AccessRequest(
        role=role,
        organisation=_plain(request, "org", str, ""),
        purpose=_purpose(request),
        user=_user(request, role),
        relationship=relationship,
        incident=incident,
        self_claim_reason=_plain(request, "self_claim_reason", str, "") or None,
        assurance=_plain(request, "assurance", int, 1),
        break_glass=_break_glass(request),
        by_incident=_plain(request, "by_incident", bool, rests),
        id="",
    )


def _facts(request: Mapping[str, Any], roles: frozenset[RoleWord]) -> RecordFacts:
    days = _plain(request, "days_since_death", int, 0)
    if days < 0:
        raise DecideRequestError("days_since_death counts from 0")
    return RecordFacts(
        consents=_consents(request, roles),
        sflag=_word(request, "sflag", SFlag, SFlag.UNRESTRICTED),
        life=_word(request, "life", Life, Life.ALIVE),
        days_since_death=days,
        owner_org=_plain(request, "owner_org", bool, False),
        withheld=withheld_cells(frozenset(_words(request, "withheld"))),
        proxy=_proxy(request),
        frozen=_plain(request, "frozen", bool, False),
    )


def _places(request: Mapping[str, Any]) -> list[str]:
    """Return the person's places of care, whose locality's policy governs: an ODS code, or several in order."""
    value = request.get("place", [])
    places = [value] if isinstance(value, str) else value
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise DecideRequestError("place: must be an ODS code or a list of them")
    return places


def _word(request: Mapping[str, Any], key: str, words: type[_Word], default: _Word) -> _Word:
    value = request.get(key)
    if value is None:
        return default
    try:
        return words(value)
    except ValueError:
        raise DecideRequestError(f"{key}: unknown word; one of {', '.join(words)}") from None


def _plain(request: Mapping[str, Any], key: str, kind: type[_Plain], default: _Plain) -> _Plain:
    value = request.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DecideRequestError(f"{key}: must be a {kind.__name__}")
    return value


def _purpose(request: Mapping[str, Any]) -> Purpose | None:
    value = _plain(request, "purpose", str, Purpose.TREAT.value)
    if value not in KNOWN_PURPOSES:
        raise DecideRequestError("purpose: unknown word; a purpose of use of v3-ActReason")
    return Purpose(value) if value in frozenset(Purpose) else None


def _user(request: Mapping[str, Any], role: RoleWord) -> str | None:
    if "user" in request:
        return _plain(request, "user", str, "") or None
    return None if role == Role.SYSTEM else f"stock-{role}"


def _break_glass(request: Mapping[str, Any]) -> BreakGlass | None:
    value = request.get("break_glass")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise DecideRequestError("break_glass: must be an object")
    if unknown := sorted(set(value) - _BREAK_GLASS_KEYS):
        raise DecideRequestError(f"break_glass: unknown key: {', '.join(unknown)}")
    # a word of the rules, and never a basis: it is answered, not refused as unknown
    refuses = value.get("basis") in (None, _PATIENT_REFUSES)
    return BreakGlass(
        basis=None if refuses else _word(value, "basis", Basis, Basis.UNABLE_TO_ASK),
        reason=_plain(value, "reason", str, ""),
        senior=_plain(value, "senior", str, "") or None,
        echo_matches=_plain(value, "echo_matches", bool, False),
    )


def _proxy(request: Mapping[str, Any]) -> ProxyAuthority | None:
    value = request.get("proxy")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise DecideRequestError("proxy: must be an object")
    if unknown := sorted(set(value) - _PROXY_KEYS):
        raise DecideRequestError(f"proxy: unknown key: {', '.join(unknown)}")
    if value.get("kind") is None:
        raise DecideRequestError(f"proxy: needs its kind, one of {', '.join(ProxyKind)}")
    competent = value.get("competent")
    return ProxyAuthority(
        kind=_word(value, "kind", ProxyKind, ProxyKind.CONSENTED_CARER),
        registered=_plain(value, "registered", bool, False),
        person_lacks_capacity=_plain(value, "person_lacks_capacity", bool, False),
        within_order=_plain(value, "within_order", bool, False),
        age=None if value.get("age") is None else _plain(value, "age", int, 0),
        competent=None if competent is None else _plain(value, "competent", bool, False),
        person_agrees=_plain(value, "person_agrees", bool, False),
        suspended=_plain(value, "suspended", bool, False),
        reach=cells.ALL if value.get("reach") is None else withheld_cells(frozenset(_words(value, "reach"))),
    )


def _consents(request: Mapping[str, Any], roles: frozenset[RoleWord]) -> CompiledConsents | ConsentState:
    listed, old = request.get("consents"), request.get("legacy_consents")
    if listed is None and old is None:
        return _word(request, "consent", ConsentState, ConsentState.NOT_RECORDED)
    if request.get("consent") is not None:
        raise DecideRequestError("consent and consents say the same thing twice: give one")
    listed = [] if listed is None else listed
    if not isinstance(listed, list) or not all(
        isinstance(consent, dict) and consent.get("resourceType") == "Consent" for consent in listed
    ):
        raise DecideRequestError("consents: must be a list of FHIR Consents")
    listed = [*listed, *_modernised([] if old is None else old)]
    named = [consent["patient"] for consent in listed if isinstance(consent.get("patient"), dict)]
    people = {str(patient["reference"]) for patient in named if "reference" in patient}
    try:
        return compile_consents(listed, min(people, default=""), _named_organisation, _named_person, known_roles=roles)
    except ConsentForAnotherPatient as error:
        raise DecideRequestError("consents: they are of more than one person") from error


def _modernised(old: Any) -> list[dict[str, Any]]:
    """Return Consents of old shapes in ours; one that cannot be understood ends the request with the reason."""
    if not isinstance(old, list) or not all(isinstance(one, dict) for one in old):
        raise DecideRequestError("legacy_consents: must be a list of Consents of STU3 or coded Observations")
    try:
        return [modern_consent(one) for one in old]
    except LegacyConsentNotUnderstood as error:
        raise DecideRequestError(f"legacy_consents: {error}") from error


def _named_organisation(reference: Reference) -> str | None:
    """Return the organisation a reference names; with no record to look in, its id is its code."""
    return _named(reference, "Organization")


def _named_person(reference: Reference) -> str | None:
    for kind in ("Practitioner", "PractitionerRole", "RelatedPerson", "Person"):
        if (person := _named(reference, kind)) is not None:
            return person
    return None


def _named(reference: Reference, kind: str) -> str | None:
    target = str(reference.get("reference", ""))
    if target:
        return target.split("/")[-1] if target.split("/")[-2:-1] == [kind] else None
    stated = reference.get("type")
    identifier = reference.get("identifier")
    system = str(identifier.get("system", "")) if isinstance(identifier, Mapping) else ""
    organisational = "organization" in system
    matches = stated == kind if stated is not None else organisational == (kind == "Organization")
    return identifier_value(reference) if matches else None


def _decision_tiers(request: Mapping[str, Any]) -> list[tuple[Section, Tier]]:
    """Return where entries of the decision group lie by their labels; which of its sections they are makes no odds."""
    tiers = _words(request, "decision_tiers")
    if not all(isinstance(tier, Tier) for tier in tiers):
        raise DecideRequestError("decision_tiers: must be a list of tiers")
    return [(Section.CPR_DECISION, tier) for tier in tiers if isinstance(tier, Tier)]


def _words(request: Mapping[str, Any], key: str) -> list[Section | Tier]:
    words = request.get(key) or []
    if not isinstance(words, list):
        raise DecideRequestError(f"{key}: must be a list of sections or tiers")
    return [_TIERS[word] if word in _TIERS else _section(word, key) for word in words]


def _sections(request: Mapping[str, Any]) -> list[Section]:
    words = request.get("sections")
    if words is None:
        return [section for section in Section if section is not Section.UNKNOWN]
    if not isinstance(words, list):
        raise DecideRequestError("sections: must be a list of sections")
    named = {_section(word, "sections") for word in words}
    return [section for section in Section if section in named]


def _section(word: object, key: str) -> Section:
    try:
        return Section(str(word))
    except ValueError:
        raise DecideRequestError(f"{key}: unknown word; a section of sharing rules 1") from None


def _in_words(decision: Decision, policy: AccessPolicy, present: list[Section]) -> dict[str, Any]:
    reasons = explain(decision, policy)
    return {
        "http": decision.status,
        "permitted": decision.permitted,
        "rule": decision.rule,
        "reason": decision.reason,
        "consent_state": decision.consent_state,
        "tiers": {tier.name: _open(bool(decision.open_tiers >> tier & 1)) for tier in Tier},
        "sections": {
            section.value: {
                "tier": TIER[section].name,
                "result": _open(reasons[section].open),
                "rule": reasons[section].rule,
                "reason": reasons[section].reason,
            }
            for section in present
        },
        "decision_group": _open(decision.decision_group_open),
        "obligations": sorted(decision.obligations),
        "known_partner_notice": decision.known_partner_notice,
        "policy": {"id": decision.policy_id, "version": decision.policy_version, "hash": decision.policy_hash},
    }


def _open(is_open: bool) -> str:
    return "open" if is_open else "closed"
