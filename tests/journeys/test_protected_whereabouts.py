"""Where a protected person is reaches nobody, in whatever way they are read (rules 2.6 and 5.6, invariant I14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fhir_profiles.canonical import code_system
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from fhir_profiles.validation import validate
from tests.journeys.canary import PLACES, canary, flagged
from tests.journeys.people import Json, Person, code_of, gp, keeping_from, references_of, sharing, summary
from tests.journeys.test_breaking_glass import breaks, paramedic
from tests.running import Running, parameters
from tests.web.browsing import crew_link
from tests.web.visits import visitor

ROLES = {
    "gp": "ZZGP01",
    "admin": "ZZGP01",
    "system": "ZZGP01",
    "hospice": "ZZHSP1",
    "hospital": "ZZHOS1",
    "community": "ZZCOM1",
    "ambulance": "ZZAMB1",
    "nhs111": "ZZ1110",
    "care_home": "ZZCH01",
    "social_care": "ZZSOC1",
}


def posted(service: Running, index: int) -> Person:
    someone = canary(index)
    answer = service.call("POST", "", gp(service), someone.bundle)
    assert answer.status_code == 200, answer.text
    someone.references = references_of(answer)
    for organisation in sorted({*ROLES.values()} - {"ZZGP01"}):
        service.open_incident(someone.nhs_number, organisation)
    return someone


def put_flag(service: Running, someone: Person, flag: str) -> httpx.Response:
    """Write the Patient again as it is, with the flag."""
    seen = service.call("GET", f"/{someone.patient}", gp(service))
    changed = flagged(seen.json(), flag)
    headers = {"If-Match": seen.headers["etag"], "Prefer": "return=representation"}
    return service.call("PUT", f"/{someone.patient}", gp(service), changed, headers)


@pytest.fixture(scope="module")
def open_person(service: Running) -> Person:
    """The control: a person without a flag, whose places everybody sees."""
    return posted(service, 8_900)


@pytest.fixture(scope="module")
def protected(service: Running) -> Person:
    """A person whose flag came after everything else was recorded."""
    someone = posted(service, 8_901)
    answer = put_flag(service, someone, "R")
    assert answer.status_code == 200, answer.text
    assert told(answer) == set()
    return someone


@pytest.fixture(scope="module")
def hidden_from_crews(service: Running) -> Person:
    """A person whose whereabouts a court keeps from one organisation."""
    someone = posted(service, 8_902)
    order = sharing(someone, "permit", provision={"provision": [keeping_from("ZZAMB1", "location")]})
    answer = service.call("POST", "/Consent", gp(service), order)
    assert answer.status_code == 201, answer.text
    return someone


def told(answer: httpx.Response) -> set[str]:
    """Return the places that occur anywhere in an answer, headers included."""
    everything = (answer.text + " ".join(f"{name}: {value}" for name, value in answer.headers.items())).lower()
    return {place for place in PLACES if place in everything}


def every_reading(service: Running, someone: Person, token: str) -> Iterator[httpx.Response]:
    """Read a person in every way there is."""
    for reference in someone.references:
        yield service.call("GET", f"/{reference}", token)
        yield service.call("GET", f"/{reference}/_history", token)
        yield service.call("GET", f"/{reference}/_history/1", token)
    number = f"{NHS_NUMBER_SYSTEM}|{someone.nhs_number}"
    for kind in sorted({reference.split("/")[0] for reference in someone.references} - {"Practitioner", "Provenance"}):
        for reference in someone.references:
            if reference.startswith(f"{kind}/"):
                yield service.call("GET", f"/{kind}?_id={reference.split('/')[1]}", token)
        if kind not in ("Organization", "PractitionerRole", "Patient"):
            yield service.call("GET", f"/{kind}?patient={someone.patient}", token)
    yield service.call("GET", f"/Patient?identifier={number}", token)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    yield service.call("POST", "/Patient/_search", token, f"identifier={number}".encode(), form)
    yield service.emergency(token, someone.nhs_number)
    yield service.call("POST", "/Patient/$emergency-summary", token, parameters(patient=someone.patient))
    yield match(service, token, identifier=[{"system": NHS_NUMBER_SYSTEM, "value": someone.nhs_number}])


def match(service: Running, token: str, **patient: Any) -> httpx.Response:
    body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "Patient"}}]}
    body["parameter"][0]["resource"] |= patient  # type: ignore[index]
    return service.call("POST", "/Patient/$match", token, body)


def total(answer: httpx.Response) -> int:
    assert answer.status_code == 200, answer.text
    return int(answer.json()["total"])


def test_the_control_shows_every_place_somewhere(service: Running, open_person: Person) -> None:
    seen = set[str]().union(*(told(answer) for answer in every_reading(service, open_person, gp(service))))
    assert seen == set(PLACES) - {"960 777"} or seen == set(PLACES)
    assert told(service.emergency(service.token("ambulance", "ZZAMB1"), open_person.nhs_number)) > {"zorblane", "q8472"}


@pytest.mark.parametrize("role", [*ROLES, "patient"])
def test_no_role_is_told_where_a_flagged_person_is(service: Running, protected: Person, role: str) -> None:
    if role == "patient":
        token = service.token("patient", "ZZGP01", user_id=protected.nhs_number)
    else:
        token = service.token(role, ROLES[role])
    permitted = 0
    for answer in every_reading(service, protected, token):
        assert told(answer) == set(), (answer.request.url.path, answer.text)
        permitted += answer.status_code == 200
    assert permitted >= 10
    assert service.call("GET", f"/{protected.patient}", token).json()["birthDate"] == "1940-05-06"


def test_what_does_not_place_the_person_is_all_there(service: Running, protected: Person) -> None:
    found = summary(service, service.token("ambulance", "ZZAMB1"), protected.nhs_number)
    assert "DO NOT ATTEMPT CPR" in found.words("cpr_decision")
    assert "by Anwen Testwick" in found.words("cpr_decision")
    assert "UNVERIFIED" not in found.text
    assert "Penicillin" in found.words("allergies")
    assert "no phone recorded" not in found.text
    assert found.state("emergency_contacts") == "recorded"
    note = service.call("GET", f"/{protected.reference('Observation')}", gp(service)).json()
    assert "My cat stays with me." in note["valueString"]
    assert "MASKED" in str(note["meta"]["security"])


def test_a_masked_answer_is_valid_and_keeps_its_versions(service: Running, protected: Person) -> None:
    for reference in protected.references:
        answer = service.call("GET", f"/{reference}", gp(service))
        if answer.status_code == 200:
            assert not validate(answer.json()), answer.text
            assert answer.headers["etag"] == f'W/"{answer.json()["meta"]["versionId"]}"'
    history = service.call("GET", f"/{protected.patient}/_history", gp(service)).json()
    assert history["total"] == 2


def test_an_organisation_of_a_flagged_person_is_not_there(service: Running, protected: Person) -> None:
    organisation = protected.reference("Organization")
    for path in ("", "/_history", "/_history/1"):
        assert service.call("GET", f"/{organisation}{path}", gp(service)).status_code == 404
    assert total(service.call("GET", f"/Organization?_id={organisation.split('/')[1]}", gp(service))) == 0


def test_no_search_tells_what_is_masked(service: Running, open_person: Person, protected: Person) -> None:
    for someone, found in ((open_person, 1), (protected, 0)):
        mrn = f"https://zorb.example/ids|ZORBMRN{someone.nhs_number}"
        assert total(service.call("GET", f"/Patient?identifier={mrn}", gp(service))) == found
        practice = f"/Organization?_id={someone.reference('Organization').split('/')[1]}&identifier={ODS_SYSTEM}|ZZZ01P"
        assert total(service.call("GET", practice, gp(service))) == found


def test_a_court_order_hides_from_a_search_too(service: Running, hidden_from_crews: Person) -> None:
    id = hidden_from_crews.patient.split("/")[1]
    asked = f"/Patient?_id={id}&identifier=https://zorb.example/ids|ZORBMRN{hidden_from_crews.nhs_number}"
    for token, found in ((gp(service), 1), (service.token("ambulance", "ZZAMB1"), 0)):
        assert total(service.call("GET", asked, token)) == found


def test_who_matches_is_not_found_by_place_and_fits_no_better_for_it(service: Running, protected: Person) -> None:
    home = [{"line": ["17 Zorblane Street"], "city": "Zorbchester", "postalCode": "ZZ98 4WX"}]
    number = {"system": NHS_NUMBER_SYSTEM, "value": protected.nhs_number}

    by_place = match(service, gp(service), name=[{"family": "Canarytest"}], address=home)
    right = match(service, gp(service), identifier=[number], address=home)
    wrong = match(service, gp(service), identifier=[number], address=[{"line": ["2 Other Road"], "city": "Elsewhere"}])

    assert protected.patient not in by_place.text
    assert total(right) == total(wrong) == 1
    assert right.json()["entry"][0]["search"] == wrong.json()["entry"][0]["search"]


def test_a_patient_shown_in_part_is_not_replaced_and_a_refusal_tells_nothing(
    service: Running, protected: Person
) -> None:
    for reference in (protected.patient, protected.reference("Observation"), protected.reference("CareTeam")):
        seen = service.call("GET", f"/{reference}", gp(service))
        refused = service.call("PUT", f"/{reference}", gp(service), seen.json(), {"If-Match": seen.headers["etag"]})
        assert refused.status_code == 403
        assert code_of(refused) == "not-allowed-to-write"
        assert told(refused) == set()
    seen = service.call("GET", f"/{protected.patient}", gp(service))
    stale = service.call("PUT", f"/{protected.patient}", gp(service), seen.json(), {"If-Match": 'W/"1"'})
    assert stale.status_code == 412
    assert told(stale) == set()
    assert "ZZGP01" not in stale.text


def test_a_flagged_record_is_still_written_and_a_deletion_tells_no_organisation(
    service: Running, protected: Person
) -> None:
    note = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": code_system("epaccs"), "code": "preferences-and-wishes"}]},
        "subject": {"reference": protected.patient},
        "effectiveDateTime": "2026-04-01T10:00:00Z",
        "valueString": "Likes the radio. Moved to 17 Zorblane St.",
    }
    made = service.call("POST", "/Observation", gp(service), note, {"Prefer": "return=representation"})
    assert made.status_code == 201, made.text
    assert told(made) == set()
    assert "Likes the radio." in made.text
    address = f"/Observation/{made.json()['id']}"
    reason = {"If-Match": made.headers["etag"], "X-Provenance": '{"reason":[{"text":"Ring 01632 960777"}]}'}
    assert service.call("DELETE", address, gp(service), None, reason).status_code == 204
    history = service.call("GET", f"{address}/_history", gp(service))
    assert history.json()["total"] == 2
    assert told(history) == set()
    assert "ZZGP01" not in history.text


def test_a_court_order_hides_them_from_one_and_from_no_other(service: Running, hidden_from_crews: Person) -> None:
    barred = service.token("ambulance", "ZZAMB1")
    for answer in every_reading(service, hidden_from_crews, barred):
        assert told(answer) == set(), (answer.request.url.path, answer.text)
    found = summary(service, barred, hidden_from_crews.nhs_number)
    assert "DO NOT ATTEMPT CPR" in found.words("cpr_decision")
    assert "by Anwen Testwick" in found.words("cpr_decision")
    for role in ("gp", "hospice", "nhs111"):
        answer = service.emergency(service.token(role, ROLES[role]), hidden_from_crews.nhs_number)
        assert told(answer) > {"zorblane", "zorbchester", "q8472", "960777"}


def test_a_court_order_is_no_oracle_either(service: Running, hidden_from_crews: Person) -> None:
    barred = service.token("ambulance", "ZZAMB1")
    home = [{"line": ["17 Zorblane Street"], "city": "Zorbchester", "postalCode": "ZZ98 4WX"}]
    number = {"system": NHS_NUMBER_SYSTEM, "value": hidden_from_crews.nhs_number}
    right = match(service, barred, identifier=[number], address=home)
    wrong = match(service, barred, identifier=[number], address=[{"line": ["2 Other Road"], "city": "Elsewhere"}])
    assert total(right) == total(wrong) == 1
    assert right.json()["entry"][0]["search"] == wrong.json()["entry"][0]["search"]
    by_place = match(service, barred, name=[{"family": "Canarytest"}], address=home)
    assert hidden_from_crews.patient not in by_place.text


def test_a_very_restricted_person_is_nobody(service: Running) -> None:
    someone = posted(service, 8_903)
    patient: Json = service.call("GET", f"/{someone.patient}", gp(service)).json()
    answer = put_flag(service, someone, "V")
    assert answer.status_code == 200
    assert answer.text == ""
    holder = gp(service)
    for token in (holder, service.token("ambulance", "ZZAMB1")):
        assert service.call("GET", f"/{someone.patient}", token).status_code == 404
        assert service.emergency(token, someone.nhs_number).status_code == 404
    lowered = service.call("PUT", f"/{someone.patient}", holder, flagged(patient, "U"), {"If-Match": 'W/"2"'})
    assert lowered.status_code == 404


def test_the_flag_comes_with_the_first_write_too_and_no_write_takes_it_away(service: Running) -> None:
    someone = canary(904)
    for entry in someone.bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"] = flagged(entry["resource"], "R")
    answer = service.call("POST", "", gp(service), someone.bundle)
    assert answer.status_code == 200, answer.text
    assert told(answer) == set()
    someone.references = references_of(answer)
    seen = service.call("GET", f"/{someone.patient}", gp(service))
    lowered = service.call(
        "PUT", f"/{someone.patient}", gp(service), flagged(seen.json(), "U"), {"If-Match": seen.headers["etag"]}
    )
    assert lowered.status_code == 403
    assert told(service.call("GET", f"/{someone.patient}", gp(service))) == set()


def test_the_pages_for_crews_tell_no_place_either(
    service: Running, open_person: Person, protected: Person, hidden_from_crews: Person
) -> None:
    seen = {}
    with visitor(service) as bryn:
        for someone in (open_person, protected, hidden_from_crews):
            link = crew_link(service, someone.nhs_number)
            pages = [bryn.get(link.url), bryn.get(f"{link.url}/details")]
            assert [page.status_code for page in pages] == [200, 200]
            assert "DO NOT ATTEMPT CPR" in pages[0].text
            seen[someone.nhs_number] = set[str]().union(*map(told, pages))
    assert seen.pop(open_person.nhs_number) > {"zorblane", "960777"}
    assert set().union(*seen.values()) == set()


def test_breaking_glass_tells_no_place(service: Running, protected: Person, hidden_from_crews: Person) -> None:
    for someone in (protected, hidden_from_crews):
        token = paramedic(service, f"zz-glass-{someone.nhs_number}")
        given = breaks(service, token, someone)
        assert given.status_code == 200, given.text
        assert "DO NOT ATTEMPT CPR" in given.text
        grant = {"Emergency-Access": given.headers["emergency-access"]}
        opened = [service.call("GET", f"/{reference}", token, headers=grant) for reference in someone.references]
        assert sum(answer.status_code == 200 for answer in opened) >= 6
        assert set[str]().union(*map(told, [given, *opened])) == set()


def test_who_only_claims_to_attend_a_protected_person_finds_nobody(service: Running, protected: Person) -> None:
    claiming = service.token("ambulance", "ZZAMB9", user_id="zz-claims", self_claim_reason="Called to the door")
    assert service.emergency(claiming, protected.nhs_number).status_code == 404
    assert service.call("GET", f"/{protected.patient}", claiming).status_code == 404
