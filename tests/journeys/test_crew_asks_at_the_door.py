"""A crew on an open incident asks what matters now, and gets one answer."""

from __future__ import annotations

import pytest

from fhir_profiles.r4 import typed
from security.clock import parse_instant
from tests.journeys.people import (
    Person,
    Summary,
    admitted,
    crew,
    parts,
    summary,
)
from tests.journeys.people import extension as ours
from tests.running import Running

SECTIONS = (
    "demographics cpr_decision treatment_escalation adrt preferred_place anticipatory_medicines allergies "
    "emergency_contacts communication_needs safety_alerts"
).split()


@pytest.fixture(scope="module")
def whole(service: Running) -> tuple[Person, Summary]:
    """A person with everything recorded, and the answer to a named paramedic on an incident for them."""
    someone = admitted(
        service, 100, advance_decision=True, interpreter="Polish", alert="Large dog in the house", review_in_days=30
    )
    service.open_incident(someone.nhs_number)
    return someone, summary(service, crew(service), someone.nhs_number)


def test_it_is_one_document_that_no_cache_keeps(service: Running, whole: tuple[Person, Summary]) -> None:
    someone, _ = whole
    answer = service.emergency(crew(service), someone.nhs_number)
    bundle = answer.json()

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.headers["x-request-id"]
    assert bundle["type"] == "document"
    assert bundle["identifier"]["value"].startswith("urn:uuid:")
    assert parse_instant(bundle["timestamp"]).tzinfo is not None
    assert bundle["entry"][0]["resource"]["resourceType"] == "Composition"
    assert "link" not in bundle
    assert "total" not in bundle


def test_its_resources_are_valid_fhir(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    for entry in answer.bundle["entry"]:
        typed(entry["resource"])


def test_every_reference_leads_to_an_entry_or_out_of_the_document(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    addresses = {entry["fullUrl"].rpartition("/fhir/R4/")[2] for entry in answer.bundle["entry"]}
    for section in answer.composition["section"]:
        for entry in section.get("entry", ()):
            assert entry["reference"] in addresses


def test_who_it_is(whole: tuple[Person, Summary]) -> None:
    someone, answer = whole
    name = someone.resource("Patient")["name"][0]
    number = someone.nhs_number

    words = answer.words("demographics")

    assert " ".join([*name["given"], name["family"]]) in words
    assert f"{number[:3]} {number[3:6]} {number[6:]}" in words
    assert "born" in words


def test_the_cpr_decision_in_words_and_codes_with_who_when_of_what_kind_and_until_when(
    whole: tuple[Person, Summary],
) -> None:
    someone, answer = whole
    (item,) = answer.items("cpr_decision")
    sent = someone.resource("Observation")

    assert "DO NOT ATTEMPT CPR" in answer.words("cpr_decision")
    assert item["code"]["coding"][0]["code"] == "450476008"
    assert item["author"][0]["display"].startswith("Dr ")
    assert "Exampleton Surgery" in item["author"][0]["display"]
    assert parts(ours(item, "standing"))["state"] == "current"
    assert parts(ours(item, "standing"))["basis"] == "clinical-recommendation"
    assert parts(ours(item, "validity"))["state"] == "valid"
    assert parts(ours(item, "item-freshness"))["effective"] == sent["effectiveDateTime"]
    assert parts(ours(item, "item-freshness"))["good-until"]
    assert "Review due by" in item["text"]["div"]


def test_the_ceiling_with_its_exceptions(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    words = answer.words("treatment_escalation")

    assert "comfort" in words
    assert "NOT for Hospital admission" in words
    assert "a catastrophic bleed" in words


def test_the_advance_decision_and_the_attorney(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    assert "ADVANCE DECISION TO REFUSE TREATMENT" in answer.words("adrt")
    assert "LASTING POWER OF ATTORNEY" in answer.words("lpa_health_welfare")


def test_the_preferred_place_first_and_second(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    words = answer.words("preferred_place")

    assert words.index("Preferred place of death, 1st") < words.index("Preferred place of death, 2nd")
    assert "Preferred place of care" in words


def test_the_medicines_in_the_house(whole: tuple[Person, Summary]) -> None:
    someone, answer = whole
    words = answer.words("anticipatory_medicines")
    kept = someone.resource("MedicationDispense")["extension"][0]["valueString"]

    assert "IN THE HOME" in words
    assert kept in words
    assert words.count("authorised until") == 4


def test_whom_to_call(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    words = answer.words("emergency_contacts")

    assert words.index("CALL NOW, 24 hours: 01632 960024") < words.index("Next of kin")
    assert "Key worker" in words


def test_what_else_a_crew_must_know(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    assert "INTERPRETER NEEDED" in answer.words("communication_needs")
    assert "Large dog" in answer.words("safety_alerts")
    assert "ALLERGY: Penicillin" in answer.words("allergies")


def test_everything_that_is_there_says_so(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    assert {code: answer.state(code) for code in SECTIONS} == dict.fromkeys(SECTIONS, "recorded")


def test_every_item_says_when_it_was_recorded_by_whom_in_which_version_and_where_that_is_told(
    whole: tuple[Person, Summary],
) -> None:
    _, answer = whole
    for code in SECTIONS:
        for item in answer.items(code):
            told = parts(ours(item, "item-freshness"))
            assert parse_instant(told["recorded"]) <= parse_instant(answer.bundle["timestamp"])
            assert told["version"] == "1"
            assert told["source"] == "https://fhir.nhs.uk/Id/ods-organization-code/ZZGP01#demo-gp"
            if code != "demographics" and not item["entry"][0]["reference"].startswith("Patient/"):
                assert told["provenance"]["reference"].startswith("Provenance/")


def test_the_answer_says_as_of_when_it_is_and_which_version_of_the_plan(
    service: Running, whole: tuple[Person, Summary]
) -> None:
    _, answer = whole
    as_of, version = ours(answer.composition, "as-of"), ours(answer.composition, "plan-version")
    late = ours(answer.composition, "out-of-date")

    assert as_of is not None
    assert as_of["valueInstant"] == answer.bundle["timestamp"]
    assert version is not None
    assert version["valueString"] == answer.bundle["meta"]["versionId"] == "1"
    assert late is not None
    assert late["valueBoolean"] is False


def test_nothing_is_flagged_as_redacted_when_nothing_is_withheld(whole: tuple[Person, Summary]) -> None:
    _, answer = whole
    assert "security" not in answer.bundle["meta"]


def test_what_a_crew_may_not_have_is_not_in_the_document(service: Running) -> None:
    someone = admitted(service, 101)
    service.open_incident(someone.nhs_number)
    assert not summary(service, crew(service), someone.nhs_number).types() & {"Consent", "Condition"}
