"""From the document to one screen: nothing is left out in silence, and nothing is said to be what it is not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from fhir_profiles.sections import Section, section_of
from service.people.demo import demo_people
from service.people.values import USER_ID
from service.plan.lines import plan_lines
from service.plan.slots import Slot
from service.plan.summary import Wording, compose
from service.web.dates import short
from service.web.identity import address_of, age_in_words
from service.web.reading import Document, read_document
from service.web.view import View, view_of
from tests.journeys.people import is_cpr

Json = dict[str, Any]
NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
WORDING = Wording.of("Call the number below.")


def unchanged(entries: list[Json]) -> None:
    """Leave a plan as the demo has it."""


def document(
    name: str,
    withheld: frozenset[Section] = frozenset(),
    *,
    nothing: bool = False,
    change: Callable[[list[Json]], None] = unchanged,
) -> Document:
    """Return the document about one of the demo's cast, as the service puts it together."""
    found = next(one for one in demo_people(NOW) if one.name.startswith(name))  # two of the cast are namesakes
    bundle = copy.deepcopy(found.bundle)
    change(bundle["entry"])
    text = msgspec.json.encode(bundle).decode()
    for number, entry in enumerate(bundle["entry"]):
        text = text.replace(entry["fullUrl"], f"{entry['resource']['resourceType']}/{number}")
    meta = {"versionId": "1", "lastUpdated": "2026-11-20T10:00:00.000Z"}
    entries = msgspec.json.decode(text)["entry"]
    resources = [{**entry["resource"], "id": str(number), "meta": meta} for number, entry in enumerate(entries)]
    lines = [] if nothing else plan_lines([(one, section_of(one)) for one in resources])
    first = compose(lines, withheld, NOW, subject="Patient/1", version="1", wording=WORDING)
    patient = next(one for one in resources if one["resourceType"] == "Patient")
    shown = [{"resource": msgspec.json.decode(first)}, {"resource": patient}]
    return read_document({"resourceType": "Bundle", "entry": shown})


def view(name: str, **more: object) -> View:
    return view_of(document(name, **more), None)  # type: ignore[arg-type]


def test_who_it_is() -> None:
    person = view("Ada").person
    assert person.name == "Ada Testley"
    assert person.nhs_number.count(" ") == 2
    assert person.age.endswith(" years")


@pytest.mark.parametrize(
    ("periods", "shown"),
    [
        (({}, {}), "1 First Road"),
        (({"end": "2020-01-01"}, {}), "2 Second Road"),
        (({"end": "2026-11-27"}, {}), "2 Second Road"),
        (({"end": "2026-11-28"}, {}), "1 First Road"),
        (({"end": "2026-11-28T02:59:59Z"}, {}), "2 Second Road"),
        (({"start": "2026-11-29"}, {"end": "2026-11-29"}), "2 Second Road"),
        (({"start": "2020", "end": "2026"}, {}), "1 First Road"),
        (({"end": "2025"}, {"start": "2027"}), ""),
    ],
)
def test_an_address_is_where_somebody_lives_now(periods: tuple[dict[str, str], dict[str, str]], shown: str) -> None:
    lines = ("1 First Road", "2 Second Road")
    addresses = [{"use": "home", "line": [line], "period": period} for line, period in zip(lines, periods, strict=True)]
    assert address_of({"address": addresses}, NOW) == shown


def test_the_last_day_of_an_address_is_a_london_day() -> None:
    night = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)  # already the first of July in London
    assert address_of({"address": [{"text": "1 First Road", "period": {"end": "2026-06-30"}}]}, night) == ""


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("1950-11-28", "76 years"),
        ("1950-11-29", "75 years"),
        ("2025-11-28", "12 months"),
        ("2024-11-28", "2 years"),
        ("1950", ""),
        ("", ""),
    ],
)
def test_ages(born: str, age: str) -> None:
    assert age_in_words(born, NOW) == age


def test_dates_are_short_and_in_london() -> None:
    assert short("2026-09-03") == "3 Sep 2026"
    assert short("2026-06-30T23:30:00Z") == "1 Jul 2026"
    assert short("2026-06-30T23:30:00Z", clock=True) == "1 Jul 2026 at 00:30"
    assert short("2026-05") == "May 2026"
    assert short("") == ""


@pytest.mark.parametrize(
    ("name", "headline", "tone"),
    [
        ("Ada", "DO NOT ATTEMPT CPR", "stop"),
        ("Bernard", "ATTEMPT CPR", "go"),
        ("Faisal", "CPR DECISION REVOKED", "warn"),
        ("Greta", "NO CPR DECISION RECORDED", "warn"),
    ],
)
def test_the_words_come_first_and_the_colour_repeats_them(name: str, headline: str, tone: str) -> None:
    found = view(name)
    assert found.headline == headline
    assert [one.tone for one in found.cpr] == [tone]


def test_none_recorded_withheld_and_conflict_have_words_of_their_own() -> None:
    assert view("Cora").headline == "NO CPR DECISION RECORDED"
    assert "not a CPR decision" in view("Cora").lead
    group = frozenset({Section.CPR_DECISION, Section.TREATMENT_ESCALATION, Section.ADRT, Section.LPA_HEALTH_WELFARE})
    closed = view("Ada", withheld=group, nothing=True)
    assert closed.headline == "CPR DECISION WITHHELD OR UNAVAILABLE"
    assert "do not infer" in closed.ceiling.text
    assert view("Edith").headline == "TWO DECISIONS DISAGREE"
    assert view("Edith").lead == "Call the number below."


def said_again(entries: list[Json], **changed: Any) -> None:
    """Add the CPR decision of a plan once more, with something changed."""
    (one,) = (
        entry for entry in entries if entry["resource"]["resourceType"] == "Observation" and is_cpr(entry["resource"])
    )
    again = {**copy.deepcopy(one["resource"]), **changed}
    entries.append({"fullUrl": "urn:uuid:00000000-0000-4000-8000-0000000000aa", "resource": again})


def by_another(entries: list[Json]) -> None:
    other = {"identifier": {"system": USER_ID, "value": "555500000099"}, "display": "Dr Hospital Testby"}
    said_again(entries, performer=[{"type": "Practitioner", **other}], effectiveDateTime="2026-11-19T10:00:00Z")


@pytest.mark.parametrize("change", [said_again, by_another])
@pytest.mark.parametrize(
    ("name", "words", "tone"), [("Ada", "DO NOT ATTEMPT CPR", "stop"), ("Bernard", "ATTEMPT CPR", "go")]
)
def test_decisions_that_say_the_same_are_one_headline(
    name: str, words: str, tone: str, change: Callable[[list[Json]], None]
) -> None:
    found = view_of(document(name, change=change), None)
    assert (found.headline, found.tone) == (words, tone)
    assert found.lead == "TWO DECISIONS SAY THIS. In force. Clinical recommendation"
    signed = {one.signed.partition(",")[0] for one in found.cpr}
    assert signed == {
        view(name).cpr[0].signed.partition(",")[0],
        *(["Dr Hospital Testby"] if change is by_another else []),
    }


def test_of_decisions_that_say_the_same_each_keeps_a_state_of_its_own() -> None:
    found = view_of(document("Desmond", change=by_another), None)
    assert (found.headline, found.tone, found.agreed) == ("DO NOT ATTEMPT CPR", "stop", True)
    assert found.lead == "TWO DECISIONS SAY THIS"
    assert sorted(one.late for one in found.cpr) == [False, True]


def test_decisions_that_do_not_say_the_same_are_never_one_headline() -> None:
    found = view("Edith")
    assert not found.agreed
    assert found.tone == "warn"


def test_an_overdue_review_is_said_beside_the_decision_that_stands() -> None:
    (decision,) = view("Desmond").cpr
    assert decision.state.startswith("In force, REVIEW OVERDUE since 19 Nov 2026")
    assert decision.late
    assert view("Desmond").late


def of_type(entries: list[Json], resource_type: str) -> Iterator[Json]:
    return (entry["resource"] for entry in entries if entry["resource"]["resourceType"] == resource_type)


def nobody_signed_it(entries: list[Json]) -> None:
    for escalation in of_type(entries, "CarePlan"):
        del escalation["author"]


def dated_after_it_was_recorded(entries: list[Json]) -> None:
    for escalation in of_type(entries, "CarePlan"):
        escalation["created"] = "2026-11-23T10:00:00Z"


def review_of_the_ceiling(entries: list[Json]) -> None:
    (ceiling,) = (entry["fullUrl"] for entry in entries if entry["resource"]["resourceType"] == "CarePlan")
    for task in of_type(entries, "Task"):
        task["focus"] = {"reference": ceiling}


def two_ceilings(entries: list[Json]) -> None:
    (one,) = (copy.deepcopy(entry) for entry in entries if entry["resource"]["resourceType"] == "CarePlan")
    one["fullUrl"] = "urn:uuid:00000000-0000-4000-8000-0000000000bb"
    del one["resource"]["author"]
    (level,) = (one for one in one["resource"]["extension"] if one["url"].endswith("treatment-level"))
    level["valueCodeableConcept"]["coding"][0]["code"] = "level-full"
    entries.append(one)


@pytest.mark.parametrize(
    ("name", "change", "begins"),
    [
        ("Ada", nobody_signed_it, "NOT VERIFIED: see Details. Comfort-focused treatment"),
        ("Ada", dated_after_it_was_recorded, "NOT VERIFIED: see Details. Comfort-focused treatment"),
        ("Desmond", review_of_the_ceiling, "REVIEW OVERDUE since 19 Nov 2026. Comfort-focused treatment"),
        ("Ada", unchanged, "Comfort-focused treatment"),
    ],
)
def test_a_ceiling_says_what_speaks_against_it(name: str, change: Callable[[list[Json]], None], begins: str) -> None:
    assert view_of(document(name, change=change), None).ceiling.text.startswith(begins)


def test_of_ceilings_that_disagree_each_says_what_speaks_against_it() -> None:
    words = view_of(document("Ada", change=two_ceilings), None).ceiling.text
    assert words.startswith("ESCALATION PLANS DISAGREE: ")
    assert words.count("NOT VERIFIED: see Details. Level of treatment: ") == 1
    assert words.count("Level of treatment: ") == 2


def test_an_advance_decision_that_nobody_verified_says_so() -> None:
    def unverified(entries: list[Json]) -> None:
        for one in of_type(entries, "Consent"):
            one.pop("verification", None)

    words = "ADVANCE DECISION TO REFUSE TREATMENT: Artificial respiration"
    assert view("Jack").legal.text == words
    assert view_of(document("Jack", change=unverified), None).legal.text == f"NOT VERIFIED: see Details. {words}"


@pytest.mark.parametrize("name", ["Ada", "Bernard", "Edith", "Jack", "Kamala", "Leonard"])
def test_what_does_not_fit_is_counted(name: str) -> None:
    whole = document(name)
    ceiling = view_of(whole, None).ceiling
    said = whole.parts[Slot.CEILING].items[0].words[0].rpartition(", decided ")[0]
    pieces = [one[:1].upper() + one[1:] for one in said.removeprefix("Level of treatment: ").split(". ")]
    assert ceiling.text.split(". ") == pieces[: len(pieces) - ceiling.more]


def test_medicines_whose_authorisation_has_ended_say_so() -> None:
    words = view("Leonard").medicines.text
    assert words.startswith("NOT RECORDED AS IN THE HOME. AUTHORISATION ENDED 25 Nov 2026")


def test_places_first_and_second() -> None:
    assert view("Ada").place.text == "Care and death: 1st home, 2nd hospice"
    assert "undecided" in view("Greta").place.text
