"""A control room opens and closes incidents; while one is open, its crew may see the person's plan."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.journeys.people import TimeMachine, admitted, crew, gp, issues_of, nhs_number, sharing, summary
from tests.running import Running, parameters


def _opened(
    service: Running, nhs_number: str, reference: str, organisation: str = "ZZAMB1", crew: tuple[str, ...] = ()
) -> dict[str, str]:
    body = parameters(nhsNumber=nhs_number, organization=organisation, incident=reference)
    body["parameter"] += [{"name": "crew", "valueString": one} for one in crew]
    answer = service.call("POST", "/$open-incident", service.token("system", "ZZCAD1"), body)
    assert answer.status_code == 201, answer.text
    return {item["name"]: item["valueString"] for item in answer.json()["parameter"]}


def _closed(service: Running, incident: str, organisation: str = "ZZCAD1") -> int:
    token = service.token("system", organisation)
    return service.call("POST", "/$close-incident", token, parameters(id=incident)).status_code


def test_without_an_incident_there_is_nothing_for_a_crew(service: Running) -> None:
    someone = admitted(service, 200)

    answer = service.emergency(crew(service), someone.nhs_number)

    assert answer.status_code == 404
    assert issues_of(answer)[0]["code"] == "not-found"
    assert "does not mean that there is no plan" in answer.text


def test_an_incident_number_in_the_token_alone_opens_nothing(service: Running) -> None:
    someone = admitted(service, 201)
    token = service.token("ambulance", "ZZAMB1", incident="INC-1")

    assert service.emergency(token, someone.nhs_number).status_code == 404


def test_an_incident_opens_the_plan_to_the_service_it_names_and_to_no_other(service: Running) -> None:
    someone = admitted(service, 202)
    _opened(service, someone.nhs_number, "CAD-202")

    assert service.emergency(crew(service), someone.nhs_number).status_code == 200
    assert service.emergency(service.token("nhs111", "ZZ1110"), someone.nhs_number).status_code == 404
    assert service.emergency(service.token("hospital", "ZZHOS9"), someone.nhs_number).status_code == 404


def test_an_incident_opens_the_plan_of_that_person_alone(service: Running) -> None:
    someone, other = admitted(service, 203), admitted(service, 204)
    _opened(service, someone.nhs_number, "CAD-203")

    assert service.emergency(crew(service), other.nhs_number).status_code == 404


def test_a_closed_incident_opens_nothing_more(service: Running) -> None:
    someone = admitted(service, 205)
    incident = _opened(service, someone.nhs_number, "CAD-205")
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200

    assert _closed(service, incident["id"]) == 200

    assert service.emergency(crew(service), someone.nhs_number).status_code == 404
    assert service.call("GET", f"/{someone.patient}", crew(service)).status_code == 404


def test_closing_one_of_two_incidents_leaves_the_other_open(service: Running) -> None:
    someone = admitted(service, 206)
    first = _opened(service, someone.nhs_number, "CAD-206")
    _opened(service, someone.nhs_number, "CAD-206b")

    _closed(service, first["id"])

    assert service.emergency(crew(service), someone.nhs_number).status_code == 200


def test_a_second_incident_of_a_person_is_found_by_its_id_as_well(service: Running) -> None:
    number = nhs_number(217)
    ids = [_opened(service, number, reference)["id"] for reference in ("CAD-217", "CAD-218", "CAD-219")]
    assert len(set(ids)) == 3
    assert [_closed(service, one) for one in ids] == [200, 200, 200]


def test_closing_again_says_the_same(service: Running) -> None:
    incident = _opened(service, nhs_number(207), "CAD-207")
    assert _closed(service, incident["id"]) == _closed(service, incident["id"]) == 200


def test_only_who_opened_an_incident_closes_it(service: Running) -> None:
    someone = admitted(service, 208)
    incident = _opened(service, someone.nhs_number, "CAD-208")

    assert _closed(service, incident["id"], "ZZAMB1") == 403
    assert _closed(service, "0" * 32) == 404
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200


@pytest.mark.parametrize(("role", "organisation"), [("ambulance", "ZZAMB1"), ("gp", "ZZGP01"), ("system", "ZZAMB1")])
def test_only_a_control_rooms_own_client_opens_incidents(service: Running, role: str, organisation: str) -> None:
    body = parameters(nhsNumber=nhs_number(209), organization=organisation, incident="CAD-209")

    answer = service.call("POST", "/$open-incident", service.token(role, organisation), body)

    assert answer.status_code == 403


def test_opening_says_the_same_for_somebody_without_a_plan(service: Running) -> None:
    someone, nobody = admitted(service, 210), nhs_number(211)

    known, unknown = _opened(service, someone.nhs_number, "CAD-210"), _opened(service, nobody, "CAD-211")

    assert known.keys() == unknown.keys() == {"id", "expires"}
    assert len(known["id"]) == len(unknown["id"])


def test_an_open_incident_for_somebody_without_a_plan_finds_nothing(service: Running) -> None:
    nobody = nhs_number(212)
    _opened(service, nobody, "CAD-212")

    assert service.emergency(crew(service), nobody).status_code == 404


def test_a_plan_that_is_recorded_while_the_crew_is_on_its_way_is_there_when_it_arrives(service: Running) -> None:
    _opened(service, nhs_number(213), "CAD-213")

    someone = admitted(service, 213)

    assert summary(service, crew(service), someone.nhs_number).state("cpr_decision") == "recorded"


def test_the_same_incident_opened_again_is_the_same_incident(service: Running) -> None:
    nobody = nhs_number(214)
    assert _opened(service, nobody, "CAD-214") == _opened(service, nobody, "CAD-214")


def test_an_incident_ends_by_itself_after_twelve_hours(later: TimeMachine) -> None:
    service = later.service
    someone = admitted(service, 215)
    _opened(service, someone.nhs_number, "CAD-215")

    later.clock.advance(timedelta(hours=11, minutes=59))
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200

    later.clock.advance(timedelta(minutes=2))
    assert service.emergency(crew(service), someone.nhs_number).status_code == 404
    assert service.emergency(service.token("gp", "ZZGP01"), someone.nhs_number).status_code == 200


def test_an_incident_that_names_its_crew_names_nobody_else_of_the_service(service: Running) -> None:
    someone = admitted(service, 218)
    ada, bryn, nobody = (service.token("ambulance", "ZZAMB1", user_id=user) for user in ("zz-ada", "zz-bryn", "zz-cai"))
    _opened(service, someone.nhs_number, "CAD-218", crew=("zz-ada", "zz-bryn"))
    assert [service.emergency(one, someone.nhs_number).status_code for one in (ada, bryn, nobody)] == [200, 200, 404]
    assert service.emergency(service.token("system", "ZZAMB1"), someone.nhs_number).status_code == 200

    _opened(service, someone.nhs_number, "CAD-218", crew=("zz-cai",))

    assert [service.emergency(one, someone.nhs_number).status_code for one in (ada, bryn, nobody)] == [404, 404, 200]


def test_whom_the_person_barred_stays_barred_on_an_incident(service: Running) -> None:
    someone = admitted(service, 219)
    barred, other = (service.token("ambulance", "ZZAMB1", user_id=user) for user in ("zz-barred", "zz-other"))
    participation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    denied = {
        "type": "deny",
        "actor": [
            {
                "role": {"coding": [{"system": participation, "code": "IRCP"}]},
                "reference": {"type": "Practitioner", "identifier": {"system": "urn:x", "value": "zz-barred"}},
            }
        ],
    }
    consent = sharing(someone, "permit", provision={"provision": [denied]})
    assert service.call("POST", "/Consent", gp(service), consent).status_code == 201
    _opened(service, someone.nhs_number, "CAD-219", crew=("zz-barred", "zz-other"))

    assert [service.emergency(one, someone.nhs_number).status_code for one in (barred, other)] == [404, 200]


def test_a_crew_of_too_many_or_of_nobody_is_refused(service: Running) -> None:
    for crew_ids in (tuple(f"zz-{n}" for n in range(21)), ("",)):
        body = parameters(nhsNumber=nhs_number(220), organization="ZZAMB1", incident="CAD-220")
        body["parameter"] += [{"name": "crew", "valueString": one} for one in crew_ids]
        answer = service.call("POST", "/$open-incident", service.token("system", "ZZCAD1"), body)
        assert answer.status_code == 422
        assert "crew" in issues_of(answer)[0]["expression"][0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"nhsNumber": "9990000000"},
        {"nhsNumber": ""},
        {"organization": "not an ods code"},
        {"incident": ""},
        {"incident": "x" * 257},
    ],
)
def test_an_incident_with_a_wrong_parameter_is_refused_without_repeating_it(
    service: Running, wrong: dict[str, str]
) -> None:
    given = {"nhsNumber": nhs_number(216), "organization": "ZZAMB1", "incident": "CAD-216"} | wrong

    answer = service.call("POST", "/$open-incident", service.token("system", "ZZCAD1"), parameters(**given))

    assert answer.status_code == 422
    (name, value), *_ = wrong.items()
    assert name in issues_of(answer)[0]["expression"][0]
    assert not value or value not in answer.text
