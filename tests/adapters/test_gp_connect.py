"""A person's structured record read at their practice: asked as specified, believed only when compared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.base import Prefills, Untranslatable, Whom
from adapters.errors import (
    ContentRefused,
    NotAuthorised,
    NotThere,
    OtherPerson,
    OutsideError,
    Overloaded,
    PersonUnknown,
    Unintelligible,
)
from adapters.gp_connect import GpConnect
from adapters.http import HttpClient
from adapters.mapping import IDENTITY
from adapters.sds import KEPT, SpineDirectory
from adapters.spine_jwt import AskingPerson, AuditToken
from fhir_profiles.validation import validate
from tests.adapters import structured_record as stu3
from tests.standins.gp_practice import API_KEY, OUR_ASID, PRACTICE, Practice

Json = dict[str, Any]
UNA = Whom(stu3.NHS_NUMBER, stu3.FAMILY, stu3.BORN)


class Time:
    now = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def nothing() -> None:
    """Let go of nothing."""


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def practice(time: Time) -> Practice:
    return Practice(lambda: time().timestamp(), {stu3.NHS_NUMBER: stu3.record()})


@pytest.fixture
async def adapter(practice: Practice, time: Time) -> AsyncIterator[GpConnect]:
    http = HttpClient(transport=httpx.ASGITransport(practice.app))
    person = AskingPerson(family="Contrived", given="Wenna", prefix="Dr")
    token = AuditToken("https://record.example.org", "ZZICB1", "Example ICB", "epaccs", "0.1.0", person, time)

    async def of(nhs_number: str) -> str:
        return PRACTICE if nhs_number == stu3.NHS_NUMBER else "ZZGP02"

    opened = GpConnect(
        http,
        SpineDirectory(http, "http://spine/spine-directory/FHIR/R4", API_KEY, time),
        PRACTICE,
        of,
        "http://spine/ssp",
        OUR_ASID,
        token,
        IDENTITY,
        5.0,
        nothing,
    )
    yield opened
    await opened.close()


async def test_a_record_is_asked_for_as_the_specification_says_and_comes_in_our_words(
    adapter: GpConnect, practice: Practice
) -> None:
    messages = await adapter.of_person(UNA)
    assert practice.wrong == []
    found = [one for message in messages for one in adapter.arrived(message)]
    assert [one.theirs for one in found] == ["AllergyIntolerance/a1", "Condition/c1", "MedicationStatement/m1"]
    assert {one.whom for one in found} == {UNA}
    for one in found:
        assert one.resource is not None
        subject = {"reference": "Patient/1"}
        named = {"patient": subject} if "patient" in one.resource else {"subject": subject}
        for resource in (one.resource, *one.companions.values()):
            placed = {**resource, **(named if resource is one.resource else {}), "id": "x"}
            assert validate(placed) == [], placed
    by_type = {one.resource["resourceType"]: one.resource for one in found if one.resource is not None}
    allergy, problem, medicine = (by_type[kind] for kind in ("AllergyIntolerance", "Condition", "MedicationStatement"))
    assert allergy["clinicalStatus"]["coding"][0]["code"] == "active"
    assert allergy["verificationStatus"]["coding"][0]["code"] == "unconfirmed"
    assert allergy["recordedDate"] == "2011-04-02T10:00:00+01:00"
    assert problem["category"][0]["coding"][0]["system"].startswith("http://terminology.hl7.org/")
    assert not {"context", "extension", "assertedDate"} & problem.keys()
    assert medicine["medicationCodeableConcept"]["coding"][0]["code"] == "317971007"
    assert medicine["dosage"] == [
        {"text": "One in the morning", "doseAndRate": [{"doseQuantity": {"value": 40, "unit": "mg"}}]}
    ]
    assert list(found[0].companions) == ["Practitioner/p1"]


async def test_what_the_practice_keeps_confidential_stays_so(adapter: GpConnect, practice: Practice) -> None:
    hidden = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}
    labelled = stu3.allergy(meta={"versionId": "3", "security": [hidden]})
    practice.people[stu3.NHS_NUMBER] = stu3.record(allergy=labelled)
    [arrived] = adapter.arrived((await adapter.of_person(UNA))[0])
    assert arrived.resource is not None
    [label] = arrived.resource["meta"]["security"]
    assert label == {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}


async def test_the_same_record_is_the_same_messages_and_a_change_is_another(
    adapter: GpConnect, practice: Practice
) -> None:
    first = [one.id for one in await adapter.of_person(UNA)]
    assert [one.id for one in await adapter.of_person(UNA)] == first
    practice.people[stu3.NHS_NUMBER] = stu3.record(allergy=stu3.allergy(clinicalStatus="inactive"))
    second = [one.id for one in await adapter.of_person(UNA)]
    assert [one == other for one, other in zip(first, second, strict=True)] == [False, True, True]


async def test_only_the_practice_that_pds_names_is_asked(adapter: GpConnect, practice: Practice) -> None:
    assert await adapter.of_person(Whom("9990009910", "Inventley", stu3.BORN)) == ()
    assert practice.seen == []
    assert practice.looked_up == 0


async def test_where_its_system_is_is_asked_once_an_hour(adapter: GpConnect, practice: Practice, time: Time) -> None:
    for _ in range(3):
        await adapter.of_person(UNA)
    assert practice.looked_up == 2, "a device and an endpoint"
    time.now += KEPT
    await adapter.of_person(UNA)
    assert practice.looked_up == 4


@pytest.mark.parametrize("systems", [0, 2])
async def test_where_its_system_is_is_never_guessed(adapter: GpConnect, practice: Practice, systems: int) -> None:
    practice.systems = systems
    with pytest.raises(NotThere):
        await adapter.of_person(UNA)
    assert practice.seen == []


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ((404, "PATIENT_NOT_FOUND"), PersonUnknown),
        ((403, "NO_PATIENT_CONSENT"), ContentRefused),
        ((403, "NO_ORGANISATION_CONSENT"), ContentRefused),
        ((403, "ACCESS_DENIED"), NotAuthorised),
        ((400, "INVALID_NHS_NUMBER"), ContentRefused),
        ((400, "BAD_REQUEST"), ContentRefused),
        ((422, "INVALID_RESOURCE"), ContentRefused),
        ((422, "INVALID_PARAMETER"), ContentRefused),
        ((502, "INTERNAL_SERVER_ERROR"), Overloaded),
    ],
)
async def test_each_refusal_is_its_fact_and_names_nobody(
    adapter: GpConnect, practice: Practice, answer: tuple[int, str], fact: type[OutsideError]
) -> None:
    practice.faults.append(answer)
    with pytest.raises(fact) as caught:
        await adapter.of_person(UNA)
    assert type(caught.value) is fact
    assert not {stu3.NHS_NUMBER, stu3.FAMILY} & set(str(caught.value).split())


@pytest.mark.parametrize(
    "changed",
    [
        {"birthDate": "1940-05-07"},
        {"name": [{"use": "official", "family": "Somebodyelse", "given": ["Una"]}]},
        {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990009929"}]},
        {"identifier": []},
    ],
    ids=["born", "named", "numbered", "unnumbered"],
)
async def test_whoever_the_practice_means_is_compared(adapter: GpConnect, practice: Practice, changed: Json) -> None:
    practice.people[stu3.NHS_NUMBER] = stu3.record(patient=stu3.patient(**changed))
    with pytest.raises(OtherPerson) as caught:
        await adapter.of_person(UNA)
    assert "Somebodyelse" not in f"{caught.value} {caught.value.why}"


@pytest.mark.parametrize(
    "changed",
    [
        {"medicine": stu3.medicine(medicationReference={"reference": "Medication/not-sent"})},
        {"medicine": stu3.medicine(subject={"reference": "Patient/3"})},
        {"medicine": {**stu3.medicine(), "dosage": "as directed"}},
        {"medicine": {**stu3.medicine(), "dosage": ["as directed"]}},
    ],
    ids=["no medicine", "somebody else's", "a text", "a list of texts"],
)
async def test_what_cannot_be_read_is_kept_whole_and_holds_up_nothing(
    adapter: GpConnect, practice: Practice, changed: Json
) -> None:
    practice.people[stu3.NHS_NUMBER] = stu3.record(**deepcopy(changed))
    *others, broken = await adapter.of_person(UNA)
    assert all(adapter.arrived(one) for one in others)
    with pytest.raises(Untranslatable) as caught:
        adapter.arrived(broken)
    assert stu3.NHS_NUMBER not in caught.value.why
    assert b"MedicationStatement" in broken.original


@pytest.mark.parametrize(
    "answer",
    [
        {"resourceType": "Patient", "id": "2"},
        {"resourceType": "Bundle", "entry": [{"resource": stu3.allergy()}]},
        {"resourceType": "Bundle", "entry": [{"resource": stu3.patient()}, {"resource": stu3.patient(id="3")}]},
        {"resourceType": "Bundle", "entry": [{"resource": "Patient/2"}]},
        {"resourceType": "Bundle", "entry": [{"resource": {"id": "2"}}]},
        ["Bundle"],
    ],
)
async def test_what_is_no_record_of_one_person_is_unintelligible(
    adapter: GpConnect, practice: Practice, answer: Json
) -> None:
    practice.people[stu3.NHS_NUMBER] = answer
    with pytest.raises(Unintelligible):
        await adapter.of_person(UNA)


def test_it_is_a_partner_that_is_only_asked() -> None:
    assert issubclass(GpConnect, Prefills)
    assert "only_asked" in GpConnect.__dataclass_fields__
