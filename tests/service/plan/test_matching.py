"""Who may be meant: what leads to a person, what does not, and how well each fits."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.plan.matching import SPREAD, Grade, fit, keys_for, keys_of, ranked
from service.plan.particulars import UPRN_EXTENSION, Dwelling, Particulars, of_patient

NUMBER = "9990000018"
UPRN = {
    "url": UPRN_EXTENSION,
    "extension": [
        {"url": "type", "valueCoding": {"code": "UPRN"}},
        {"url": "value", "valueString": "100023336956"},
    ],
}


def patient(**changed: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}],
        "name": [
            {"use": "official", "family": "Testley-Samplewick", "given": ["Margaret", "Ann"]},
            {"use": "nickname", "given": ["Peggy"]},
            {"use": "maiden", "family": "O'Mockton"},
        ],
        "gender": "female",
        "birthDate": "1940-05-06",
        "telecom": [{"system": "phone", "value": "+44 (0)1632 960123"}],
        "contact": [{"telecom": [{"system": "phone", "value": "07700 900456"}]}],
        "address": [
            {"line": ["12a High St."], "city": "Exampleton", "postalCode": "ZZ99 3AB", "extension": [UPRN]},
        ],
        **changed,
    }


PERSON = of_patient(patient())


def asked(**known: Any) -> Particulars:
    return of_patient({"resourceType": "Patient", **known})


def named(family: str = "", *given: str, born: str = "", **more: Any) -> Particulars:
    name = {**({"family": family} if family else {}), **({"given": list(given)} if given else {})}
    return asked(name=[name], **({"birthDate": born} if born else {}), **more)


def leads(question: Particulars, person: Particulars = PERSON, bucket: int = 3) -> bool:
    return bool(keys_of(person, bucket) & set(keys_for(question)))


FOUND = {
    "family name and birth date": (named("Testley-Samplewick", born="1940-05-06"), Grade.PROBABLE),
    "both names and birth date": (named("Testley-Samplewick", "Margaret", born="1940-05-06"), Grade.PROBABLE),
    "one half of a double name": (named("samplewick", "Margaret", born="1940-05-06"), Grade.PROBABLE),
    "the maiden name, without its mark": (named("OMOCKTON", "Margaret", born="1940-05-06"), Grade.PROBABLE),
    "what she is called": (named("Testley", "Peg", born="1940-05-06"), Grade.PROBABLE),
    "another short form of her name": (named("Testley", "Maggie", born="1940-05-06"), Grade.PROBABLE),
    "given name and birth date": (named("", "Margaret", born="1940-05-06"), Grade.POSSIBLE),
    "day and month exchanged": (named("Testley", "Margaret", born="1940-06-05"), Grade.PROBABLE),
    "one digit of the birth date": (named("Testley", "Margaret", born="1940-05-09"), Grade.PROBABLE),
    "one digit of the year": (named("Testley", "Margaret", born="1941-05-06"), Grade.PROBABLE),
    "a slip in the family name": (named("Tsetley", "Margaret", born="1940-05-06"), Grade.PROBABLE),
    "as it sounds": (named("Testlee", "Margaret", born="1940-05-06"), Grade.PROBABLE),
    "a year of birth alone": (named("Testley", "Margaret", born="1940"), Grade.POSSIBLE),
    "name and street": (
        named("Testley", address=[{"line": ["High Street"], "city": "Exampleton"}]),
        Grade.POSSIBLE,
    ),
    "postcode, house number and given name": (
        named("", "Margaret", address=[{"line": ["12A High Street"], "postalCode": "zz993ab"}]),
        Grade.POSSIBLE,
    ),
    "the whole address and the name": (
        named("Testley", "Margaret", address=[{"line": ["12a High Street"], "postalCode": "ZZ993AB"}]),
        Grade.PROBABLE,
    ),
    "property number and birth date": (
        asked(birthDate="1940-05-06", address=[{"extension": [UPRN]}]),
        Grade.PROBABLE,
    ),
    "her telephone and name": (
        named("Testley", "Margaret", telecom=[{"system": "phone", "value": "01632960123"}]),
        Grade.PROBABLE,
    ),
    "a contact's telephone and birth date": (
        asked(birthDate="1940-05-06", telecom=[{"system": "phone", "value": "+447700900456"}]),
        Grade.PROBABLE,
    ),
    "nickname and town": (
        asked(name=[{"use": "nickname", "given": ["Peggy"]}], address=[{"city": "exampleton"}]),
        Grade.POSSIBLE,
    ),
    "nickname, town and year": (
        asked(name=[{"use": "nickname", "given": ["Peggy"]}], address=[{"city": "exampleton"}], birthDate="1940"),
        Grade.POSSIBLE,
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_is_said_leads_to_her_and_fits_so_well(case: str) -> None:
    question, grade = FOUND[case]
    assert leads(question)
    assert fit(question, PERSON).grade is grade, fit(question, PERSON)


@pytest.mark.parametrize(
    "said",
    [
        named("Testley"),
        named("", "Margaret"),
        asked(birthDate="1940-05-06"),
        asked(gender="female"),
        asked(address=[{"city": "Exampleton"}]),
        asked(telecom=[{"system": "phone", "value": "999"}]),
        asked(telecom=[{"system": "email", "value": "peggy@example.org"}]),
        named("*", "%", born="1940"),
        named("' OR 1=1 --", "<script>", born="nineteen-forty"),
        named("x" * 10_000),
    ],
)
def test_one_thing_alone_or_nonsense_leads_nowhere(said: Particulars) -> None:
    assert not leads(said)


NOT_HER = {
    "her twin": named("Testley-Samplewick", "Dorothy", born="1940-05-06"),
    "her husband at the same address": named(
        "Testley-Samplewick", "Harold", address=[{"line": ["12a High Street"], "postalCode": "ZZ99 3AB"}]
    ),
    "a namesake of another birth date": named("Testley", "Margaret", born="1962-11-30"),
    "somebody else at the address": named(
        "Placeholder", "Iris", born="1990-01-01", address=[{"line": ["12a High Street"], "postalCode": "ZZ99 3AB"}]
    ),
    "the address alone": asked(address=[{"line": ["12a High Street"], "postalCode": "ZZ99 3AB"}]),
    "the telephone alone": asked(telecom=[{"system": "phone", "value": "01632 960123"}]),
}


@pytest.mark.parametrize("case", NOT_HER)
def test_others_are_never_more_than_possible(case: str) -> None:
    assert fit(NOT_HER[case], PERSON).grade <= Grade.POSSIBLE, fit(NOT_HER[case], PERSON)


@pytest.mark.parametrize("case", ["the address alone", "the telephone alone", "a namesake of another birth date"])
def test_some_are_not_shown_at_all(case: str) -> None:
    assert fit(NOT_HER[case], PERSON).grade is Grade.CERTAINLY_NOT


def test_a_number_is_certain_unless_something_contradicts_it() -> None:
    number = [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}]
    assert fit(asked(identifier=number), PERSON).grade is Grade.CERTAIN
    assert fit(named("Testley", born="1940-05-06", identifier=number), PERSON).grade is Grade.CERTAIN
    mistyped = fit(named("Placeholder", "Iris", born="1962-11-30", identifier=number), PERSON)
    assert mistyped.grade is Grade.POSSIBLE
    assert set(mistyped.contradicts) == {"name", "birth date"}
    other = [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}]
    assert fit(named("Testley", "Margaret", born="1940-05-06", identifier=other), PERSON).grade is Grade.POSSIBLE


def test_of_two_who_are_certain_neither_is() -> None:
    first = fit(asked(identifier=[{"system": "https://hospital.example", "value": "H1"}]), PERSON)
    assert first.grade is Grade.CERTAINLY_NOT
    certain = fit(asked(identifier=[{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}]), PERSON)
    both = ranked([("one", certain), ("two", certain)])
    assert [found.grade for _, found in both] == [Grade.PROBABLE, Grade.PROBABLE]
    assert [found.grade for _, found in ranked([("one", certain), ("two", first)])] == [Grade.CERTAIN]


def test_twins_are_both_shown_when_nobody_says_which() -> None:
    twin = of_patient(patient(name=[{"family": "Testley-Samplewick", "given": ["Dorothy"]}], identifier=[]))
    question = named("Testley-Samplewick", born="1940-05-06")
    shown = ranked([("Margaret", fit(question, PERSON)), ("Dorothy", fit(question, twin))])
    assert {(name, found.grade) for name, found in shown} == {("Margaret", Grade.PROBABLE), ("Dorothy", Grade.PROBABLE)}
    which = named("Testley-Samplewick", "Dot", born="1940-05-06")
    shown = ranked([("Margaret", fit(which, PERSON)), ("Dorothy", fit(which, twin))])
    assert [name for name, found in shown if found.grade >= Grade.PROBABLE] == ["Dorothy"]


def test_an_age_told_leads_to_the_years_around_it() -> None:
    about = msgspec.structs.replace(named("Testley", "Margaret", born="1943"), years_off=5)
    assert leads(about)
    assert fit(about, PERSON).grade is Grade.POSSIBLE
    assert not leads(msgspec.structs.replace(about, years_off=2))


def test_names_of_other_scripts_and_marks_are_one_name() -> None:
    person = of_patient(patient(name=[{"family": "Kowalczyk-Łoś", "given": ["Олег"]}]))
    for said in (named("Kowalczyk", "Oleg", born="1940-05-06"), named("ŁOŚ", "Oleg", born="1940-05-06")):
        assert leads(said, person)
        assert fit(said, person).grade is Grade.PROBABLE


def test_a_person_without_number_address_or_whole_birth_date_can_be_found() -> None:
    person = of_patient(
        {
            "resourceType": "Patient",
            "name": [{"use": "usual", "given": ["Smiler"]}, {"family": "Roamwick", "given": ["James"]}],
            "birthDate": "1961",
            "address": [{"city": "Mockham"}],
        }
    )
    told = asked(name=[{"use": "nickname", "given": ["smiler"]}], address=[{"city": "Mockham"}], birthDate="1961")
    assert leads(told, person)
    assert fit(told, person).grade is Grade.POSSIBLE
    assert leads(named("Roamwick", "Jim", born="1961"), person)


def test_people_of_one_place_are_spread_over_keys() -> None:
    lists = [
        {key for key in keys_of(PERSON, bucket) if key.kind in ("dwelling", "telephone", "called-place")}
        for bucket in range(SPREAD)
    ]
    assert all(lists)
    assert not any(one & other for one in lists for other in lists if one is not other)


def test_a_question_makes_a_bounded_number_of_keys() -> None:
    many = msgspec.structs.replace(
        PERSON,
        families=tuple(f"family{number}" for number in range(50)),
        telephones=tuple(f"0163296{number:04}" for number in range(100)),
        dwellings=tuple(Dwelling(str(number), "street", f"ZZ99{number}AA") for number in range(100)),
        years_off=10,
    )
    assert len(keys_for(many)) <= 400
