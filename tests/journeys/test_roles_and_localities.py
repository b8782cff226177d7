"""One service for two localities whose policies differ, with a role that only its policy file knows (rules 1 and 3)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fhir_profiles.canonical import code_system
from fhir_profiles.sections import TIER, Tier, section_of
from security.access_policy import BASE_POLICY
from tests.journeys.people import Person, admitted, gp, nhs_number, person, references_of, sharing, transaction
from tests.running import Running, running

CENTRE = "ZZCOO1"
SCHOOL = "ZZSCH1"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
RECIPIENT = {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}
ABSENT = nhs_number(7_999)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with the deployment's policy, to which a chaplain was added, and one locality that differs."""
    home = tmp_path_factory.mktemp("two")
    own = json.loads(BASE_POLICY.read_text())
    own["added_roles"]["chaplain"] = {"meaning": "a chaplain", "relationship": "locality", "only": ["demographics"]}
    own["matrix"]["chaplain"] = {**dict.fromkeys(own["matrix"]["gp"], "X"), "T0": "P"}
    own["allowed"]["chaplain"] = ["TREAT"]
    (home / "policy.json").write_text(json.dumps(own))
    north = {
        "id": "north",
        "version": "7",
        "locality": {
            "name": "north",
            "places": ["ZZGP01"],
            "serving": {"coordination": [CENTRE], "chaplain": ["ZZCHP1"]},
        },
        "changes": {
            "matrix": {"coordination": {"T3": "X"}},
            "allowed": {"ambulance": ["ETREAT"]},
            "texts": {"not_shared_with_you": "Nobody in the north shared this."},
        },
    }
    (home / "localities").mkdir()
    (home / "localities" / "north.json").write_text(json.dumps(north))
    with running(home, EPACCS_POLICY=str(home / "policy.json"), EPACCS_LOCALITIES=str(home / "localities")) as service:
        yield service


@pytest.fixture(scope="module")
def in_the_north(two: Running) -> Person:
    """Somebody whose practice lies in the locality."""
    return admitted(two, 7_001)


@pytest.fixture(scope="module")
def elsewhere(two: Running) -> Person:
    """Somebody whose practice lies in no locality; the record is the demo practice's all the same."""
    someone = person(7_002)
    someone.bundle = json.loads(json.dumps(someone.bundle).replace('"ZZGP01"', '"ZZGP09"'))
    answer = two.call("POST", "", gp(two), someone.bundle, {"Prefer": "return=minimal"})
    assert answer.status_code == 200, answer.text
    someone.references = references_of(answer)
    return someone


def tiers_read(service: Running, token: str, someone: Person) -> set[Tier]:
    """Return the tiers of the sections of which a caller reads something."""
    read = [
        entry["resource"]
        for kind in ("Observation", "QuestionnaireResponse", "CarePlan", "Goal")
        for entry in service.call("GET", f"/{kind}?patient={someone.patient}", token).json().get("entry", ())
    ]
    return {TIER[section] for resource in read if (section := section_of(resource)) is not None}


def test_a_coordination_centre_works_for_everybody_of_its_locality(two, in_the_north, elsewhere):
    centre = two.token("coordination", CENTRE)
    read = two.call("GET", f"/{in_the_north.patient}", centre)
    assert read.status_code == 200, read.text
    assert two.call("GET", f"/{elsewhere.patient}", centre).status_code == 404
    assert two.call("GET", f"/{in_the_north.patient}", two.token("coordination", "ZZCOO2")).status_code == 404


def test_the_locality_s_cells_decide_for_its_people(two, in_the_north):
    assert {Tier.T1, Tier.T3} <= tiers_read(two, gp(two), in_the_north)
    centre = tiers_read(two, two.token("coordination", CENTRE), in_the_north)
    assert Tier.T1 in centre
    assert Tier.T3 not in centre


def test_a_role_that_only_the_policy_file_knows_is_served(two, in_the_north):
    read = two.call("GET", f"/{in_the_north.patient}", two.token("chaplain", "ZZCHP1"))
    assert read.status_code == 200
    assert "address" not in read.json()
    assert read.json()["name"]
    assert two.call("GET", f"/{in_the_north.patient}", two.token("chaplain", "ZZCHP2")).status_code == 404


def test_a_word_that_no_policy_adds_is_no_role(two, in_the_north):
    assert two.call("GET", f"/{in_the_north.patient}", two.token("porter", "ZZCHP1")).status_code == 403


def test_what_the_locality_alone_refuses_looks_as_if_nobody_were_there(two, in_the_north):
    two.open_incident(in_the_north.nhs_number)
    two.open_incident(ABSENT)
    crew = two.token("ambulance", "ZZAMB1")
    assert two.emergency(two.token("ambulance", "ZZAMB1", purpose="ETREAT"), in_the_north.nhs_number).status_code == 200
    refused, absent = two.emergency(crew, in_the_north.nhs_number), two.emergency(crew, ABSENT)
    assert (refused.status_code, refused.content) == (absent.status_code, absent.content)
    assert refused.status_code == 404


def test_a_school_has_what_the_consent_names_for_it(two, in_the_north):
    school = two.token("education", SCHOOL)
    assert two.call("GET", f"/{in_the_north.patient}", school).status_code == 404
    section = {"coding": [{"system": code_system("section"), "code": "allergies"}]}
    identity = {"coding": [{"system": code_system("section"), "code": "demographics"}]}
    recipient = {
        "role": RECIPIENT,
        "reference": {
            "type": "Organization",
            "identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": SCHOOL},
        },
    }
    named = {"type": "permit", "actor": [recipient], "code": [section, identity]}
    consent = sharing(in_the_north, "permit", provision={"provision": [named]})
    written = two.call("POST", "", gp(two), transaction(("POST", "Consent", consent)))
    assert written.status_code == 200, written.text
    assert two.call("GET", f"/{in_the_north.patient}", school).status_code == 200
    found = two.call("GET", f"/AllergyIntolerance?patient={in_the_north.patient}", school).json()
    assert found["total"] == 1
    for hidden in ("Observation", "Condition", "MedicationRequest"):
        assert two.call("GET", f"/{hidden}?patient={in_the_north.patient}", school).json()["total"] == 0


def test_a_consent_may_name_an_added_role_and_no_other_word(two: Running, in_the_north: Person) -> None:
    def naming(role: str) -> int:
        actor = {
            "role": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]
            },
            "reference": {"identifier": {"system": code_system("role"), "value": role}},
        }
        denied = {"type": "deny", "actor": [actor]}
        consent = sharing(in_the_north, "permit", provision={"provision": [denied]})
        return two.call("POST", "/Consent", gp(two), consent).status_code

    read = f"/{in_the_north.patient}"
    assert two.call("GET", read, two.token("chaplain", "ZZCHP1")).status_code == 200
    assert naming("porter") == 422
    assert naming("chaplain") == 201
    assert two.call("GET", read, two.token("chaplain", "ZZCHP1")).status_code == 404
    assert two.call("GET", read, two.token("coordination", CENTRE)).status_code == 200


def test_a_known_partner_is_not_told_by_whose_policy_it_is_refused(two: Running, elsewhere: Person) -> None:
    """The locality's sentence or version would tell where the person is (9a)."""
    answers = []
    for someone in (admitted(two, 7_003), elsewhere):
        two.open_incident(someone.nhs_number, "ZZHOS1")
        hospital = two.token("hospital", "ZZHOS1")
        assert two.emergency(hospital, someone.nhs_number).status_code == 200
        assert two.call("POST", "/Consent", gp(two), sharing(someone, "deny")).status_code == 201
        answers.append(two.emergency(hospital, someone.nhs_number))
    assert [answer.status_code for answer in answers] == [404, 404]
    assert "not-shared-with-you" in answers[0].text
    assert answers[0].content == answers[1].content
