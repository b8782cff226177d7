"""A pointer is what NRL's schema asks for, in both generations, and says nothing of anybody but the NHS number."""

from __future__ import annotations

import json

import pytest

from adapters.nrl_pointer import is_as, ours_among, pointer_of
from adapters.nrl_settings import POINTER_TYPES, PracticeSetting
from tests.adapters.nrl_world import ADDRESS, ELSEWHERE, NUMBER, ORGANISATION, SUBJECT, TYPES, WHEN, settings
from tests.standins.nrl import MEDIA_TYPE, POINTERS, Asked, Nrl
from tests.standins.nrl_rules import OLDER_TYPES
from tests.standins.nrl_rules import TYPES as PUBLISHED

EXPECTED = {
    "resourceType": "DocumentReference",
    "status": "current",
    "docStatus": "final",
    "type": {"coding": [{"system": "http://snomed.info/sct", "code": "736373009", "display": "End of life care plan"}]},
    "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "734163000", "display": "Care plan"}]}],
    "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}},
    "author": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": ORGANISATION}}],
    "custodian": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": ORGANISATION}},
    "content": [
        {
            "attachment": {"contentType": "application/pdf", "url": f"ssp://{ADDRESS}/{SUBJECT}", "creation": WHEN},
            "format": {
                "system": "https://fhir.nhs.uk/England/CodeSystem/England-NRLFormatCode",
                "code": "urn:nhs-ic:unstructured",
                "display": "Unstructured Document",
            },
            "extension": [
                {
                    "url": "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-ContentStability",
                    "valueCodeableConcept": {
                        "coding": [
                            {
                                "system": "https://fhir.nhs.uk/England/CodeSystem/England-NRLContentStability",
                                "code": "dynamic",
                                "display": "Dynamic",
                            }
                        ]
                    },
                },
                {
                    "url": "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-NRLRetrievalMechanism",
                    "valueCodeableConcept": {
                        "coding": [
                            {
                                "system": "https://fhir.nhs.uk/England/CodeSystem/England-NRLRetrievalMechanism",
                                "code": "SSP",
                                "display": "Spine Secure Proxy",
                            }
                        ]
                    },
                },
            ],
        }
    ],
    "context": {
        "practiceSetting": {
            "coding": [
                {
                    "system": "http://snomed.info/sct",
                    "code": "395092004",
                    "display": "Specialist palliative care",
                }
            ]
        },
        "related": [{"identifier": {"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": "200000000115"}}],
    },
}


def status_of(body: object, schema: int) -> int:
    """Return what NRL answers to a pointer."""
    nrl = Nrl({ORGANISATION: set(POINTER_TYPES), ELSEWHERE: set(TYPES)}, schema=schema)
    headers = {
        "authorization": "Bearer x",
        "nhsd-end-user-organisation-ods": ORGANISATION,
        "x-request-id": "c1ab3fba-6bae-4ba4-b257-5a87c44d4a91",
        "accept": MEDIA_TYPE,
        "content-type": MEDIA_TYPE,
    }
    reply = nrl.answer(Asked("POST", POINTERS, headers, json.dumps(body).encode()))
    assert reply is not None
    return reply.status


def test_it_is_the_pointer_of_the_specification_and_no_more():
    assert pointer_of(settings(), NUMBER, SUBJECT, WHEN).body == EXPECTED


def test_the_schema_of_2024_takes_one_extension_and_the_newer_takes_both():
    both, one = settings(), settings(retrieval=False)
    assert [
        status_of(pointer_of(each, NUMBER, SUBJECT, WHEN).body, schema)
        for each in (both, one)
        for schema in (2024, 2026)
    ] == [400, 201, 201, 201]


@pytest.mark.parametrize("code", sorted(POINTER_TYPES))
def test_every_type_is_one_that_nrl_publishes(code):
    assert POINTER_TYPES[code][0] == PUBLISHED[code]
    assert status_of(pointer_of(settings(type=code), NUMBER, SUBJECT, WHEN).body, 2026) == 201
    older = settings(type=code, type_display=POINTER_TYPES[code][-1], retrieval=False)
    assert POINTER_TYPES[code][-1] == OLDER_TYPES[code]
    assert status_of(pointer_of(older, NUMBER, SUBJECT, WHEN).body, 2024) == 201


def test_the_digest_stands_for_all_but_the_time_of_making():
    first = pointer_of(settings(), NUMBER, SUBJECT, WHEN)
    assert pointer_of(settings(), NUMBER, SUBJECT, "2027-01-01T00:00:00Z").digest == first.digest
    others = [
        pointer_of(each, NUMBER, SUBJECT, WHEN).digest
        for each in (
            settings(asid="200000000116"),
            settings(author=ELSEWHERE),
            settings(retrieval=False),
            settings(practice_setting=PracticeSetting("408467006", "Adult mental illness")),
            settings(address="new.example/plan"),
        )
    ]
    assert len({first.digest, *others}) == 6


def test_of_what_a_search_finds_only_what_has_our_place_and_url_is_ours():
    pointer = pointer_of(settings(), NUMBER, SUBJECT, WHEN)
    bodies = {
        "ours": pointer.body,
        "theirs": pointer_of(settings(organisation=ELSEWHERE), NUMBER, SUBJECT, WHEN).body,
        "type": pointer_of(settings(type="736366004"), NUMBER, SUBJECT, WHEN).body,
        "url": pointer_of(settings(), NUMBER, "another", WHEN).body,
    }
    entries = [{"resource": {**body, "id": id}} for id, body in bodies.items()]
    outcome = {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}
    found = ours_among({"resourceType": "Bundle", "entry": [*entries, outcome]}, pointer.place, {pointer.url})
    assert [one.id for one in found] == ["ours"]
    assert is_as(found[0], pointer)
