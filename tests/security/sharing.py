"""Builders for tests of the sharing rules: policies, Consents, callers, and a decision in one call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from fhir_profiles.canonical import code_system, structure_definition
from security.access_policy import BASE_POLICY, AccessPolicy, parse
from security.access_request import Basis
from security.consent import (
    AccessRequest,
    BreakGlass,
    CompiledConsents,
    ConsentState,
    Decision,
    RecordFacts,
    Relationship,
    admit,
    compile_consents,
    decide,
)
from security.principal import Purpose, Role

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENT = "Patient/p1"
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
IRCP = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
SNOMED = "http://snomed.info/sct"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

PURPOSE_OF = {
    **dict.fromkeys(Role, Purpose.TREAT),
    Role.PATIENT: Purpose.PATRQT,
    Role.PROXY: Purpose.FAMRQT,
    Role.ADMIN: Purpose.PATADMIN,
    Role.PRIVACY_OFFICER: Purpose.HCOMPL,
}
GLASS = BreakGlass(Basis.UNABLE_TO_ASK, "found unconscious at home", echo_matches=True)


def policy(settings: Mapping[str, Any] | None = None, *, gates: bool = True) -> AccessPolicy:
    """Return the shipped policy with every gate open (or shut), and these settings."""
    document = msgspec.json.decode(BASE_POLICY.read_bytes())
    document["gates"] = dict.fromkeys(document["gates"], gates)
    document["settings"] |= settings or {}
    return parse(msgspec.json.encode(document))


OPEN_GATES = policy()
SHUT_GATES = policy(gates=False)
SHIPPED = parse(BASE_POLICY.read_bytes())


def organisation_of(reference: Mapping[str, Any]) -> str | None:
    """Resolve `Organization/<ODS code>`."""
    kind, _, code = str(reference.get("reference", "")).partition("/")
    return code if kind == "Organization" else None


def provision(
    kind: str | None = None,
    *nested: dict[str, Any],
    sections: tuple[str, ...] = (),
    tiers: tuple[str, ...] = (),
    org: str | None = None,
    role: str | None = None,
    person: str | None = None,
    purposes: tuple[str, ...] = (),
    start: str | None = None,
    end: str | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Build a provision."""
    built: dict[str, Any] = dict(extra)
    if kind:
        built["type"] = kind
    codes = [{"coding": [{"system": code_system("section"), "code": code}]} for code in sections]
    codes += [{"coding": [{"system": code_system("tier"), "code": code}]} for code in tiers]
    if codes:
        built["code"] = codes
    actors = []
    if org:
        actors.append({"role": IRCP, "reference": {"reference": f"Organization/{org}"}})
    if role:
        actors.append({"role": IRCP, "reference": {"identifier": {"system": code_system("role"), "value": role}}})
    if person:
        actors.append({"role": IRCP, "reference": {"identifier": {"system": "urn:x", "value": person}}})
    if actors:
        built["actor"] = actors
    if purposes:
        system = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
        built["purpose"] = [{"system": system, "code": code} for code in purposes]
    if start or end:
        built["period"] = {key: value for key, value in (("start", start), ("end", end)) if value}
    if nested:
        built["provision"] = list(nested)
    return built


def consent(root: dict[str, Any] | None = None, id: str = "c1", **extra: Any) -> dict[str, Any]:
    """Build an active sharing Consent."""
    return {
        "resourceType": "Consent",
        "id": id,
        "meta": {"versionId": "1"},
        "status": "active",
        "scope": SCOPE,
        "patient": {"reference": PATIENT},
        **({"provision": root} if root is not None else {}),
        **extra,
    }


def replaces(*ids: str) -> list[dict[str, Any]]:
    """Build our `replaces` extensions."""
    url = structure_definition("replaces")
    return [{"url": url, "valueReference": {"reference": f"Consent/{id}"}} for id in ids]


def compiled(*consents: dict[str, Any]) -> CompiledConsents:
    """Compile Consents of the test patient."""
    return compile_consents(consents, PATIENT, organisation_of)


def request(role: Role = Role.AMBULANCE, **given: Any) -> AccessRequest:
    """Build a request with an established relationship and a named, well signed-in person."""
    values: dict[str, Any] = {
        "organisation": "ZZ1",
        "purpose": PURPOSE_OF[role],
        "user": None if role is Role.SYSTEM else "u1",
        "relationship": Relationship.ESTABLISHED,
        "assurance": 2,
        "id": "d1",
    }
    return AccessRequest(role=role, **(values | given))


def decision(
    consents: CompiledConsents | ConsentState = ConsentState.IMPLIED,
    role: Role = Role.AMBULANCE,
    *,
    at: datetime = NOW,
    under: AccessPolicy = OPEN_GATES,
    facts: Mapping[str, Any] | None = None,
    **given: Any,
) -> Decision:
    """Return what is decided for a caller, as the service asks it: admit, then decide."""
    asked = request(role, **given)
    return admit(asked, under) or decide(asked, RecordFacts(consents=consents, **(facts or {})), under, at)
