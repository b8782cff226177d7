"""Who acts for the person, as the resources of a record say it."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import PROXY_USER_SYSTEM
from fhir_profiles.terminology import EPACCS, SNOMED
from security.proxies import Proxy, ProxyKind
from service.plan.proxies import PROXY_ROLE, proxies_of

Json = dict[str, Any]
V3_ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def person(*roles: tuple[str, str], **more: Any) -> Json:
    return {
        "resourceType": "RelatedPerson",
        "id": "r1",
        "identifier": [{"system": PROXY_USER_SYSTEM, "value": "zz-proxy-1"}],
        "relationship": [concept(*role) for role in roles],
        **more,
    }


def power(code: tuple[str, str] = (SNOMED, "816361000000101"), **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": concept(*code),
        "valueBoolean": True,
        "focus": [{"reference": "RelatedPerson/r1"}],
        **more,
    }


def document(**more: Any) -> Json:
    return {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "docStatus": "final",
        "type": concept(SNOMED, "1052921000000100"),
        "context": {"related": [{"reference": "RelatedPerson/r1"}]},
        **more,
    }


def capacity(value: str, when: str | None = "2026-05-01", id: str = "cap", **more: Any) -> Json:
    found = {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": concept(EPACCS, "decision-capacity"),
        "valueCodeableConcept": concept(EPACCS, f"{value}-capacity"),
        **more,
    }
    return found if when is None else found | {"effectiveDateTime": when}


def proxies(*resources: Json) -> tuple[Proxy, ...]:
    return proxies_of({f"{one['resourceType']}/{one['id']}": one for one in resources})


def ground(kind: ProxyKind, *resources: Json):
    (proxy,) = proxies(*resources)
    return next(one for one in proxy.grounds if one.kind is kind)


ATTORNEY = person((V3_ROLE, "HPOWATT"))
DEPUTY = person((EPACCS, "court-appointed-deputy"))
ORDER = power((EPACCS, "court-appointed-deputy"))


@pytest.mark.parametrize(
    ("resources", "registered"),
    [
        ((power(), document()), True),
        ((power(), document(context={"related": [{"reference": "Observation/o1"}]})), True),
        ((power(derivedFrom=[{"reference": "DocumentReference/d1"}]), document(context={})), True),
        ((power((SNOMED, "816381000000105")), document()), True),
        ((power(), document(context={})), False),
        ((power(), document(context={"related": [{"reference": "RelatedPerson/r2"}]})), False),
        ((power(), document(docStatus="preliminary")), False),
        ((power(), document(status="superseded")), False),
        ((power(), document(type=concept(SNOMED, "735324008"))), False),
        ((power(focus=[{"reference": "RelatedPerson/r2"}]), document()), False),
        ((power(status="entered-in-error"), document()), False),
        ((power(valueBoolean=False), document()), False),
        ((ORDER, document()), False),
        ((document(),), False),
        ((power(),), False),
    ],
)
def test_a_power_of_attorney_is_registered_when_its_document_was_seen(resources, registered):
    assert ground(ProxyKind.ATTORNEY, ATTORNEY, *resources).registered is registered


@pytest.mark.parametrize(
    ("found", "lacks", "competent"),
    [
        ((), False, None),
        ((capacity("lacks"),), True, False),
        ((capacity("has"),), False, True),
        ((capacity("has"), capacity("lacks", "2026-06-01", "c2")), True, False),
        ((capacity("lacks"), capacity("has", "2026-06-01", "c2")), False, True),
        ((capacity("lacks"), capacity("has", id="c2")), False, True),
        ((capacity("lacks", "2026-05-01T10:00:00Z"), capacity("has", "2026-05", id="c2")), False, True),
        ((capacity("lacks"), capacity("has", None, "c2")), False, True),
        ((capacity("lacks", None),), False, None),
        ((capacity("lacks", status="entered-in-error"),), False, None),
    ],
)
def test_capacity_is_what_was_found_last_and_holds_in_doubt(found, lacks, competent):
    both = person((V3_ROLE, "HPOWATT"), (PROXY_ROLE, "004"))
    assert ground(ProxyKind.ATTORNEY, both, *found).lacks_capacity is lacks
    assert ground(ProxyKind.PARENT, both, *found).competent is competent


@pytest.mark.parametrize("who", [DEPUTY, person()])
def test_a_deputy_has_the_term_of_the_order(who):
    term = {"start": "2026-01-01T00:00:00Z", "end": "2026-12-31"}
    kept = document(context={"related": [{"reference": "RelatedPerson/r1"}], "period": term})
    ((start, end),) = ground(ProxyKind.DEPUTY, who, ORDER, kept).orders
    assert end - start == 365 * 86_400 * 1_000_000
    assert ground(ProxyKind.DEPUTY, who, ORDER, document()).orders == ((None, None),)
    assert ground(ProxyKind.DEPUTY, who, ORDER).orders == ()
    dark = document(context={"related": [{"reference": "RelatedPerson/r1"}], "period": {"end": "soon"}})
    assert ground(ProxyKind.DEPUTY, who, ORDER, dark).orders == ()


@pytest.mark.parametrize(
    ("who", "kinds"),
    [
        (person(), {ProxyKind.CONSENTED_CARER}),
        (ATTORNEY, {ProxyKind.ATTORNEY, ProxyKind.CONSENTED_CARER}),
        (DEPUTY, {ProxyKind.DEPUTY, ProxyKind.CONSENTED_CARER}),
        (person((PROXY_ROLE, "004")), {ProxyKind.PARENT}),
        (person((V3_ROLE, "MTH")), {ProxyKind.CONSENTED_CARER}),
        (person(("urn:x", "HPOWATT")), {ProxyKind.CONSENTED_CARER}),
    ],
)
def test_the_grounds_by_which_somebody_may_act(who, kinds):
    (proxy,) = proxies(who)
    assert {ground.kind for ground in proxy.grounds} == kinds


@pytest.mark.parametrize(
    "who",
    [
        person(identifier=[]),
        person(identifier=[{"system": "urn:x", "value": "zz-proxy-1"}]),
        person(active=False),
        person(period={"start": "soon"}),
    ],
)
def test_who_does_not_sign_in_or_is_no_longer_named_is_no_proxy(who):
    assert proxies(who) == ()


def test_a_concern_suspends_whom_it_names_while_it_is_active():
    extension = {"url": structure_definition("suspends-proxy"), "valueReference": {"reference": "RelatedPerson/r1"}}
    flag = {"resourceType": "Flag", "id": "f1", "status": "active", "extension": [extension]}
    assert proxies(person(), flag)[0].suspended
    assert not proxies(person(), flag | {"status": "inactive"})[0].suspended
    assert not proxies(person(id="r2"), flag)[0].suspended
    assert not proxies(person(), flag | {"extension": []})[0].suspended
