"""The emergency answer that lies ready is the one that would be put together: the same bytes, for the same callers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fhir_profiles.canonical import code_system
from security.principal import Purpose, Role
from service.api import answers
from service.people.demo import demo_people
from service.record.access import Caller
from service.record.emergency import document
from service.record.read import Answered
from service.record.urgent import Style
from tests.service.record.house import House, create, doctor, note, person

LATER = datetime(2090, 1, 1, tzinfo=UTC)
"""After every date in every plan."""

CLINICIANS = [Role.GP, Role.HOSPICE, Role.COMMUNITY, Role.HOSPITAL, Role.AMBULANCE, Role.NHS111]


def sent(answered: Answered, style: Style, at: datetime) -> bytes:
    """Return the answer's bytes, with what is new in every answer fixed."""
    answer = answers.document(
        answered.released,
        *document(answered, style, at),
        identifier="0",
        as_of="then",
        version=answered.record.sequence,
    )
    return bytes(answer.body)


def same_words_set_aside(style: Style) -> Style:
    """Return a style with the same words and address that does not recognise what lies ready."""
    return Style(style.base, style.wording, b"")


@pytest.fixture
async def loaded(service_house: House) -> dict[str, str]:
    """Load the demo's cast; return NHS numbers by name."""
    cast = list(demo_people(service_house.opened.clock()))
    for one in cast:
        await service_house.post(one.bundle)
    return {one.name: one.nhs_number for one in cast}


async def test_ready_and_put_together_are_the_same_bytes(service_house: House, loaded: dict[str, str]) -> None:
    style = service_house.services.operations.style
    ready_made = 0
    for role in CLINICIANS:
        caller: Caller = doctor(role=role)
        for number in loaded.values():
            for at in (service_house.opened.clock(), service_house.opened.clock() + timedelta(days=400)):
                ready = await service_house.ask_in_emergency(number, caller, at=at)
                ready_made += ready.released.whole is not None
                other = await service_house.ask_in_emergency(number, caller, style=same_words_set_aside(style), at=at)
                assert other.released.whole is None
                assert sent(ready, style, at) == sent(other, style, at)
    assert ready_made > len(CLINICIANS)


async def test_ready_answer_is_not_used_once_a_date_in_it_has_passed(
    service_house: House, loaded: dict[str, str]
) -> None:
    number = loaded["Ada Testley"]
    now = await service_house.ask_in_emergency(number)
    assert now.released.whole is not None
    later = await service_house.ask_in_emergency(number, at=LATER)
    assert later.released.whole is None
    assert b'"out-of-date","valueBoolean":true' in sent(later, service_house.services.operations.style, LATER)


async def test_other_words_or_another_address_set_the_ready_answer_aside(
    service_house: House, loaded: dict[str, str]
) -> None:
    style = Style.of(service_house.services.operations.style.base, "Call the duty consultant.")
    answered = await service_house.ask_in_emergency(loaded["Edith Modelson"], style=style)
    assert answered.released.whole is None
    assert b"Call the duty consultant." in sent(answered, style, service_house.opened.clock())


async def test_whoever_may_read_less_never_gets_the_whole(service_house: House, loaded: dict[str, str]) -> None:
    clerk = doctor(role=Role.ADMIN)
    clerk = replace(clerk, principal=replace(clerk.principal, purpose=Purpose.PATADMIN))
    answered = await service_house.ask_in_emergency(loaded["Ada Testley"], clerk)
    assert answered.released.whole is None
    assert {item.type for item in answered.released.items} == {"Patient", "Organization"}, "the practice is location"


async def test_an_attachment_is_left_out_of_the_emergency_answer_without_a_trace(service_house: House) -> None:
    number, bundle = person(77)
    patient = next(entry for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient")
    scan = {"contentType": "application/pdf", "title": "Signed form", "data": "QUFB" * 8_000}
    form = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": "http://snomed.info/sct", "code": "1052911000000106"}]},
        "subject": {"reference": patient["fullUrl"]},
        "content": [{"attachment": scan}],
    }
    bundle["entry"].append({"resource": form, "request": {"method": "POST", "url": "DocumentReference"}})
    reference = (await service_house.post(bundle))[-1]

    style, at = service_house.services.operations.style, service_house.opened.clock()
    for asked in (style, same_words_set_aside(style)):
        body = sent(await service_house.ask_in_emergency(number, style=asked, at=at), style, at)
        assert b'"title":"Signed form"' in body
        assert b'"data"' not in body
    assert (await service_house.read(reference))["content"][0]["attachment"] == scan


@pytest.mark.parametrize(("section", "ready_for"), [("safeguarding", {Role.AMBULANCE}), ("gender_recognition", None)])
async def test_a_pointer_at_what_must_not_be_noticed_makes_no_answer_slower(
    service_house: House, section: str, ready_for: set[Role] | None
) -> None:
    """Who may not read that goes the fast way, to the same bytes; who may is shown where it points."""
    number, _ = person(78)
    references = await service_house.post(person(78)[1])
    patient = next(one for one in references if one.startswith("Patient/"))
    coded = [{"coding": [{"system": code_system("section"), "code": section}]}]
    (kept,) = await service_house.write(create(note(patient, "kept", category=coded)))
    allergies = [{"coding": [{"system": code_system("section"), "code": "allergies"}]}]
    pointing = note(patient, "seen", category=allergies, derivedFrom=[{"reference": kept.reference}])
    by_system = replace(doctor(), principal=replace(doctor().principal, role=Role.SYSTEM, user=None))
    (said,) = await service_house.write(create(pointing), caller=by_system)
    await service_house.services.operations.incidents.open(doctor("ZZCAD1"), number, "ZZAMB1", "INC-1")

    style, at = service_house.services.operations.style, service_house.opened.clock()
    for role, organisation in ((Role.AMBULANCE, "ZZAMB1"), (Role.GP, "ZZGP01")):
        caller = doctor(organisation, role)
        ready = await service_house.ask_in_emergency(number, caller, at=at)
        other = await service_house.ask_in_emergency(number, caller, style=same_words_set_aside(style), at=at)
        assert sent(ready, style, at) == sent(other, style, at)
        assert said.reference.encode().partition(b"/")[2] in sent(ready, style, at)
        fast = ready_for is None or role in ready_for
        assert (ready.released.whole is not None) is fast, role
        assert (kept.reference.encode() in sent(ready, style, at)) is not fast
