"""A second CPR decision beside the first: refused until its author says how the two stand to each other."""

from __future__ import annotations

import pytest

from fhir_profiles.sections import DECISION_GROUP
from tests.journeys.people import (
    Json,
    Person,
    admitted,
    code_of,
    cpr_decision,
    crew,
    extension,
    gp,
    issues_of,
    keeping_from,
    parts,
    sharing,
    summary,
    texts_of,
    transaction,
)
from tests.running import Running

FOR, NOT_FOR = "450475007", "450476008"


def _posted(service: Running, decision: Json) -> str:
    answer = service.call("POST", "/Observation", gp(service), decision)
    assert answer.status_code == 201, answer.text
    return f"Observation/{answer.json()['id']}"


def _shown(service: Running, someone: Person) -> dict[str, str]:
    """Return the state of each CPR decision in the emergency answer, by its reference."""
    answer = summary(service, crew(service), someone.nhs_number)
    return {
        item["entry"][0]["reference"]: parts(extension(item, "standing"))["state"]
        for item in answer.items("cpr_decision")
    }


def test_a_second_decision_that_does_not_name_the_first_is_refused_with_three_ways_on(service: Running) -> None:
    someone = admitted(service, 400)
    service.open_incident(someone.nhs_number)

    answer = service.call("POST", "/Observation", gp(service), cpr_decision(someone, FOR))

    assert answer.status_code == 409
    assert code_of(answer) == "active-decision-not-named"
    assert issues_of(answer)[0]["expression"] == ["Observation"]
    told = texts_of(answer)
    assert someone.cpr() in told
    assert all(way in told for way in ("extension replaces", "extension revokes", "extension conflicts-with"))
    assert _shown(service, someone) == {someone.cpr(): "current"}


def test_the_first_way_on_the_new_decision_replaces_the_old(service: Running) -> None:
    someone = admitted(service, 401)
    service.open_incident(someone.nhs_number)

    new = _posted(service, cpr_decision(someone, FOR, replaces=someone.cpr()))

    assert _shown(service, someone) == {new: "current"}
    assert "ATTEMPT CPR" in summary(service, crew(service), someone.nhs_number).words("cpr_decision")
    told = service.call("GET", f"/{new}", gp(service)).json()["extension"]
    assert {"reference": someone.cpr()} in [one.get("valueReference") for one in told]
    assert service.call("GET", f"/{someone.cpr()}", gp(service)).status_code == 200


def test_the_second_way_on_the_old_decision_is_revoked_and_then_none_is_in_force(service: Running) -> None:
    someone = admitted(service, 402)
    service.open_incident(someone.nhs_number)
    event = cpr_decision(someone, NOT_FOR, days_ago=1, revokes=someone.cpr())
    del event["valueCodeableConcept"]
    event["dataAbsentReason"] = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-applicable"}],
        "text": "decision revoked",
    }

    _posted(service, event)

    answer = summary(service, crew(service), someone.nhs_number)
    assert "NO CPR DECISION IN FORCE" in answer.words("cpr_decision")
    assert "REVOKED" in answer.words("cpr_decision")
    new = _posted(service, cpr_decision(someone, FOR))
    assert _shown(service, someone) == {new: "current"}


def test_the_third_way_on_a_disagreement_is_recorded_and_both_are_shown(service: Running) -> None:
    someone = admitted(service, 403)
    service.open_incident(someone.nhs_number)

    new = _posted(service, cpr_decision(someone, FOR, conflicts_with=someone.cpr()))

    assert _shown(service, someone) == {someone.cpr(): "in-conflict", new: "in-conflict"}
    assert "there is no single agreed decision" in summary(service, crew(service), someone.nhs_number).text


def test_of_two_in_conflict_a_third_decision_must_name_both(service: Running) -> None:
    someone = admitted(service, 404)
    service.open_incident(someone.nhs_number)
    second = _posted(service, cpr_decision(someone, FOR, conflicts_with=someone.cpr()))

    answer = service.call("POST", "/Observation", gp(service), cpr_decision(someone, NOT_FOR, replaces=someone.cpr()))

    assert answer.status_code == 409
    assert second in texts_of(answer)
    assert someone.cpr() not in texts_of(answer)


def test_the_same_decision_sent_again_is_no_rival(service: Running) -> None:
    someone = admitted(service, 405)
    again = service.call("GET", f"/{someone.cpr()}", gp(service)).json()
    del again["id"], again["meta"]

    assert service.call("POST", "/Observation", gp(service), again).status_code == 201


def test_two_rival_decisions_in_one_transaction_are_refused_too(service: Running) -> None:
    someone = admitted(service, 406, cpr="none")

    answer = service.call(
        "POST",
        "",
        gp(service),
        transaction(
            ("POST", "Observation", cpr_decision(someone, FOR, days_ago=1)),
            ("POST", "Observation", cpr_decision(someone, NOT_FOR)),
        ),
    )

    assert answer.status_code == 409
    assert issues_of(answer)[0]["expression"][0].startswith("Bundle.entry[")
    found = service.call("GET", f"/Observation?patient={someone.patient}&code=304251008", gp(service)).json()
    assert found["total"] == 0


def test_a_second_ceiling_of_treatment_is_a_rival_as_well(service: Running) -> None:
    someone = admitted(service, 407)
    ceiling = service.call("GET", f"/{someone.reference('CarePlan')}", gp(service)).json()
    del ceiling["id"], ceiling["meta"]
    ceiling |= {"description": "Everything that can be done", "activity": ceiling["activity"][:1]}
    ceiling["created"] = cpr_decision(someone, FOR)["effectiveDateTime"]

    answer = service.call("POST", "/CarePlan", gp(service), ceiling)

    assert answer.status_code == 409
    assert someone.reference("CarePlan") in texts_of(answer)


@pytest.mark.parametrize(("index", "way"), [(410, "replaces"), (411, "revokes"), (412, "conflicts_with")])
def test_a_way_on_that_leads_nowhere_is_refused(service: Running, index: int, way: str) -> None:
    someone = admitted(service, index)

    answer = service.call(
        "POST", "/Observation", gp(service), cpr_decision(someone, FOR, days_ago=0, **{way: "Observation/not-here"})
    )

    assert answer.status_code == 422
    assert "leads nowhere" in texts_of(answer)


def test_an_absent_answer_is_no_rival_of_a_decision(service: Running) -> None:
    someone = admitted(service, 409)
    service.open_incident(someone.nhs_number)
    statement = cpr_decision(someone, FOR)
    del statement["valueCodeableConcept"]
    statement["dataAbsentReason"] = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "asked-declined"}]
    }

    _posted(service, statement)

    assert _shown(service, someone) == {someone.cpr(): "current"}


@pytest.mark.parametrize(("kept_from", "status"), [("ZZHSP2", 409), ("ZZHSP1", 403)])
def test_who_may_not_see_the_decisions_is_refused_before_any_of_them_is_told(
    service: Running, kept_from: str, status: int
) -> None:
    """The same decision of the same hospice: 409 with the first one's reference, or 403 that tells of none."""
    someone = admitted(service, 450 + status)
    standing = someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))
    denial = keeping_from(kept_from, "cpr_decision")
    denial["code"] = [keeping_from(kept_from, section)["code"][0] for section in sorted(DECISION_GROUP)]
    kept = sharing(someone, "permit", provision={"provision": [denial]}, id=standing.partition("/")[2])
    assert service.call("PUT", f"/{standing}", gp(service), kept, {"If-Match": 'W/"1"'}).status_code == 200

    answer = service.call("POST", "/Observation", service.token("hospice", "ZZHSP1"), cpr_decision(someone, FOR))

    assert answer.status_code == status, answer.text
    assert (someone.cpr() in texts_of(answer)) is (status == 409)
