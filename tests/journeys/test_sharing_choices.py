"""A person changes what is shared: late papers open nothing, closing the emergency view is explained first."""

from __future__ import annotations

from datetime import UTC, datetime

from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import ODS_SYSTEM
from tests.journeys.people import (
    Json,
    Person,
    admitted,
    code_of,
    crew,
    explained,
    gp,
    keeping_from,
    sharing,
    summary,
    texts_of,
    transaction,
)
from tests.running import Running

EMERGENCIES = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "ETREAT"}]


def consent_of(someone: Person) -> str:
    return someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))


def replacing(service: Running, someone: Person, new: Json) -> Json:
    """Return the transaction by which a new Consent takes the place of the one of the plan."""
    old = service.call("GET", f"/{consent_of(someone)}", gp(service)).json()
    named = {"url": structure_definition("replaces"), "valueReference": {"reference": consent_of(someone)}}
    new = new | {"extension": [*new.get("extension", ()), named]}
    return transaction(
        ("POST", "Consent", new), ("PUT", consent_of(someone), {**old, "status": "inactive"}, {"ifMatch": 'W/"1"'})
    )


def permitting(organisation: str) -> Json:
    """Return the provision that permits to one organisation alone."""
    participation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    role = {"coding": [{"system": participation, "code": "IRCP"}]}
    return {"actor": [{"role": role, "reference": {"identifier": {"system": ODS_SYSTEM, "value": organisation}}}]}


def unconfirmed(consent: Json) -> Json:
    url = structure_definition("emergency-view-confirmation")
    return consent | {"extension": [one for one in consent.get("extension", ()) if one["url"] != url]}


def test_nobody_closes_the_emergency_view_without_knowing_and_their_word_is_kept(service: Running) -> None:
    someone = admitted(service, 5_001)
    service.open_incident(someone.nhs_number)
    silent = unconfirmed(sharing(someone, "deny"))

    refused = service.call("POST", "", gp(service), replacing(service, someone, silent))

    assert refused.status_code == 422, refused.text
    assert code_of(refused) == "emergency-view-not-confirmed"
    assert "cpr_decision" in texts_of(refused)
    assert "no longer see" in texts_of(refused)
    assert summary(service, crew(service), someone.nhs_number).state("cpr_decision") == "recorded"

    taken = service.call("POST", "", gp(service), replacing(service, someone, sharing(someone, "deny")))

    assert taken.status_code == 200, taken.text
    assert service.emergency(crew(service), someone.nhs_number).status_code == 404
    written = taken.json()["entry"][0]["response"]["location"].partition("/_history")[0]
    kept = service.call("GET", f"/{written}", gp(service)).json()["extension"]
    assert explained()["url"] in [one["url"] for one in kept]


def test_a_change_that_leaves_the_emergency_view_needs_no_confirmation(service: Running) -> None:
    someone = admitted(service, 5_002)
    hidden = {"type": "deny", "code": [{"coding": [{"system": _SECTION, "code": "mental_health"}]}]}
    change = replacing(service, someone, sharing(someone, "permit", provision={"provision": [hidden]}))
    assert service.call("POST", "", gp(service), change).status_code == 200


def test_what_is_permitted_in_emergencies_alone_opens_by_an_open_incident(service: Running) -> None:
    someone = admitted(service, 5_003)
    only = sharing(someone, "permit", provision={"purpose": EMERGENCIES}, extension=[explained()])
    written = service.call("POST", "", gp(service), replacing(service, someone, only))
    assert written.status_code == 200, written.text
    paramedic = service.token("ambulance", "ZZAMB1", purpose="ETREAT")
    assert service.emergency(paramedic, someone.nhs_number).status_code == 404

    incident = service.open_incident(someone.nhs_number)

    assert service.emergency(paramedic, someone.nhs_number).status_code == 200
    assert service.emergency(crew(service), someone.nhs_number).status_code == 404
    closed = service.call("POST", "/$close-incident", service.token("system", "ZZCAD1"), _named(incident))
    assert closed.status_code == 200
    assert service.emergency(paramedic, someone.nhs_number).status_code == 404


def test_a_permission_from_an_old_paper_opens_nothing_that_a_later_choice_closed(service: Running) -> None:
    someone = admitted(service, 5_004)
    service.open_incident(someone.nhs_number)
    practice = sharing(someone, "permit", provision=permitting("ZZGP01"), extension=[explained()])
    assert service.call("POST", "", gp(service), replacing(service, someone, practice)).status_code == 200
    assert service.emergency(crew(service), someone.nhs_number).status_code == 404

    old = sharing(someone, "permit", provision=permitting("ZZAMB1")) | {"dateTime": "2024-01-01"}
    assert service.call("POST", "/Consent", gp(service), old).status_code == 201

    assert service.emergency(crew(service), someone.nhs_number).status_code == 404
    today = sharing(someone, "permit", provision=permitting("ZZAMB1"))
    assert service.call("POST", "/Consent", gp(service), today).status_code == 201
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200


def test_an_old_permission_is_not_widened_by_rewriting_it(service: Running) -> None:
    someone = admitted(service, 5_006)
    service.open_incident(someone.nhs_number)
    narrow = sharing(someone, "permit", provision=permitting("ZZGP01"), extension=[explained()])
    narrow |= {"dateTime": "2024-01-01"}
    first = service.call("POST", "", gp(service), replacing(service, someone, narrow))
    assert first.status_code == 200, first.text
    written = first.json()["entry"][0]["response"]["location"].partition("/_history")[0]
    later = sharing(someone, "permit", provision=permitting("ZZHSP1"))
    assert service.call("POST", "/Consent", gp(service), later).status_code == 201
    old = service.call("GET", f"/{written}", gp(service)).json()

    wider = old | {"provision": {"type": "permit", **permitting("ZZAMB1")}}
    refused = service.call("PUT", f"/{written}", gp(service), wider, {"If-Match": 'W/"1"'})

    assert refused.status_code == 422
    assert "Consent.dateTime" in texts_of(refused)
    assert service.call("PUT", f"/{written}", gp(service), old | {"language": "en"}, {"If-Match": 'W/"1"'}).is_success
    today = wider | {"dateTime": later["dateTime"]}
    assert service.call("PUT", f"/{written}", gp(service), today, {"If-Match": 'W/"2"'}).is_success
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200


def test_choices_that_cannot_be_meant_are_refused_with_their_reason(service: Running) -> None:
    someone = admitted(service, 5_005)
    unknown = permitting("ZZGP01")
    unknown["actor"][0]["reference"] = {"display": "my sister"}
    permit = sharing(someone, "permit")
    contradicting, to_nobody, undated = (
        permit | {"provision": {"type": "permit", "provision": [{"type": "deny"}]}},
        permit | {"provision": {"type": "permit", **unknown}},
        {key: value for key, value in permit.items() if key != "dateTime"},
    )
    for sent, told in ((contradicting, "contradict"), (to_nobody, "cannot tell"), (undated, "Consent.dateTime")):
        answer = service.call("POST", "/Consent", gp(service), sent)
        assert answer.status_code == 422, answer.text
        assert told in texts_of(answer)


def _named(incident: str) -> Json:
    return {"resourceType": "Parameters", "parameter": [{"name": "id", "valueString": incident}]}


_SECTION = "https://epaccs.example.org/fhir/CodeSystem/section"


def test_a_refusal_that_is_only_coded_is_not_kept_as_if_it_refused(service: Running) -> None:
    someone = admitted(service, 5_007)
    service.open_incident(someone.nhs_number)
    coded: Json = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "882941000000102"}]},
        "subject": {"reference": someone.patient},
        "effectiveDateTime": datetime.now(UTC).isoformat(timespec="seconds"),
    }

    alone = service.call("POST", "/Observation", gp(service), coded)
    history = service.call("POST", "/Observation", gp(service), coded | {"effectiveDateTime": "2020-01-01"})

    assert alone.status_code == 422
    assert "refuses nothing here" in texts_of(alone)
    assert history.status_code == 201, "the Consent of the plan is later"
    both = replacing(service, someone, sharing(someone, "deny"))
    both["entry"] += transaction(("POST", "Observation", coded))["entry"]
    taken = service.call("POST", "", gp(service), both)
    assert taken.status_code == 200, taken.text
    assert service.emergency(crew(service), someone.nhs_number).status_code == 404
    said = taken.json()["entry"][0]["response"]["location"].partition("/_history")[0]
    refusal = service.call("GET", f"/{said}", gp(service)).json()
    opt_in = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]}
    older = refusal | {"provision": {"type": "permit"}, "policyRule": opt_in, "dateTime": "2021-01-01"}
    lifted = service.call("PUT", f"/{said}", gp(service), older, {"If-Match": 'W/"1"'})
    assert lifted.status_code == 422, "what answered the coded refusal is not taken from beside it"
    assert "refuses nothing here" in texts_of(lifted)


def test_to_close_the_decisions_to_one_ambulance_service_is_explained_as_well(service: Running) -> None:
    someone = admitted(service, 5_008)
    kept = sharing(someone, "permit", provision={"provision": [keeping_from("ZZAMB1", "allergies")]})

    refused = service.call("POST", "/Consent", gp(service), kept)
    elsewhere = sharing(someone, "permit", provision={"provision": [keeping_from("ZZHOS1", "allergies")]})
    hospital = service.call("POST", "/Consent", gp(service), elsewhere)
    taken = service.call("POST", "/Consent", gp(service), kept | {"extension": [explained()]})

    assert (refused.status_code, code_of(refused)) == (422, "emergency-view-not-confirmed"), refused.text
    assert hospital.status_code == 201, hospital.text
    assert taken.status_code == 201, taken.text
