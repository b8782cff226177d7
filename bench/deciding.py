"""The sharing decision alone: 40 resources, five Consents of four provisions each, in this process.

Compiled: a decision as a read makes it, with the places of 40 resources asked of it. After a change of consent: the
Consents compiled, stored and read back, then the first decision.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from statistics import median
from typing import Any

import msgspec

from bench.errors import BenchFailed
from bench.people import SEED
from bench.targets import Limit, Row
from fhir_profiles.canonical import code_system
from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.sections import TIER, Section, Tier
from security.access_policy import BASE_POLICY, AccessPolicy, parse
from security.access_request import AccessRequest, RecordFacts, Relationship
from security.consent import decide
from security.consent_compile import SCOPE_SYSTEM, CompiledConsents, compile_consents
from security.consent_elements import PARTICIPATION, ROLE_SYSTEM
from security.principal import Purpose, Role
from security.purposes import ACT_REASON

RESOURCES, CONSENTS, PROVISIONS = 40, 5, 4
RUNS, DECISIONS, CHANGES = 5, 2_000, 200

_WHAT = f"{RESOURCES} resources, {CONSENTS} Consents of {PROVISIONS} provisions"
PROMISED = (
    Row(f"decision on {_WHAT}, compiled", (), "us", Limit(50, 40, at_most=True), 1),
    Row(f"the first after a change of consent, {_WHAT}", (), "ms", Limit(1, 0.5, at_most=True)),
)

_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
_CALLER = AccessRequest(
    Role.AMBULANCE, "ZZAMB1", Purpose.ETREAT, user="zz-1", relationship=Relationship.ESTABLISHED, by_incident=True
)
_WITHHELD = ("mental_health", "substance_use", "sexual_health")


def measure() -> list[Row]:
    """Return the microseconds of a compiled decision and the milliseconds of the first one after a change."""
    policy = parse(BASE_POLICY.read_bytes())
    places = _places()
    consents = [_consent(number) for number in range(CONSENTS)]
    compiled = _compiled(consents)
    if _decided(compiled, policy, places) == 0:
        raise BenchFailed("the decision that is measured opens nothing")
    warm = [_timed(lambda: _decided(compiled, policy, places), DECISIONS) for _ in range(RUNS)]
    first = [_timed(lambda: _decided(_compiled(consents), policy, places), CHANGES) for _ in range(RUNS)]
    compiled_row, first_row = PROMISED
    return [compiled_row.measured(warm), first_row.measured([value / 1_000 for value in first])]


def _timed(once: Callable[[], object], times: int) -> float:
    """Return the median microseconds of a call."""
    taken = []
    gc.collect()
    for _ in range(times):
        begun = time.perf_counter_ns()
        once()
        taken.append(time.perf_counter_ns() - begun)
    return median(taken) / 1_000


def _decided(consents: CompiledConsents, policy: AccessPolicy, places: list[tuple[Section, Tier]]) -> int:
    """Decide, and return how many of the resources are open."""
    decision = decide(_CALLER, RecordFacts(consents), policy, _AT)
    return sum(decision.opens(section, tier) for section, tier in places)


def _compiled(consents: list[dict[str, Any]]) -> CompiledConsents:
    made = compile_consents(consents, "Patient/1", _organisation)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=CompiledConsents)


def _places() -> list[tuple[Section, Tier]]:
    random = Random(SEED)
    sections = [section for section in Section if section is not Section.UNKNOWN]
    return [(section, TIER[section]) for section in random.choices(sections, k=RESOURCES)]


def _consent(number: int) -> dict[str, Any]:
    """Return a permission with exceptions: a section closed to a role, to an organisation, and one for emergencies."""
    section = _coded("section", _WITHHELD[number % len(_WITHHELD)])
    return {
        "resourceType": "Consent",
        "id": f"c{number}",
        "meta": {"versionId": "1", "lastUpdated": f"2026-0{number + 1}-02T10:00:00Z"},
        "status": "active",
        "scope": {"coding": [{"system": SCOPE_SYSTEM, "code": "patient-privacy"}]},
        "patient": {"reference": "Patient/1"},
        "dateTime": f"2026-0{number + 1}-01",
        "provision": {
            "type": "permit",
            "period": {"start": "2026-01-01"},
            "purpose": [{"system": ACT_REASON, "code": "TREAT"}],
            "provision": [
                {"type": "deny", "code": [section], "actor": [_actor(ROLE_SYSTEM, "care_home")]},
                {
                    "type": "deny",
                    "code": [_coded("tier", "T3")],
                    "actor": [_actor(ODS_SYSTEM, f"ZZORG{number}")],
                    "period": {"end": "2027-12-31"},
                },
                {"type": "deny", "code": [section], "purpose": [{"system": ACT_REASON, "code": "ETREAT"}]},
            ],
        },
    }


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": code_system(system), "code": code}]}


def _actor(system: str, value: str) -> dict[str, Any]:
    role = {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}
    return {"role": role, "reference": {"identifier": {"system": system, "value": value}}}


def _organisation(reference: Any) -> str | None:
    identifier = reference.get("identifier", {})
    return identifier.get("value") if identifier.get("system") == ODS_SYSTEM else None
