"""What is masked of a text and of a resource for who may not learn where the person is, and what is not."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.validation import validate
from service.people.invented import nhs_number
from service.people.plans import plan
from service.people.traits import Traits
from service.plan.mask import Mask
from service.plan.masking import MASKED_LABEL, masked
from service.plan.places import Places, places_in
from service.plan.placing import MASK, without_places
from tests.service.plan.build import NOW, stored

Json = dict[str, Any]
FHIR = "http://hl7.org/fhir/StructureDefinition/"
NOTHING_KNOWN = Mask(Places())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ring 01632 960123 or (01632) 960-124/01632.960125.", f"Ring {MASK} or {MASK}/{MASK}."),
        ("+44 (0)7700 900123, 0044 20 7946 0018", f"{MASK}, {MASK}"),
        ("01632\u00a0960\u200b123 and \uff10\uff11\uff16\uff13\uff12 960123", f"{MASK} and {MASK}"),
        ("call 7700 900123", f"call {MASK}"),
        ("01632 960123 10 mg", f"{MASK} 10 mg"),
        ("SW1A1AA zz99 3qq, ZZ99-3VZ", f"{MASK} {MASK}, {MASK}"),
        ("at 12 Canary Street; 12a high street", f"at {MASK}; {MASK}"),
        ("write to a.b@rosebank.example or www.rosebank.example/x", f"write to {MASK} or {MASK}"),
        ("51.5074, -0.1278", MASK),
        ("key safe code is 4711", f"key safe code is {MASK}"),
    ],
)
def test_what_looks_like_a_place_is_masked(text, left):
    assert without_places(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Morphine 2.5 mg to 5 mg every 4 hours, not above 1000 mg; vitamin B12 1mg, T4 5ml",
        f"NHS number {nhs_number(5)}, born 01/02/1940, seen 2026-01-05 0930 1015 1100",
        "On 05/01/26 0930 0815 and 01.02.2026 03 04 05 06, BP 120/80",
        "Ring 111, or 999 in an emergency",
        "2 tablets on the way to the ward, 10 mg each way",
        "2026-11-28T10:00:00.000+00:00",
        "Keep the key worker informed",
    ],
)
def test_doses_dates_and_nhs_numbers_stay(text):
    assert without_places(text) == text


def test_a_mobile_number_that_is_a_right_nhs_number_is_left_and_another_is_not():
    assert without_places("7000000007 or 7000000009") == f"7000000007 or {MASK}"


KNOWN: list[Json] = [
    {
        "resourceType": "Patient",
        "name": [{"family": "Testley", "given": ["Ada"]}],
        "address": [
            {"line": ["12a Cänary St.", "Flat 3"], "city": "Canaryton", "postalCode": "ZZ99 3QQ"},
            {"text": "Rosebank Care Home, 4 Old Mill Lane, Bath"},
        ],
        "telecom": [{"system": "phone", "value": "+44 1632 960123"}],
        "generalPractitioner": [
            {"display": "Millpond Surgery", "identifier": {"system": ODS_SYSTEM, "value": "ZZGP77"}}
        ],
        "extension": [{"url": structure_definition("key-safe"), "valueString": "Behind the drainpipe; C4711"}],
    },
    {"resourceType": "Organization", "name": "St Mary's Hospital", "alias": ["Testley Surgery"]},
]
MASKED_OF_KNOWN = Mask(places_in(KNOWN))


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Moved from 12a CANARY street to rosebank.", ("CANARY", "rosebank")),
        ("near Old-Mill-Lane, canaryton", ("Mill", "canaryton")),
        ("ring 960 123, or 632 960123", ("960",)),
        ("St Mary\u2019s, ward 4", ("Mary",)),
        ("code c4711; zz993qq; zzgp77", ("4711", "3qq", "gp77")),
        ("Lives in Bath", ("Bath",)),
        ("Millpond", ("Millpond",)),
    ],
)
def test_places_that_the_record_knows_are_masked_however_they_are_written(text, gone):
    left = MASKED_OF_KNOWN(text)
    assert MASK in left
    assert not [word for word in gone if word in left]


@pytest.mark.parametrize("text", ["Ms Testley needs a bath", "Take 4 mg after the surgery", "Flat on her back", ""])
def test_common_words_and_the_persons_name_stay(text):
    assert MASKED_OF_KNOWN(text) == text


@given(
    before=st.text(max_size=20),
    place=st.sampled_from(
        ["12a Canary Street", "ZZ99 3QQ", "01632 960123", "Rosebank Care Home", "Canaryton", "ZZGP77"]
    ),
    gap=st.sampled_from([" ", "  ", "\t", "\n", "-", "\u00a0", " - "]),
    up=st.booleans(),
    after=st.text(max_size=20),
)
def test_no_text_around_a_known_place_keeps_it_from_being_masked(before, place, gap, up, after):
    written = gap.join(place.split())
    text = f"{before} {written.upper() if up else written.lower()} {after}"
    left = MASKED_OF_KNOWN(text)
    for word in ("canary", "3qq", "960123", "rosebank", "zzgp77"):
        if word in text.lower() and word not in f"{before}{after}".lower():
            assert word not in left.lower()


def test_masking_twice_is_masking_once():
    text = "12a Canary Street, ring 01632 960123, door code 4711"
    once = MASKED_OF_KNOWN(text)
    assert MASKED_OF_KNOWN(once) == once


@pytest.mark.parametrize("number", range(12))
def test_a_masked_plan_is_valid_and_holds_nothing_that_it_knows(number):
    resources = stored(plan(Random(number), nhs_number(number), Traits(), NOW))
    known = places_in(resources)
    mask = Mask(known)
    for resource in resources:
        before = msgspec.json.encode(resource)
        seen = masked(resource, mask)
        assert msgspec.json.encode(resource) == before
        if seen is None:
            assert resource["resourceType"] in ("Organization", "Location")
            continue
        assert not validate(seen)
        text = msgspec.json.encode(seen).decode().lower()
        assert not [word for word in known.words if word in text]
        assert not [digits for digits in known.numbers if digits[-6:] in text]


def observation(**more: Any) -> Json:
    return {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Comfort"}, **more}


def test_elements_go_by_what_they_are_whatever_they_are_called():
    hospice = {"reference": "Organization/h", "display": "Millpond"}
    seen = masked(
        observation(
            performer=[{"reference": "Practitioner/p", "display": "Dr A, Millpond"}, hospice, {"display": "Whoever"}],
            subject={"reference": "https://zorb.example/Patient/1", "type": "Patient"},
            device={"reference": "Device/d"},
            identifier=[
                {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "1", "assigner": hospice},
                {"system": "https://zorb.example/ids", "value": "local"},
            ],
            meta={"source": "https://zorb.example", "profile": ["https://zorb.example/p"], "versionId": "1"},
            extension=[
                {"url": structure_definition("kept-at"), "valueString": "Rosebank, top shelf"},
                {"url": "https://zorb.example/e", "valueString": "anything"},
                {"url": structure_definition("basis"), "valueAddress": {"city": "Canaryton"}},
            ],
            component=[{"code": {"coding": [{"system": ODS_SYSTEM, "code": "ZZGP77"}], "text": "c"}}],
        ),
        MASKED_OF_KNOWN,
    )
    assert seen == {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": "Comfort"},
        "performer": [{"reference": "Practitioner/p", "display": f"Dr A, {MASK}"}],
        "subject": {"type": "Patient"},
        "device": {"reference": "Device/d"},
        "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "1"}],
        "meta": {"versionId": "1", "security": [MASKED_LABEL]},
        "extension": [{"url": structure_definition("kept-at"), "valueString": f"{MASK}, top shelf"}],
        "component": [{"code": {"text": "c"}}],
    }


@pytest.mark.parametrize(
    "element",
    [
        {"identifier": [{"value": "zorb-1"}]},
        {"method": {"coding": [{"system": "https://zorb.example/codes", "code": "z"}]}},
        {"method": {"coding": [{"code": "ZZGP77"}]}},
        {
            "extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": [{"url": "latitude"}]}
            ]
        },
        {"instantiates": "https://zorb.example/plan"},
        {"content": {"contentType": "text/plain", "data": "QQ=="}},
        {"contact": [{"system": "phone", "value": "12345"}]},
        {"valueAddress": {"city": "X"}, "_valueAddress": {"id": "1"}},
    ],
)
def test_what_may_be_a_senders_own_goes(element):
    assert masked(observation(**element), MASKED_OF_KNOWN) == observation()


@pytest.mark.parametrize(
    "element",
    [
        {"valueQuantity": {"value": 2.5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
        {"policy": ["https://www.legislation.gov.uk/id/ukpga/2005/9"]},
        {"identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}]},
        {"method": {"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "Home"}]}},
        {"valuePeriod": {"start": "2026-01-01", "end": "2026-02-01"}},
        {"_valueString": {"extension": [{"url": f"{FHIR}data-absent-reason", "valueCode": "asked-declined"}]}},
        {"performer": [{"type": "Practitioner", "display": "Dr A"}, {"reference": "#c"}]},
    ],
)
def test_what_tells_no_place_stays(element):
    assert masked(observation(**element), MASKED_OF_KNOWN) == observation(**element)


def test_what_only_something_masked_referred_to_goes_with_it():
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"family": "A"}]}
    writer = {"resourceType": "Practitioner", "id": "w", "name": [{"family": "B"}]}
    document = observation(
        contained=[doctor, writer], managingOrganization={"reference": "#d"}, performer=[{"reference": "#w"}]
    )
    seen = masked(document, MASKED_OF_KNOWN)
    assert seen == observation(contained=[writer], performer=[{"reference": "#w"}])
    alone = observation(contained=[doctor], managingOrganization={"reference": "#d"})
    assert masked(alone, MASKED_OF_KNOWN) == observation()


def test_an_unknown_modifier_stays_with_its_texts_masked():
    modifier = {"url": "https://zorb.example/not", "valueString": "not at Rosebank"}
    seen = masked(observation(modifierExtension=[modifier]), MASKED_OF_KNOWN)
    assert seen is not None
    assert seen["modifierExtension"] == [{"url": "https://zorb.example/not", "valueString": f"not at {MASK}"}]


def test_attachments_are_held_back_unless_they_were_made_by_who_knew():
    attachment = {"contentType": "text/plain", "title": "Letter from Rosebank", "url": "https://zorb.example/x"}
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "category": [
            {"coding": [{"system": "https://epaccs.example.org/fhir/CodeSystem/section", "code": "care_plan"}]}
        ],
        "content": [{"attachment": {**attachment, "data": "QQ=="}}],
    }
    held = masked(document, MASKED_OF_KNOWN)
    assert held is not None
    assert held["content"] == [
        {
            "attachment": {
                "extension": [
                    {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
                ]
            }
        }
    ]
    assert not validate(held)
    after = masked(document, MASKED_OF_KNOWN, attachments=True)
    assert after is not None
    assert after["content"] == [
        {"attachment": {"contentType": "text/plain", "title": f"Letter from {MASK}", "data": "QQ=="}}
    ]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Organization", "name": "Anything"},
        {"resourceType": "HealthcareService"},
        {"resourceType": "Location", "managingOrganization": {"reference": "Organization/h"}},
        {
            "resourceType": "Provenance",
            "target": [{"reference": "Organization/h"}],
            "agent": [{"who": {"type": "Device"}}],
        },
        observation(
            category=[
                {"coding": [{"system": "https://epaccs.example.org/fhir/CodeSystem/section", "code": "location"}]}
            ],
            code={},
        ),
    ],
)
def test_what_is_a_place_does_not_leave_at_all(resource):
    assert masked(resource, NOTHING_KNOWN) is None


def test_what_must_be_there_says_that_it_is_masked():
    practice = {"reference": "Organization/p"}
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    seen = masked(
        {"resourceType": "Provenance", "target": [{"reference": "Observation/o"}], "agent": [{"who": practice}]},
        NOTHING_KNOWN,
    )
    assert seen is not None
    assert seen["agent"] == [{"who": absent}]
    seen = masked(
        {"resourceType": "Consent", "provision": {"actor": [{"role": {"text": "x"}, "reference": practice}]}},
        NOTHING_KNOWN,
    )
    assert seen is not None
    assert seen["provision"]["actor"] == [{"role": {"text": "x"}, "reference": absent}]
