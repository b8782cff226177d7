"""Inside one record everything is found by the parameters of its type: by GET, and by POST without addresses."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from tests.journeys.people import CPR, Person, admitted, crew, gp, issues_of, keeping_from, person, sharing, texts_of
from tests.running import Running

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def someone(service: Running) -> Person:
    """A person whose decision was made in the year before last."""
    return admitted(service, 800, decided_days_ago=20)


def _found(service: Running, resource_type: str, token: str | None = None, **parameters: str) -> set[str]:
    """Search by GET and by POST, see that they agree, and return the references found."""
    token = token or gp(service)
    by_get = service.call("GET", f"/{resource_type}?{urlencode(parameters)}", token)
    by_post = service.call("POST", f"/{resource_type}/_search", token, urlencode(parameters).encode(), FORM)
    assert by_get.status_code == by_post.status_code == 200, by_get.text
    bundles = [by_get.json(), by_post.json()]
    assert bundles[0] == bundles[1]
    assert bundles[0]["type"] == "searchset"
    entries = bundles[0].get("entry", [])
    assert bundles[0]["total"] == len(entries)
    assert all(entry["search"]["mode"] == "match" for entry in entries)
    return {f"{resource_type}/{entry['resource']['id']}" for entry in entries}


def _sent(someone: Person, resource_type: str) -> set[str]:
    return {reference for reference in someone.references if reference.startswith(f"{resource_type}/")}


def test_by_patient(service: Running, someone: Person) -> None:
    for resource_type in ("Observation", "MedicationRequest", "RelatedPerson", "Consent", "CareTeam", "Condition"):
        assert _found(service, resource_type, patient=someone.patient) == _sent(someone, resource_type)
        bare = someone.patient.partition("/")[2]
        assert _found(service, resource_type, patient=bare) == _sent(someone, resource_type)


def test_by_id(service: Running, someone: Person) -> None:
    id = someone.cpr().partition("/")[2]
    assert _found(service, "Observation", _id=id) == {someone.cpr()}
    assert _found(service, "Observation", _id=id, patient=someone.patient) == {someone.cpr()}
    assert _found(service, "Observation", _id="nothing", patient=someone.patient) == set()


def test_a_person_by_nhs_number(service: Running, someone: Person) -> None:
    assert _found(service, "Patient", identifier=f"{NHS_NUMBER_SYSTEM}|{someone.nhs_number}") == {someone.patient}
    nobody = person(801).nhs_number
    assert _found(service, "Patient", identifier=f"{NHS_NUMBER_SYSTEM}|{nobody}") == set()


def test_by_code_with_and_without_its_system(service: Running, someone: Person) -> None:
    for code in (CPR, "304251008"):
        assert _found(service, "Observation", patient=someone.patient, code=code) == {someone.cpr()}
    assert _found(service, "Observation", patient=someone.patient, code="http://loinc.org|304251008") == set()


def test_by_one_of_several_codes(service: Running, someone: Person) -> None:
    both = _found(service, "Observation", patient=someone.patient, code="304251008,395091006")
    assert len(both) == 3
    assert someone.cpr() in both


def test_by_category(service: Running, someone: Person) -> None:
    ceiling = {someone.reference("CarePlan")}
    found = _found(service, "CarePlan", patient=someone.patient, category="http://snomed.info/sct|735324008")
    assert found == ceiling
    assert _found(service, "CarePlan", patient=someone.patient, category="1") == set()


def test_by_status(service: Running, someone: Person) -> None:
    everything = _sent(someone, "MedicationRequest")
    assert _found(service, "MedicationRequest", patient=someone.patient, status="active") == everything
    assert _found(service, "MedicationRequest", patient=someone.patient, status="active,on-hold") == everything
    assert _found(service, "MedicationRequest", patient=someone.patient, status="stopped") == set()


def test_by_date(service: Running, someone: Person) -> None:
    day = str(someone.resource("Observation")["effectiveDateTime"])[:10]
    everything = _sent(someone, "Observation")

    assert _found(service, "Observation", patient=someone.patient, date=day) == everything
    assert _found(service, "Observation", patient=someone.patient, date=f"ge{day}") == everything
    assert _found(service, "Observation", patient=someone.patient, date=f"le{day}") == everything
    assert _found(service, "Observation", patient=someone.patient, date=f"gt{day}") == set()
    assert _found(service, "Observation", patient=someone.patient, date=f"lt{day}") == set()
    assert _found(service, "Observation", patient=someone.patient, date="ge2001") == everything


def test_parameters_narrow_one_another(service: Running, someone: Person) -> None:
    found = _found(service, "Observation", patient=someone.patient, code="304251008", status="final", date="ge2001")
    assert found == {someone.cpr()}
    assert _found(service, "Observation", patient=someone.patient, code="304251008", status="amended") == set()


def test_what_a_caller_may_not_read_is_not_counted_either(service: Running, someone: Person) -> None:
    service.open_incident(someone.nhs_number)
    system = _found(service, "Observation", service.token("system", "ZZAMB1"), patient=someone.patient)
    paramedic = _found(service, "Observation", crew(service), patient=someone.patient)

    wishes = someone.reference("Observation", lambda one: "preferences-and-wishes" in str(one["code"]))
    assert paramedic - system == {wishes}


def test_an_id_that_is_hidden_answers_as_one_that_was_never_given(service: Running) -> None:
    someone = admitted(service, 802)
    service.open_incident(someone.nhs_number, "ZZHOS1")
    consent = sharing(someone, "permit", provision={"provision": [keeping_from("ZZHOS1", "what_matters")]})
    assert service.call("POST", "/Consent", gp(service), consent).status_code == 201
    doctor = service.token("hospital", "ZZHOS1")
    hidden = someone.reference("Observation", lambda one: "preferences-and-wishes" in str(one["code"]))
    never = "Observation/00000000-0000-4000-8000-000000000000"
    for query in ("_id={}", "patient=Observation/{}", "_id={}&status=final", "_id={0}&patient=Observation/{0}"):
        answers = [
            service.call("GET", f"/Observation?{query.format(one.partition('/')[2])}", doctor)
            for one in (hidden, never)
        ]
        told = [
            answer.text.replace(one.partition("/")[2], "") for answer, one in zip(answers, (hidden, never), strict=True)
        ]
        assert told[0] == told[1]
        assert '"total":0' in told[0]
    assert _found(service, "Observation", _id=hidden.partition("/")[2]) == {hidden}


def test_a_stranger_finds_nothing(service: Running, someone: Person) -> None:
    stranger = service.token("hospital", "ZZHOS9")
    assert _found(service, "Patient", stranger, identifier=f"{NHS_NUMBER_SYSTEM}|{someone.nhs_number}") == set()
    assert _found(service, "Observation", stranger, patient=someone.patient) == set()


def test_a_search_that_names_nobody_is_refused_and_told_what_would_do(service: Running) -> None:
    answer = service.call("GET", "/Observation?code=304251008", gp(service))

    assert answer.status_code == 400
    assert issues_of(answer)[0]["code"] == "too-costly"
    assert "patient" in texts_of(answer)


@pytest.mark.parametrize(
    "query",
    ["family=Canaryfield", "patient=Patient/x&canaryfield=1", "patient=Patient/x&date=canaryfield", "patient="],
)
def test_a_search_that_cannot_be_run_says_so_without_repeating_itself(service: Running, query: str) -> None:
    answer = service.call("GET", f"/Observation?{query}", gp(service))

    assert answer.status_code == 400
    assert "canaryfield" not in answer.text.lower()


def test_a_malformed_nhs_number_is_a_bad_request_and_is_not_repeated(service: Running) -> None:
    answer = service.call("GET", f"/Patient?identifier={NHS_NUMBER_SYSTEM}|1234567890", gp(service))

    assert answer.status_code == 400
    assert "1234567890" not in answer.text


def test_the_address_in_an_answer_holds_no_identifier(service: Running, someone: Person) -> None:
    answer = service.call("GET", f"/Patient?identifier={NHS_NUMBER_SYSTEM}|{someone.nhs_number}", gp(service))

    assert all(someone.nhs_number not in link["url"] for link in answer.json()["link"])
