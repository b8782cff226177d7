"""Whom a Consent names: a human by user id, and nobody by mistake."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.identifiers import ODS_SYSTEM, PROXY_USER_SYSTEM, SDS_USER_SYSTEM
from service.record.derive import person_of


def identified(kind: str, *identifiers: tuple[str, str], **more: Any) -> dict[str, Any]:
    listed = [{"system": system, "value": value} for system, value in identifiers]
    return {"resourceType": kind, "identifier": listed, **more}


RECORD = {
    "Practitioner/1": identified(
        "Practitioner", ("https://fhir.hl7.org.uk/Id/gmc-number", "C1"), (SDS_USER_SYSTEM, "u1")
    ),
    "Practitioner/2": identified("Practitioner", ("https://fhir.hl7.org.uk/Id/gmc-number", "C2")),
    "PractitionerRole/1": {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/1"}},
    "RelatedPerson/1": identified("RelatedPerson", (PROXY_USER_SYSTEM, "zz-proxy-1"), (SDS_USER_SYSTEM, "u9")),
    "RelatedPerson/2": identified("RelatedPerson"),
    "Organization/1": identified("Organization", (ODS_SYSTEM, "ZZGP01"), (SDS_USER_SYSTEM, "u9")),
}


@pytest.mark.parametrize(
    ("reference", "user"),
    [
        ({"reference": "Practitioner/1"}, "u1"),
        ({"reference": "PractitionerRole/1"}, "u1"),
        ({"reference": "RelatedPerson/1"}, "zz-proxy-1"),
        ({"reference": "Practitioner/2"}, None),
        ({"reference": "RelatedPerson/2"}, None),
        ({"reference": "Organization/1"}, None),
        ({"reference": "Practitioner/9", "identifier": {"value": "u1"}}, None),
        ({"identifier": {"system": SDS_USER_SYSTEM, "value": "u1"}}, "u1"),
        ({"type": "RelatedPerson", "identifier": {"value": "u1"}}, "u1"),
        ({"identifier": {"system": ODS_SYSTEM, "value": "ZZGP01"}}, None),
        ({"type": "Organization", "identifier": {"system": "urn:x", "value": "ZZGP01"}}, None),
        ({"type": "CareTeam", "identifier": {"value": "u1"}}, None),
        ({"display": "somebody"}, None),
        ({}, None),
    ],
)
def test_a_human_is_named_by_the_id_of_their_sign_in(reference, user):
    assert person_of(reference, RECORD) == user
