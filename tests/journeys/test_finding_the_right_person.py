"""Somebody looks for a person without the NHS number: who is shown, how, and to whom nothing is."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from tests.journeys.people import Person, gp, issues_of, person, references_of, sharing, texts_of
from tests.running import Running

Json = dict[str, Any]
FIRST = 7_000
GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
HOME = {"line": ["12a High Street"], "city": "Exampleton", "postalCode": "ZZ99 3QQ"}


def admitted_as(service: Running, index: int, **patient: Any) -> Person:
    """Post the plan of a person whose Patient is changed so."""
    someone = person(FIRST + index)
    someone.bundle = copy.deepcopy(someone.bundle)
    found = someone.resource("Patient")
    for name, value in patient.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    if "identifier" not in found:
        for entry in someone.bundle["entry"]:
            entry["request"].pop("ifNoneExist", None)
    answer = service.call("POST", "", gp(service), someone.bundle, {"Prefer": "return=minimal"})
    assert answer.status_code == 200, answer.text
    someone.references = references_of(answer)
    return someone


def known(**patient: Any) -> Json:
    return {"resourceType": "Patient", **patient}


def match(service: Running, token: str, patient: Json, **more: Json) -> httpx.Response:
    parameters = [{"name": "resource", "resource": patient}, *({"name": name, **value} for name, value in more.items())]
    return service.call("POST", "/Patient/$match", token, {"resourceType": "Parameters", "parameter": parameters})


def shown(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return (reference, grade) of everybody in an answer, in order."""
    assert answer.status_code == 200, answer.text
    return [
        (
            f"Patient/{entry['resource']['id']}",
            next(one["valueCode"] for one in entry["search"]["extension"] if one["url"] == GRADE),
        )
        for entry in answer.json().get("entry", ())
        if entry["search"]["mode"] == "match"
    ]


def named(someone: Person, *given: str, born: str | None = None) -> Json:
    sent = someone.resource("Patient")
    name = {"family": sent["name"][0]["family"], **({"given": list(given)} if given else {})}
    return known(name=[name], birthDate=born or sent["birthDate"])


def opened(service: Running, about: Json, incident: str, organisation: str = "ZZAMB1") -> None:
    """Open an incident as a control room that knows no NHS number."""
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "resource": about},
            {"name": "organization", "valueString": organisation},
            {"name": "incident", "valueString": incident},
        ],
    }
    answer = service.call("POST", "/$open-incident", service.token("system", "ZZCAD1"), body)
    assert answer.status_code == 201, answer.text


def attending(service: Running, incident: str | None, organisation: str = "ZZAMB1") -> str:
    return service.token("ambulance", organisation, incident=incident)


def test_a_practice_finds_its_own_person_by_name_and_birth_date(service: Running) -> None:
    someone = admitted_as(service, 1)
    sent = someone.resource("Patient")
    for given in (sent["name"][0]["given"][0], sent["name"][0]["given"][0][:1]):
        answer = match(service, gp(service), named(someone, given))
        assert [reference for reference, _ in shown(answer)] == [someone.patient]
    entry = match(service, gp(service), named(someone)).json()["entry"][0]
    assert entry["resource"]["identifier"][0]["value"] == someone.nhs_number
    assert 0 < entry["search"]["score"] <= 1
    year, month, day = sent["birthDate"].split("-")
    if int(day) <= 12:
        swapped = match(service, gp(service), named(someone, sent["name"][0]["given"][0], born=f"{year}-{day}-{month}"))
        assert shown(swapped)[0][0] == someone.patient


def test_only_a_number_is_certain(service: Running) -> None:
    someone = admitted_as(service, 2)
    by_name = named(someone)
    assert [grade for _, grade in shown(match(service, gp(service), by_name))] == ["probable"]
    assert shown(match(service, gp(service), by_name, onlyCertainMatches={"valueBoolean": True})) == []
    numbered = {**by_name, "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": someone.nhs_number}]}
    certain = match(service, gp(service), numbered, onlyCertainMatches={"valueBoolean": True})
    assert shown(certain) == [(someone.patient, "certain")]


def test_twins_are_both_shown_and_neither_is_certain(service: Running) -> None:
    born, family = "1951-07-09", "Twinningsford"
    twins = [
        admitted_as(
            service,
            10 + number,
            name=[{"use": "official", "family": family, "given": [given]}],
            birthDate=born,
            address=[HOME],
        )
        for number, given in enumerate(("Beryl", "Cora"))
    ]
    both = shown(match(service, gp(service), known(name=[{"family": family}], birthDate=born, address=[HOME])))
    assert {reference for reference, _ in both} == {twin.patient for twin in twins}
    assert {grade for _, grade in both} == {"probable"}
    one = shown(match(service, gp(service), known(name=[{"family": family, "given": ["Beryl"]}], birthDate=born)))
    assert one[0] == (twins[0].patient, "probable")
    assert dict(one).get(twins[1].patient, "possible") == "possible"


def test_who_may_not_know_of_a_person_sees_what_is_seen_of_nobody(service: Running) -> None:
    someone = admitted_as(service, 20)
    stranger = service.token("hospital", "ZZHOS9")
    absent = match(service, stranger, known(name=[{"family": "Nobodyworth"}], birthDate="1944-04-04"))
    present = match(service, stranger, named(someone))
    assert shown(present) == shown(absent) == []
    assert present.json() == absent.json()
    assert {name: value for name, value in present.headers.items() if name not in ("x-request-id", "date")} == {
        name: value for name, value in absent.headers.items() if name not in ("x-request-id", "date")
    }


def test_a_crew_finds_whom_its_incident_is_about_and_nobody_else(service: Running) -> None:
    someone = admitted_as(service, 30, address=[HOME])
    other = admitted_as(service, 31)
    about = {**named(someone), "address": [HOME]}
    opened(service, about, "INC-7030")
    crew = attending(service, "INC-7030")
    assert shown(match(service, crew, named(someone))) == [(someone.patient, "probable")]
    summary = service.emergency(crew, someone.nhs_number)
    assert summary.status_code == 200, summary.text
    assert shown(match(service, crew, named(other))) == []
    assert service.emergency(crew, other.nhs_number).status_code == 404
    for nobody in (attending(service, None), attending(service, "INC-7031"), attending(service, "INC-7030", "ZZAMB8")):
        assert shown(match(service, nobody, named(someone))) == []
        assert service.emergency(nobody, someone.nhs_number).status_code == 404


def test_an_address_alone_opens_nobody_and_tells_a_crew_that_was_sent_there_how_many(service: Running) -> None:
    home = {**HOME, "line": ["77 Placeholder Row"], "postalCode": "ZZ99 7WW"}
    lives = [
        admitted_as(
            service,
            40 + number,
            address=[home],
            telecom=[
                {"system": "phone", "value": "01632 960777", "use": "home"},
                {"system": "phone", "value": f"07700 90010{number}", "use": "mobile"},
            ],
        )
        for number in range(3)
    ]
    objects = admitted_as(service, 44, address=[home])
    withdrawn = service.call("POST", "/Consent", gp(service), sharing(objects, "deny"))
    assert withdrawn.status_code == 201, withdrawn.text
    opened(service, known(address=[home]), "INC-7040")
    crew = attending(service, "INC-7040")
    answer = match(service, crew, known(address=[home]))
    assert shown(answer) == []
    (outcome,) = answer.json()["entry"]
    assert answer.json()["total"] == 0
    assert outcome["search"]["mode"] == "outcome"
    text = outcome["resource"]["issue"][0]["details"]["text"]
    assert text.startswith("3 with a plan at this address.")
    assert text.endswith("All of them give this telephone: 01632960777.")
    assert not any(one.nhs_number in answer.text for one in lives)
    elsewhere = match(service, crew, known(address=[{**home, "line": ["78 Placeholder Row"]}]))
    assert "entry" not in elsewhere.json()
    assert "entry" not in match(service, attending(service, None), known(address=[home])).json()


def test_a_crew_that_was_sent_to_an_address_says_whom_it_is_with(service: Running) -> None:
    home = {**HOME, "line": ["79 Placeholder Row"], "postalCode": "ZZ99 7WX"}
    lives, objects = (admitted_as(service, number, address=[home]) for number in (46, 47))
    moved = admitted_as(service, 48, address=[{**home, "line": ["80 Placeholder Row"]}])
    withdrawn = service.call("POST", "/Consent", gp(service), sharing(objects, "deny"))
    assert withdrawn.status_code == 201, withdrawn.text
    opened(service, known(address=[home]), "INC-7046")
    crew = attending(service, "INC-7046")

    assert service.emergency(crew, lives.nhs_number).status_code == 200
    assert [whom for whom, _ in shown(match(service, crew, named(lives)))] == [lives.patient]
    for stranger in (
        attending(service, None),
        attending(service, "INC-7047"),
        attending(service, "INC-7046", "ZZAMB2"),
    ):
        assert service.emergency(stranger, lives.nhs_number).status_code == 404
    for other in (objects, moved):
        assert service.emergency(crew, other.nhs_number).status_code == 404
        assert shown(match(service, crew, named(other))) == []


def test_a_person_with_no_number_and_a_year_of_birth_is_found_by_what_they_are_called(service: Running) -> None:
    someone = admitted_as(
        service,
        50,
        identifier=None,
        name=[{"use": "nickname", "given": ["Smiler"]}, {"use": "official", "family": "Roamwick", "given": ["James"]}],
        birthDate="1961",
        address=[{"city": "Mockham"}],
    )
    told = known(name=[{"use": "nickname", "given": ["smiler"]}], address=[{"city": "Mockham"}])
    assert shown(match(service, gp(service), told)) == [(someone.patient, "possible")]
    about = match(
        service,
        gp(service),
        known(name=[{"family": "Roamwyck", "given": ["Jim"]}], birthDate="1959"),
        birthYearWithin={"valueInteger": 3},
    )
    assert shown(about) == [(someone.patient, "possible")]


def test_a_name_that_was_changed_leads_no_more_and_the_new_one_does(service: Running) -> None:
    someone = admitted_as(service, 60)
    before, token = named(someone), gp(service)
    current = service.call("GET", f"/{someone.patient}", token).json()
    current["name"] = [{"use": "official", "family": "Newlywedford", "given": current["name"][0]["given"]}]
    changed = service.call("PUT", f"/{someone.patient}", token, current, {"If-Match": 'W/"1"'})
    assert changed.status_code == 200, changed.text
    assert someone.patient not in dict(shown(match(service, token, before)))
    after = known(name=[{"family": "Newlywedford"}], birthDate=current["birthDate"])
    assert shown(match(service, token, after)) == [(someone.patient, "probable")]


@pytest.mark.parametrize(
    "patient",
    [
        known(),
        known(name=[{"family": "T"}]),
        known(name=[{"family": "*"}], birthDate="1940-05-06"),
        known(name=[{"family": "%"}]),
        known(gender="male"),
        known(name=[{"text": "' OR '1'='1"}]),
        known(name=[{"family": "<script>alert(1)</script>"}]),
    ],
)
def test_too_little_is_said_to_be_too_little(service: Running, patient: Json) -> None:
    answer = match(service, gp(service), patient)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert "family name" in texts_of(answer)
        assert issues_of(answer)[0]["code"] == "too-costly"
    else:
        assert shown(answer) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"resourceType": "Parameters"}, 422),
        ({"resourceType": "Parameters", "parameter": [{"name": "resource", "valueString": "Ada"}]}, 422),
        (
            {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "Person"}}]},
            422,
        ),
        (
            {
                "resourceType": "Parameters",
                "parameter": [{"name": "resource", "resource": known(birthDate="nineteen-forty")}],
            },
            422,
        ),
        (
            {
                "resourceType": "Parameters",
                "parameter": [
                    {
                        "name": "resource",
                        "resource": known(identifier=[{"system": NHS_NUMBER_SYSTEM, "value": "9990000019"}]),
                    }
                ],
            },
            422,
        ),
        (
            {
                "resourceType": "Parameters",
                "parameter": [
                    {"name": "resource", "resource": known(name=[{"family": "Testley"}], birthDate="1940-05-06")},
                    {"name": "count", "valueInteger": -1},
                ],
            },
            422,
        ),
        (
            {
                "resourceType": "Parameters",
                "parameter": [{"name": "resource", "resource": known(name=[{"family": "x" * 20_000}])}],
            },
            413,
        ),
    ],
)
def test_what_cannot_be_read_is_answered_plainly_and_not_repeated(service: Running, body: Json, status: int) -> None:
    answer = service.call("POST", "/Patient/$match", gp(service), body)
    assert answer.status_code == status, answer.text
    for word in ("nineteen", "Ada", "9990000019", "xxxx"):
        assert word not in answer.text
